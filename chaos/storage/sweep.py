#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Damages one file of a node that was killed, byte by byte, and starts the node again: does it notice?

A node of three is filled, killed, and its directory kept. For each case its file is damaged (a bit flipped,
cut off, a block of zeros, a block that stood elsewhere, an older copy), the node is started beside the two
others, and judged:

    right    it serves, and everything it says is what the others say
    reseeded the same, after it threw away or replaced what was damaged, and said so; it may have ended
             once, with the code after which it is started again
    refused  it ended with a code that says to replace it, and one line that says why; twice alike
    WRONG    anything else: another answer, a crash, an end without a reason, no end and no service

Samples of the offsets by default, all with --every. Ends with exit code 1 when anything was WRONG."""
import argparse
import collections
import os
import random
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests"))
from harness import pb, procs, rpc, watchfire  # noqa: E402

FILES = ("log.db", "log.db-wal", "log.mark", "image", "state.db", "state.db-wal")
KINDS = ("flip", "cut", "zero", "stale", "old")
BLOCK = 4096
NOTES = 30          # enough for several pages of every table, few enough for a small log
JUDGED_S = 30       # a node that is neither up nor gone by then is stuck
REPLACE, RESTART = 65, 69  # exit codes: a person has to look; the service manager starts it again
ENDS_S = 5          # from the error that a client sees to the end of the process
# What a node says when it noticed and helps itself.
HEALED = re.compile(r"made anew|being replaced from the leader|fenced|damaged")


class Wrong(Exception):
    pass


# --- the node before -----------------------------------------------------------------------------

def notes_of(node, incident):
    answer = pb.decode(node.client.call(watchfire.LOG + "ListEvents", pb.encode({1: incident, 3: 1000}), 10))
    return [event.message(26).str(1) for event in answer.messages(1) if 26 in event]


def incident_of(node, incident):
    """The incident as the node has it, without what tells when it was asked."""
    answer = pb.decode(node.client.call(watchfire.INCIDENTS + "GetIncident", pb.encode({1: incident}), 10))
    return answer.bytes(1)


def add_notes(cluster, writer, first):
    for i in range(first, first + NOTES // 3):
        text = "note %d %s" % (i, "x" * (i * 37 % 400))
        writer.client.call(watchfire.ADD_NOTE, cluster.note(text, "n%d" % i), 10)


def grow(cluster, victim, writer):
    """An image; records in log.db itself and in its write-ahead log; the same of the state."""
    add_notes(cluster, writer, 0)
    old = os.path.join(cluster.folder, "old")
    cluster.settle()
    victim.process.stop()  # moves the state out of its write-ahead log
    shutil.copytree(victim.data, old)
    cluster.start_node(victim)
    cluster.wait()
    add_notes(cluster, writer, NOTES // 3)
    for node in cluster.nodes:  # a leader begins one at once, a follower when it applies something
        node.future = node.client.start(watchfire.CLUSTER + "TakeSnapshot", b"", 20)
    add_notes(cluster, writer, 2 * NOTES // 3)
    for node in cluster.nodes:
        node.future.result()
    cluster.settle()
    return old


class Truth:
    """What the others say, and with it every right answer."""

    def __init__(self, cluster, node):
        status = cluster.status(node)
        self.applied, self.digest = status.applied, status.digest
        self.notes = notes_of(node, cluster.incident)
        self.incident = incident_of(node, cluster.incident)


# --- damage --------------------------------------------------------------------------------------

def path_of(data, name):
    if name == "image":
        folder = os.path.join(data, "images")
        images = [entry for entry in os.listdir(folder) if entry.endswith(".image")]
        return os.path.join(folder, images[0])
    return os.path.join(data, "state", name) if name.startswith("state.db") else os.path.join(data, name)


def patch(path, at, data):
    with open(path, "r+b") as out:
        out.seek(at)
        out.write(data)


def read_at(path, at, size):
    with open(path, "rb") as source:
        source.seek(at)
        return source.read(size)


def damage(path, old, kind, at, rng):
    """Returns what was done; None when it changes nothing."""
    size = os.path.getsize(path)
    if kind == "flip":
        bit = rng.randrange(8)
        patch(path, at, bytes([read_at(path, at, 1)[0] ^ 1 << bit]))
        return "bit %d flipped" % bit
    if kind == "cut":
        os.truncate(path, at)
        return "cut off"
    if kind == "old":
        if not os.path.exists(old) or read_at(old, 0, 1 << 30) == read_at(path, 0, 1 << 30):
            return None
        shutil.copyfile(old, path)
        return "an older copy"
    at = at // BLOCK * BLOCK
    had = read_at(path, at, BLOCK)
    other = rng.randrange(max(1, size // BLOCK)) * BLOCK
    new = bytes(len(had)) if kind == "zero" else read_at(path, other, BLOCK)[:len(had)]
    if new == had:
        return None
    patch(path, at, new)
    return "zeros" if kind == "zero" else "the block of %d" % other


# --- judging -------------------------------------------------------------------------------------

def await_end_or_service(cluster, node, truth):
    end = time.monotonic() + JUDGED_S
    while time.monotonic() < end:
        if not node.process.alive():
            return node.process.child.returncode
        try:
            status = cluster.status(node, 0.1)  # and look again whether it has ended
            if status.applied >= truth.applied and cluster.ready(node):
                return None
        except rpc.Error:
            pass
        time.sleep(0.01)
    raise Wrong("after %d s it neither serves nor ends:\n%s" % (JUDGED_S, node.process.tail(5)))


def start(cluster, node):
    node.process.kill()
    open(node.log, "w").close()
    cluster.start_node(node)


def refused(cluster, node, code, truth):
    line = node.process.tail(1).strip()
    if code != REPLACE:
        raise Wrong("exit code %d: %s" % (code, line))
    start(cluster, node)
    again = await_end_or_service(cluster, node, truth)
    if again != code:
        raise Wrong("exit code %d at first, then %s" % (code, again))
    return "refused", line


def compare(cluster, node, truth):
    status = cluster.status(node)
    if (status.applied, status.digest) != (truth.applied, truth.digest):
        raise Wrong("index %d, digest %s, and not %d, %s" % (
            status.applied, status.digest, truth.applied, truth.digest))
    if notes_of(node, cluster.incident) != truth.notes:
        raise Wrong("it serves other notes than the others")
    if incident_of(node, cluster.incident) != truth.incident:
        raise Wrong("it serves another incident than the others")
    if not cluster.verify(node)[0]:
        raise Wrong("it serves, and its chain does not hold")


def run_and_compare(cluster, node, truth):
    """Its exit code, or None when it serves what is right."""
    start(cluster, node)
    code = await_end_or_service(cluster, node, truth)
    if code is not None:
        return code
    try:
        compare(cluster, node, truth)
        return None
    except rpc.Error as error:
        end = time.monotonic() + ENDS_S
        while node.process.alive():
            if time.monotonic() > end:
                raise Wrong("it serves, but: %s" % error.details()) from error
            time.sleep(0.01)
        return node.process.child.returncode


def judge(cluster, node, truth):
    """Returns (verdict, line of the log)."""
    code = run_and_compare(cluster, node, truth)
    if code == RESTART:
        line = node.process.tail(1).strip()
        again = run_and_compare(cluster, node, truth)
        if again is not None:
            raise Wrong("exit code %d, and after the restart %d: %s" % (code, again, node.process.tail(1)))
        return "reseeded", line
    if code is not None:
        return refused(cluster, node, code, truth)
    with open(node.log, errors="replace") as log:
        healed = [line.strip() for line in log if HEALED.search(line)]
    return ("reseeded", healed[0]) if healed else ("right", "")


# --- running -------------------------------------------------------------------------------------

def cases(golden, options, rng):
    for name in options.files:
        if name != "image" and not os.path.exists(path_of(golden, name)):
            continue
        size = os.path.getsize(path_of(golden, name))
        for kind in options.kinds:
            step = BLOCK if kind in ("zero", "stale") else 1
            if kind == "old":
                offsets = [0]
            elif options.every:
                offsets = range(0, size, step)
            else:
                offsets = sorted(rng.randrange(size) for _ in range(options.samples))
            for at in offsets:
                yield name, kind, at


def run(options):
    rng = random.Random(options.seed)
    cluster = watchfire.Cluster(procs.directory("watchfire-sweep."))
    cluster.start()
    witness = cluster.leader()
    victim = next(node for node in cluster.nodes if node is not witness)
    old = grow(cluster, victim, witness)
    truth = Truth(cluster, witness)
    victim.process.kill()
    golden = os.path.join(cluster.folder, "golden")
    shutil.copytree(victim.data, golden)
    counts = collections.Counter()
    for i, (name, kind, at) in enumerate(cases(golden, options, rng)):
        if i % options.jobs != options.share:
            continue
        victim.process.kill()
        shutil.rmtree(victim.data)
        shutil.copytree(golden, victim.data)
        done = damage(path_of(victim.data, name), path_of(old, name) if name != "image" else "",
                      kind, at, random.Random("%d/%s/%s/%d" % (options.seed, name, kind, at)))
        if done is None:
            continue
        try:
            verdict, line = judge(cluster, victim, truth)
        except Wrong as wrong:
            verdict, line = "WRONG", str(wrong)
        counts[verdict] += 1
        if options.verbose or verdict == "WRONG":
            print("%-12s %-5s %7d %-9s %s (%s)" % (name, kind, at, verdict, line[:options.width], done), flush=True)
        print("count %s %s %s" % (name, kind, verdict), flush=True)
    return counts


def spread(options, argv):
    """The cases over several processes, each with a cluster of its own; their counts together."""
    children = [subprocess.Popen([sys.executable, __file__, *argv, "--seed", str(options.seed), "--share", str(i)],
                                 stdout=subprocess.PIPE, text=True) for i in range(options.jobs)]
    table = collections.Counter()
    try:
        for child in children:
            for line in child.stdout:
                if line.startswith("count "):
                    table[tuple(line.split()[1:])] += 1
                else:
                    print(line, end="", flush=True)
    finally:
        for child in children:
            child.terminate()
    failed = any(child.wait() for child in children)
    for (name, kind, verdict), n in sorted(table.items()):
        print("%-12s %-5s %-9s %d" % (name, kind, verdict, n))
    wrong = sum(n for (_, _, verdict), n in table.items() if verdict == "WRONG")
    print("sweep: seed=%d cases=%d wrong=%d" % (options.seed, sum(table.values()), wrong))
    return wrong == 0 and not failed and table


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", nargs="*", default=FILES, choices=FILES)
    parser.add_argument("--kinds", nargs="*", default=KINDS, choices=KINDS)
    parser.add_argument("--samples", type=int, default=5, help="offsets of each file and kind")
    parser.add_argument("--every", action="store_true", help="every offset: hours")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--verbose", action="store_true", help="a line for each case")
    parser.add_argument("--width", type=int, default=200, help=argparse.SUPPRESS)
    parser.add_argument("--share", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.share is not None:
        run(options)
    elif not spread(options, sys.argv[1:]):
        sys.exit(1)


if __name__ == "__main__":
    main()
