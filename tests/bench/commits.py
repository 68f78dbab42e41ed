#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Committed writes and linearizable reads, side by side with etcd: see README.md."""
import argparse
import os
import statistics
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import etcd, h2load, procs, watchfire  # noqa: E402

KINDS = (("write", 1), ("write", 64), ("write", 512), ("read", 1), ("read", 64), ("read", 512),
         ("busy read", 512))  # busy: beside somebody who writes, one call after the other


class Bench:
    """One system under load, and the count of what it acknowledged."""

    def __init__(self, cluster, folder, seconds, at):
        self.cluster, self.folder, self.seconds, self.at = cluster, folder, seconds, at
        self.rates = {}  # (kind, outstanding) -> the last rate: how many requests fill a round
        self.results = {}
        self.written = 0

    def start(self):
        self.cluster.start()
        self.before = self.cluster.settle()
        for kind, outstanding in KINDS:
            self.calibrate(kind, outstanding)

    def target(self):
        leader = self.cluster.leader()
        if self.at == "leader":
            return leader
        return next(node for node in self.cluster.nodes if node is not leader)

    def call(self, kind):
        if kind == "write":
            return self.cluster.write_path, self.cluster.write_request()
        return self.cluster.read_path_and_request()

    def load(self, kind, outstanding, requests):
        path, request = self.call(kind)
        node = self.target()
        answer = len(node.client.call(path, request)) + 5
        self.written += kind == "write"
        with Writer(self, node, kind == "busy read"):
            result = h2load.run(self.folder, node.address, path, request, requests, outstanding,
                                self.cluster.token)
        self.written += requests if kind == "write" else 0
        # A refused call has no message, which h2load cannot tell. Lengths vary with numbers inside.
        if result.data_bytes < (answer - 8) * requests:
            sys.exit("%s: of %d calls (%s) some were refused: %d bytes of answers of %d bytes each" % (
                self.cluster.name, requests, kind, result.data_bytes, answer))
        return result

    def calibrate(self, kind, outstanding):
        requests = 100 * outstanding if outstanding > 1 else 200
        while True:
            result = self.load(kind, outstanding, requests)
            if result.seconds > 0.5:
                self.rates[kind, outstanding] = result.rate
                return
            requests *= 4

    def measure(self, kind, outstanding):
        step = h2load.clients_for(outstanding)
        requests = max(int(self.rates[kind, outstanding] * self.seconds) // step, 1) * step
        result = self.load(kind, outstanding, requests)
        self.rates[kind, outstanding] = result.rate
        self.results.setdefault((kind, outstanding), []).append(result)

    def check(self):
        """As many writes on every node as were acknowledged: no more, no less."""
        counts = self.cluster.counts(self.before)
        print("%-10s %d writes acknowledged; on the nodes: %s" % (
            self.cluster.name, self.written, " ".join(str(count) for count in counts)))
        return all(count == self.written for count in counts)

    def rate(self, kind, outstanding):
        return statistics.median(r.rate for r in self.results[kind, outstanding])

    def latency_ms(self, kind):
        return statistics.median(r.median_us for r in self.results[kind, 1]) / 1000


class Writer:
    """Writes at the node, one call after the other, as long as it is open."""

    def __init__(self, bench, node, wanted):
        self.bench, self.node, self.done = bench, node, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True) if wanted else None

    def run(self):
        path, request = self.bench.call("write")
        while not self.done.is_set():
            self.node.client.call(path, request, 30)
            self.bench.written += 1

    def __enter__(self):
        if self.thread:
            self.thread.start()

    def __exit__(self, *_):
        self.done.set()
        if self.thread:
            self.thread.join()


def table(ours, theirs):
    print("\n%-24s %12s %12s %8s" % ("medians", "etcd " + theirs.cluster.version, "watchfire", "ratio"))
    for kind, outstanding in KINDS:
        a, b = theirs.rate(kind, outstanding), ours.rate(kind, outstanding)
        print("%-24s %12.0f %12.0f %8.2f" % ("%ss/s at %d" % (kind, outstanding), a, b, b / a))
    for kind in ("write", "read"):
        a, b = theirs.latency_ms(kind), ours.latency_ms(kind)
        print("%-24s %12.3f %12.3f %8.2f" % (kind + " ms at 1", a, b, b / a))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5, help="per measurement")
    parser.add_argument("--at", choices=("leader", "follower"), default="leader",
                        help="which node all connections go to, in both systems")
    options = parser.parse_args()
    folder = procs.directory("watchfire-commits.")
    theirs, ours = (Bench(system.Cluster(folder), folder, options.seconds, options.at)
                    for system in (etcd, watchfire))
    for bench in (theirs, ours):
        bench.start()
    print("three nodes each, TLS, all connections at a %s; %d rounds of %g s" % (
        options.at, options.rounds, options.seconds))
    for i in range(options.rounds):
        for kind, outstanding in KINDS:
            for bench in (theirs, ours) if i % 2 == 0 else (ours, theirs):
                bench.measure(kind, outstanding)
            a, b = (bench.results[kind, outstanding][-1].rate for bench in (theirs, ours))
            print("round %d of %d, %9s, %3d outstanding: etcd %8.0f/s, watchfire %8.0f/s" % (
                i + 1, options.rounds, kind, outstanding, a, b), flush=True)
    table(ours, theirs)
    print()
    exact = [bench.check() for bench in (theirs, ours)]
    print("ratio_writes_512=%.2f ratio_latency_1=%.2f ratio_reads_512=%.2f" % (
        ours.rate("write", 512) / theirs.rate("write", 512),
        ours.latency_ms("write") / theirs.latency_ms("write"),
        ours.rate("read", 512) / theirs.rate("read", 512)))
    if not all(exact):
        sys.exit("acknowledged and stored writes differ")


if __name__ == "__main__":
    main()
