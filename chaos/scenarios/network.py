# SPDX-License-Identifier: Apache-2.0
"""The network between the regions: rows 20-31, 33 and 36 of the matrix."""
import itertools
import time

import nemesis
from registry import scenario

LOSSES = (0.01, 0.05, 0.10, 0.25, 0.50)
LARGE_NOTES = 10
QUIET_S = 4  # several election time-outs


def regions(nodes):
    return [node.region for node in nodes]


@scenario("minority-leader", rows=[20])
def minority_leader(w):
    """The leader and one more are cut off from the other three: those elect another, and the two neither
    take a write nor answer a linearizable read."""
    leader = w.leader()
    minority = [leader, w.rng.choice(w.others(leader))]
    majority = w.others(*minority)
    since = time.monotonic_ns()
    nemesis.split(w, minority, majority)
    w.figure("the majority writes after %.2f s" % w.first_write_after(since, regions(majority)))
    w.sleep(QUIET_S)
    for node in minority:
        status = w.status(node)
        w.expect(status and status.state != "leader", "%s still believes that it leads" % node.name)
        w.expect(not w.serves(node), "%s, in the minority, answers a linearizable read" % node.name)
    w.sleep(max(0, w.seconds - QUIET_S))
    nemesis.join(w, minority, majority)


@scenario("isolated", rows=[21])
def isolated(w):
    """One follower is cut off and comes back: it disturbs nobody, and has not raised the term. Both sides
    give up their connections instead of trusting in TCP, so that it is back at once."""
    leader, term, lonely = w.leader(), w.term(), w.follower()
    nemesis.split(w, [lonely], w.others(lonely))
    for here, there in ((leader, lonely), (lonely, leader)):
        w.wait_for("%s to give up its link to %s" % (here.name, there.name),
                   lambda a=here, b=there: not w.member(a, b.name)[1], 30)
    w.sleep(w.seconds)
    w.expect(w.status(lonely).term == term, "alone it went from term %d to %d" % (
        term, w.status(lonely).term))
    nemesis.join(w, [lonely], w.others(lonely))
    w.sleep(QUIET_S)
    w.expect(w.leader() is leader and w.term() == term, "its return changed leader or term")


@scenario("one-way-cut", rows=[22])
def one_way_cut(w):
    """The leader is not heard by the others; then the next one does not hear them. Both step down."""
    for mute in (True, False):
        leader = w.leader()
        others = w.others(leader)
        since = time.monotonic_ns()
        froms, tos = ([leader], others) if mute else (others, [leader])
        nemesis.cut(w, froms, tos)
        w.figure("a %s leader: the others write after %.2f s" % (
            "mute" if mute else "deaf", w.first_write_after(since, regions(others))))
        w.sleep(max(QUIET_S, w.seconds / 2 - QUIET_S))
        status = w.status(leader)
        w.expect(status and status.state != "leader", "%s still believes that it leads" % leader.name)
        w.expect(not w.serves(leader), "%s, cut off, answers a linearizable read" % leader.name)
        nemesis.mend(w, froms, tos)
        w.sleep(QUIET_S)


@scenario("half-deaf", rows=[23])
def half_deaf(w):
    """A follower hears one other follower and not the leader, and is heard by all: no disturbance."""
    leader, term, deaf = w.leader(), w.term(), w.follower()
    heard = w.rng.choice(w.others(leader, deaf))
    unheard = w.others(deaf, heard)
    nemesis.cut(w, unheard, [deaf])
    w.sleep(w.seconds)
    w.first_write_after(time.monotonic_ns(), regions(w.others(deaf)))
    w.expect(w.leader() is leader and w.term() == term, "a deaf follower changed leader or term")


def steady(w, since, allowed):
    """Leadership settles, and goes on settled."""
    changes = w.changes_of_leader(since)
    w.figure("leadership changed %d times in %d s" % (changes, w.seconds))
    w.expect(changes <= allowed, "leadership changed %d times, at most %d expected" % (changes, allowed))


