#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A fourth node joins as a spare, becomes standby and voter; another one is removed and ends."""
import os
import shutil

from lib import SPARE, STANDBY, VOTER, Cluster, check, pb, procs, refusal, rpc, step, wait_for
from lib import watchfire

CLUSTER = watchfire.CLUSTER
REMOVED = 79


def accepted(client, method, request):
    """False when the change is refused for now: the node does not answer yet, another is under way."""
    try:
        client.call(CLUSTER + method, request, 40)
        return True
    except rpc.Error as error:
        check(error.code() == rpc.Code.FAILED_PRECONDITION, error.details())
        return False


def accepted_note(cluster, node):
    try:
        node.client.call(watchfire.ADD_NOTE, cluster.note("again"), 3)
        return True
    except rpc.Error:
        return False


with Cluster() as c:
    c.start()
    for i in range(50):
        c.nodes[0].client.call(watchfire.ADD_NOTE, c.note("n%d" % i), 5)
    port = procs.free_ports(1)[0]
    new = watchfire.Node("gru-1", "gru", "127.0.0.1:%d" % port, c.folder)
    c.write_joining(new)

    step("a node that nobody has added does not get in")
    leader = c.leader()
    new.process = procs.Process([c.program, "--config", new.config], new.log)
    wait_for("it to be told so", lambda: "is no member yet" in open(new.log).read())
    new.process.kill()

    step("a follower names the leader")
    add = pb.encode({1: new.name, 2: new.region, 3: new.address})
    code, text, reason = refusal(c.others(leader)[0].client.call, CLUSTER + "AddMember", add, 10)
    check(code == rpc.Code.FAILED_PRECONDITION and reason == "NOT_LEADER", "%s %s" % (code, text))

    step("added as a spare, it joins")
    leader.client.call(CLUSTER + "AddMember", add, 10)
    check(c.members(leader)[new.name][0] == SPARE, "it is no spare")
    new.process = procs.Process([c.program, "--config", new.config], new.log)
    new.client = rpc.Client(new.address, c.ca, *c.admin)
    wait_for("the link to it", lambda: c.members(leader)[new.name][1])

    step("standby, then voter")
    for role in (STANDBY, VOTER):
        wait_for("it to answer the leader", lambda: accepted(
            leader.client, "AssignMember", pb.encode({1: new.name, 2: role})))
        check(c.members(leader)[new.name][0] == role, "it has not become %d" % role)
    c.nodes.append(new)
    c.wait()
    c.settle()
    check(len(c.notes(new)) == 50, "it has %d notes" % len(c.notes(new)))
    new.client.call(watchfire.ADD_NOTE, c.note("through the new one"), 5)

    step("a removed node ends by itself and does not start again")
    gone = next(n for n in c.nodes if n not in (leader, new))
    leader.client.call(CLUSTER + "RemoveMember", pb.encode({1: gone.name}), 20)
    wait_for("%s to end" % gone.name, lambda: not gone.process.alive())
    check(gone.process.child.returncode == REMOVED, "exit code %d" % gone.process.child.returncode)
    c.nodes.remove(gone)
    c.nodes[0].client.call(watchfire.ADD_NOTE, c.note("without it"), 5)
    c.settle()
    check(gone.name not in c.members(leader), "it is still there")

    step("leadership goes where it is sent")
    leader.client.call(CLUSTER + "TransferLeadership", pb.encode({1: new.name}), 10)
    wait_for("it to lead", lambda: c.leader() is new)
    new.client.call(watchfire.ADD_NOTE, c.note("led by the new one"), 5)

    step("the record tells of it")
    events = pb.decode(new.client.call(watchfire.LOG + "ListEvents", pb.encode({3: 1000}), 5))
    actions = [(e.message(41).str(1), e.message(41).str(2)) for e in events.messages(1) if 41 in e]
    check(("added", new.name) in actions and ("removed", gone.name) in actions, str(actions))

    step("on an empty disk a voter does not come back under its name, even to who never heard it")
    for node in c.nodes:
        node.process.kill()
    shutil.rmtree(new.data)
    os.mkdir(new.data, 0o700)
    for node in c.nodes:
        if node is not new:
            c.start_node(node)
    wait_for("the others to lead", lambda: any(n is not new and accepted_note(c, n) for n in c.nodes))
    open(new.log, "w").close()
    new.process = procs.Process([c.program, "--config", new.config], new.log)
    wait_for("it to end", lambda: not new.process.alive(), 60)
    check("may not take its place" in open(new.log).read(), open(new.log).read())
    check(not os.path.exists(os.path.join(new.data, "log.db")), "it has taken the place")
print("ok")
