# SPDX-License-Identifier: Apache-2.0
"""Everything a run makes lives in namespaces of its own: network, mounts and processes. When its first
process ends, however it ends, the kernel ends all others and takes interfaces and mounts away."""
import ctypes
import os
import shutil
import signal
import subprocess

from harness import procs

CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET = 0x00020000, 0x20000000, 0x40000000
PR_SET_PDEATHSIG = 1
NETNS = "/run/netns"
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
entrance = None  # our first process, as it is known outside

_libc = ctypes.CDLL(None, use_errno=True)


class Unavailable(Exception):
    """This machine does not let us make namespaces, or devices in them."""


def run(*argv, **kw):
    """A command that must succeed; returns what it printed."""
    done = subprocess.run(argv, capture_output=True, text=True, **kw)
    if done.returncode:
        raise OSError("%s: %s" % (
            " ".join(argv), done.stderr.strip() or done.stdout[-2000:].strip() or "exit %d" % done.returncode))
    return done.stdout


def inside(work, folder_prefix):
    """work(folder) in namespaces of its own, with a folder that is removed afterwards; returns its
    exit code. SIGINT and SIGTERM reach it, and it has the time it needs to tidy up."""
    for path in ("/dev/net/tun", "/proc/self/ns/net"):
        if not os.path.exists(path):
            raise Unavailable("there is no %s" % path)
    home = procs.directory(folder_prefix, keep=True)
    if _libc.unshare(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID):
        os.rmdir(home)
        raise Unavailable("unshare: %s; it needs root" % os.strerror(ctypes.get_errno()))
    child = os.fork()
    if child == 0:
        os.setsid()  # the terminal's Ctrl-C reaches it through us, once
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        raise SystemExit(work(home))
    def pass_on(number, _frame):
        for each in ENDING:
            signal.signal(each, signal.SIG_IGN)  # a second one would interrupt the tidying up
        os.kill(child, number)

    for number in ENDING:
        signal.signal(number, pass_on)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in KEEPS_FOLDER:
        shutil.rmtree(home, ignore_errors=True)
    return code if code >= 0 else 128 - code


KEEPS_FOLDER = {1}  # a run that failed leaves logs and history for whoever looks into it


def settle_in():
    """The first step inside: own /proc, own list of network namespaces, own shared memory, loopback."""
    global entrance
    entrance = os.readlink("/proc/self")  # still as the machine outside has it
    try:
        run("mount", "--make-rprivate", "/")
        run("mount", "-t", "proc", "proc", "/proc")
        os.makedirs(NETNS, exist_ok=True)
        run("mount", "-t", "tmpfs", "tmpfs", NETNS)
        run("mount", "-t", "tmpfs", "tmpfs", "/dev/shm")
        run("ip", "link", "set", "lo", "up")
    except OSError as error:
        raise Unavailable(str(error)) from error
