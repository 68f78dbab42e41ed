# SPDX-License-Identifier: Apache-2.0
"""What can be done to a world. Everything here is undone by the heal at the end of a run at the latest."""
import os
import re
import resource
import subprocess

from sandbox import Unavailable

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
CGROUPS = "/sys/fs/cgroup"
CPU_PERIOD_US = 100000
RIGHT = "+0"  # a clock


# --- the network between regions -------------------------------------------------------------------

def _pairs(froms, tos):
    return [(a.where.name, b.where.name) for a in froms for b in tos if a.where is not b.where]


def _names(nodes):
    return ",".join(node.where.name for node in nodes)


def cut(w, froms, tos):
    """Nothing gets from these nodes' regions to those. One way."""
    w.mark("cut", "%s -> %s" % (_names(froms), _names(tos)))
    for a, b in _pairs(froms, tos):
        w.wan("cut", a, b)


def mend(w, froms, tos):
    w.mark("cut", "%s -> %s" % (_names(froms), _names(tos)), heal=True)
    for a, b in _pairs(froms, tos):
        w.wan("mend", a, b)


def split(w, one, other):
    """Nothing gets through between two groups."""
    cut(w, one, other)
    cut(w, other, one)


def join(w, one, other):
    mend(w, one, other)
    mend(w, other, one)


def clog(w, a, b):
    """What is sent is held back, both ways."""
    w.mark("clog", "%s - %s" % (a.where.name, b.where.name))
    w.wan("clog", a.where.name, b.where.name)
    w.wan("clog", b.where.name, a.where.name)


def unclog(w, a, b):
    w.mark("clog", "%s - %s" % (a.where.name, b.where.name), heal=True)
    w.wan("unclog", a.where.name, b.where.name)
    w.wan("unclog", b.where.name, a.where.name)


def dark(w, node):
    w.mark("dark", node.where.name)
    w.wan("dark", node.where.name)


def light(w, node):
    w.mark("dark", node.where.name, heal=True)
    w.wan("light", node.where.name)


def link(w, frm="*", to="*", **rules):
    """rules as chaos/wan knows them: loss=0.1, delay_us=..."""
    words = ["%s=%s" % pair for pair in rules.items()]
    w.mark("link", "%s -> %s %s" % (frm, to, " ".join(words)))
    w.wan("link", frm, to, *words)


def firewall(w, region, *rules):
    """What comes in from the WAN and matches one of these nft expressions is dropped, as in a hop that
    nobody controls."""
    w.mark("firewall", "%s: %s" % (region.name, "; ".join(rules)))
    lines = ["add table inet chaos", "flush table inet chaos",
             "add chain inet chaos in { type filter hook input priority 0; }"]
    lines += ["add rule inet chaos in iifname wan0 %s counter drop" % rule for rule in rules]
    subprocess.run([*region.prefix(), "nft", "-f", "-"], input="\n".join(lines), text=True, check=True)
    if (region, "nft") not in w.touched:
        w.touched.add((region, "nft"))
        w.undo.append(lambda: region.run("nft", "flush", "ruleset"))


def dropped(region):
    """Packets the firewall has dropped since its rules were last set."""
    return sum(int(n) for n in re.findall(r"counter packets (\d+)", region.run("nft", "list", "ruleset")))


# --- what a process may have -----------------------------------------------------------------------

class Group:
    """A cgroup of one controller for one node, version 2 or 1, with what to write in it for each. That is
    written first: a limit below what the node has taken since it came would be refused."""

    def __init__(self, w, node, controller, settings, settings1):
        run = os.path.basename(os.path.dirname(w.cluster.folder))
        unified = not os.path.isdir(os.path.join(CGROUPS, controller))
        base = CGROUPS if unified else os.path.join(CGROUPS, controller)
        # A name that no other run has: cgroups are the whole machine's.
        self.path = os.path.join(base, "%s.%s.%s" % (run, node.name, controller))
        try:
            os.makedirs(self.path, exist_ok=True)
            self.base = base
            for name, value in settings if unified else settings1:
                self.write(name, value)
            self.write("cgroup.procs", node.process.pid)
        except OSError as error:
            raise Unavailable("no %s cgroup can be made: %s" % (controller, error)) from error
        w.undo.append(self.remove)

    def write(self, name, value, folder=None):
        with open(os.path.join(folder or self.path, name), "w") as file:
            file.write(str(value))

    def remove(self):
        """What is in it goes back to where it came from."""
        if not os.path.isdir(self.path):
            return
        with open(os.path.join(self.path, "cgroup.procs")) as file:
            for pid in file.read().split():
                try:
                    self.write("cgroup.procs", pid, self.base)
                except ProcessLookupError:
                    pass
        os.rmdir(self.path)


def limit_cpu(w, node, percent):
    """Of one processor. Returns the group; its remove() ends it."""
    w.mark("cpu", "%s %g %%" % (node.name, percent))
    quota = int(CPU_PERIOD_US * percent / 100)
    return Group(w, node, "cpu", [("cpu.max", "%d %d" % (quota, CPU_PERIOD_US))],
                 [("cpu.cfs_period_us", CPU_PERIOD_US), ("cpu.cfs_quota_us", quota)])


def limit_memory(w, node, size):
    """Bytes; the kernel kills the node when it wants more. Memory it has by now counts elsewhere."""
    w.mark("memory", "%s %d KiB more" % (node.name, size >> 10))
    return Group(w, node, "memory", [("memory.max", size)], [("memory.limit_in_bytes", size)])


def _limit(node, which, value):
    """A soft limit of a process that runs; returns what sets it back, unless the process has ended."""
    process, (soft, hard) = node.process, resource.prlimit(node.process.pid, which)
    resource.prlimit(process.pid, which, (value, hard))
    return lambda: process.alive() and resource.prlimit(process.pid, which, (soft, hard))


def limit_files(w, node, more):
    """So many descriptors more than it has now."""
    have = len(os.listdir("/proc/%d/fd" % node.process.pid))
    w.mark("files", "%s: %d descriptors and %d more" % (node.name, have, more))
    return _limit(node, resource.RLIMIT_NOFILE, have + more)


def limit_heap(w, node):
    """No memory but what it has: the kernel says no to all that would make its heaps larger."""
    w.mark("heap", node.name)
    return _limit(node, resource.RLIMIT_DATA, 1)


# --- clocks ----------------------------------------------------------------------------------------

def faketime():
    if not os.path.exists(FAKETIME):
        raise Unavailable("there is no %s: apt-get install libfaketime" % FAKETIME)
    return FAKETIME


def own_clock(w, node, monotonic=False):
    """From its next start on, set_clock says what time it is for the node; with monotonic also how
    fast its timers run."""
    node.clock = node.data + ".clock"
    set_clock(w, node, RIGHT)
    node.prefix = ["env", "LD_PRELOAD=" + faketime(), "FAKETIME_TIMESTAMP_FILE=" + node.clock,
                   "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=%d" % (not monotonic)]
    node.drifts = monotonic


def set_clock(w, node, text):
    """+3600, -3600, "+0 x1.0005", "2026-01-01 00:00:00" (it stands still there), "@2026-01-01 00:00:00" (it
    goes on from there), and what else libfaketime understands."""
    w.mark("clock", "%s %s" % (node.name, text), heal=text == RIGHT)
    new = node.clock + ".new"
    with open(new, "w") as file:
        file.write(text + "\n")
    os.rename(new, node.clock)
