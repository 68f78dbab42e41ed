#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The WAN with real sockets: regions are namespaces, packets are the kernel's. What is asserted are
counts and contents, and that nothing arrives earlier than it may; how fast it went is printed.

wan.py [--seconds N] [--topology T] [--figures]
Each measurement of throughput takes N seconds (default 1); --figures measures only."""
import argparse
import collections
import contextlib
import ctypes
import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "..", "chaos"), os.path.join(HERE, "..")]
import net  # noqa: E402
import sandbox  # noqa: E402
from harness import procs  # noqa: E402

PROGRAM = os.path.join(os.environ.get("WF_BUILD", ""), "chaos", "wan")
PORT = 7777
QUIET_S = 5  # for a packet that is to arrive to arrive, on a machine that does other things
SO_RCVBUFFORCE = 33
_libc = ctypes.CDLL(None, use_errno=True)


def check(condition, text):
    if not condition:
        sys.exit("FAILED: " + text)


def between(least, value, most, what):
    check(least <= value <= most, "%s: %s is not between %s and %s" % (what, value, least, most))


# Sockets of other namespaces, held by this process.

@contextlib.contextmanager
def within(region):
    """Sockets made meanwhile belong to the region."""
    home, there = os.open("/proc/self/ns/net", os.O_RDONLY), os.open("/run/netns/" + region.netns, os.O_RDONLY)
    check(_libc.setns(there, sandbox.CLONE_NEWNET) == 0, "setns: %s" % os.strerror(ctypes.get_errno()))
    try:
        yield
    finally:
        check(_libc.setns(home, sandbox.CLONE_NEWNET) == 0, "the way back is closed")
        os.close(home)
        os.close(there)


def udp(region, port=0):
    with within(region):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
    s.bind((region.address, port))
    s.settimeout(QUIET_S)
    return s


class Bench:
    """Regions, the WAN between them, and a UDP socket in each."""

    def __init__(self, folder, topology):
        self.regions = net.make_regions(net.region_names(topology))
        self.trace = os.path.join(folder, "wan.trace")
        self.wan = net.Wan(PROGRAM, folder, topology, 1, trace=True)
        self.sockets = [udp(r, PORT) for r in self.regions]

    def say(self, *words):
        return self.wan(*words)

    def link(self, name, a=0, b=1):
        names = (self.regions[a].name, self.regions[b].name)
        return next(l for l in self.info(name)["links"] if (l["from"], l["to"]) == names)

    def info(self, name):
        answer = self.wan(name)
        return answer if isinstance(answer, dict) else json.loads(answer)

    def send(self, n, a=0, b=1, size=100):
        """n numbered packets from region a to b, not faster than the kernel's queues take them."""
        for i in range(n):
            self.sockets[a].sendto(i.to_bytes(4, "big") + bytes(j % 251 for j in range(size - 4)),
                                   (self.regions[b].address, PORT))
            if i % 100 == 99:
                time.sleep(0.002)

    def receive(self, since):
        """What arrives in region 1, until nothing is under way from region 0 and all that the WAN has
        delivered after the first `since` is here, or for QUIET_S (damaged packets never come)."""
        got, end = [], time.monotonic() + QUIET_S
        self.sockets[1].settimeout(0.02)
        while True:
            stats = self.link("stats")
            with contextlib.suppress(TimeoutError):
                while True:
                    got.append(self.sockets[1].recv(2000))
            if stats["under_way"] == 0 and len(got) >= stats["delivered"] - since:
                return got
            if time.monotonic() > end:
                return got

    def ended(self):
        """Stop the WAN; its exit code."""
        for s in self.sockets:
            s.close()
        return self.wan.process.stop()


def begin(bench, **rules):
    """Rules for region 0 to 1, no delay elsewhere; returns the counters before."""
    bench.say("reset")
    bench.say("link * * delay_us=0")
    if rules:
        bench.say("link", bench.regions[0].name, bench.regions[1].name,
                  *("%s=%s" % item for item in rules.items()))
    return bench.link("stats")


def trial(bench, n, **rules):
    """Send n packets under these rules: what arrived, and by how much each counter rose."""
    before = begin(bench, **rules)
    bench.send(n)
    got = bench.receive(since=before["delivered"])
    after = bench.link("stats")
    rose = collections.Counter({k: after[k] - before[k] for k in after if isinstance(after[k], int)})
    check(rose["taken"] == n, "the WAN saw %d packets of %d" % (rose["taken"], n))
    return got, rose


# What is shown.

