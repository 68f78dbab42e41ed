#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The same faults for Watchfire and for etcd, over the same WAN: how long nobody's write is
acknowledged, which acknowledged writes are lost, which answers are wrong. See README.md."""
import argparse
import itertools
import json
import math
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import types

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "tests"), os.path.join(HERE, "storage")]
import sandbox  # noqa: E402

OK, BROKEN, USAGE, UNAVAILABLE = 0, 1, 2, 77
SYSTEMS = ("watchfire", "etcd")
# What each one's own guide says for a round trip of 80 ms: docs/configuration.md, and etcd's page on
# tuning (a heartbeat each round trip, an election time-out of at least ten).
TIMERS = {"watchfire": "500:80", "etcd": "800:80"}
ROUNDS = 7       # six scenarios on two systems, so often, take a good quarter of an hour
CALM_S = 1       # of ordinary work before a round: no gap of the last one reaches into this one
HEALED_S = 60    # by then everybody is served again
SLOW_WRITES = 20  # a second, which the leader's disk does: an fsync takes about 100 ms
LOSS = 0.1


# --- faults: each is a function of the world and the leader; what it did, heal() undoes ---

def region_dark(w, leader):
    """The leader's region can neither send nor receive."""
    w.wan("dark", leader.where.name)


def mute_leader(w, leader):
    """The leader's packets reach nobody; it hears all."""
    w.wan("cut", leader.where.name, "*")


def deaf_leader(w, leader):
    """Nobody's packets reach the leader; all hear it."""
    w.wan("cut", "*", leader.where.name)


def loss(w, _leader):
    """Every link loses one packet in ten."""
    w.wan("link", "*", "*", "loss=%g" % LOSS)


def slow_disk(w, leader):
    """The leader's disk writes 20 times a second."""
    w.disks[leader.name].slow(SLOW_WRITES)


def pause(w, leader):
    """The leader stands still."""
    w.pause(leader)


SCENARIOS = {  # name: (fault, seconds it lasts)
    "region-dark": (region_dark, 5), "mute-leader": (mute_leader, 5), "deaf-leader": (deaf_leader, 5),
    "loss": (loss, 10), "slow-disk": (slow_disk, 8), "pause": (pause, 5)}


def heal(w):
    w.wan("reset")
    for disk in w.disks.values():
        disk.fast()
    for node in list(w.paused):
        w.resume(node)


# --- one system ---

def longest_gap(acks, since, until):
    """Seconds between two acknowledgements which follow each other, of those pairs which overlap a time;
    None when there is no such pair."""
    return max(((b - a) / 1e9 for a, b in itertools.pairwise(acks) if b > since and a < until),
               default=None)


def one_round(w, name):
    """Returns the longest time without an acknowledged write, in ms."""
    fault, seconds = SCENARIOS[name]
    w.sleep(CALM_S + w.rng.random())  # at any moment between two heartbeats
    leader = w.leader()
    since = time.monotonic_ns()
    where = "" if fault is loss else leader.name
    w.mark(name, where)
    fault(w, leader)
    w.sleep(seconds)
    healed = time.monotonic_ns()
    w.mark(name, where, heal=True)
    heal(w)
    w.wait_for("everybody to be served again", lambda: w.served_everywhere(healed), HEALED_S)
    until = time.monotonic_ns()
    w.sleep(CALM_S)
    return longest_gap(w.acks(), since, until) * 1000


def one_scenario(w, name, rounds):
    import sides
    fault, seconds = SCENARIOS[name]
    w.begin(name, rounds * (seconds + 2 * CALM_S + 30))
    gaps = []
    for i in range(rounds):
        gaps.append(one_round(w, name))
        w.say("%s, %s, round %d of %d: %.0f ms without an acknowledged write" % (
            w.system, name, i + 1, rounds, gaps[-1]))
    operations, path = w.end()
    wrong, words = sides.checked(path)
    for text in words:
        w.say("%s, %s: WRONG: %s" % (w.system, name, text))
    return {"system": w.system, "scenario": name, "gaps_ms": gaps, "lost": w.lost(operations),
            "wrong_reads": max(wrong["order"], wrong["linear"]), "found": wrong, "problems": words,
            "acknowledged": sum(op["outcome"] == "ok" for op in operations),
            "refused": sum(op["outcome"] == "refused" for op in operations),
            "unknown": sum(op["outcome"] == "unknown" for op in operations)}


