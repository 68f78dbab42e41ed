#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What chaos/scenarios/mixture.py draws from a seed, and whom a fault hits: the same on every machine, though
some cannot do all of it."""
import os
import sys
import types
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
CHAOS = os.path.join(HERE, "..", "..", "chaos")
sys.path[:0] = [CHAOS, os.path.join(HERE, ".."), os.path.join(CHAOS, "storage")]
from scenarios import mixture  # noqa: E402

SEEDS = range(40)


class World:
    """Writes down what is done to it."""

    def __init__(self, *nodes):
        self.nodes, self.disks, self.done = nodes, {}, []

    def mark(self, kind, detail, heal=False):
        self.done.append(("heal " if heal else "") + kind + " " + detail)


class Disk:
    def __init__(self):
        self.troubled = self.full = False

    def fill(self):
        self.full = True

    def make_room(self):
        self.full = False


def node(name, alive=True):
    return types.SimpleNamespace(name=name, process=types.SimpleNamespace(alive=lambda: alive))


class Schedule(unittest.TestCase):
    def test_a_seed_draws_the_same_again(self):
        self.assertEqual(mixture.schedule(7, 600, 5), mixture.schedule(7, 600, 5))
        self.assertNotEqual(mixture.schedule(7, 600, 5), mixture.schedule(8, 600, 5))

    def test_no_more_at_once_than_allowed_and_none_twice(self):
        for seed in SEEDS:
            plan = mixture.schedule(seed, 600, 5)
            for fault in plan:
                going = [other.kind for other in plan if other.at <= fault.at < other.until]
                self.assertLessEqual(len(going), mixture.AT_ONCE)
                self.assertEqual(len(going), len(set(going)))

    def test_every_kind_is_drawn(self):
        drawn = {fault.kind for seed in SEEDS for fault in mixture.schedule(seed, 600, 5)}
        self.assertEqual(drawn, set(mixture.KINDS))


class Victims(unittest.TestCase):
    def test_without_disks_nothing_is_filled(self):
        w = World(node("a"), node("b"))
        mixture.KINDS["full"](w, w.nodes, 0.5)()
        self.assertEqual(w.done, [])

    def test_a_disk_that_suffers_already_is_spared(self):
        w = World(node("a"), node("b"))
        w.disks = {"a": Disk(), "b": Disk()}
        w.disks["a"].troubled = True
        end = mixture.KINDS["full"](w, w.nodes, 0.5)
        self.assertEqual((w.disks["a"].full, w.disks["b"].full), (False, True))
        end()
        self.assertEqual((w.disks["b"].full, w.disks["b"].troubled), (False, False))
        self.assertEqual(w.done, ["full b", "heal full b"])

    def test_the_dead_lack_nothing(self):
        w = World(node("a", alive=False), node("b"))
        for kind in ("memory", "heap", "files", "starve", "drift"):
            mixture.KINDS[kind](w, w.nodes, 0.5)()
        self.assertEqual(w.done, [])


if __name__ == "__main__":
    unittest.main()