def every_pair_is_connected_no_sooner_than_its_delay(bench):
    for a in range(len(bench.regions)):
        for b in range(len(bench.regions)):
            if a == b:
                continue
            delay = bench.link("show", a, b)["delay_us"] / 1e6
            began = time.monotonic()
            bench.send(1, a, b)
            bench.sockets[b].settimeout(QUIET_S)
            _, sender = bench.sockets[b].recvfrom(2000)
            took = time.monotonic() - began
            check(sender[0] == bench.regions[a].address, "a packet of %s came from %s" % (
                bench.regions[a].name, sender))
            check(took >= delay, "%.6f s are less than the delay, %.6f s" % (took, delay))
            print("  %s -> %s: delay %.1f ms, took %.2f ms" % (
                bench.regions[a].name, bench.regions[b].name, delay * 1e3, took * 1e3))


def losses_are_what_was_asked_for(bench):
    got, rose = trial(bench, 4000, loss=0.25)
    check(len(got) == rose["delivered"], "%d arrived, %d were delivered" % (len(got), rose["delivered"]))
    between(840, rose["lost"], 1160, "lost of 4000 at 25 %")
    print("  25 %%: %d of 4000 lost" % rose["lost"])
    got, rose = trial(bench, 4000, loss=0, burst="0.01:0.1:1")
    numbers = [int.from_bytes(p[:4], "big") for p in got]
    gaps = [b - a - 1 for a, b in zip(numbers, numbers[1:]) if b - a > 1]
    between(120, rose["burst"], 700, "lost of 4000 in bursts")
    between(5, sum(gaps) / len(gaps), 20, "packets lost in one burst")
    print("  bursts: %d of 4000 lost in %d gaps of %.1f" % (
        rose["burst"], len(gaps), sum(gaps) / len(gaps)))


def duplicates_come_twice(bench):
    got, _ = trial(bench, 500, duplicate=1)
    twice = collections.Counter(got)
    check(len(twice) == 500 and set(twice.values()) == {2}, "not all of 500 packets came twice")


def late_packets_are_overtaken(bench):
    got, rose = trial(bench, 2000, reorder=0.1, delay_us=20000)
    numbers = [int.from_bytes(p[:4], "big") for p in got]
    check(sorted(numbers) == list(range(2000)), "a packet was lost")
    check(numbers != sorted(numbers), "none was overtaken")
    between(120, rose["reordered"], 280, "late packets of 2000 at 10 %")
    got, _ = trial(bench, 500, jitter_us=20000)
    check(got == sorted(got) and len(got) == 500, "jitter alone keeps the order")


def damage_is_found_by_checksums_or_left_to_the_reader(bench):
    got, rose = trial(bench, 1000, corrupt=1)
    check(rose["corrupted"] == 1000, "%d of 1000 were damaged" % rose["corrupted"])
    between(380, len(got), 620, "damaged packets that checksums do not see")
    whole = bytes(j % 251 for j in range(96))
    same = sum(p[4:] == whole and len(p) == 100 for p in got)
    check(same < len(got) / 4, "%d of %d are as they were sent" % (same, len(got)))


def cuts_are_one_way(bench):
    begin(bench)
    here, there = bench.regions[0].name, bench.regions[1].name
    bench.say("cut", here, there)
    bench.send(10)
    bench.send(1, 1, 0)
    bench.sockets[0].settimeout(QUIET_S)
    bench.sockets[0].recv(2000)
    check(bench.receive(since=bench.link("stats")["delivered"]) == [], "something passed the cut")
    bench.say("mend", here, there)
    bench.say("dark", there)
    bench.send(5)
    bench.send(5, 1, 0)
    for i in (0, 1):
        bench.sockets[i].settimeout(0.2)
        with contextlib.suppress(TimeoutError):
            check(not bench.sockets[i].recv(2000), "the dark spoke")
    bench.say("light", there)
    before = bench.link("stats")["delivered"]
    bench.send(5)
    check(len(bench.receive(since=before)) == 5, "after the dark not all arrives")


def clogs_hold_and_let_go(bench):
    before = begin(bench)
    here, there = bench.regions[0].name, bench.regions[1].name
    bench.say("clog", here, there)
    bench.send(300)
    end = time.monotonic() + QUIET_S
    while bench.link("stats")["held"] < 300 and time.monotonic() < end:
        time.sleep(0.01)
    check(bench.link("stats")["held"] == 300, "%d of 300 are held" % bench.link("stats")["held"])
    bench.sockets[1].settimeout(0.1)
    with contextlib.suppress(TimeoutError):
        check(not bench.sockets[1].recv(2000), "the clog leaks")
    bench.say("unclog", here, there)
    numbers = [int.from_bytes(p[:4], "big") for p in bench.receive(since=before["delivered"])]
    check(numbers == list(range(300)), "what was held came out of order, or not at all")


