#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What keeps a node from starting or joining: one clear line and an exit code of its own for each."""
import os
import shutil
import socket

from lib import Cluster, check, procs, step, wait_for, watchfire

LOG_UNREADABLE, NO_DATA, REFUSED, DIR_LOCKED, PORT_IN_USE, TLS = 65, 66, 67, 71, 73, 74
WRONG_IDENTITY, PERMISSIONS, CONFIG = 75, 77, 78


def config_with(node, changes, name="changed"):
    text = open(node.config).read()
    for old, new in changes:
        check(old in text, "%r is not in the configuration" % old)
        text = text.replace(old, new)
    path = node.config + "." + name
    with open(path, "w") as out:
        out.write(text)
    return path


def refused(cluster, code, words, *args):
    got, text = cluster.run(*args)
    check(got == code, "exit code %d, not %d: %s" % (got, code, text))
    errors = [line for line in text.splitlines() if "level=error" in line]
    check(len(errors) == 1, "not one clear line: %s" % text)
    for word in words:
        check(word in errors[0], "%r is not said: %s" % (word, errors[0]))


with Cluster() as c:
    node = c.nodes[0]
    step("no data and no word what to do")
    refused(c, NO_DATA, ["--bootstrap", "join"], "--config", node.config)
    step("a wrong configuration")
    refused(c, CONFIG, ["listen", ":3"], "--config", config_with(node, [(node.address, "nowhere")]))
    code, text = c.run("--check-config", node.config)
    check(code == 0 and node.name in text, "--check-config: %s" % text)
    check(c.run("--nonsense")[0] == 64, "a wrong command line")
    step("wrong permissions")
    os.chmod(node.data, 0o755)
    refused(c, PERMISSIONS, [node.data, "chmod 700"], "--config", node.config, "--bootstrap")
    os.chmod(node.data, 0o700)
    step("another's certificate, and one that has expired")
    other = c.nodes[1].config
    theirs = open(other).read().split("cert: ")[1].split(",")[0]
    ours = open(node.config).read().split("cert: ")[1].split(",")[0]
    refused(c, TLS, [], "--config", config_with(node, [(ours, theirs)]), "--bootstrap")
    expired = c.authority.issue("expired", "spiffe://%s/node/%s" % (watchfire.NAME, node.name), days=-1)
    key = ours.replace(".pem", "-key.pem")
    refused(c, TLS, ["expired"], "--config",
            config_with(node, [(ours, expired[0]), (key, expired[1])]), "--bootstrap")

    c.start()
    step("the data directory is in use")
    refused(c, DIR_LOCKED, [node.data], "--config", node.config)
    step("the port is in use")
    node.process.stop()
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        host, port = node.address.split(":")
        s.bind((host, int(port)))
        s.listen()
        refused(c, PORT_IN_USE, [node.address], "--config", node.config)
    step("--bootstrap on a node that has data")
    refused(c, REFUSED, ["--bootstrap"], "--config", node.config, "--bootstrap")
    step("the data of another node")
    refused(c, WRONG_IDENTITY, [c.nodes[0].name], "--config",
            config_with(c.nodes[1], [("data_dir: " + c.nodes[1].data, "data_dir: " + node.data)]))

    step("a wiped node under its old name is refused")
    kept = node.data + ".kept"
    os.rename(node.data, kept)
    os.mkdir(node.data, 0o700)
    refused(c, REFUSED, ["running", node.name], "--config", node.config, "--bootstrap")

    step("a node of another cluster id does not get in")
    text = open(node.config).read()
    own = text.split("id: ")[1].split("}")[0]
    shutil.rmtree(node.data)
    os.mkdir(node.data, 0o700)
    refused(c, REFUSED, ["belongs to cluster"], "--config",
            config_with(node, [(own, "0" * 31 + "1")]), "--bootstrap")

    step("with its own data it is back")
    shutil.rmtree(node.data)
    os.rename(kept, node.data)
    c.start_node(node)
    c.wait()
    c.settle()

    step("a log that cannot be read is not used")
    node.process.stop()
    path = os.path.join(node.data, "log.db")
    with open(path, "r+b") as f:
        f.seek(0)
        f.write(b"x" * 4096)
    code, text = c.run("verify", "--config", node.config)
    check(code == LOG_UNREADABLE, "exit code %d: %s" % (code, text))
print("ok")
