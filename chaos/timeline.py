# SPDX-License-Identifier: Apache-2.0
"""What a recorded history shows over time: faults by region, who led in which term, when nobody's write
was acknowledged, and how many were. Reads what check/README.md describes."""
import collections
import itertools
import json
import re

GAP_S = 1.0            # shorter than this nobody minds, and jitter on long links makes many
OBSERVED_S = 2.0       # two looks at a leader that are further apart are not one stretch; a look waits a
                       # second for a node that does not answer
AT_ONCE_S = 0.3        # what begins and ends so close together was one action
EVERYWHERE = "all links"
MUTE, DEAF = "not heard by", "hears nothing from"
POINTS = {"members", "program"}     # what is done once, and does not last
OF_A_NODE = {"clock", "cpu", "memory", "heap", "files"}  # named first; how much comes after it

Bar = collections.namedtuple("Bar", "row kind text start end")           # seconds
Reign = collections.namedtuple("Reign", "row node term start end")


class Timeline:
    """.seconds long; .rows: regions, and EVERYWHERE; .faults, .reigns, .gaps [(start, end)], .acks (times),
    .counts: {outcome: n}."""

    def __init__(self, lines):
        head = lines[0]
        self.system, self.scenario, self.seed = head["system"], head["scenario"], head["seed"]
        self.zero = head["start"]
        self.operations = [line for line in lines if "op" in line]
        self.seconds = max(self.at(line.get("return") or line["call"]) for line in self.operations)
        self.nodes = sorted(set(head["nodes"]) | {line["node"] for line in lines if "observe" in line})
        self.regions = sorted({region_of(node) for node in self.nodes}, key=[
            region_of(node) for node in head["nodes"]].index)
        self.rows = self.regions + [EVERYWHERE]
        self.faults = self.find_faults([line for line in lines if "fault" in line or "heal" in line])
        self.reigns = self.find_reigns([line for line in lines if "observe" in line])
        self.acks = sorted(self.at(op["return"]) for op in self.operations
                           if op["outcome"] == "ok" and op["op"] not in ("read", "get", "declare"))
        self.gaps = [(a, b) for a, b in itertools.pairwise([0] + self.acks) if b - a >= GAP_S and a > 0]
        self.counts = collections.Counter(op["outcome"] for op in self.operations)

    def at(self, ns):
        return (ns - self.zero) / 1e9

    # --- faults ---

    def find_faults(self, marks):
        """From when to when, and where. A fault ends where it is healed, or with everything."""
        bars, going = [], {}

        def end(key, now):
            start, text, rows = going.pop(key)
            bars.extend(Bar(row, key[0], text, start, max(now, start)) for row in rows)

        for mark in sorted(marks, key=lambda mark: mark["at"]):
            now, kind = self.at(mark["at"]), mark.get("fault") or mark["heal"]
            if kind == "all":
                for key in list(going):
                    end(key, now)
                continue
            for part in parts(kind, mark["detail"]):
                key = (kind, what(kind, part))
                if "fault" not in mark and kind == "kill" and ("stop", key[1]) in going:
                    end(("stop", key[1]), now)  # whatever ended it, it is started in one way
                if key in going:
                    end(key, now)
                if "fault" not in mark or nothing_left(kind, part):
                    continue
                rows = self.where(kind, part)
                going[key] = (now, self.text_of(kind, part, rows), rows)
                if kind in POINTS:
                    end(key, now)
        for key in list(going):
            end(key, self.seconds)
        return both_ways(sorted(bars, key=lambda bar: (bar.start, self.rows.index(bar.row))))

    def where(self, kind, detail):
        """The rows a fault is drawn in: of a cut, the smaller side, or that of the first region."""
        sides = [[region for region in self.regions if re.search(r"\b%s\b" % re.escape(region), side)]
                 for side in re.split(r" -> | - ", detail)]
        sides = [side for side in sides if side]
        return min(sides, key=lambda side: (len(side), self.regions.index(side[0]))) if sides else [EVERYWHERE]

    def text_of(self, kind, detail, rows):
        """What the row does not say by itself."""
        if kind == "cut":
            left, right = detail.split(" -> ")
            out = all(row in left for row in rows)
            return "%s %s" % (MUTE if out else DEAF, right if out else left)
        if kind == "link":
            return rules_of(detail)
        if kind == "clock":
            return clock_of(detail.split(None, 1)[1])
        return "%s %s" % (kind, detail) if kind == "members" or rows == [EVERYWHERE] else kind

    # --- leaders ---

    def find_reigns(self, looks):
        """Stretches in which a node said that it leads a term."""
        out, last = [], {}
        for look in sorted(looks, key=lambda look: look["observe"]):
            if look["role"] != "leader":
                continue
            key, now = (look["node"], look["term"]), self.at(look["observe"])
            if key in last and now - last[key].end <= OBSERVED_S:
                last[key] = last[key]._replace(end=now)
            else:
                if key in last:
                    out.append(last[key])
                last[key] = Reign(region_of(look["node"]), look["node"], look["term"], now, now)
        return sorted(out + list(last.values()), key=lambda reign: reign.start)

    # --- writes ---

    def rate(self, step):
        """Acknowledged writes a second, for every step."""
        bins = [0] * (int(self.seconds / step) + 1)
        for at in self.acks:
            if 0 <= at <= self.seconds:
                bins[int(at / step)] += 1
        return [n / step for n in bins]

    @property
    def terms(self):
        return len({reign.term for reign in self.reigns})

    @property
    def longest_gap(self):
        return max((b - a for a, b in self.gaps), default=0)


