#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Attacks on the one port of a node. During and after each: others are served, memory stays bounded,
the node's metrics have counted it."""
import argparse
import os
import re
import resource
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import procs, rpc, watchfire  # noqa: E402
import attacks  # noqa: E402

DESCRIPTORS = 24000
PATIENCE_S = 10  # for one call of a polite client while the node is under attack
SLACK_KIB = 48 * 1024  # for buffers that the allocator keeps


class Witness(threading.Thread):
    """A polite client: writes and reads all the time."""

    def __init__(self, cluster):
        super().__init__(daemon=True)
        self.cluster, self.calls, self.failure = cluster, 0, None
        self.done = threading.Event()

    def await_calls(self, n):
        end = time.monotonic() + 2 * PATIENCE_S
        while self.calls < n and self.is_alive() and time.monotonic() < end:
            time.sleep(0.01)

    def run(self):
        node = self.cluster.nodes[0]
        path, request = self.cluster.read_path_and_request()
        while not self.done.wait(0.05):
            try:
                node.client.call(watchfire.ADD_NOTE, self.cluster.write_request(), PATIENCE_S)
                node.client.call(path, request, PATIENCE_S)
                self.calls += 1
            except rpc.Error as error:
                self.failure = "%s %s" % (error.code(), error.details())
                return


def samples(cluster, node):
    """/metrics as {series: value}."""
    text = cluster.get(node, "/metrics", PATIENCE_S)[1]
    return {m[1]: float(m[2]) for m in re.finditer(r"^([^#\s]\S*) (\S+)", text, re.M)}


def fresh_client_is_served(cluster, node):
    client = rpc.Client(node.address, cluster.ca, *cluster.admin)
    try:
        client.call(watchfire.ADD_NOTE, cluster.write_request(), PATIENCE_S)
    finally:
        client.close()


def check_counted(name, before, after, patterns):
    grown = {series for series, value in after.items() if value > before.get(series, 0)}
    for pattern in patterns:
        if not any(re.search(pattern, series, re.I) for series in grown):
            raise attacks.Failed("no metric like %s has grown, but %s" % (
                pattern, ", ".join(sorted(s for s in grown if "_seconds" not in s))))


def run_case(cluster, attack):
    node = cluster.nodes[0]
    witness = Witness(cluster)
    before, rss_before = samples(cluster, node), node.process.memory_kib()
    witness.start()
    held = attack.run(cluster, node) or 0
    connections, peak = held if isinstance(held, tuple) else (held, node.process.memory_kib())
    fresh_client_is_served(cluster, node)
    witness.await_calls(2)
    witness.done.set()
    witness.join(2 * PATIENCE_S)
    if witness.failure or witness.calls < 2:
        raise attacks.Failed("another client was not served: %s" % witness.failure)
    check_counted(attack.name, before, samples(cluster, node), attack.counted)
    bound = rss_before + SLACK_KIB + attack.kib + connections * attack.kib_per_connection
    if peak > bound:
        raise attacks.Failed("resident size grew from %d to %d KiB, %d allowed" % (
            rss_before, peak, bound))
    return "%d calls of others served, resident %d -> %d KiB" % (witness.calls, rss_before, peak)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", help="names of cases; none: all")
    names = parser.parse_args().cases
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < DESCRIPTORS:
        try:
            hard = DESCRIPTORS
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, PermissionError):
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    cluster = watchfire.Cluster(procs.directory("watchfire-hostile."), n=1)
    with open(cluster.nodes[0].config, "a") as config:
        config.write("front: {connections_per_address: %d}\n" % attacks.PER_ADDRESS)
    cluster.start()
    failed = 0
    for attack in attacks.ALL:
        if names and attack.name not in names:
            continue
        start = time.monotonic()
        try:
            outcome = run_case(cluster, attack)
            print("ok   %-24s %5.1f s  %s" % (attack.name, time.monotonic() - start, outcome),
                  flush=True)
        except Exception as error:  # pylint: disable=broad-except
            failed += 1
            print("FAIL %-24s %s" % (attack.name, error), flush=True)
            if not isinstance(error, attacks.Failed):
                traceback.print_exc()
            if not cluster.nodes[0].process.alive():
                sys.exit("the node is gone; its log:\n%s" % cluster.nodes[0].process.tail(30))
    sys.exit("%d cases failed" % failed if failed else 0)


if __name__ == "__main__":
    main()
