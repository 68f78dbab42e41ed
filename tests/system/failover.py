#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes go on when the leader is killed, nothing acknowledged is lost, a minority answers stale reads
only, and a node that is asked to stop hands leadership over first."""
from lib import Cluster, check, pb, refusal, rpc, step, time, wait_for, watchfire


def write(cluster, nodes, text):
    """To whichever node takes it, with one request id: as a client does it."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        for node in nodes:
            try:
                node.client.call(watchfire.ADD_NOTE, cluster.note(text, "id-" + text), 3)
                return
            except rpc.Error:
                time.sleep(0.02)
    raise SystemExit("FAILED: nobody took " + text)


def get_incident(cluster, node, stale):
    request = pb.encode({1: cluster.incident, 15: stale})
    return pb.decode(node.client.call(watchfire.INCIDENTS + "GetIncident", request, 3))


with Cluster() as c:
    c.start()
    step("a note through every node")
    for node in c.nodes:
        write(c, [node], "by-" + node.name)
    leader = c.leader()
    step("kill -9 the leader, %s" % leader.name)
    leader.process.kill()
    rest = c.others(leader)
    for i in range(20):
        write(c, rest, "after-%d" % i)
    step("restart it: it catches up")
    c.start_node(leader)
    c.wait()
    c.settle()
    expected = ["by-" + node.name for node in c.nodes] + ["after-%d" % i for i in range(20)]
    for node in c.nodes:
        check(sorted(c.notes(node)) == sorted(expected), "%s does not have every note once" % node.name)
        check(c.verify(node)[0], "the chain of %s does not hold" % node.name)

    step("a graceful stop hands leadership over")
    leader = c.leader()
    check(leader.process.stop() == 0, "the exit code is not 0")
    log = open(leader.log).read()
    check("leadership not handed over" not in log, "it did not")
    new = c.leader()
    check(new is not leader, "nobody leads")
    write(c, c.others(leader), "handed-over")

    step("the last node answers stale reads, with their age, and no others")
    last = c.others(leader)[0] if c.others(leader)[0] is not new else c.others(leader)[1]
    new.process.kill()
    wait_for("the lonely node to notice", lambda: not c.ready(last))
    info = get_incident(c, last, True).message(15)
    check(info.int(2) == 1 and info.signed(3) >= 0 and info.int(1) > 0, "stale read without age")
    code, text, reason = refusal(get_incident, c, last, False)
    check(code in (rpc.Code.UNAVAILABLE, rpc.Code.DEADLINE_EXCEEDED), "a linearizable read: %s" % text)
    code, text, reason = refusal(last.client.call, watchfire.ADD_NOTE, c.note("lonely"), 3)
    check(code in (rpc.Code.UNAVAILABLE, rpc.Code.DEADLINE_EXCEEDED), "a write: %s" % text)

    step("the others return")
    c.start_node(leader)
    c.start_node(new)
    c.wait()
    write(c, c.nodes, "together")
    c.settle()
print("ok")
