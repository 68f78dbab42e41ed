# SPDX-License-Identifier: Apache-2.0
"""Clocks that are wrong: rows 40 and 41 of the matrix."""
import time

import nemesis
from registry import scenario

STEPS = ("+3600", "+3599", "-3600", nemesis.RIGHT)  # an hour on; a leap second again; an hour back; right
FROZEN, EPOCH = "%Y-%m-%d %H:%M:%S", "@1970-01-01 00:00:10"
DAY_S = 86400


def with_own_clocks(w, nodes, monotonic=False):
    """Start them again, one after the other, each with a clock of its own."""
    for node in nodes:
        nemesis.own_clock(w, node, monotonic)
        w.kill(node)
        w.restart(node)
        w.wait_for("%s to be back" % node.name, lambda n=node: w.serves(n), 60)


@scenario("clock-steps", rows=[40], seconds=30)
def clock_steps(w):
    """The wall clocks of the leader and of a follower jump by an hour, to and fro, and stand still.
    Timers run on; times on the record never go back."""
    leader, follower = w.leader(), w.follower()
    with_own_clocks(w, [leader, follower])
    w.transfer(leader)
    since, term = time.monotonic_ns(), w.term()
    pause = w.seconds / (len(STEPS) * 2 + 1)
    for node in (leader, follower):
        for step in STEPS:
            nemesis.set_clock(w, node, step)
            w.sleep(pause)
            w.first_write_after(time.monotonic_ns())
    nemesis.set_clock(w, leader, time.strftime(FROZEN))
    w.sleep(pause)
    w.first_write_after(time.monotonic_ns())
    w.expect(w.term() == term and w.changes_of_leader(since) == 0, "a wall clock changed the leader")
    nemesis.set_clock(w, leader, nemesis.RIGHT)


@scenario("clock-1970", rows=[40], seconds=15)
def clock_1970(w):
    """A follower starts with its clock at 1970: no certificate is valid yet. It does no harm, and serves
    again as soon as its clock is right."""
    follower, leader, term = w.follower(), w.leader(), w.term()
    nemesis.own_clock(w, follower)
    w.may_end.add(follower.name)  # it may refuse to start
    nemesis.set_clock(w, follower, EPOCH)
    w.kill(follower)
    w.restart(follower)
    w.sleep(w.seconds)
    w.first_write_after(time.monotonic_ns(), [node.region for node in w.others(follower)])
    w.expect(w.leader() is leader and w.term() == term, "a node from 1970 changed leader or term")
    w.expect("certificate" in open(follower.log).read().lower(), "it says nothing of certificates:\n" +
             follower.process.tail(5))
    nemesis.set_clock(w, follower, nemesis.RIGHT)
    w.restart(follower)
    w.wait_for("it to serve with the right time", lambda: w.serves(follower), 60)
    w.may_end.discard(follower.name)


@scenario("clock-drift", rows=[40, 41], seconds=30)
def clock_drift(w):
    """All clocks of two nodes run 500 ppm fast and slow, then a fifth fast and slow: no promise rests on
    clocks that agree."""
    fast, slow = w.leader(), w.follower()
    with_own_clocks(w, [fast, slow], monotonic=True)
    w.transfer(fast)
    for ppm in (500, 200000):
        nemesis.set_clock(w, fast, "+0 x%.6f" % (1 + ppm / 1e6))
        nemesis.set_clock(w, slow, "+0 x%.6f" % (1 - ppm / 1e6))
        w.sleep(w.seconds / 2)
        w.first_write_after(time.monotonic_ns())
    for node in (fast, slow):  # a clock that went too fast cannot go back: begin anew
        w.kill(node)
        nemesis.set_clock(w, node, nemesis.RIGHT)
        w.restart(node)


@scenario("monotonic-apart", rows=[41], seconds=15)
def monotonic_apart(w):
    """Two nodes live in time namespaces: their monotonic clocks are a day and a month ahead."""
    for node, days in ((w.leader(), 1), (w.follower(), 30)):
        ahead = str(days * DAY_S)
        node.prefix = ["unshare", "--time", "--monotonic", ahead, "--boottime", ahead, "--fork",
                       "--kill-child"]
        w.mark("monotonic", "%s: %d days ahead" % (node.name, days))
        w.kill(node)
        w.restart(node)
        w.wait_for("%s to be back" % node.name, lambda n=node: w.serves(n), 60)
    ahead = next(node for node in w.nodes if node.prefix)
    w.transfer(ahead)
    w.sleep(w.seconds)
    w.figure("write acknowledged after %.2f s" % w.first_write_after(time.monotonic_ns()))
    w.kill_and_time_leader()


@scenario("slow-reign", rows=[41], seconds=8)
def slow_reign(w):
    """The leader's clock runs four times too slow, and it is cut off: by its own timers it leads on while
    the others have long elected another. It must not answer a read from its old reign."""
    slow = w.follower()
    nemesis.own_clock(w, slow, monotonic=True)
    nemesis.set_clock(w, slow, "+0 x0.25")
    w.kill(slow)
    w.restart(slow)
    w.wait_for("%s to be back" % slow.name, lambda: w.serves(slow), 60)
    w.transfer(slow)
    others = w.others(slow)
    nemesis.split(w, [slow], others)
    w.figure("the others write after %.2f s" % w.first_write_after(
        time.monotonic_ns(), [node.region for node in others]))
    status = w.status(slow)
    w.figure("by then the slow one calls itself %s" % (status.state if status else "nothing"))
    answered = w.patient_reads(slow)
    w.expect(not w.serves(slow), "%s, cut off, answers a linearizable read" % slow.name)
    w.sleep(w.seconds)
    nemesis.join(w, [slow], others)
    w.say("%d of the reads it was asked were answered" % answered())
    w.kill(slow)
    nemesis.set_clock(w, slow, nemesis.RIGHT)
