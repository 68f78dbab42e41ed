#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A backup of a running cluster becomes another cluster with the same record."""
import hashlib
import os
import sqlite3

from lib import Cluster, check, pb, rpc, step, watchfire

with Cluster() as c:
    c.start()
    for i in range(300):
        c.nodes[i % 3].client.call(watchfire.ADD_NOTE, c.note("kept-%d" % i + "x" * 1000), 5)
    c.settle()
    leader = c.leader()
    step("a backup is an SQLite file, whole and as told")
    path = os.path.join(c.home, "backup.db")
    total = index = 0
    sha = b""
    with open(path, "wb") as out:
        for message in leader.client.stream(watchfire.CLUSTER + "Backup", b"", 30):
            m = pb.decode(message)
            out.write(m.bytes(1))
            total, sha, index = m.int(2), m.bytes(3), m.int(4)
    data = open(path, "rb").read()
    check(len(data) == total and hashlib.sha256(data).digest() == sha and index > 0, "it is not")
    check(sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",), "integrity")
    check(not [f for n in c.nodes for f in os.listdir(os.path.join(n.data, "images"))
               if f.startswith("backup")], "it left a file behind")

    step("a snapshot on request")
    answer = leader.client.call(watchfire.CLUSTER + "TakeSnapshot", b"", 30)
    check(pb.decode(answer).int(1) > 0, "no index")

    step("restored into three empty directories it is the same record")
    before, notes = c.settle(), c.notes(leader)
    for node in c.nodes:
        node.process.stop()
        code, text = c.run("restore", "--config", node.config, "--from", path)
        check(code == 67, "a full directory was restored into: %s" % text)
        os.rename(node.data, node.data + ".old")
        os.mkdir(node.data, 0o700)
        code, text = c.run("restore", "--config", node.config, "--from", path)
        check(code == 0, text)
    for node in c.nodes:
        c.start_node(node)
    c.wait()
    for node in c.nodes:
        check(c.notes(node) == notes, "%s differs" % node.name)
        check(c.verify(node)[0], "the chain of %s does not hold" % node.name)
    check(c.settle() >= before, "events are missing")
    c.nodes[0].client.call(watchfire.ADD_NOTE, c.note("life goes on"), 10)
    c.settle()

    step("a stopped node can be checked")
    c.nodes[2].process.stop()
    code, text = c.run("verify", "--config", c.nodes[2].config)
    check(code == 0 and "the chain holds" in text, text)

    step("lost quorum: one node goes on alone when told to")
    c.nodes[1].process.kill()
    c.nodes[0].process.kill()
    code, text = c.run("recover", "--config", c.nodes[0].config, "--inspect")
    check(code == 0 and "index" in text, text)
    code, text = c.run("recover", "--config", c.nodes[0].config, "--force")
    check(code == 0, text)
    alone = c.nodes[0]
    c.start_node(alone)
    alone.client = c.client(alone, "root")  # the old one may still believe in its connection
    c.nodes = [alone]
    c.wait()
    check(c.notes(alone) == notes + ["life goes on"], "notes are missing")
    alone.client.call(watchfire.ADD_NOTE, c.note("alone"), 10)
print("ok")
