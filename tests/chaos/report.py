#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What chaos/report.py makes of a recorded history: the faults, reigns and gaps that are in it, and a page
whose pictures are well-formed."""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml

CHAOS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "chaos")
sys.path.insert(0, CHAOS)
import picture  # noqa: E402
import report  # noqa: E402
import timeline  # noqa: E402

ZERO = 5_000_000_000  # where this history's clock begins
HEAD = {"history": 1, "system": "watchfire", "scenario": "soak", "seed": 7, "start": ZERO,
        "nodes": ["fra-1", "iad-1", "syd-1"]}
SVG = "{http://www.w3.org/2000/svg}"


def at(seconds):
    return ZERO + int(seconds * 1e9)


def write(seconds, outcome="ok", op="note"):
    return {"op": op, "client": "c1.0", "incident": "INC-1", "call": at(seconds - 0.1), "return": at(seconds),
            "outcome": outcome, "node": "fra-1", "request": "r%g" % seconds, "value": "v%g" % seconds}


def fault(seconds, kind, detail=""):
    return {"fault": kind, "at": at(seconds), "detail": detail}


def heal(seconds, kind, detail=""):
    return {"heal": kind, "at": at(seconds), "detail": detail}


def leads(seconds, node, term):
    return {"observe": at(seconds), "node": node, "term": term, "leader": node, "role": "leader", "applied": 1,
            "digest": "9c0f"}


def bars(*marks):
    found = timeline.Timeline([HEAD, write(60), *marks]).faults
    return [(bar.row, bar.text, round(bar.start), round(bar.end)) for bar in found]


class Faults(unittest.TestCase):
    def test_last_from_mark_to_heal_where_they_are(self):
        self.assertEqual(bars(fault(5, "pause", "iad-1"), heal(9, "pause", "iad-1")), [("iad", "pause", 5, 9)])

    def test_nodes_killed_together_come_back_one_by_one(self):
        self.assertEqual(
            bars(fault(5, "kill", "iad-1 syd-1"), heal(7, "kill", "syd-1"), heal(9, "kill", "iad-1")),
            [("iad", "kill", 5, 9), ("syd", "kill", 5, 7)])

    def test_who_was_stopped_goes_on_with_another_program(self):
        self.assertEqual(bars(fault(5, "program", "iad-1 runs /opt/b/watchfired"), fault(5, "stop", "iad-1"),
                              heal(7, "kill", "iad-1")), [("iad", "program", 5, 5), ("iad", "stop", 5, 7)])

    def test_end_with_everything_or_with_the_run(self):
        self.assertEqual(bars(fault(5, "dark", "fra"), heal(8, "all"), fault(50, "dark", "syd")),
                         [("fra", "dark", 5, 8), ("syd", "dark", 50, 60)])

    def test_a_cut_is_drawn_at_its_smaller_side(self):
        self.assertEqual(bars(fault(5, "cut", "fra -> iad,syd"), heal(8, "cut", "fra -> iad,syd")),
                         [("fra", "not heard by iad,syd", 5, 8)])
        self.assertEqual(bars(fault(5, "cut", "fra,iad -> syd"), heal(8, "cut", "iad,fra -> syd")),
                         [("syd", "hears nothing from fra,iad", 5, 8)])

    def test_a_cut_both_ways_is_one(self):
        both = [fault(5, "cut", "fra -> iad,syd"), fault(5, "cut", "iad,syd -> fra"),
                heal(8, "cut", "fra -> iad,syd"), heal(8, "cut", "iad,syd -> fra")]
        self.assertEqual(bars(*both), [("fra", "cut off from iad,syd", 5, 8)])

    def test_a_rule_of_links_ends_when_it_is_set_to_nothing(self):
        self.assertEqual(bars(fault(5, "link", "* -> * loss=0.1 delay_us=4000"),
                              fault(9, "link", "* -> * loss=0 delay_us=0")),
                         [("all links", "loss 10 %, delay 4 ms", 5, 9)])

    def test_what_a_node_lacks_ends_whatever_it_was_before(self):
        self.assertEqual(bars(fault(5, "cpu", "iad-1 3 %"), heal(9, "cpu", "iad-1"),
                              fault(15, "files", "iad-1: 50 descriptors and 2 more"), heal(19, "files", "iad-1")),
                         [("iad", "cpu", 5, 9), ("iad", "files", 15, 19)])

    def test_a_clock_is_wrong_until_it_is_right(self):
        self.assertEqual(bars(heal(1, "clock", "iad-1 +0"), fault(5, "clock", "iad-1 -1800"),
                              heal(9, "clock", "iad-1 +0"), fault(15, "clock", "syd-1 +0 x1.1000"),
                              heal(19, "clock", "syd-1 +0"), fault(25, "clock", "fra-1 2026-11-21 18:00:00"),
                              heal(29, "clock", "fra-1 +0")),
                         [("iad", "clock -1800 s", 5, 9), ("syd", "clocks +10 %", 15, 19),
                          ("fra", "clock stands still", 25, 29)])

    def test_a_change_of_members_is_a_moment(self):
        self.assertEqual(bars(fault(5, "members", "AddMember syd-2")), [("syd", "members AddMember syd-2", 5, 5)])


class Leaders(unittest.TestCase):
    def test_a_reign_is_one_stretch_of_one_term(self):
        looks = [leads(s / 5, "fra-1", 2) for s in range(10)] + [leads(s / 5, "fra-1", 3) for s in range(10, 20)]
        reigns = timeline.Timeline([HEAD, write(60), *looks]).reigns
        self.assertEqual([(r.row, r.term, r.start, r.end) for r in reigns], [("fra", 2, 0, 1.8), ("fra", 3, 2, 3.8)])

    def test_who_was_not_seen_for_long_did_not_lead_meanwhile(self):
        reigns = timeline.Timeline([HEAD, write(60), leads(1, "fra-1", 2), leads(9, "fra-1", 2)]).reigns
        self.assertEqual([(r.start, r.end) for r in reigns], [(1, 1), (9, 9)])


class Writes(unittest.TestCase):
    def test_a_gap_is_between_acknowledged_writes(self):
        t = timeline.Timeline([HEAD, write(1), write(1.2), write(2, "unknown"), write(2.5, op="read"), write(4.2)])
        self.assertEqual([(round(a, 1), round(b, 1)) for a, b in t.gaps], [(1.2, 4.2)])
        self.assertAlmostEqual(t.longest_gap, 3.0)
        self.assertEqual((t.counts["ok"], t.counts["unknown"]), (4, 1))

    def test_the_rate_counts_every_one_of_them(self):
        t = timeline.Timeline([HEAD] + [write(i / 10) for i in range(1, 101)])
        self.assertEqual(sum(t.rate(1)), 100)


class Page(unittest.TestCase):
    LINES = [HEAD, fault(2, "kill", "iad-1"), heal(4, "kill", "iad-1"), fault(3, "full", "fra-1"),
             *[leads(s / 5, "syd-1", 4) for s in range(40)], *[write(1 + i / 7) for i in range(20)], write(9)]

    def setUp(self):
        self.file = tempfile.NamedTemporaryFile("w", suffix=".jsonl")
        self.file.writelines(json.dumps(line) + "\n" for line in self.LINES)
        self.file.flush()
        self.addCleanup(self.file.close)

    def page(self, why):
        return report.page("A soak", [report.Leg(self.file.name, why)], [("Seed", "7 & <more>")])

    def picture(self):
        return xml.fromstring(re.search(r"<svg.*</svg>", self.page([]), re.S)[0])

    def test_the_picture_is_well_formed_and_stays_inside(self):
        svg = self.picture()
        width, height = (float(svg.get(name)) for name in ("width", "height"))
        for rect in svg.iter(SVG + "rect"):
            if rect.get("x"):
                self.assertLessEqual(float(rect.get("x")) + float(rect.get("width")), width)
                self.assertLessEqual(float(rect.get("y")) + float(rect.get("height")), height)

    def test_the_picture_tells_each_thing_in_words(self):
        words = [title.text for title in self.picture().iter(SVG + "title")]
        self.assertIn("kill, 0:02 to 0:04", words)
        self.assertIn("syd-1 leads term 4 from 0:00 to 0:08", words)
        self.assertTrue(any("without an acknowledged write, from 0:04 on" in text for text in words), words)

    def test_the_verdict_is_that_of_the_legs(self):
        self.assertIn(">PASS<", self.page([]))
        failed = self.page(["linear: stale <read>"])
        self.assertIn(">FAIL<", failed)
        self.assertNotIn(">PASS<", failed)
        self.assertIn("linear: stale &lt;read&gt;", failed)
        self.assertNotIn('class="verdict', self.page(None))

    def test_a_run_with_legs_to_come_has_not_passed_yet(self):
        legs = [report.Leg(self.file.name, [])]
        self.assertNotIn(">PASS<", report.page("A soak", legs, [], planned=2))
        self.assertIn("legs to come: 1<", report.page("A soak", legs, [], planned=2))
        self.assertIn(">PASS<", report.page("A soak", legs, [], planned=1))

    def test_faults_that_there_were_are_explained(self):
        page = self.page([])
        self.assertIn("<dt>full</dt><dd>the disk is full</dd>", page)
        self.assertNotIn("<dt>hang</dt>", page)

    def test_words_that_do_not_fit_stand_behind_when_there_is_room(self):
        t = timeline.Timeline([HEAD, write(600), fault(5, "hang", "iad-1"), heal(6, "hang", "iad-1"),
                               fault(300, "slow", "iad-1"), heal(301, "slow", "iad-1"),
                               fault(305, "slow", "iad-1"), heal(306, "slow", "iad-1")])
        svg = xml.fromstring(picture.svg(t, "", ""))
        said = [text.text for text in svg.iter(SVG + "text")]
        self.assertIn("hang", said)
        self.assertEqual(said.count("slow"), 1)  # the first has no room

    def test_a_run_that_was_cut_short_has_not_passed(self):
        page = report.page("A soak", [report.Leg(self.file.name, [])], [], ["interrupted"])
        self.assertIn(">FAIL<", page)
        self.assertIn("<li>interrupted</li>", page)

    def test_it_runs_on_any_history(self):
        done = subprocess.run([sys.executable, os.path.join(CHAOS, "report.py"), self.file.name],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("</svg>", done.stdout)
        refused = subprocess.run([sys.executable, os.path.join(CHAOS, "report.py"), os.devnull],
                                 capture_output=True, text=True)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("cannot read a history", refused.stderr)


if __name__ == "__main__":
    unittest.main()
