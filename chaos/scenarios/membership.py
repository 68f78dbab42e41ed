# SPDX-License-Identifier: Apache-2.0
"""Members that come and go while things fail, and versions that differ: rows 42 and 43 of the matrix."""
import os
import time

import nemesis
from harness import pb, rpc, watchfire
from registry import scenario
from sandbox import run

STANDBY, VOTER = 2, 3
REMOVED = 79
CHANGE_S = 60  # for one change, with all that fails meanwhile
OTHER_VERSION = "0.0.0"
NEWER_STATE = "install a newer watchfired"  # what a program says that is too old for the state


def change(w, method, fields, done):
    """As a person does it: ask who leads, look whether it has been done, again until it has."""
    refusals = []

    def tried():
        leader = w.leader()
        if done(leader):
            return True
        try:
            w.call(leader, watchfire.CLUSTER + method, fields, 10)
        except rpc.Error as error:
            refusals.append("%s: %s" % (leader.name, error.details()))
        return done(w.leader())

    w.mark("members", "%s %s" % (method, " ".join(str(value) for value in fields.values())))
    start = time.monotonic()
    try:
        w.wait_for(method, tried, CHANGE_S)
    finally:
        for text in dict.fromkeys(refusals):
            w.say("refused meanwhile: " + text)
    w.figure("%s %s took %.2f s" % (method, fields[1], time.monotonic() - start))


def add(w, region):
    """A new node in a region, known and running."""
    node = w.new_node(region)
    change(w, "AddMember", {1: node.name, 2: node.region, 3: node.address},
           lambda leader: w.member(leader, node.name))
    w.begin(node)
    return node


def promote(w, node, *roles):
    for role in roles or (STANDBY, VOTER):
        change(w, "AssignMember", {1: node.name, 2: role},
               lambda leader, r=role: (w.member(leader, node.name) or (0,))[0] >= r)


def remove(w, node):
    change(w, "RemoveMember", {1: node.name},
           lambda leader: leader is not node and w.member(leader, node.name) is None)
    w.forget(node)


@scenario("replace-node", rows=[42], settle_s=90)
def replace_node(w):
    """A node is lost for good and another one is cut off: three of five are left, add a new one, make it
    a voter, and remove the lost one."""
    lost = w.follower()
    w.kill(lost)
    cut_off = w.rng.choice(w.others(lost, w.leader()))
    nemesis.split(w, [cut_off], w.others(cut_off))
    new = add(w, lost.where)
    promote(w, new)
    remove(w, lost)
    nemesis.join(w, [cut_off], w.others(cut_off))
    w.wait_for("the new one to serve", lambda: w.serves(new), 60)
    w.sleep(2)


@scenario("remove-leader", rows=[42], settle_s=90)
def remove_leader(w):
    """The leader is to go while a follower stands still: leadership moves, it is removed and ends."""
    leader = w.leader()
    still = w.follower()
    w.pause(still)
    w.may_end.add(leader.name)
    w.transfer_away(leader)
    remove(w, leader)
    w.wait_for("%s to end" % leader.name, lambda: not leader.process.alive())
    w.expect(leader.process.child.returncode == REMOVED, "it ended with %d" % leader.process.child.returncode)
    w.figure("write acknowledged after %.2f s" % w.first_write_after(time.monotonic_ns()))
    w.resume(still)


@scenario("promote-standby", rows=[42], settle_s=90)
def promote_standby(w):
    """A standby waits; the leader's region is lost; the standby becomes a voter, and the lost one goes."""
    lost = w.leader()
    new = add(w, w.follower().where)
    promote(w, new, STANDBY)
    nemesis.split(w, [lost], w.others(lost))
    w.first_write_after(time.monotonic_ns(), [node.region for node in w.others(lost)])
    promote(w, new, VOTER)
    remove(w, lost)
    w.may_end.add(lost.name)
    w.sleep(2)
    lost.process.kill()


@scenario("change-and-crash", rows=[42], settle_s=90)
def change_and_crash(w):
    """Whoever leads is killed in the middle of each change of the members: the change is done or it is
    not, and can be asked for again."""
    new = add(w, w.follower().where)
    for role in (STANDBY, VOTER):
        crash_during(w, "AssignMember", {1: new.name, 2: role})
        promote(w, new, role)
    crash_during(w, "RemoveMember", {1: new.name})
    remove(w, new)


