# SPDX-License-Identifier: Apache-2.0
"""Processes that die, stand still or starve: rows 1-3, 35 and 37-39 of the matrix."""
import itertools
import os
import signal
import time

import nemesis
from harness import procs
from registry import scenario

PAUSES_S = (0.5, 2, 10, 60)
SINK = """
import socket, sys
listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=1000)
held = []
while True:
    held.append(listener.accept()[0])
"""


@scenario("leader-kill", rows=[1])
def leader_kill(w):
    """kill -9 of the leader, again and again; each time another one leads and writes go on."""
    end = time.monotonic() + w.seconds
    while time.monotonic() < end:
        leader = w.kill_and_time_leader()
        w.sleep(2)
        w.restart(leader)
        w.sleep(3)


@scenario("follower-kill", rows=[2])
def follower_kill(w):
    """kill -9 of a follower, which stays away: the others' writes do not wait for it."""
    follower, leader, term = w.follower(), w.leader(), w.term()
    others = [node.region for node in w.others(follower)]
    since = time.monotonic_ns()
    w.kill(follower)
    w.figure("next write acknowledged after %.2f s" % w.first_write_after(since, others))
    w.sleep(w.seconds)
    w.expect(w.leader() is leader and w.term() == term, "a follower's death changed the leader")
    w.restart(follower)


@scenario("all-kill", rows=[3])
def all_kill(w):
    """kill -9 of all nodes in one instant; they start again and have everything."""
    end = time.monotonic() + w.seconds
    while time.monotonic() < end:
        w.kill(*w.nodes)
        w.sleep(w.rng.uniform(0, 2))
        since = time.monotonic_ns()
        w.restart(*w.nodes)
        w.figure("first write acknowledged %.2f s after they were started" % w.first_write_after(since))
        w.sleep(3)


@scenario("silent-sink", rows=[35])
def silent_sink(w):
    """In a follower's place somebody accepts connections and never says a word."""
    follower, leader, term = w.follower(), w.leader(), w.term()
    host, port = follower.address.rsplit(":", 1)
    w.kill(follower)
    sink = procs.Process([*follower.where.prefix(), "/usr/bin/python3", "-c", SINK, host, port],
                         os.path.join(w.folder, "sink.log"))
    w.mark("sink", follower.name)
    w.undo.append(sink.kill)
    since = time.monotonic_ns()
    w.figure("clients of that region served elsewhere after %.2f s" % w.first_write_after(
        since, [follower.region]))
    w.sleep(w.seconds)
    w.expect(sink.alive(), "the sink has ended: " + sink.tail())
    w.expect(w.leader() is leader and w.term() == term, "a silent follower changed the leader")


@scenario("pause", rows=[37], seconds=30)
def pause(w):
    """SIGSTOP of the leader for 0.5, 2, 10, 60 s as far as the time allows. When it wakes up it must not
    acknowledge or answer from its old reign."""
    left = w.seconds
    for length in [s for s in PAUSES_S if s <= w.seconds / 2] * 2:
        if length > left:
            break
        left -= length + 2
        leader = w.leader()
        others = [node.region for node in w.others(leader)]
        since = time.monotonic_ns()
        w.pause(leader)
        if length >= 10:
            w.figure("paused leader: first write elsewhere after %.2f s" % w.first_write_after(since, others))
        w.sleep(max(0, length - (time.monotonic_ns() - since) / 1e9))
        answered = w.patient_reads(leader)
        w.sleep(0.3)  # until they wait in its socket
        w.resume(leader)
        w.say("%d of the reads that waited for it were answered" % answered())
        w.sleep(2)


@scenario("cpu-starved", rows=[38])
def cpu_starved(w):
    """A follower, then the leader, gets 3 % of a processor. The others do not suffer from a slow
    follower, and a slow leader is no reason for an endless quarrel."""
    follower, leader, term = w.follower(), w.leader(), w.term()
    group = nemesis.limit_cpu(w, follower, 3)
    w.sleep(w.seconds / 2)
    others = [node.region for node in w.others(follower)]
    w.first_write_after(time.monotonic_ns(), others)
    w.expect(w.leader() is leader and w.term() == term, "a starved follower changed the leader")
    group.remove()
    w.mark("cpu", follower.name, heal=True)
    since = time.monotonic_ns()
    nemesis.limit_cpu(w, leader, 3)
    w.sleep(w.seconds / 2)
    w.first_write_after(time.monotonic_ns(), [node.region for node in w.others(leader)])
    changes = w.changes_of_leader(since)
    w.figure("starved leader: leadership changed %d times" % changes)
    w.expect(changes <= 3, "leadership changed %d times in %d s" % (changes, w.seconds / 2))


@scenario("oom", rows=[39])
def oom(w):
    """A node may have hardly any more memory, and is killed by the kernel when it wants it; it starts
    again and has everything."""
    for victim in (w.follower(), w.leader()):
        w.may_end.add(victim.name)
        group = nemesis.limit_memory(w, victim, 256 << 10)
        number = itertools.count()

        def ended():
            for _ in range(20):  # its log in memory grows
                if victim.process.alive():
                    w.write_large("%s-%d" % (victim.name, next(number)))
            return not victim.process.alive()

        w.wait_for("%s to be killed for its memory" % victim.name, ended, 60)
        w.expect(victim.process.child.returncode == -signal.SIGKILL,
                 "%s ended with %d" % (victim.name, victim.process.child.returncode))
        group.remove()
        w.mark("memory", victim.name, heal=True)
        w.restart(victim)
        w.may_end.discard(victim.name)
        w.sleep(w.seconds / 2)


@scenario("few-files", rows=[39])
def few_files(w):
    """A node may open two more files: who wants to connect waits, connections that it has go on, and when
    there is room again everybody is served."""
    for victim in (w.follower(), w.leader()):
        release = nemesis.limit_files(w, victim, 2)
        sinkers = w.strangers(victim)
        w.sleep(w.seconds / 2)
        w.expect(w.status(victim, 5) is not None, "%s does not answer over the connection it has" % victim.name)
        for s in sinkers:
            s.close()
        release()
        w.mark("files", victim.name, heal=True)
        fresh = w.fresh_client(victim)
        w.wait_for("%s to serve a new client" % victim.name, lambda: w.serves_client(fresh), 20)
        fresh.close()
