# SPDX-License-Identifier: Apache-2.0
"""Disks that lose power, lie, fill up, hang and rot: rows 4-19 of the matrix. Each node has a disk of
its own. A node that ends over its disk is started again by what stands for the service manager here."""
import itertools
import os
import shutil
import subprocess
import time

import inject
import nemesis
import record
import sweep
from harness import pb, rpc, watchfire
from registry import scenario
from scenarios import membership
from world import Broken

RESTART_S = 1       # as the systemd unit has it
DISK_FULL, DISK_FAILED, UNREADABLE = 68, 69, 65
FINAL = (64, 65, 66, 67, 74, 75, 76, 77, 78, 79)  # the service manager does not start these again
ENDS_S = 20         # a node that is to notice something has noticed it by then
TOO_MANY_ENDS = 10  # of one node in one scenario: a loop
REST_S = 3          # ordinary work between two faults
NEWCOMERS = 20      # connections that a node which lacks something is asked for
LOW_FREE = 48 << 20  # short of disk (src/base/limits.h), and far from full
LARGE_NOTES = 100   # of 8 KB each, for a node that has no memory for them
DESCRIPTORS = ("openat", "socket", "accept4", "dup", "pipe2", "eventfd2")
MEMORY = ("brk", "mmap", "mremap", "mprotect")  # the last is how a thread's heap grows
NODES = dict(nodes=3, topology="flat:20:3", storage="ext4")
numbers = itertools.count()  # of large notes


# --- what the scenarios share ----------------------------------------------------------------------

