# SPDX-License-Identifier: Apache-2.0
"""random: one to three faults at a time, of any kind, on anybody, each for 5 to 60 s. The schedule is made
from the seed before anything runs and is printed; a machine that cannot do a fault draws it, too."""
import collections
import random
import time

import disk
import nemesis
from registry import scenario
from scenarios import clock, storage

AT_ONCE = 3
SHORTEST_S, LONGEST_S = 5, 60
CALM = 0.12  # the chance that the next fault waits until all is well for a while
CALM_S = 5
SLOW_WRITES = 20             # a second
FEW_FILES = 2
MEMORY_MOST = 1 << 20        # bytes that a node may have beyond what it has
STEP_MOST_S = 3600
STANDS_STILL = 0.2           # of all clocks that are set wrong
DRIFT_MOST = 0.2

Fault = collections.namedtuple("Fault", "at until kind nodes amount")


# Each kind: (world, nodes, amount from 0 to 1) -> what ends it. nodes are all nodes in the order drawn.

def nothing():
    """Ends what could not begin."""


def first(can_have):
    """A fault (world, node, amount) of the first node in the order drawn that can have it: one that joined
    later has neither a disk nor a clock of its own."""
    def decorate(fault):
        def begin(w, nodes, amount):
            node = next((node for node in nodes if can_have(w, node)), None)
            return fault(w, node, amount) if node else nothing
        return begin
    return decorate


def alive(fault):
    """A fault (world, node, amount) of the first node drawn, when its process is alive."""
    return lambda w, nodes, amount: fault(w, nodes[0], amount) if nodes[0].process.alive() else nothing


def has_whole_disk(w, node):
    """Not one that suffers already: who fills a disk that hangs, hangs."""
    return node.name in w.disks and not w.disks[node.name].troubled


def has_disk(w, node):
    return node.name in w.disks


def has_clock(_w, node):
    return hasattr(node, "clock") and not node.drifts


def has_drifting_clock(_w, node):
    return hasattr(node, "clock") and node.drifts and node.process.alive()

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


@alive
def starve(w, node, amount):
    group = nemesis.limit_cpu(w, node, round(2 + 8 * amount, 1))

    def end():
        group.remove()
        w.mark("cpu", node.name, heal=True)
    return end


@alive
def memory(w, node, amount):
    """The kernel may end it for what it wants; nobody starts it again before there is memory."""
    node.killed = True
    group = nemesis.limit_memory(w, node, int(MEMORY_MOST * max(amount, 0.1)))
    storage.large_notes(w)

    def end():
        group.remove()
        w.mark("memory", node.name, heal=True)
        node.killed = not node.process.alive()
        w.restart(node)
    return end


@alive
def heap(w, node, _amount):
    """The kernel gives it no memory; it may end over that, for a reason that it names."""
    release = nemesis.limit_heap(w, node)
    storage.large_notes(w)

    def end():
        release()
        w.mark("heap", node.name, heal=True)
    return end


@alive
def files(w, node, _amount):
    """It has hardly any descriptors for those who come."""
    release, strangers = nemesis.limit_files(w, node, FEW_FILES), w.strangers(node)

    def end():
        release()
        w.mark("files", node.name, heal=True)
        for one in strangers:
            one.close()
    return end


def on_disk(kind, begin, end):
    @first(has_whole_disk)
    def fault(w, node, _amount):
        one = w.disks[node.name]
        one.troubled = True
        w.mark(kind, node.name)
        begin(one)

        def ended():
            w.mark(kind, node.name, heal=True)
            end(one)
            one.troubled = False
        return ended
    return fault


def slow(one):
    if disk.can_be_slow():
        one.slow(SLOW_WRITES)


@first(has_disk)
def power(w, node, _amount):
    """What was not synced is lost; the machine comes back after a while."""
    one = w.disks[node.name]
    one.thaw()
    storage.cut_power(w, node)
    if node in w.paused:
        w.paused.remove(node)

    def end():
        w.mark("power", node.name, heal=True)
        w.restart(node)
    return end


@first(has_clock)
def wrong_clock(w, node, amount):
    """The wall clock jumps to and fro, or stands still."""
    nemesis.set_clock(w, node, time.strftime(clock.FROZEN) if amount < STANDS_STILL else "%+d" % (
        STEP_MOST_S * (2 * (amount - STANDS_STILL) / (1 - STANDS_STILL) - 1)))
    return lambda: nemesis.set_clock(w, node, nemesis.RIGHT)


@first(has_drifting_clock)
def drift(w, node, amount):
    """All clocks run up to a fifth too fast or too slow, from a start of the node on: if the speed of one
    changed while it runs, it would jump."""
    def set_and_start(text):
        w.kill(node)
        nemesis.set_clock(w, node, text)
        w.restart(node)

    set_and_start("+0 x%.4f" % (1 + DRIFT_MOST * (2 * amount - 1)))
    return lambda: set_and_start(nemesis.RIGHT)


KINDS = {
    "kill": kill, "pause": pause, "isolate": isolate, "halves": halves, "mute": mute, "deaf": deaf,
    "unbridged": unbridged, "clog": clog, "narrow": narrow, "starve": starve, "loss": rule(loss=0.3),
    "duplicate": rule(duplicate=0.5), "jitter": rule(jitter_us=300000, reorder=0.2),
    "corrupt": rule(corrupt=0.05), "memory": memory, "heap": heap, "files": files,
    "slow": on_disk("slow", slow, lambda one: one.fast()),
    "hang": on_disk("hang", lambda one: one.freeze(), lambda one: one.thaw()),
    "full": on_disk("full", lambda one: one.fill(), lambda one: one.make_room()),
    "power": power, "clock": wrong_clock, "drift": drift}


def prepare(w):
    """Every node has a clock of its own that can be set, the last one's can also be too fast or too slow;
    and somebody starts those again that end over what they lack."""
    w.manager = storage.Manager(w)
    for node in w.nodes:
        nemesis.own_clock(w, node, monotonic=node is w.nodes[-1])


def schedule(seed, seconds, nodes):
    """[Fault]: who is named by number, -1 standing for whoever leads then."""
    rng, faults, now = random.Random("schedule %d" % seed), [], 0.0
    while now < seconds - SHORTEST_S:
        running = [fault for fault in faults if fault.until > now]
        if rng.random() < CALM:
            now = max([fault.until for fault in running] + [now]) + CALM_S
            running = []
        if len(running) < AT_ONCE and now < seconds - SHORTEST_S:
            free = sorted(set(KINDS) - {fault.kind for fault in running})
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


@scenario("random", rows=[], storage="ext4 if any", seconds=120, settle_s=90, prepare=prepare)
def mixture(w):
    """One to three faults at a time, of any kind, drawn from the seed."""
    play(w, schedule(w.seed, w.seconds, len(w.nodes)))
    w.manager.no_loop()


def play(w, plan):
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
            running.append((fault.until, KINDS[fault.kind](w, people_of(w, fault.nodes), fault.amount)))
        w.sleep(0.1)
