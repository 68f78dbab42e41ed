# SPDX-License-Identifier: Apache-2.0
"""random: one to three faults at a time, of any kind, on anybody, each for 5 to 60 s. The schedule is made
from the seed before anything runs and is printed."""
import collections
import random
import time

import nemesis
from registry import scenario

AT_ONCE = 3
SHORTEST_S, LONGEST_S = 5, 60
CALM = 0.12  # the chance that the next fault waits until all is well for a while
CALM_S = 5

Fault = collections.namedtuple("Fault", "at until kind nodes amount")


# Each kind: (world, nodes, amount from 0 to 1) -> what ends it. nodes are all nodes in the order drawn.

def kill(w, nodes, amount):
    victims = nodes[:1 + int(amount * len(nodes))] if amount > 0.8 else nodes[:1]
    w.kill(*victims)
    return lambda: w.restart(*victims)


def pause(w, nodes, _amount):
    w.pause(nodes[0])
    return lambda: w.resume(nodes[0])


def isolate(w, nodes, _amount):
    nemesis.split(w, nodes[:1], nodes[1:])
    return lambda: nemesis.join(w, nodes[:1], nodes[1:])


def halves(w, nodes, _amount):
    middle = len(nodes) // 2
    nemesis.split(w, nodes[:middle], nodes[middle:])
    return lambda: nemesis.join(w, nodes[:middle], nodes[middle:])


def mute(w, nodes, _amount):
    nemesis.cut(w, nodes[:1], nodes[1:])
    return lambda: nemesis.mend(w, nodes[:1], nodes[1:])


def deaf(w, nodes, amount):
    froms = nodes[1:2 + int(amount * (len(nodes) - 1))]
    nemesis.cut(w, froms, nodes[:1])
    return lambda: nemesis.mend(w, froms, nodes[:1])


def unbridged(w, nodes, _amount):
    nemesis.split(w, nodes[:2], nodes[2:4])
    return lambda: nemesis.join(w, nodes[:2], nodes[2:4])


def clog(w, nodes, amount):
    others = nodes[1:2 + int(amount * (len(nodes) - 1))]
    for other in others:
        nemesis.clog(w, nodes[0], other)
    return lambda: [nemesis.unclog(w, nodes[0], other) for other in others]


def rule(**most):
    """A rule of all links, up to these values, and its end."""
    def begin(w, _nodes, amount):
        nemesis.link(w, **{key: int(amount * value) if key.endswith("_us") else round(amount * value, 4)
                           for key, value in most.items()})
        return lambda: nemesis.link(w, **{key: 0 for key in most})
    return begin


def narrow(w, nodes, amount):
    name = nodes[0].where.name
    nemesis.link(w, name, "*", rate_kbit=int(64 + amount * 1000), queue_ms=5000)
    return lambda: nemesis.link(w, name, "*", rate_kbit=0)


def starve(w, nodes, amount):
    if not nodes[0].process.alive():
        return lambda: None
    percent = 2 + 8 * amount
    group = nemesis.limit_cpu(w, nodes[0], percent)

    def end():
        group.remove()
        w.mark("cpu", "%s %g %%" % (nodes[0].name, percent), heal=True)
    return end


KINDS = {
    "kill": kill, "pause": pause, "isolate": isolate, "halves": halves, "mute": mute, "deaf": deaf,
    "unbridged": unbridged, "clog": clog, "narrow": narrow, "starve": starve, "loss": rule(loss=0.3),
    "duplicate": rule(duplicate=0.5), "jitter": rule(jitter_us=300000, reorder=0.2),
    "corrupt": rule(corrupt=0.05)}


def schedule(seed, seconds, nodes, kinds=KINDS):
    """[Fault]: who is named by number, -1 standing for whoever leads then."""
    rng, faults, now = random.Random("schedule %d" % seed), [], 0.0
    while now < seconds - SHORTEST_S:
        running = [fault for fault in faults if fault.until > now]
        if rng.random() < CALM:
            now = max([fault.until for fault in running] + [now]) + CALM_S
            running = []
        if len(running) < AT_ONCE and now < seconds - SHORTEST_S:
            free = sorted(set(kinds) - {fault.kind for fault in running})
            order = rng.sample(range(nodes), nodes)
            if rng.random() < 0.4:
                order[0] = -1
            length = SHORTEST_S + (LONGEST_S - SHORTEST_S) * rng.random() ** 2  # more short ones
            faults.append(Fault(now, min(seconds, now + length),
                                rng.choice(free), order, rng.random()))
        now += rng.uniform(1, 10)
    return faults


def people_of(w, order):
    """The nodes in the order drawn; the leader, if somebody is to be found, in place of the first."""
    if order[0] >= 0:
        return [w.nodes[i] for i in order]
    leader = w.leader_if_any()
    rest = [w.nodes[i] for i in range(len(w.nodes)) if i not in order[1:]] + [w.nodes[i] for i in order[1:]]
    return [leader] + [node for node in rest if node is not leader] if leader else rest


@scenario("random", rows=[], seconds=120, settle_s=90)
def mixture(w):
    """One to three faults at a time, of any kind but the disks' and the clocks', drawn from the seed."""
    play(w, schedule(w.seed, w.seconds, len(w.nodes)))


def play(w, plan, kinds=KINDS):
    """Says what is to come, does it, and returns when the last fault has ended."""
    for fault in plan:
        who = " ".join("leader" if i < 0 else w.nodes[i].name for i in fault.nodes[:2])
        print("  plan: %5.1f - %5.1f s  %-10s %-14s %.2f" % (
            fault.at, fault.until, fault.kind, who, fault.amount), flush=True)
    start, waiting, running = time.monotonic(), list(plan), []
    while waiting or running:
        now = time.monotonic() - start
        for until, end in [entry for entry in running if entry[0] <= now]:
            end()
            running.remove((until, end))
        while waiting and waiting[0].at <= now:
            fault = waiting.pop(0)
            running.append((fault.until, kinds[fault.kind](w, people_of(w, fault.nodes), fault.amount)))
        w.sleep(0.1)
