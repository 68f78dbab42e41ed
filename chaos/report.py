#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A page that shows recorded histories to a person: one verdict, one table, one picture for each.
chaos/report.py HISTORY... > report.html shows those of any run, without a verdict."""
import html
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import picture  # noqa: E402
import timeline  # noqa: E402

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>%(title)s</title><style>
body { font: 14px/1.5 "DejaVu Sans", "Helvetica Neue", Arial, sans-serif; color: #1b1f24; max-width: 1190px;
       margin: 2em auto; padding: 0 1em; print-color-adjust: exact }
h1 { font-size: 24px; margin-bottom: .3em } h2 { font-size: 17px; margin: 1.8em 0 .3em }
.verdict { display: inline-block; padding: .1em .7em; border: 2px solid; border-radius: 4px; font-weight: bold }
.pass { color: #00573f } .fail { color: #a4161a } .going { color: #5b6570 }
dl { display: grid; grid-template-columns: max-content auto; gap: .1em 1.2em } dt { color: #5b6570 } dd { margin: 0 }
table { border-collapse: collapse; margin: 1em 0 } th, td { padding: .25em .9em; text-align: right }
th { border-bottom: 2px solid #1b1f24; font-weight: normal; color: #5b6570 } td { border-bottom: 1px solid #dfe3e8 }
th:first-child, td:first-child { text-align: left } svg { max-width: 100%%; height: auto }
figure { margin: 0; break-inside: avoid } li { color: #a4161a } .note { color: #5b6570 }
</style></head><body>
<h1>%(title)s</h1>
%(verdict)s
<dl>%(facts)s</dl>
<table><tr><th>Leg</th><th>Length</th><th>Faults</th><th>Terms led</th><th>Acknowledged</th><th>Refused</th>
<th>Unknown</th><th>Writes/s</th><th>Longest without a write</th><th>Checks</th></tr>%(rows)s</table>
%(promise)s
%(legs)s
%(words)s
</body></html>
"""
PROMISE = """<p class="note">Every leg ends with all faults healed, all nodes at the same
digest, and its history checked: the log's order against real time, linearizability of each incident, and that
each acknowledged write is in every node's record exactly once. Operations count reads and changes of command,
too. Unknown: neither acknowledged nor refused; it may be in the record, once, or not. Terms led: how many
terms had a leader. Nobody can write while the faults leave no majority of nodes that run and hear each other; how
long that lasts is shown and is no reason to fail.</p>"""
WORDS = {  # what a fault's name does not say by itself
    "clog": "what is sent is held back until the end", "clock": "the wall clock jumps, or stands still; clocks "
    "with a per cent sign: all of them run too fast or too slow", "cpu": "a few per cent of a processor",
    "dark": "the region is cut off from all others", "files": "no descriptors for new connections",
    "full": "the disk is full", "hang": "the disk takes writes and does not end them",
    "heap": "the kernel refuses it memory",
    "members": "nodes that come and go", "memory": "the kernel ends it when it wants more memory",
    "pause": "the process stands still", "power": "what was not synced to disk is lost",
    "program": "the node goes on with another build", "slow": "the disk writes 20 times a second"}


class Leg:
    """A recorded history, and the reasons, if any, to call it a failure; None when nobody has judged."""

    def __init__(self, path, why=None):
        self.timeline, self.why = timeline.load(path), why

    @property
    def words(self):
        return "not checked" if self.why is None else "FAIL" if self.why else "ok"


def row(number, leg):
    t = leg.timeline
    cells = [number, picture.clock(t.seconds), len(t.faults), t.terms, t.counts["ok"], t.counts["refused"],
             t.counts["unknown"], "%.1f" % (len(t.acks) / t.seconds), "%.1f s" % t.longest_gap, leg.words]
    return "<tr>%s</tr>" % "".join("<td>%s</td>" % html.escape(str(cell)) for cell in cells)


def section(number, leg):
    t = leg.timeline
    title = "%s, leg %d: %s" % (t.scenario.capitalize(), number, {
        "ok": "all checks hold", "FAIL": "failed", "not checked": "not checked"}[leg.words])
    subtitle = "%d nodes in %d regions, %d operations, %.0f s long; no write acknowledged for %.0f s of it" % (
        len(t.nodes), len(t.regions), len(t.operations), t.seconds, sum(b - a for a, b in t.gaps))
    return "<h2>Leg %d</h2>%s<figure>%s</figure>" % (
        number, reasons(leg.why or ()), picture.svg(t, title, subtitle))


def reasons(why):
    return "<ul>%s</ul>" % "".join("<li>%s</li>" % html.escape(text) for text in why) if why else ""


def definitions(pairs):
    return "".join("<dt>%s</dt><dd>%s</dd>" % tuple(map(html.escape, pair)) for pair in pairs)


def words(legs):
    """Of the faults there were."""
    kinds = {fault.kind for leg in legs for fault in leg.timeline.faults}
    told = [pair for pair in sorted(WORDS.items()) if pair[0] in kinds]
    return '<h2>Words</h2><dl class="note">%s</dl>' % definitions(told) if told else ""


def verdict(failed, missing):
    kind, text = ("fail", "FAIL") if failed else ("pass", "PASS")
    if missing and not failed:
        kind, text = "going", "so far so good, legs to come: %d" % missing
    return '<p><span class="verdict %s">%s</span></p>' % (kind, text)


def page(title, legs, facts, why=(), planned=0):
    """facts: (name, text) pairs; why: reasons to fail beside those of the legs; planned: how many legs there
    are to be."""
    judged = [leg for leg in legs if leg.why is not None]
    failed = any(leg.why for leg in judged) or bool(why)
    return PAGE % {
        "title": html.escape(title),
        "verdict": verdict(failed, max(0, planned - len(legs))) + reasons(why) if judged else "",
        "facts": definitions(facts), "words": words(legs),
        "promise": PROMISE if judged else "",
        "rows": "".join(row(i, leg) for i, leg in enumerate(legs, 1)),
        "legs": "\n".join(section(i, leg) for i, leg in enumerate(legs, 1))}


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    try:
        legs = [Leg(path) for path in sys.argv[1:]]
    except (OSError, ValueError, KeyError) as error:
        sys.exit("report: cannot read a history: %s" % error)
    sys.stdout.write(page("Recorded histories", legs, [("From", ", ".join(sys.argv[1:]))]))


if __name__ == "__main__":
    main()