def crash_during(w, method, fields):
    leader = w.leader()
    call = leader.client.start(watchfire.CLUSTER + method, pb.encode(fields), 10)
    w.sleep(w.rng.uniform(0, 0.3))
    w.kill(leader)
    call.exception()
    w.restart(leader)
    w.wait_for("%s to be back" % leader.name, lambda: w.serves(leader), 60)


def begin_older(w):
    w.other_program = other_program(w)
    for node in w.nodes:
        node.program = w.other_program


@scenario("upgrade", rows=[43], seconds=20, settle_s=90, prepare=begin_older)
def upgrade(w):
    """A cluster that began with an older build goes to this one under load, node by node: all but the
    leader up, two of them back, all up, two back. These serve, or the state has gone on to a version that
    the older program does not know, and they say so. WF_OTHER_BUILD names the older build, or
    WF_OTHER_COMMIT its commit; without both the same sources are built with another version's name, which
    shows that nothing hangs on it, and nothing about changed formats."""
    *most, last = w.others(w.leader()) + [w.leader()]
    back = most[:2]
    for node in most:
        change_program(w, node, w.cluster.program)
    w.sleep(w.seconds / 4)
    for node in back:
        change_program(w, node, w.other_program)
    two_programs(w)
    w.sleep(w.seconds / 4)
    for node in back + [last]:
        change_program(w, node, w.cluster.program)
    w.sleep(w.seconds / 4)
    for node in back:
        go_back(w, node)
    w.sleep(w.seconds / 4)


def two_programs(w):
    """What they say, and what the kernel knows: two builds may have one version's name."""
    w.say("versions: %s" % {node.name: w.call(node, watchfire.CLUSTER + "GetStatus", {}).str(15) for node in w.nodes})
    programs = {os.readlink("/proc/%d/exe" % node.process.pid) for node in w.nodes}
    w.expect(len(programs) == 2, "the nodes run %s and nothing else" % " ".join(sorted(programs)))


def start_program(w, node, program):
    w.mark("program", "%s runs %s" % (node.name, program))
    w.stop(node)
    node.program = program
    w.restart(node)


def change_program(w, node, program):
    start_program(w, node, program)
    w.wait_for("%s to serve" % node.name, lambda: w.serves(node), 60)


def go_back(w, node):
    """To the older program, if that knows the state's version."""
    w.may_end.add(node.name)
    start_program(w, node, w.other_program)
    w.wait_for("%s to serve or to end" % node.name, lambda: w.serves(node) or not node.process.alive(), 60)
    if node.process.alive():
        w.say("%s serves with the older program" % node.name)
    else:
        said = node.process.tail(5)
        w.expect(NEWER_STATE in said, "%s ended with the older program and said:\n%s" % (node.name, said))
        w.figure("the state is too new for the older program: %s ended with %d" % (
            node.name, node.process.child.returncode))
        node.program = w.cluster.program
        w.restart(node)
        w.wait_for("%s to serve" % node.name, lambda: w.serves(node), 60)
    w.may_end.discard(node.name)


def mix_programs(w, other):
    """Half of the nodes, one after the other, go to the one of two builds that they do not run."""
    for node in w.rng.sample(w.nodes, len(w.nodes) // 2):
        change_program(w, node, w.cluster.program if node.program == other else other)


def other_program(w):
    """watchfired of WF_OTHER_BUILD, or of the commit WF_OTHER_COMMIT, or of the same sources."""
    folder, commit = os.environ.get("WF_OTHER_BUILD"), os.environ.get("WF_OTHER_COMMIT")
    if not folder:
        folder = os.path.join(os.path.dirname(w.cluster.program), "other-" + (commit or "version"))
        build_other(w, unpacked(commit, folder + "-sources") if commit else watchfire.ROOT, folder)
    return os.path.join(folder, "watchfired")


def unpacked(commit, folder):
    """The sources of a commit."""
    os.makedirs(folder, exist_ok=True)
    tar = os.path.join(folder, "sources.tar")
    run("git", "-C", watchfire.ROOT, "archive", "--output", tar, commit)
    run("tar", "-x", "-f", tar, "-C", folder)
    return folder


def build_other(w, sources, folder):
    w.say("building version %s of %s in %s" % (OTHER_VERSION, sources, folder))
    run("cmake", "-S", sources, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
        '-DCMAKE_C_FLAGS=-UWF_VERSION -DWF_VERSION=\\"%s\\"' % OTHER_VERSION)
    run("cmake", "--build", folder, "--target", "watchfired")
