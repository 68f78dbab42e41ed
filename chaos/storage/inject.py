# SPDX-License-Identifier: Apache-2.0
"""Faults in the system calls of a process that runs, by strace: errors, short results, delays, or the
process killed at exactly one of them."""
import os
import re
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests"))
from harness import procs  # noqa: E402

ATTACH_S = 10  # a busy process has every thread stopped once before strace says that it holds it
WRITES = ("fdatasync", "fsync", "pwrite64", "write", "ftruncate", "rename", "unlink")


class Injection:
    """Attached to pid from the beginning until stop(), or until the process ends. effect is strace's:
    "error=EIO", "retval=1", "delay_enter=100000", "signal=KILL", each with ":when=N" at will, which
    counts for each thread by itself; "" only watches. paths limits it to calls on these files."""

    def __init__(self, pid, calls, effect, log, paths=()):
        if not shutil.which("strace"):
            sys.exit("strace is missing: apt-get install strace")
        names = ",".join(calls)
        self.log = log
        argv = ["strace", "-f", "-qq", "-o", log, "-e", "trace=" + names, "-p", str(pid)]
        if effect:
            argv += ["-e", "inject=%s:%s" % (names, effect)]
        for path in paths:
            argv += ["-P", path]
        self.process = procs.Process(argv, log + ".strace")
        end = time.monotonic() + ATTACH_S
        while not _held(pid):
            if (not self.process.alive() and not _held(pid)) or time.monotonic() > end:
                raise OSError("strace does not hold process %d:\n%s" % (pid, self.process.tail()))
            time.sleep(0.005)

    def hits(self):
        """How many calls were tampered with so far."""
        with open(self.log, errors="replace") as lines:
            return sum("(INJECTED" in line or "(DELAYED" in line for line in lines)

    def refused(self, error):
        """How many calls got this error so far. brk has none: the break stays below what was asked for."""
        with open(self.log, errors="replace") as lines:
            text = lines.read()
        breaks = re.findall(r"brk\((0x[0-9a-f]+)\) += (0x[0-9a-f]+)", text)
        return text.count(" = -1 %s " % error) + sum(int(got, 16) < int(asked, 16) for asked, got in breaks)

    def stop(self):
        """Let go of the process, which runs on as if nothing had been."""
        self.process.stop()


def _held(pid):
    """Whether every thread has a tracer, or has ended: the first call may have been what ended it all."""
    try:
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/status" % (pid, task)) as status:
                text = status.read()
                if "TracerPid:\t0\n" in text and "State:\tZ" not in text:
                    return False
    except FileNotFoundError:
        pass
    return True
