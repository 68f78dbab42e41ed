#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the leader to the next acknowledged write: see README.md."""
import argparse
import os
import statistics
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import etcd, procs, rpc, watchfire  # noqa: E402

EVERY = 0.01  # a new attempt at each survivor; also how fine the measurement is
GIVE_UP = 30


class Writer:
    """Starts a write every EVERY seconds at each of some nodes, whatever became of those before."""

    def __init__(self, cluster, nodes):
        self.cluster, self.nodes = cluster, nodes
        self.acknowledged = None  # when the first write started after the kill was answered
        self.killed = None
        self.done = threading.Event()

    def run(self):
        due = time.monotonic()
        while not self.done.is_set():
            for node in self.nodes:
                self.attempt(node)
            due += EVERY
            self.done.wait(max(0, due - time.monotonic()))

    def attempt(self, node):
        after_kill = self.killed is not None
        future = node.client.start(self.cluster.write_path, self.cluster.write_request(), 2)

        def finished(call):
            if after_kill and not self.done.is_set() and call.exception() is None:
                self.acknowledged = time.monotonic()
                self.done.set()

        future.add_done_callback(finished)


def one_round(cluster):
    leader = cluster.leader()
    writer = Writer(cluster, [node for node in cluster.nodes if node is not leader])
    thread = threading.Thread(target=writer.run, daemon=True)
    thread.start()
    time.sleep(0.5)
    killed = time.monotonic()
    leader.process.kill()
    writer.killed = killed
    in_time = writer.done.wait(GIVE_UP)
    writer.done.set()
    thread.join()
    if not in_time:
        sys.exit("%s: no write within %d s of the leader's death" % (cluster.name, GIVE_UP))
    cluster.start_node(leader)
    cluster.wait()
    return (writer.acknowledged - writer.killed) * 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    folder = procs.directory("watchfire-failover.")
    clusters = [etcd.Cluster(folder), watchfire.Cluster(folder)]
    for cluster in clusters:
        cluster.start()
    times = {cluster.name: [] for cluster in clusters}
    for i in range(rounds):
        for cluster in clusters if i % 2 else reversed(clusters):
            times[cluster.name].append(one_round(cluster))
        print("round %2d of %d: etcd %5.0f ms, watchfire %5.0f ms" % (
            i + 1, rounds, times["etcd"][-1], times["watchfire"][-1]), flush=True)
    print("\n%-12s %8s %8s %8s" % ("ms", "median", "fastest", "slowest"))
    for name, values in times.items():
        print("%-12s %8.0f %8.0f %8.0f" % (name, statistics.median(values), min(values), max(values)))
    ours, theirs = (statistics.median(times[name]) for name in ("watchfire", "etcd"))
    print("failover_ms_p50=%.0f etcd_ms_p50=%.0f ratio_failover=%.2f" % (ours, theirs, ours / theirs))


if __name__ == "__main__":
    main()