class Manager:
    """What a service manager does, and what it saw: ends holds (node's name, exit code, last line)."""

    def __init__(self, w):
        self.w, self.ends, self.due = w, [], {}
        self.read_to = {}  # node's name -> how far its log was written when it ended last
        w.may_end |= {node.name for node in w.nodes}

    def look(self):
        now = time.monotonic()
        for node in self.w.nodes:
            if node.process.alive():
                self.due.pop(node.name, None)
            if node.process.alive() or getattr(node, "killed", False):
                continue
            if node.name not in self.due:
                code, line = node.process.child.returncode, last_line(node, self.read_to.get(node.name, 0))
                self.read_to[node.name] = os.path.getsize(node.log)
                self.ends.append((node.name, code, line))
                self.w.say("%s ended with %d: %s" % (node.name, code, line))
                self.w.expect(code > 0 and line, "%s ended with %d, and not with a reason" % (node.name, code))
                self.due[node.name] = now + RESTART_S
            elif now > self.due[node.name] and self.of(node)[-1][1] not in FINAL:
                del self.due[node.name]
                self.w.cluster.start_node(node)

    def of(self, node):
        return [end for end in self.ends if end[0] == node.name]

    def codes(self, node):
        return [code for _, code, _ in self.of(node)]

    def sleep(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look()
            self.w.sleep(0.1)

    def wait_for(self, what, condition, seconds=ENDS_S):
        def looked():
            self.look()
            return condition()
        return self.w.wait_for(what, looked, seconds)

    def no_loop(self):
        for node in self.w.nodes:
            n = len(self.of(node))
            self.w.expect(n <= TOO_MANY_ENDS, "%s ended %d times" % (node.name, n))


def last_line(node, since=0):
    """What it said of its end: the last line that is an error; since: where in its log."""
    with open(node.log, errors="replace") as log:
        log.seek(since)
        errors = [line for line in log if "level=error" in line or "level=fatal" in line]
    return errors[-1].strip() if errors else ""


def disk_of(w, node):
    return w.disks[node.name]


def in_log(node, *names):
    return [os.path.join(node.data, name) for name in names or ("log.db", "log.db-wal")]


def cut_power(w, *nodes):
    """All at one moment, as far as one thread can; then they are dead, and their disks come back."""
    w.mark("power", " ".join(node.name for node in nodes))
    for node in nodes:
        node.killed = True
        disk_of(w, node).power_cut()
    for node in nodes:
        node.process.kill()
    for node in nodes:
        disk_of(w, node).unmount()
        disk_of(w, node).mount()


def power_back(w, *nodes):
    w.sleep(w.rng.choice((0, 0.5)))
    w.restart(*nodes)


def served(w, since, seconds=60):
    w.figure("first write acknowledged %.2f s afterwards" % w.first_write_after(since, seconds=seconds))


def rounds(w):
    """Until the time is over, at least once."""
    end = time.monotonic() + w.seconds
    yield 0
    n = 1
    while time.monotonic() < end:
        yield n
        n += 1


def injected(w, node, calls, effect, paths=()):
    w.mark("inject", "%s %s %s" % (node.name, ",".join(calls), effect))
    return inject.Injection(node.process.pid, calls, effect,
                            os.path.join(w.folder, "strace-%d" % time.monotonic_ns()), paths)


def ask_image(node):
    return node.client.start(watchfire.CLUSTER + "TakeSnapshot", b"", 30)


# --- power -----------------------------------------------------------------------------------------

@scenario("power-cut-one", rows=[5, 18], **NODES)
def power_cut_one(w):
    """The power of one node goes, leader or not, and what it had not synced is lost."""
    for n in rounds(w):
        node = w.leader() if n % 2 == 0 else w.follower()
        since = time.monotonic_ns()
        cut_power(w, node)
        served(w, since)
        power_back(w, node)
        w.sleep(REST_S)


@scenario("power-cut-all", rows=[6], storage="ext4", seconds=15)
def power_cut_all(w):
    """The power of all nodes goes in one moment."""
    for _ in rounds(w):
        cut_power(w, *w.nodes)
        since = time.monotonic_ns()
        power_back(w, *w.nodes)
        served(w, since)
        w.sleep(REST_S)


@scenario("power-cut-image", rows=[7, 18], **NODES)
def power_cut_image(w):
    """The power goes while a state image is made, given its name, or stored in the log."""
    manager = Manager(w)
    for n in rounds(w):
        node = w.leader() if n % 2 == 0 else w.follower()
        hold = None
        if n % 3 == 2:  # in the moment between the new name and its being durable
            hold = injected(w, node, ("rename", "renameat", "renameat2"), "delay_exit=2000000")
        ask_image(node)
        if hold:
            manager.wait_for("an image to get its name", lambda: hold.hits() or new_image(node), 10)
        else:
            w.sleep(w.rng.uniform(0, 0.06))
        since = time.monotonic_ns()
        cut_power(w, node)
        served(w, since)
        power_back(w, node)
        w.sleep(REST_S)
    manager.no_loop()
    w.expect(not manager.ends, "nodes ended by themselves: %s" % manager.ends)


def new_image(node):
    folder = os.path.join(node.data, "images")
    return [name for name in os.listdir(folder) if name.endswith(".image")]


# --- crash points ----------------------------------------------------------------------------------

@scenario("crash-points", rows=[4], **NODES, seconds=60)
def crash_points(w):
    """A node dies at exactly its n-th write, sync, rename; tests/crash/points.sh is the form for every n."""
    died = 0
    for _ in rounds(w):
        node, call = w.rng.choice(w.nodes), w.rng.choice(inject.WRITES)
        node.killed = True
        point = injected(w, node, (call,), "signal=KILL:when=%d" % w.rng.randrange(1, 40))
        if w.rng.random() < 0.5:
            ask_image(node)
        end = time.monotonic() + 4
        while node.process.alive() and time.monotonic() < end:
            w.sleep(0.05)
        died += not node.process.alive()
        point.stop()
        w.kill(node)
        w.restart(node)
        w.sleep(REST_S)
    w.figure("%d crashes at chosen calls" % died)
    w.expect(died > 0, "not one node died at its point")


# --- failing writes --------------------------------------------------------------------------------

@scenario("fsync-eio", rows=[8], **NODES, seconds=15)
def fsync_eio(w):
    """One sync of the log fails, the next would succeed: the node must end, and not try it."""
    manager = Manager(w)
    for n in rounds(w):
        node = w.leader() if n % 2 == 0 else w.follower()
        before = len(manager.of(node))
        since = time.monotonic_ns()
        point = injected(w, node, ("fdatasync", "fsync"), "error=EIO:when=1", in_log(node))
        manager.wait_for("%s to end" % node.name, lambda: len(manager.of(node)) > before)
        point.stop()
        w.expect(manager.codes(node)[-1] == DISK_FAILED,
                 "%s ended with %d over a sync that failed" % (node.name, manager.codes(node)[-1]))
        served(w, since)
        manager.sleep(RESTART_S + REST_S)
    manager.no_loop()


@scenario("writeback-fails", rows=[9], **NODES, seconds=40)
def writeback_fails(w):
    """Most of a follower's disk is not there: write() says yes, the kernel cannot write it back, and a
    second sync would say yes too."""
    import disk
    manager, node = Manager(w), w.follower()
    w.kill(node)
    old, kept = disk_of(w, node), os.path.join(w.folder, "moved")
    shutil.copytree(node.data, kept)
    old.remove()
    lying = w.disks[node.name] = disk.Disk(w.cluster.folder, node.name, real=24)
    shutil.copytree(kept, node.data, dirs_exist_ok=True)
    os.sync()
    with open(os.path.join(node.data, "balloon"), "wb") as balloon:  # what there is of it, but for a little
        at = 0
        while lying.really_free() > 3 << 20:
            at += balloon.write(os.urandom(1 << 18))
            balloon.flush()
            os.fsync(balloon.fileno())
    w.restart(node)
    ended = manager.wait_for("%s to end" % node.name, lambda: manager.codes(node), w.seconds + ENDS_S)
    w.expect(ended[0] in (DISK_FULL, DISK_FAILED), "%s ended with %d over a failed writeback" % (node.name, ended[0]))
    # The disk is replaced by one that holds what the bad one gives back.
    node.killed = True
    node.process.kill()
    lying.grow(disk.SIZE_MIB)
    lying.unmount()
    lying.mount()
    lying.make_room()
    node.killed = False
    manager.due.pop(node.name, None)
    w.cluster.start_node(node)
    manager.sleep(REST_S)
    if not node.process.alive() and manager.codes(node)[-1] == UNREADABLE:
        replace(w, node)


def replace(w, node):
    """A node whose log is gone makes room for one with a new name."""
    w.say("%s is replaced" % node.name)
    new = membership.add(w, node.where)
    membership.promote(w, new)
    membership.remove(w, node)


# --- full disks ------------------------------------------------------------------------------------

def stale_read(w, node):
    """True when the node answers a read from what it has."""
    incidents = pb.encode({15: True})
    try:
        node.client.call(watchfire.INCIDENTS + "ListIncidents", incidents, 3)
        return True
    except rpc.Error:
        return False


def refusal(w, node):
    """Why the node refuses a write, or "" when it takes it or does not say."""
    try:
        node.client.call(watchfire.ADD_NOTE, w.cluster.note("is there room?", "room-%d" % time.monotonic_ns()), 5)
        return ""
    except rpc.Error as error:
        return record.reason_of(error)


def none_ended(w, manager):
    w.expect(not manager.ends, "short of disk, and ended: %s" % manager.ends)


@scenario("disk-full-one", rows=[10], **NODES)
def disk_full_one(w):
    """The leader's disk gets short of room: another one leads, and it follows. Then it is full at once: it ends,
    writes go on, and it comes back when there is room."""
    manager, leader = Manager(w), w.leader()
    since = time.monotonic_ns()
    w.mark("low", leader.name)
    disk_of(w, leader).fill(leave=LOW_FREE)
    w.figure("another one led after %.2f s" % manager.wait_for(
        "somebody else to lead", lambda: w.new_leader_after(since), 30))
    w.expect(leads_another(w, leader), "%s leads again" % leader.name)
    served(w, since)
    manager.sleep(w.seconds / 2)
    none_ended(w, manager)
    w.expect(refusal(w, leader) == "", "writes are refused while two of three have room")
    since = time.monotonic_ns()
    w.mark("full", leader.name)
    disk_of(w, leader).fill()
    manager.wait_for("the full disk to be noticed", lambda: full_seen(w, manager, [leader]), 60)
    served(w, since)
    manager.sleep(w.seconds / 2)
    disk_full_ended_once(w, manager, leader)
    w.mark("full", leader.name, heal=True)
    disk_of(w, leader).make_room()
    manager.wait_for("it to come back by itself", lambda: caught_up(w, leader), 60)


def disk_full_ended_once(w, manager, node):
    """It ended once, saying why; started again, it waits for room and does not end again."""
    codes = manager.codes(node)
    w.expect(codes == [DISK_FULL], "%s ended with %s" % (node.name, codes))
    w.expect("the disk is full" in last_line(node), "%s did not say that its disk is full" % node.name)


def leads_another(w, node):
    for other in w.others(node):
        status = w.status(other, 1) if other.process.alive() else None
        if status and status.state == "leader":
            return other
    return None


def caught_up(w, node):
    mine = w.status(node, 1) if node.process.alive() else None
    lead = max((status.applied for other in w.others(node) if other.process.alive()
                for status in [w.status(other, 1)] if status), default=None)
    return mine and lead is not None and mine.applied + 50 >= lead and w.cluster.ready(node)


@scenario("disk-full-majority", rows=[11], **NODES)
def disk_full_majority(w):
    """Two disks of three get short of room: writes are refused, every node answers linearizable reads, also when
    nothing at all is left. Then there is room, and both are full at once: stale reads go on, and all is well
    when there is room again."""
    manager, leader = Manager(w), w.leader()
    full = [leader, w.others(leader)[0]]
    spared = next(node for node in w.nodes if node not in full)
    for node in full:
        w.mark("low", node.name)
        disk_of(w, node).fill(leave=LOW_FREE)
    read_only(w, manager, "short of disk")
    none_ended(w, manager)
    for node in full:
        w.mark("full", node.name)
        disk_of(w, node).fill()
    read_only(w, manager, "full")
    none_ended(w, manager)
    room_again(w, manager, full)
    for node in full:
        w.mark("full", node.name)
        disk_of(w, node).fill()
    manager.wait_for("a full disk to be noticed", lambda: full_seen(w, manager, full), 60)
    end, asked, answered = time.monotonic() + w.seconds / 3, 0, 0
    while time.monotonic() < end:
        manager.sleep(1)
        asked += 1
        answered += stale_read(w, spared)
    w.expect(answered >= asked * 9 // 10, "%d of %d stale reads were answered" % (answered, asked))
    for node in full:
        disk_full_ended_once(w, manager, node)
    room_again(w, manager, full)


def read_only(w, manager, why):
    """For a third of the time no node takes a write, each says why, and all answer linearizable reads."""
    manager.wait_for("writes to be refused", lambda: all(refusal(w, node) == "DISK_LOW" for node in w.nodes), 30)
    end, asked, answered, refused = time.monotonic() + w.seconds / 3, 0, 0, 0
    while time.monotonic() < end:
        for node in w.nodes:
            asked += 1
            answered += w.serves(node)
            refused += refusal(w, node) == "DISK_LOW"
        manager.sleep(0.5)
    w.figure("%s: of %d reads %d were answered, of as many writes %d refused" % (why, asked, answered, refused))
    w.expect(answered >= asked * 9 // 10, "%s: only %d of %d reads were answered" % (why, answered, asked))
    w.expect(refused == asked, "%s: only %d of %d writes were refused" % (why, refused, asked))


def room_again(w, manager, nodes):
    for node in nodes:
        w.mark("full", node.name, heal=True)
        disk_of(w, node).make_room()
    since = time.monotonic_ns()
    manager.wait_for("all of them to come back by themselves",
                     lambda: all(caught_up(w, node) for node in w.nodes), 60)
    served(w, since)


def full_seen(w, manager, nodes):
    return all(manager.codes(node) for node in nodes)


# --- slow and hung disks ---------------------------------------------------------------------------

@scenario("disk-slow-leader", rows=[12], **NODES)
def disk_slow_leader(w):
    """The leader's disk does twenty writes a second."""
    leader = w.leader()
    before = max(line["term"] for line in w.observer.lines)
    w.mark("slow", leader.name)
    disk_of(w, leader).slow(20)
    w.undo.append(disk_of(w, leader).fast)
    since = time.monotonic_ns()
    w.sleep(w.seconds)
    took = sorted((op["return"] - op["call"]) / 1e9 for process in w.clients
                  for op in w.acknowledged_since(process, since) or [])
    w.expect(took, "nothing was acknowledged while the leader's disk was slow")
    if took:
        w.figure("%d writes, median %.3f s, largest %.3f s" % (len(took), took[len(took) // 2], took[-1]))
    terms = max(line["term"] for line in w.observer.lines) - before
    w.figure("%d new terms" % terms)
    w.expect(terms <= 2, "%d elections over a slow disk" % terms)
    w.mark("slow", leader.name, heal=True)
    disk_of(w, leader).fast()


@scenario("disk-hung-leader", rows=[13], **NODES, seconds=10)
def disk_hung_leader(w):
    """The leader's disk does not answer any more; not even kill -9 would end it."""
    for _ in rounds(w):
        leader = w.leader()
        since = time.monotonic_ns()
        w.mark("hang", leader.name)
        disk_of(w, leader).freeze()
        w.undo.append(disk_of(w, leader).thaw)
        w.wait_for("somebody else to lead", lambda n=leader: leads_another(w, n), 30)
        w.figure("another leader %.2f s after the disk hung" % ((time.monotonic_ns() - since) / 1e9))
        served(w, since)
        w.wait_for("it to say that it is not ready", lambda n=leader: not w.cluster.ready(n), 10)
        w.sleep(REST_S)
        w.mark("hang", leader.name, heal=True)
        disk_of(w, leader).thaw()
        w.wait_for("it to be ready again", lambda n=leader: w.cluster.ready(n), 30)
        w.sleep(REST_S)


# --- rot -------------------------------------------------------------------------------------------

def rot(w, files, kinds):
    """Kill a follower, damage a file, start it: it is right, or it ends with a reason. A copy of the
    directory as it was is put back after each refusal: nothing was promised since."""
    verdicts, manager = [], Manager(w)
    for _ in rounds(w):
        node = w.follower()
        w.kill(node)
        name, kind = w.rng.choice(files), w.rng.choice(kinds)
        kept = os.path.join(w.folder, "kept")
        shutil.copytree(node.data, kept)
        path = sweep.path_of(node.data, name)
        size = os.path.getsize(path) if path and os.path.exists(path) else 0
        done = size and sweep.damage(path, "", kind, w.rng.randrange(size), w.rng)
        if done:
            w.mark("rot", "%s: %s of %s: %s" % (node.name, kind, name, done))
            verdicts.append(start_damaged(w, manager, node))
            w.figure("%s %s: %s" % (name, kind, verdicts[-1]))
        if not node.process.alive():
            shutil.rmtree(node.data, ignore_errors=True)  # the mount point itself stays
            shutil.copytree(kept, node.data, dirs_exist_ok=True)
            os.chmod(node.data, 0o700)
            manager.due.pop(node.name, None)
            w.restart(node)
        shutil.rmtree(kept)
        manager.wait_for("%s to be as far as the others" % node.name, lambda n=node: caught_up(w, n), 60)
    w.expect(verdicts, "nothing was damaged")


def start_damaged(w, manager, node):
    before = len(manager.of(node))
    w.restart(node)
    end = time.monotonic() + ENDS_S
    while time.monotonic() < end:
        manager.look()
        if len(manager.of(node)) > before:
            code = manager.codes(node)[-1]
            w.expect(code == UNREADABLE, "it ended with %d over a damaged file" % code)
            return "refused"
        if caught_up(w, node):
            return "right"
        w.sleep(0.1)
    raise Broken("%s neither serves nor ends:\n%s" % (node.name, node.process.tail(5)))


@scenario("flip-log", rows=[14], **NODES)
def flip_log(w):
    """A bit of the log flips."""
    rot(w, ["log.db", "log.db-wal"], ["flip"])


@scenario("flip-meta", rows=[15], **NODES)
def flip_meta(w):
    """The mark of the log, or the block that holds term, vote and membership, is damaged."""
    rot(w, ["log.mark", "log.db"], ["flip", "zero"])


@scenario("flip-image", rows=[15], **NODES)
def flip_image(w):
    """A bit of a state image flips."""
    for node in w.nodes:
        ask_image(node)
    w.wait_for("images", lambda: all(new_image(node) for node in w.nodes), 60)
    rot(w, ["image"], ["flip", "cut"])


@scenario("torn-tail", rows=[16], **NODES)
def torn_tail(w):
    """The end of the write-ahead log is missing, from any byte on."""
    rot(w, ["log.db-wal"], ["cut"])


@scenario("stale-block", rows=[17], **NODES)
def stale_block(w):
    """A block holds what belongs elsewhere, or nothing."""
    rot(w, ["log.db", "log.db-wal"], ["stale", "zero"])


@scenario("lost-rename", rows=[18], **NODES)
def lost_rename(w):
    """The power goes between a rename and the sync of its directory."""
    for _ in rounds(w):
        node = w.leader()
        had = set(new_image(node))
        hold = injected(w, node, ("rename", "renameat", "renameat2"), "delay_exit=5000000")
        ask_image(node)
        w.wait_for("an image to get its name", lambda n=node, h=had: set(new_image(n)) - h, 20)
        cut_power(w, node)
        hold.stop()
        w.say("images after the cut: %d" % len(new_image(node)))
        power_back(w, node)
        w.sleep(REST_S)


# --- a machine that is out of things ---------------------------------------------------------------

@scenario("no-fds", rows=[19], **NODES)
def no_fds(w):
    """No file descriptors are to be had for a while, by new connections, images and links that broke."""
    def refuse(node):
        return injected(w, node, DESCRIPTORS, "error=EMFILE"), lambda: None

    def still_answers(node):
        other = w.others(node)[0]
        w.kill(other)
        w.restart(other)  # the links to it are to be made anew
        w.sleep(1)
        w.expect(w.status(node, 5), "%s does not answer over the connection it has" % node.name)
    starve(w, refuse, "EMFILE", still_answers)


@scenario("no-memory", rows=[19], **NODES)
def no_memory(w):
    """The kernel gives no memory for a while, to new connections, large notes and images."""
    def refuse(node):
        watch = injected(w, node, MEMORY, "")  # an error of brk itself cannot be: the limit makes a true one
        return watch, nemesis.limit_heap(w, node)

    starve(w, refuse, "ENOMEM", lambda _node: large_notes(w))


def large_notes(w):
    """Written without waiting: each node's log in memory grows by them."""
    leader = w.leader_if_any() or w.nodes[0]
    for _ in range(LARGE_NOTES):
        leader.client.start(watchfire.ADD_NOTE, w.cluster.note("x" * 8000, "hungry-%d" % next(numbers)), 10)


def starve(w, refuse, error, meanwhile):
    """What a node does that lacks something, while newcomers want it: it may turn them away, and it may
    end, for a reason it names; afterwards it serves them."""
    manager = Manager(w)
    for n in rounds(w):
        node = w.leader() if n % 2 == 0 else w.follower()
        before = len(manager.of(node))
        point, release = refuse(node)
        newcomers = [w.fresh_client(node) for _ in range(NEWCOMERS)]
        asked = [client.start(*w.cluster.read_path_and_request(), 30) for client in newcomers]
        ask_image(node)
        manager.sleep(w.rng.uniform(1, 5))
        if node.process.alive():
            meanwhile(node)
            manager.sleep(1)
        release()
        point.stop()
        refused, ended = point.refused(error), len(manager.of(node)) - before
        w.figure("%s: %d calls refused, it ended %d times" % (node.name, refused, ended))
        w.expect(refused > 0, "the node asked for nothing while it was to be refused: nothing was tested")
        w.expect(ended <= 3, "it ended again and again")
        manager.wait_for("%s to serve" % node.name, lambda n=node: caught_up(w, n), 60)
        for client, future in zip(newcomers, asked):
            future.cancel()
            manager.wait_for("a newcomer to be served", lambda c=client: w.serves_client(c), 20)
            client.close()
        manager.sleep(REST_S)
    manager.no_loop()


@scenario("short-writes", rows=[19], **NODES)
def short_writes(w):
    """Every third write to a file is short or interrupted."""
    library = os.path.join(w.folder, "short.so")
    source = os.path.join(os.path.dirname(inject.__file__), "short.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", library, source, "-ldl"], check=True)
    for node in w.nodes:
        w.kill(node)
        node.prefix = ["env", "LD_PRELOAD=" + library]
        w.restart(node)
        w.sleep(REST_S)
    w.sleep(w.seconds)
    for node in w.nodes:
        ask_image(node)
    w.sleep(REST_S)
    for node in w.nodes:
        node.prefix = []
