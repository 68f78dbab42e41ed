# SPDX-License-Identifier: Apache-2.0
"""Clients that mean harm or know no measure: row 45 of the matrix. tests/hostile has the attacks and
judges them one by one; here they come together, and a leader dies meanwhile."""
import os
import sys
import threading

from harness import pb, rpc, watchfire
from registry import scenario

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "hostile"))
import attacks  # noqa: E402

ATTACKS = ("silent_connections", "slow_headers", "large_bodies", "rapid_reset")
MEMORY_KIB = 192 * 1024  # more than at the beginning: what one front may hold by limits.h, and a margin
ATTACK_S = 180
REQUESTS, RETRIES = 20, 250  # so many requests, each sent so many times in one burst
BURSTS = 12


def retry_storm(w, node):
    """Thousands of retries of few requests while leaders come and go: all that are answered get the same
    answer, and in the end every request was done."""
    seqs = {"storm-%d" % i: set() for i in range(REQUESTS)}
    for _ in range(BURSTS):
        calls = [(request, node.client.start(watchfire.ADD_NOTE, w.cluster.note("storm", request), 30))
                 for request in seqs for _ in range(RETRIES // BURSTS)]
        for request, call in calls:
            try:
                seqs[request].add(pb.decode(call.result()).int(1))
            except rpc.Error as error:
                if error.code() not in (rpc.Code.RESOURCE_EXHAUSTED, rpc.Code.UNAVAILABLE):
                    raise
    for request, found in seqs.items():
        w.expect(len(found) == 1, "%s was answered with %d different events" % (request, len(found)))


@scenario("client-storm", rows=[45], settle_s=90)
def client_storm(w):
    """Silent connections, slow headers, bodies of 1 MB, retries of the same request ids and streams reset
    at once, all at one follower; the leader dies in the middle of it."""
    victim = w.follower()
    before, failures = victim.process.memory_kib(), []

    def attack(name, run, *args):
        try:
            run(*args)
        except Exception as error:  # pylint: disable=broad-except
            failures.append("%s: %s" % (name, error))

    works = [(name, getattr(attacks, name), w.cluster, victim) for name in ATTACKS]
    works.append(("retry_storm", retry_storm, w, victim))
    threads = [threading.Thread(target=attack, args=work, daemon=True) for work in works]
    w.mark("storm", victim.name)
    for thread in threads:
        thread.start()
    w.sleep(w.seconds / 3)
    w.expect(any(thread.is_alive() for thread in threads), "the storm was over before the leader died")
    w.kill_and_time_leader()
    peak = 0

    def over():
        nonlocal peak
        peak = max(peak, victim.process.memory_kib())
        return not any(thread.is_alive() for thread in threads)

    w.wait_for("the attacks to end", over, ATTACK_S)
    w.mark("storm", victim.name, heal=True)
    w.figure("resident %d KiB before, %d KiB at most" % (before, peak))
    w.expect(peak < before + MEMORY_KIB, "resident size grew from %d to %d KiB" % (before, peak))
    for text in failures:
        w.expect(False, text)