def one_system(options, folder):
    """In namespaces of its own; the results go to the file that the caller named."""
    import sides  # gRPC must not be loaded before the fork
    from harness import procs
    w, code = None, BROKEN
    try:
        sandbox.settle_in()
        options.timers = [int(ms) for ms in timers_of(options, options.only).split(":")]
        options.topology, options.trace, options.seconds = "flat:%d:5" % options.rtt, False, 0
        scenario = types.SimpleNamespace(name="compare", nodes=5, storage="ext4", settle_s=60)
        kind = {"watchfire": sides.Watchfire, "etcd": sides.Etcd}[options.only]
        w = kind(scenario, options, folder)
        w.start()
        results = [one_scenario(w, name, options.rounds) for name in options.scenarios]
        with open(options.out, "w") as out:
            json.dump(results, out)
        code = OK
    except sandbox.Unavailable as error:
        print("compare: cannot run here: %s" % error)
        code = UNAVAILABLE
    finally:
        if w:
            heal(w)
            w.tear_down()
            if options.keep:
                keep(w.folder, os.path.join(options.keep, options.only))
        procs.clean_up()
    return code


def keep(folder, where):
    """Logs and histories, for whoever wants to know more."""
    shutil.copytree(folder, where, dirs_exist_ok=True, ignore=lambda path, names: [
        name for name in names if not os.path.isdir(os.path.join(path, name))
        and not name.endswith((".log", ".jsonl"))])


# --- both ---

def timers_of(options, system):
    return getattr(options, system + "_ms")


def percentile(values, percent):
    """The nearest rank: the p99 of fewer than a hundred rounds is the worst of them."""
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


def line_of(result):
    gaps = result["gaps_ms"]
    return "%-12s %-9s p50_ms=%-6.0f p99_ms=%-6.0f lost=%d wrong_reads=%d" % (
        result["scenario"], result["system"], percentile(gaps, 50), percentile(gaps, 99),
        result["lost"], result["wrong_reads"])


def measure(system, options):
    """One system in a process of its own, which may enter namespaces. Returns (exit code, results)."""
    with tempfile.NamedTemporaryFile("r", prefix="wf-compare.") as results:
        argv = [sys.executable, os.path.abspath(__file__), "--rounds", str(options.rounds), "--scenarios",
                ",".join(options.scenarios), "--only", system, "--out", results.name, "--rtt", str(options.rtt),
                *itertools.chain(*(["--%s-ms" % name, timers_of(options, name)] for name in SYSTEMS)),
                "--seed", str(options.seed), *(["--keep", options.keep] if options.keep else [])]
        child = subprocess.Popen(argv)
        try:
            code = child.wait()
        except BaseException:
            child.terminate()
            child.wait()
            raise
        return code, json.load(results) if code == OK else []


def arguments():
    parser = argparse.ArgumentParser(prog="chaos/compare.sh", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each scenario (%(default)s)")
    parser.add_argument("--scenarios", default=",".join(SCENARIOS), help="%(default)s")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="%(default)s")
    parser.add_argument("--json", help="a file for all that was measured")
    parser.add_argument("--keep", metavar="FOLDER", help="where to leave logs and histories")
    parser.add_argument("--rtt", type=int, default=80, help="ms between any two regions (%(default)s)")
    for name, timers in TIMERS.items():
        parser.add_argument("--%s-ms" % name, default=timers, metavar="ELECTION:HEARTBEAT",
                            help="its timers (%(default)s)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--only", choices=SYSTEMS, help=argparse.SUPPRESS)
    parser.add_argument("--out", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.scenarios, options.systems = options.scenarios.split(","), options.systems.split(",")
    for name in options.scenarios:
        if name not in SCENARIOS:
            parser.error("there is no scenario %s; there are %s" % (name, ", ".join(SCENARIOS)))
    for name in options.systems:
        if name not in SYSTEMS:
            parser.error("there is no system %s; there are %s" % (name, " and ".join(SYSTEMS)))
    for name in SYSTEMS:
        if not re.fullmatch(r"[0-9]+:[0-9]+", timers_of(options, name)):
            parser.error("--%s-ms: two numbers, such as %s" % (name, TIMERS[name]))
    if options.rounds < 1:
        parser.error("--rounds: one or more")
    return options


def main():
    options = arguments()
    if options.only:
        try:
            return sandbox.inside(lambda folder: one_system(options, folder), "wf-compare.")
        except sandbox.Unavailable as error:
            print("compare: cannot run here: %s" % error)
            return UNAVAILABLE
    results = []
    for system in options.systems:
        code, found = measure(system, options)
        if code != OK:
            print("compare: %s could not be measured" % system)
            return code
        results += found
    if options.json:
        with open(options.json, "w") as out:
            json.dump({"rtt_ms": options.rtt, "timers_ms": {name: timers_of(options, name) for name in SYSTEMS},
                       "rounds": options.rounds, "seed": options.seed, "results": results}, out, indent=1)
    print()
    for name in options.scenarios:
        for result in results:
            if result["scenario"] == name:
                print(line_of(result))
    return BROKEN if any(result["lost"] or result["wrong_reads"] for result in results
                         if result["system"] == "watchfire") else OK


if __name__ == "__main__":
    sys.exit(main())
