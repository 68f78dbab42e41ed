# SPDX-License-Identifier: Apache-2.0
"""Clients that mean harm or know no measure: row 45 of the matrix. tests/hostile has the attacks and
judges them one by one; here they come together, and a leader dies meanwhile."""
import os
import sys
import threading
import time

from registry import scenario

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "hostile"))
import attacks  # noqa: E402

ATTACKS = ("silent_connections", "slow_headers", "large_bodies", "retry_storm", "wrong_credentials")
MEMORY_KIB = 192 * 1024  # more than at the beginning: what one front may hold by limits.h, and a margin
ATTACK_S = 180


@scenario("client-storm", rows=[45], settle_s=90)
def client_storm(w):
    """Idle connections, slow headers, bodies of 1 MB, retries of the same request ids and wrong
    credentials at one follower, all at once; the leader dies in the middle of it."""
    victim = w.follower()
    before, failures = victim.process.memory_kib(), []

    def attack(run):
        try:
            run(w.cluster, victim)
        except Exception as error:  # pylint: disable=broad-except
            failures.append("%s: %s" % (run.__name__, error))

    threads = [threading.Thread(target=attack, args=(getattr(attacks, name),), daemon=True) for name in ATTACKS]
    for thread in threads:
        thread.start()
    w.mark("storm", victim.name)
    w.sleep(w.seconds / 3)
    leader, since = w.leader(), time.monotonic_ns()
    w.kill(leader)
    w.figure("first write acknowledged %.2f s after the leader's death" % w.first_write_after(since))
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