def a_full_queue_drops_the_tail(bench):
    # 128 bytes with their headers: 1024 bits, so 64 packets a second; half a second of queue.
    got, rose = trial(bench, 200, rate_kbit=64, queue_ms=500)
    check(len(got) + rose["queue"] == 200, "%d arrived and %d were dropped of 200" % (len(got), rose["queue"]))
    check(rose["queue"] > 0 and got == sorted(got), "the queue is not bounded, or no queue")
    print("  64 kbit/s, 500 ms of queue: %d of 200 passed" % len(got))


def tcp_goes_through_a_bad_link_whole(bench):
    begin(bench)
    bench.say("link * * delay_us=2000 jitter_us=3000 loss=0.01 duplicate=0.05 reorder=0.02")
    with within(bench.regions[1]):
        listener = socket.create_server((bench.regions[1].address, PORT))
    with within(bench.regions[0]):
        client = socket.socket()
    data, got = os.urandom(1 << 20), hashlib.sha256()

    def serve():
        with listener.accept()[0] as peer:
            while block := peer.recv(65536):
                got.update(block)
            peer.sendall(b"done")

    server = threading.Thread(target=serve, daemon=True)
    server.start()
    client.settimeout(60)
    client.connect((bench.regions[1].address, PORT))
    client.sendall(data)
    client.shutdown(socket.SHUT_WR)
    check(client.recv(10) == b"done", "the receiver went away")
    server.join(QUIET_S)
    listener.close()
    client.close()
    check(got.digest() == hashlib.sha256(data).digest(), "a megabyte arrived, but another one")


def errors_speak(bench):
    for line, says in (("cut x y", "no region x"), ("link * * loss=2", "fraction"), ("help", "there are:")):
        try:
            bench.say(*line.split())
            check(False, "%s was not refused" % line)
        except OSError as error:
            check(says in str(error), "%s: %s" % (line, error))
    for argv, code, says in (((), 2, "usage:"),
                             (("--topology", "three", "--netns-prefix", "nobody-", "--control", "/tmp/x"),
                              1, "nobody-fra"),
                             (("--topology", "flat:1", "--netns-prefix", "wf-", "--control", "/tmp/x"),
                              1, "flat:RTT_MS:N")):
        done = subprocess.run([PROGRAM, *argv], capture_output=True, text=True, timeout=QUIET_S)
        check(done.returncode == code and says in done.stderr, "wan %s: %s" % (" ".join(argv), done))


def at_rest(bench):
    """The counters when nothing has moved for a while: connections that ended say goodbye first."""
    stats, end = None, time.monotonic() + 3 * QUIET_S
    while time.monotonic() < end:
        stats, before = bench.info("stats"), stats
        if before and stats["links"] == before["links"] and stats["packets_under_way"] == 0:
            return stats
        time.sleep(0.5)
    sys.exit("FAILED: packets are under way for ever: %s" % stats)


def the_end_is_tidy(bench):
    stats = at_rest(bench)
    want = collections.Counter()
    for l in stats["links"]:
        for fate in ("delivered", "lost", "burst", "queue", "room", "cut"):
            want[(l["from"], l["to"], fate)] += l[fate]
    code = bench.ended()
    check(code == 0, "the WAN ended with %s: %s" % (code, bench.wan.process.tail()))
    check(not os.path.exists(bench.wan.path), "its socket is still there")
    with open(bench.trace) as trace:
        lines = [line.split() for line in trace]
    got = collections.Counter((w[1], w[2], w[7]) for w in lines)
    check(got == +want, "trace and counters differ: %s" % (got - want + (want - got)))
    for region in bench.regions:
        check("wan0" not in region.run("ip", "link"), "%s still has its device" % region.name)
    print("  %d lines of trace agree with the counters" % len(lines))


# Figures.

