# SPDX-License-Identifier: Apache-2.0
"""Draws a timeline as SVG. Nothing is told by colour alone: rows carry names, bars their own text or a
pattern, and the colours are those of Okabe and Ito, which the colour-blind tell apart and which differ in
print."""
import html
import math

WIDTH, LEFT, RIGHT = 1180, 92, 18
PLOT = WIDTH - LEFT - RIGHT
LANE, BAND, RATE, GAP_STRIP = 17, 20, 110, 18
CHARACTER = 5.6          # wide, of the small type
SHORTEST = 2.5           # a bar's least width
KINDS = {                # group: (colour, what marks belong to it)
    "network": ("#0072B2", {"cut", "clog", "dark", "link", "firewall", "sink"}),
    "process": ("#D55E00", {"kill", "stop", "pause", "end"}),
    "resources": ("#CC79A7", {"cpu", "memory", "heap", "files", "clock", "monotonic", "storm"}),
    "disk": ("#E69F00", {"full", "hang", "slow", "slow-disk", "power", "inject", "rot"}),
    "members": ("#009E73", {"members", "program"})}
INK, FAINT, GRID, ALARM = "#1b1f24", "#5b6570", "#dfe3e8", "#A4161A"
DARK_TEXT = {"disk", "resources"}  # groups whose colour is light

STYLE = """
svg text { font-family: "DejaVu Sans", "Helvetica Neue", Arial, sans-serif; fill: %s; font-size: 11px }
svg .title { font-size: 17px; font-weight: bold } svg .sub { fill: %s; font-size: 12px }
svg .axis, svg .aside { fill: %s; font-size: 10.5px } svg .small { font-size: 9.5px }
svg .head { font-size: 11.5px; font-weight: bold }
svg .head, svg .aside { paint-order: stroke; stroke: #fff; stroke-width: 5px }
""" % (INK, FAINT, FAINT)


def group_of(kind):
    return next((name for name, (_, kinds) in KINDS.items() if kind in kinds), "network")


def clock(seconds):
    return "%d:%02d" % divmod(int(round(seconds)), 60)


def tick_step(seconds):
    """About ten ticks, at round times."""
    for step in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600):
        if seconds / step <= 12:
            return step
    return 3600 * math.ceil(seconds / 3600 / 12)


def lanes(bars, room):
    """[(bar, lane)], so that no two in a lane overlap; room is the least length of one, in seconds."""
    ends, out = [], []
    for bar in bars:
        lane = next((i for i, end in enumerate(ends) if end <= bar.start), len(ends))
        if lane == len(ends):
            ends.append(0)
        ends[lane] = max(bar.end, bar.start + room)
        out.append((bar, lane))
    return out