@scenario("bridge", rows=[24])
def bridge(w):
    """Two pairs do not see each other; the fifth sees all. Progress, and no leadership to and fro."""
    leader = w.leader()
    rest = w.others(leader)
    w.rng.shuffle(rest)
    one, other, middle = [leader, rest[0]], rest[1:3], rest[3:]
    since = time.monotonic_ns()
    nemesis.split(w, one, other)
    w.sleep(w.seconds)
    w.figure("write acknowledged after %.2f s" % w.first_write_after(time.monotonic_ns(), regions(middle)))
    steady(w, since, 2 + w.seconds // 60)


@scenario("ring", rows=[24])
def ring(w):
    """Each sees its two neighbours only: every majority is another one."""
    nodes = list(w.nodes)
    w.rng.shuffle(nodes)
    since = time.monotonic_ns()
    for i, node in enumerate(nodes):
        nemesis.split(w, [node], [nodes[(i + 2) % len(nodes)]])
    w.sleep(w.seconds)
    w.figure("write acknowledged after %.2f s" % w.first_write_after(time.monotonic_ns()))
    steady(w, since, 2 + w.seconds // 60)


@scenario("swizzle", rows=[25])
def swizzle(w):
    """Links are clogged one after the other and unclogged in another order, again and again."""
    end = time.monotonic() + w.seconds
    while time.monotonic() < end:
        pairs = list(itertools.combinations(w.nodes, 2))
        chosen = w.rng.sample(pairs, w.rng.randint(2, len(pairs)))
        for a, b in chosen:
            nemesis.clog(w, a, b)
            w.sleep(w.rng.uniform(0, 0.5))
        w.rng.shuffle(chosen)
        for a, b in chosen:
            nemesis.unclog(w, a, b)
            w.sleep(w.rng.uniform(0, 0.5))
        since = time.monotonic_ns()
        w.figure("unclogged: write acknowledged after %.2f s" % w.first_write_after(since))


@scenario("region-dark", rows=[26])
def region_dark(w):
    """The leader's whole region is dark: another region's node takes over, once."""
    leader, since = w.leader(), time.monotonic_ns()
    nemesis.dark(w, leader)
    w.figure("the other regions write after %.2f s" % w.first_write_after(since, regions(w.others(leader))))
    w.sleep(w.seconds)
    changes = w.changes_of_leader(since + int(2e9))
    w.expect(changes == 0, "after the failover leadership changed %d times more" % changes)
    nemesis.light(w, leader)
    w.sleep(QUIET_S)


@scenario("region-flaps", rows=[27], seconds=60)
def region_flaps(w):
    """The leader's region is dark for 2 s and light for 2 s all the time: leadership leaves it and stays
    away, and the others go on writing."""
    leader, since = w.leader(), time.monotonic_ns()
    others = regions(w.others(leader))
    for _ in range(w.seconds // 4):
        nemesis.dark(w, leader)
        w.sleep(2)
        nemesis.light(w, leader)
        w.sleep(2)
    w.figure("the others write after %.2f s" % w.first_write_after(time.monotonic_ns(), others))
    steady(w, since, 2 + w.seconds // 60)


@scenario("loss", rows=[28], seconds=50)
def loss(w):
    """1, 5, 10, 25 and 50 % of all packets are lost: slower and slower, never wrong."""
    for fraction in LOSSES:
        nemesis.link(w, loss=fraction)
        since = time.monotonic_ns()
        w.sleep(w.seconds / len(LOSSES))
        rates = w.writes_per_second(since, time.monotonic_ns())
        w.figure("%g %% loss: %.1f writes/s, leadership changed %d times" % (
            100 * fraction, sum(rates.values()), w.changes_of_leader(since)))
        w.expect(sum(rates.values()) > 0 or fraction > 0.3, "no write with %g %% loss" % (100 * fraction))
    nemesis.link(w, loss=0)


@scenario("bursts", rows=[29])
def bursts(w):
    """Losses come in bursts, delays jump by 200 ms, packets overtake each other."""
    nemesis.link(w, burst="0.02:0.3:0.8", jitter_us=200000, reorder=0.1)
    since = time.monotonic_ns()
    w.sleep(w.seconds)
    rates = w.writes_per_second(since, time.monotonic_ns())
    w.figure("%.1f writes/s, leadership changed %d times" % (
        sum(rates.values()), w.changes_of_leader(since)))
    w.expect(sum(rates.values()) > 0, "no write")


@scenario("duplicates", rows=[30])
def duplicates(w):
    """Every packet comes twice."""
    leader, term = w.leader(), w.term()
    nemesis.link(w, duplicate=1)
    w.sleep(w.seconds)
    w.first_write_after(time.monotonic_ns())
    w.expect(w.leader() is leader and w.term() == term, "duplicates changed leader or term")


@scenario("corruption", rows=[31])
def corruption(w):
    """Bits flip in 2 % of all packets: checksums and TLS drop them, nobody falls over."""
    nemesis.link(w, corrupt=0.02)
    w.sleep(w.seconds)
    w.first_write_after(time.monotonic_ns())


@scenario("mtu-hole", rows=[33], seconds=60)
def mtu_hole(w):
    """Packets above 1280, then above 576 bytes vanish without a word, with the two sysctls that
    operations.md advises."""
    for region in w.regions:
        region.run("sysctl", "-q", "net.ipv4.tcp_mtu_probing=1", "net.ipv4.tcp_base_mss=512")
    for size in (1280, 576):
        for region in w.regions:
            nemesis.firewall(w, region, "meta length > %d" % size)
        for i in range(LARGE_NOTES):
            w.write_large("%d-%d" % (size, i))
        w.sleep(w.seconds / 2)
        since = time.monotonic_ns()
        w.figure("%d bytes at most: %s; dropped: %s" % (size, ", ".join("%s writes after %.2f s" % (
            region.name, w.first_write_after(since, [region.name])) for region in w.regions), " ".join(
                str(nemesis.dropped(region)) for region in w.regions)))
        w.expect(any(nemesis.dropped(region) for region in w.regions), "nothing was too large")


@scenario("narrow", rows=[36])
def narrow(w):
    """A follower's region has 64 kbit/s with a queue of 5 s, then the leader's: heartbeats must not be
    lost behind data."""
    for node in (w.follower(), w.leader()):
        for frm, to in ((node.where.name, "*"), ("*", node.where.name)):
            nemesis.link(w, frm, to, rate_kbit=64, queue_ms=5000)
        since = time.monotonic_ns()
        w.sleep(w.seconds / 2)
        others = regions(w.others(node))
        rates = w.writes_per_second(since, time.monotonic_ns())
        w.figure("%.1f writes/s of the other regions, leadership changed %d times" % (
            sum(rates[region] for region in others), w.changes_of_leader(since)))
        w.expect(sum(rates[region] for region in others) > 0, "no write")
        for frm, to in ((node.where.name, "*"), ("*", node.where.name)):
            nemesis.link(w, frm, to, rate_kbit=0)
