# SPDX-License-Identifier: Apache-2.0
"""Processes that die, stand still, starve: rows 1-3 and 35-39 of the matrix."""
import time

from registry import scenario


@scenario("leader-kill", rows=[1])
def leader_kill(w):
    """kill -9 of the leader, again and again; each time another one leads and writes go on."""
    end = time.monotonic() + w.seconds
    while time.monotonic() < end:
        leader = w.leader()
        since = time.monotonic_ns()
        w.kill(leader)
        w.figure("first write acknowledged %.2f s after the leader's death" % w.first_write_after(since))
        w.sleep(2)
        w.restart(leader)
        w.sleep(3)
