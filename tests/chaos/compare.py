#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of chaos/compare.py: what a gap is, what p99 is, what is lost, and how a file that grows is
followed."""
import importlib.util
import json
import os
import sys
import tempfile
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path[:0] = [os.path.join(ROOT, "chaos"), os.path.join(ROOT, "tests"), os.path.join(ROOT, "chaos", "storage")]
spec = importlib.util.spec_from_file_location("comparison", os.path.join(ROOT, "chaos", "compare.py"))
comparison = importlib.util.module_from_spec(spec)
spec.loader.exec_module(comparison)
import sides  # noqa: E402
from tail import Tail  # noqa: E402


def seconds(*times):
    return [int(at * 1e9) for at in times]


class Gaps(unittest.TestCase):
    ACKS = seconds(1, 4, 4.5, 6, 20)

    def gap(self, since, until):
        return comparison.longest_gap(self.ACKS, *seconds(since, until))

    def test_one_that_the_fault_began_in_counts_whole(self):
        self.assertEqual(self.gap(4.7, 5), 1.5)

    def test_one_that_was_over_before_does_not_count(self):
        self.assertEqual(self.gap(4.1, 5), 1.5)

    def test_one_that_begins_afterwards_does_not_count(self):
        self.assertEqual(self.gap(4.7, 5.9), 1.5)

    def test_the_longest_of_all_that_overlap_counts(self):
        self.assertEqual(self.gap(2, 7), 14)


class Percentiles(unittest.TestCase):
    def test_are_values_that_were_measured(self):
        self.assertEqual(comparison.percentile([30, 10, 20], 50), 20)
        self.assertEqual(comparison.percentile([30, 10, 20], 99), 30)
        self.assertEqual(comparison.percentile(list(range(1, 201)), 99), 198)


class Lost(unittest.TestCase):
    def lost(self, *nodes):
        """Of two acknowledged writes, a refused one, an unknown one and a read."""
        class Known(sides.Side):
            def __init__(self):  # pylint: disable=super-init-not-called
                pass

            def has(self):
                return nodes

        return Known().lost([
            {"op": "note", "outcome": "ok", "request": "a"}, {"op": "put", "outcome": "ok", "request": "b"},
            {"op": "note", "outcome": "refused", "request": "c"}, {"op": "put", "outcome": "unknown", "request": "d"},
            {"op": "get", "outcome": "ok", "request": "e"}])

    def test_is_what_was_acknowledged_and_a_node_does_not_have(self):
        self.assertEqual(self.lost({"a", "b"}, {"a", "b", "d"}), 0)
        self.assertEqual(self.lost({"a", "b"}, {"a"}), 1)
        self.assertEqual(self.lost({"a"}, {"b"}), 2)


class Following(unittest.TestCase):
    def test_a_line_is_read_when_it_is_whole_and_once(self):
        with tempfile.NamedTemporaryFile("w") as file:
            def add(text):
                file.write(text)
                file.flush()

            tail = Tail(file.name)
            first = json.dumps({"op": "note", "outcome": "ok", "call": 5, "return": 9}) + "\n"
            add(first[:20])
            self.assertEqual(tail.acks, [])
            add(first[20:] + json.dumps({"op": "read", "outcome": "ok", "call": 6, "return": 7}) + "\n")
            self.assertEqual((tail.acks, tail.last_call), ([9], 5))
            add(json.dumps({"op": "put", "outcome": "unknown", "call": 8, "return": None}) + "\n")
            self.assertEqual(tail.acks, [9])


if __name__ == "__main__":
    unittest.main()
