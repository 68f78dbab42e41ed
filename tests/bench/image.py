#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a state image costs those who write meanwhile: see README.md."""
import argparse
import os
import statistics
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import h2load, procs, watchfire  # noqa: E402

CHUNK, OUTSTANDING = 50000, 512
LIMIT_MS = 10  # a commit that takes longer than this was held up


class Snapshots(threading.Thread):
    """An image on each of the nodes, all at once, as it happens when the log has grown enough."""

    def __init__(self, nodes):
        super().__init__(daemon=True)
        self.nodes, self.failed = nodes, None

    def one(self, node):
        try:
            node.client.call(watchfire.CLUSTER + "TakeSnapshot", b"", 120)
        except Exception as error:  # told by the main thread
            self.failed = error

    def run(self):
        threads = [threading.Thread(target=self.one, args=(node,)) for node in self.nodes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def fill(cluster, folder, events):
    have = cluster.settle()
    while have < events:
        n = max(min(CHUNK, events - have), OUTSTANDING) // OUTSTANDING * OUTSTANDING
        h2load.run(folder, cluster.leader().address, cluster.write_path, cluster.write_request(), n,
                   OUTSTANDING, cluster.token)
        have = cluster.settle(120)
        print("loaded %d of %d events" % (have, events), flush=True)


def image_bytes(cluster, node):
    for line in cluster.get(node, "/metrics")[1].splitlines():
        if line.startswith("watchfire_image_bytes "):
            return float(line.split()[1])
    return 0


def write(cluster, leader, until):
    """One write after the other; milliseconds of each."""
    request, times = cluster.write_request(), []
    while not until():
        begin = time.monotonic()
        leader.client.call(cluster.write_path, request, 30)
        times.append((time.monotonic() - begin) * 1000)
    return times


def measure(cluster, leader, nodes, seconds):
    """Milliseconds of the writes while an image is made on each of the nodes, or for so long."""
    if not nodes:
        end = time.monotonic() + seconds
        return write(cluster, leader, lambda: time.monotonic() > end)
    snapshots = Snapshots(nodes)
    snapshots.start()
    times = write(cluster, leader, lambda: not snapshots.is_alive())
    if snapshots.failed:
        sys.exit("an image was not made: %s" % snapshots.failed)
    return times


def figures(times):
    times = sorted(times)
    return (statistics.median(times), times[len(times) * 99 // 100], times[-1],
            sum(t > LIMIT_MS for t in times))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3, help="of writing without an image")
    options = parser.parse_args()
    folder = procs.directory("watchfire-image.")
    cluster = watchfire.Cluster(folder)
    cluster.start()
    fill(cluster, folder, options.events)
    leader = cluster.leader()
    others = [node for node in cluster.nodes if node is not leader]
    measure(cluster, leader, cluster.nodes, 0)  # the first is written in full
    kinds = (("no image", []), ("image on the followers", others), ("image on the leader", [leader]),
             ("image on all", cluster.nodes))
    results = {name: [] for name, _ in kinds}
    for _ in range(options.rounds):
        for name, nodes in kinds:
            results[name].append(figures(measure(cluster, leader, nodes, options.seconds)))
    print("image: %.0f MB; ms of a write with one outstanding, medians of %d rounds" % (
        image_bytes(cluster, leader) / 1e6, options.rounds))
    print("%-24s %8s %8s %8s %8s %10s" % ("", "p50", "p99", "max", "worst", "over %d ms" % LIMIT_MS))
    for name, rounds in results.items():
        columns = list(zip(*rounds))
        print("%-24s %8.2f %8.2f %8.2f %8.2f %10d" % (
            name, *(statistics.median(column) for column in columns[:3]), max(columns[2]),
            sum(columns[3])))
    last = [statistics.median(column) for column in zip(*results["image on all"])]
    print("image_commit_p50_ms=%.2f image_commit_p99_ms=%.2f image_commit_max_ms=%.2f" % tuple(last[:3]))


if __name__ == "__main__":
    main()