@contextlib.contextmanager
def promptly():
    """Measuring processes get a processor at once, as the WAN does: on a busy machine one would measure
    the queue for it."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def percentiles(values):
    values.sort()
    return tuple(values[min(len(values) - 1, int(len(values) * part))] for part in (0, 0.5, 0.99))


def echo(address):
    with promptly():
        answer_for_ever(address)


def answer_for_ever(address):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, PORT + 1))
    while True:
        data, peer = s.recvfrom(2000)
        s.sendto(data, peer)


def round_trips(bench, n, management=False):
    """min, p50, p99 in microseconds, from region 0 to an echo in region 1 and back."""
    here, there = bench.regions[:2]
    source, target = (here.admin, there.admin) if management else (here.address, there.address)
    server = procs.Process(there.prefix() + [sys.executable, __file__, "--echo", target],
                           os.path.join(os.path.dirname(bench.trace), "echo.log"))
    with within(here):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((source, 0))
    s.settimeout(0.5)
    took = []
    with promptly():
        while len(took) < n + 10:
            check(server.alive(), "the echo ended: " + server.tail())
            began = time.perf_counter_ns()
            s.sendto(b"x" * 56, (target, PORT + 1))
            try:
                s.recv(2000)
            except OSError:
                continue  # not up yet
            took.append((time.perf_counter_ns() - began) / 1e3)
    server.kill()
    s.close()
    return percentiles(took[10:])


def sink(address):
    with socket.create_server((address, PORT + 2)) as listener:
        peer = listener.accept()[0]
        block, n, began = bytearray(1 << 20), 0, None
        while got := peer.recv_into(block):
            began = began or time.monotonic()
            n += got
        print(n * 8 / (time.monotonic() - began) / 1e6, flush=True)


def blast(address, seconds):
    s = socket.socket()
    while s.connect_ex((address, PORT + 2)):
        s.close()
        time.sleep(0.05)
        s = socket.socket()
    block, end = bytes(1 << 18), time.monotonic() + seconds
    while time.monotonic() < end:
        s.sendall(block)
    s.close()


def throughput(bench, seconds):
    """Mbit/s of one TCP connection from region 0 to 1, its start included."""
    here, there = bench.regions[:2]
    log = os.path.join(os.path.dirname(bench.trace), "sink.log")
    if os.path.exists(log):
        os.unlink(log)
    server = procs.Process(there.prefix() + [sys.executable, __file__, "--sink", there.address], log)
    client = procs.Process(here.prefix() + [sys.executable, __file__, "--blast", there.address,
                                            "--seconds", str(seconds)], log + "2")
    check(client.child.wait() == 0, client.tail())
    check(server.child.wait(60) == 0, server.tail())
    return float(open(log).read())


def figures(bench, seconds):
    begin(bench)
    base, zero = round_trips(bench, 5000, management=True), round_trips(bench, 5000)
    print("  round trip in us, min / p50 / p99: %.0f / %.0f / %.0f over a veth pair, "
          "%.0f / %.0f / %.0f over the WAN without delay" % (*base, *zero))
    print("  added to a round trip: p50 %.0f us, p99 %.0f us" % (zero[1] - base[1], zero[2] - base[2]))
    fast = throughput(bench, seconds)
    bench.say("link * * delay_us=40000")
    far = round_trips(bench, 100)
    print("  round trip in ms at 80 ms: %.2f / %.2f / %.2f" % tuple(us / 1e3 for us in far))
    print("  one TCP connection: %.0f Mbit/s without delay, %.0f Mbit/s at 80 ms (%g s each)" % (
        fast, throughput(bench, seconds), seconds))
    print("  the WAN's own lateness: %s us" % bench.info("stats")["late_us"])


SHOWN = (every_pair_is_connected_no_sooner_than_its_delay, losses_are_what_was_asked_for,
         duplicates_come_twice, late_packets_are_overtaken,
         damage_is_found_by_checksums_or_left_to_the_reader, cuts_are_one_way, clogs_hold_and_let_go,
         a_full_queue_drops_the_tail, tcp_goes_through_a_bad_link_whole, errors_speak)


def work(folder, options):
    sandbox.settle_in()
    bench = Bench(folder, options.topology)
    for show in () if options.figures else SHOWN:
        print("- " + show.__name__.replace("_", " "), flush=True)
        show(bench)
    print("- figures", flush=True)
    figures(bench, options.seconds)
    print("- the end is tidy", flush=True)
    the_end_is_tidy(bench)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--topology", default="three")
    parser.add_argument("--figures", action="store_true")
    parser.add_argument("--echo", help=argparse.SUPPRESS)
    parser.add_argument("--sink", help=argparse.SUPPRESS)
    parser.add_argument("--blast", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.echo:
        return echo(options.echo)
    if options.sink:
        return sink(options.sink)
    if options.blast:
        return blast(options.blast, options.seconds)
    try:
        return sandbox.inside(lambda folder: work(folder, options), "wf-wan.")
    except sandbox.Unavailable as error:
        print("the WAN cannot be tried here: %s" % error)
        return 0 if os.environ.get("WF_CHAOS_OPTIONAL") == "1" else 77


if __name__ == "__main__":
    sys.exit(main())