class Picture:
    def __init__(self, timeline, title, subtitle):
        self.t, self.out, self.y = timeline, [], 0
        self.head(title, subtitle)
        self.top = self.y
        self.leaders()
        self.faults()
        self.writes()
        self.axis()

    # --- helpers ---

    def x(self, seconds):
        return LEFT + PLOT * min(max(seconds / self.t.seconds, 0), 1)

    def text(self, x, y, words, cls="", anchor="start", extra=""):
        self.out.append('<text x="%.1f" y="%.1f" class="%s" text-anchor="%s"%s>%s</text>' % (
            x, y, cls, anchor, extra, html.escape(words)))

    def rect(self, x, y, width, height, fill, extra="", tip=""):
        self.out.append('<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"%s>%s</rect>' % (
            x, y, width, height, fill, extra, "<title>%s</title>" % html.escape(tip) if tip else ""))

    def line(self, x1, y1, x2, y2, colour, extra=""):
        self.out.append('<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"%s/>' % (
            x1, y1, x2, y2, colour, extra))

    def heading(self, words, note=""):
        self.y += 26
        self.text(LEFT, self.y, words, "head")
        self.text(LEFT + 7.2 * len(words) + 10, self.y, note, "aside")
        self.y += 7

    def bar(self, start, end, y, height, fill, words, tip, room, dark=False):
        """With the words in it, or behind it when they fit there alone (room: up to where), or as much of
        them in it as fits."""
        x, width = self.x(start), max(self.x(end) - self.x(start), SHORTEST)
        self.rect(x, y, width, height, fill, ' rx="2"', tip)
        fits, right = int((width - 8) / CHARACTER), x + width + 3
        if len(words) > fits and right + CHARACTER * len(words) < room:
            self.text(right, y + height - 4.5, words, "small")
        elif fits >= min(len(words), 4):
            shown = words if len(words) <= fits else words[:fits - 1] + "…"
            self.text(x + 4, y + height - 4.5, shown, "small",
                      extra=' style="fill:%s" pointer-events="none"' % (INK if dark else "#fff"))

    # --- parts ---

    def head(self, title, subtitle):
        self.text(LEFT, 26, title, "title")
        self.text(LEFT, 45, subtitle, "sub")
        self.y = 66
        x = LEFT
        present = {group_of(bar.kind) for bar in self.t.faults}
        for name, (colour, _) in KINDS.items():
            if name in present:
                self.rect(x, self.y - 9, 14, 11, colour, ' rx="2"')
                self.text(x + 19, self.y, name, "axis")
                x += 34 + 6.6 * len(name)
        self.rect(x, self.y - 9, 14, 11, "url(#leads)", ' stroke="%s"' % INK)
        self.text(x + 19, self.y, "leads, with the number of its term", "axis")
        x += 222
        self.rect(x, self.y - 9, 14, 11, ALARM)
        self.text(x + 19, self.y, "no write acknowledged for a second or longer", "axis")

    def leaders(self):
        self.heading("Leadership", "by region, as the nodes themselves say")
        for region in self.t.regions:
            self.text(LEFT - 8, self.y + BAND - 7, region, anchor="end")
            self.line(LEFT, self.y + BAND, LEFT + PLOT, self.y + BAND, GRID)
            for reign in self.t.reigns:
                if reign.row == region:
                    self.reign(reign)
            self.y += BAND

    def reign(self, reign):
        x, width = self.x(reign.start), max(self.x(reign.end) - self.x(reign.start), SHORTEST)
        tip = "%s leads term %d from %s to %s" % (
            reign.node, reign.term, clock(reign.start), clock(reign.end))
        self.rect(x, self.y + 3, width, BAND - 6, "url(#leads)", ' stroke="%s" stroke-width="0.8"' % INK, tip)
        words = str(reign.term)
        if width > CHARACTER * len(words) + 8:
            self.rect(x + 3, self.y + 5, CHARACTER * len(words) + 4, BAND - 10, "#fff")
            self.text(x + 5, self.y + BAND - 6.5, words, "small")

    def faults(self):
        self.heading("Faults", "by the region they are in; of a cut, by the smaller side")
        for row in self.t.rows:
            bars = lanes([bar for bar in self.t.faults if bar.row == row], self.t.seconds * SHORTEST / PLOT)
            height = LANE * max([lane + 1 for _, lane in bars] + [1])
            self.text(LEFT - 8, self.y + 12.5, row, anchor="end")
            for bar, lane in bars:
                group = group_of(bar.kind)
                after = [self.x(other.start) for other, its in bars if its == lane and other.start > bar.start]
                self.bar(bar.start, bar.end, self.y + lane * LANE + 2, LANE - 3, KINDS[group][0], bar.text,
                         "%s, %s to %s" % (bar.text, clock(bar.start), clock(bar.end)),
                         min(after + [LEFT + PLOT]), group in DARK_TEXT)
            self.y += height + 3
            self.line(LEFT, self.y, LEFT + PLOT, self.y, GRID)

    def writes(self):
        self.heading("Writes", "acknowledged a second, by clients in all regions")
        for a, b in self.t.gaps:
            self.rect(self.x(a), self.y, max(self.x(b) - self.x(a), 1), RATE, ALARM, ' fill-opacity="0.13"')
        step = max(1, self.t.seconds / (PLOT / 3))
        rate = self.t.rate(step)
        most = nice(max(rate + [1]))
        for part in (0, 0.5, 1):
            y = self.y + RATE * (1 - part)
            self.line(LEFT, y, LEFT + PLOT, y, GRID)
            self.text(LEFT - 8, y + 4, "%g" % (most * part), "axis", "end")
        points = ["%.1f,%.1f" % (self.x(min((i + 0.5) * step, self.t.seconds)), self.y + RATE * (1 - n / most))
                  for i, n in enumerate(rate)]
        base = self.y + RATE
        self.out.append('<polygon points="%.1f,%.1f %s %.1f,%.1f" fill="#56B4E9" fill-opacity="0.35"/>' % (
            self.x(0), base, " ".join(points), self.x(self.t.seconds), base))
        self.out.append('<polyline points="%s" fill="none" stroke="%s" stroke-width="1.2"/>' % (
            " ".join(points), INK))
        self.y += RATE + 6
        self.gap_strip()

    def gap_strip(self):
        self.text(LEFT - 8, self.y + 12, "no write", anchor="end")
        for a, b in self.t.gaps:
            tip = "%.2f s without an acknowledged write, from %s on" % (b - a, clock(a))
            self.rect(self.x(a), self.y + 2, max(self.x(b) - self.x(a), SHORTEST), GAP_STRIP - 6, ALARM, "", tip)
            words, width = "%.1f s" % (b - a), CHARACTER * 5
            following = min([self.x(c) for c, _ in self.t.gaps if c > a] + [LEFT + PLOT])
            if self.x(b) - self.x(a) > width + 6:
                self.text((self.x(a) + self.x(b)) / 2, self.y + 11.5, words, "small", "middle",
                          ' style="fill:#fff" pointer-events="none"')
            elif max(self.x(b), self.x(a) + SHORTEST) + 3 + width < following:
                self.text(max(self.x(b), self.x(a) + SHORTEST) + 3, self.y + 11.5, words, "small")
        self.y += GAP_STRIP

    def axis(self):
        step, grid = tick_step(self.t.seconds), []
        self.line(LEFT, self.y, LEFT + PLOT, self.y, INK)
        for i in range(int(self.t.seconds / step) + 1):
            x = self.x(i * step)
            grid.append('<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>' % (
                x, self.top + 12, x, self.y, GRID))
            self.line(x, self.y, x, self.y + 4, INK)
            self.text(x, self.y + 17, clock(i * step), "axis", "middle")
        self.out[:0] = grid
        self.text(LEFT + PLOT, self.y + 33, "minutes and seconds since the clients began", "axis", "end")
        self.y += 42

    def svg(self):
        return ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">'
                '<style>%s</style><defs><pattern id="leads" width="5" height="5" patternUnits="userSpaceOnUse" '
                'patternTransform="rotate(45)"><rect width="5" height="5" fill="#eef1f4"/>'
                '<rect width="2" height="5" fill="#8a94a0"/></pattern></defs>'
                '<rect width="100%%" height="100%%" fill="#fff"/>%s</svg>' % (
                    WIDTH, self.y, WIDTH, self.y, STYLE, "\n".join(self.out)))


def nice(most):
    """The next round number."""
    scale = 10 ** math.floor(math.log10(most))
    return next(scale * step for step in (1, 2, 2.5, 5, 10) if scale * step >= most)


def svg(timeline, title, subtitle):
    return Picture(timeline, title, subtitle).svg()