def region_of(node):
    """Nodes are called for their region and a number: fra-1."""
    return re.sub(r"-\d+$", "", node)


def parts(kind, detail):
    """A mark of several nodes is one of each: they are healed one by one."""
    return detail.split() if kind == "kill" else [detail]


def what(kind, detail):
    """By what its end is told from others' ends."""
    if kind == "cut":
        return tuple(frozenset(side.split(",")) for side in detail.split(" -> "))
    if kind in OF_A_NODE:
        return detail.split()[0].rstrip(":")
    return detail.split("=")[0] if kind == "link" else detail


def nothing_left(kind, detail):
    """A link's rule that is set to nothing is over."""
    values = re.findall(r"=(\S+)", detail)
    return kind == "link" and bool(values) and all(float(value) == 0 for value in values)


def rules_of(detail):
    """A link's rules as one says them."""
    rules = []
    for key, value in re.findall(r"(\w+)=(\S+)", detail):
        value = float(value)
        if key.endswith("_us"):
            rules.append("%s %.0f ms" % (key[:-3], value / 1000))
        elif key == "rate_kbit":
            rules.append("%g kbit/s" % value)
        elif key != "queue_ms":
            rules.append("%s %.2g %%" % (key, value * 100))
    return ", ".join(rules)


def clock_of(setting):
    """What a clock was set to, as one says it."""
    if "x" in setting:
        return "clocks %+.2g %%" % ((float(setting.split("x")[1]) - 1) * 100)
    if setting[0] in "+-":
        return "clock %s s" % setting
    return "clock at %s" % setting[1:] if setting[0] == "@" else "clock stands still"


def both_ways(bars):
    """Of two cuts that are each other's other direction, one."""
    out = []
    for bar in bars:
        twin = next((one for one in out[-20:] if one.kind == bar.kind == "cut" and one.row == bar.row
                     and bar.start - one.start < AT_ONCE_S and abs(bar.end - one.end) < AT_ONCE_S
                     and one.text.split()[-1] == bar.text.split()[-1] and one.text != bar.text), None)
        if twin:
            out[out.index(twin)] = twin._replace(text="cut off from " + bar.text.split()[-1])
        else:
            out.append(bar)
    return out


def load(path):
    with open(path) as file:
        lines = [json.loads(line) for line in file]
    if not lines or "history" not in lines[0] or not any("op" in line for line in lines):
        raise ValueError("%s is no history, or nobody did anything in it" % path)
    return Timeline(lines)
