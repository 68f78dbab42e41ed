#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Restart of a node that has a million events, and memory: see README.md."""
import argparse
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import h2load, procs, rpc, watchfire  # noqa: E402

CHUNK = 50000


def load(cluster, folder, events):
    """Notes of 256 bytes at the leader, until there are so many events."""
    have = cluster.settle()
    while have < events:
        n = min(CHUNK, events - have)
        outstanding = 512 if n >= 512 else 1
        result = h2load.run(folder, cluster.leader().address, cluster.write_path,
                            cluster.write_request(), n, outstanding, cluster.token)
        now = cluster.settle(120)
        if now != have + n:
            sys.exit("%d notes acknowledged, %d events added" % (n, now - have))
        have = now
        print("loaded %7d of %d events, %.0f/s" % (have, events, result.rate), flush=True)
    return have


def restart_once(cluster, node):
    """kill -9 and start again; milliseconds from the start until it is ready and has caught up."""
    node.process.kill()
    others = [other for other in cluster.nodes if other is not node]
    goal = max(cluster.status(other).commit for other in others)
    start = time.monotonic()
    cluster.start_node(node)
    while not (cluster.ready(node) and caught_up(cluster, node, goal)):
        if not node.process.alive() or time.monotonic() - start > 120:
            sys.exit("%s did not come back; its log:\n%s" % (node.name, node.process.tail()))
        time.sleep(0.002)
    return (time.monotonic() - start) * 1000


def caught_up(cluster, node, goal):
    try:
        return cluster.status(node).applied >= goal
    except rpc.Error:
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1000000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    folder = procs.directory("watchfire-restart.")
    cluster = watchfire.Cluster(folder)
    cluster.start()
    time.sleep(2)
    idle = max(node.process.memory_kib() for node in cluster.nodes)
    print("idle: %.1f MiB" % (idle / 1024))
    have = load(cluster, folder, options.events)
    loaded = [node.process.memory_kib() for node in cluster.nodes]
    print("after the load: %s MiB" % " ".join("%.1f" % (kib / 1024) for kib in loaded))
    times = []
    for i in range(options.rounds):
        node = cluster.nodes[i % len(cluster.nodes)]
        times.append(restart_once(cluster, node))
        print("restart %d, %s: %.0f ms, %.1f MiB" % (
            i + 1, node.name, times[-1], node.process.memory_kib() / 1024), flush=True)
        cluster.leader()
        if cluster.settle(120) != have:
            sys.exit("events changed over a restart")
    rss = max(max(loaded), max(node.process.memory_kib() for node in cluster.nodes))
    print("restart_ms=%.0f rss_mib=%.1f idle_rss_mib=%.1f" % (
        statistics.median(times), rss / 1024, idle / 1024))


if __name__ == "__main__":
    main()
