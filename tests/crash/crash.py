#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments under load, one node or all of them; then every acknowledged write must be
in every node's log exactly once, the logs must be equal and their hash chains whole."""
import argparse
import collections
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import pb, procs, rpc, watchfire  # noqa: E402
from load import Broken, Load  # noqa: E402

SERVES_AGAIN_S = 30


def await_progress(load, cluster, writes, seconds):
    """Until so many more writes are acknowledged."""
    goal, end = len(load.acknowledged) + writes, time.monotonic() + seconds
    while len(load.acknowledged) < goal:
        load.check()
        for node in cluster.nodes:
            if not node.process.alive():
                raise Broken("%s ended by itself:\n%s" % (node.name, node.process.tail()))
        if time.monotonic() > end:
            raise Broken("no write was acknowledged for %d s after a restart" % seconds)
        time.sleep(0.005)


def one_round(rng, load, cluster):
    """Returns what was killed, for the narration."""
    time.sleep(rng.uniform(0.02, 0.6))
    everything = rng.random() < 0.3
    victims = cluster.nodes if everything else [rng.choice(cluster.nodes)]
    for node in victims:
        node.process.kill()
        if everything:
            time.sleep(rng.choice((0, 0, 0.002, 0.02)))
    time.sleep(rng.choice((0, 0, 0.05, 0.5)))
    for node in rng.sample(victims, len(victims)):
        cluster.start_node(node)
    await_progress(load, cluster, rng.choice((1, 20, 200)), SERVES_AGAIN_S)
    return "all" if everything else victims[0].name


def export(cluster, node):
    """The node's whole record: (request ids, hash of the newest)."""
    ids, head = collections.Counter(), None
    for event, head in cluster.record(node):
        ids[event.str(5)] += 1
    return ids, head


def nobody_was_fenced(cluster):
    """A node whose state differs heals itself from the leader: here that is a failure all the same."""
    for node in cluster.nodes:
        with open(node.log, errors="replace") as log:
            for line in log:
                if "fenced" in line:
                    raise Broken("%s: %s" % (node.name, line.strip()))


def judge(load, cluster):
    """Returns (lost, duplicated) over all nodes; unequal or invalid logs are Broken."""
    nobody_was_fenced(cluster)
    cluster.wait()
    cluster.settle()  # equal digests at an equal index
    lost = duplicated = 0
    heads = set()
    for node in cluster.nodes:
        valid, events = cluster.verify(node)
        ids, head = export(cluster, node)
        heads.add(head)
        if not valid or events != sum(ids.values()):
            raise Broken("%s: VerifyLog: valid=%s, %d events, %d exported" % (
                node.name, valid, events, sum(ids.values())))
        lost += sum(1 for request_id in load.acknowledged if not ids[request_id])
        duplicated += sum(max(ids[request_id] - 1, 0) for request_id in load.acknowledged)
    if len(heads) != 1:
        raise Broken("the nodes' logs end in different hashes")
    return lost, duplicated


def run(options, folder):
    rng = random.Random(options.seed)
    cluster = watchfire.Cluster(folder)
    cluster.start()
    load = Load(cluster, options.seed)
    load.start()
    for i in range(options.rounds):
        killed = one_round(rng, load, cluster)
        if (i + 1) % max(1, options.rounds // 20) == 0:
            print("round %d of %d (killed %s): %d writes acknowledged, %d reads" % (
                i + 1, options.rounds, killed, len(load.acknowledged), load.reads), flush=True)
    load.stop()
    lost, duplicated = judge(load, cluster)
    print("crash: rounds=%d acknowledged=%d lost=%d duplicated=%d" % (
        options.rounds, len(load.acknowledged), lost, duplicated))
    return lost == 0 and duplicated == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32),
                        help="of the choices made; the moments themselves are the machine's")
    options = parser.parse_args()
    print("crash: seed %d" % options.seed)
    folder = procs.directory("watchfire-crash.")
    try:
        good = run(options, folder)
    except (Broken, watchfire.ChainBroken, rpc.Error) as error:
        print("crash: FAILED: %s" % error)
        good = False
    except SystemExit as end:  # the harness gave up on a node; a signal ends quietly
        if isinstance(end.code, int):
            raise
        print("crash: FAILED: %s" % end.code)
        good = False
    if not good:
        procs.keep(folder)
        sys.exit("crash: data and logs are kept in %s" % folder)


if __name__ == "__main__":
    main()
