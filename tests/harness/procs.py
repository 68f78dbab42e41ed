# SPDX-License-Identifier: Apache-2.0
"""Processes that a test starts, and nobody else's: kept as objects, so that no pid is signalled after
it was reaped. They die with the test, whatever ends it."""
import atexit
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

_running = []
_directories = []
_before_removal = []


class Process:
    def __init__(self, argv, log, env=None):
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("a parent-death signal follows the thread: start from the main one")
        self.argv, self.log = argv, log
        with open(log, "ab") as out:
            self.child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *argv], stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, env=env, start_new_session=True)
        _running.append(self)

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child.poll() is None

    def send(self, number):
        if self.alive():
            self.child.send_signal(number)

    def kill(self):
        """kill -9, and wait until it is gone."""
        self.send(signal.SIGKILL)
        self.child.wait()
        if self in _running:
            _running.remove(self)

    def stop(self, seconds=15):
        """Ask it to end; insist after a while. Returns its exit code."""
        self.send(signal.SIGTERM)
        try:
            self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        self.kill()
        return self.child.returncode

    def memory_kib(self, field="VmRSS"):
        with open("/proc/%d/status" % self.pid) as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1])
        return 0

    def tail(self, lines=15):
        with open(self.log, errors="replace") as log:
            return "".join(log.readlines()[-lines:])


def directory(prefix, keep=False):
    """A directory on a real disk, removed at the end. TMPDIR decides where; tmpfs is refused, since
    an fsync there costs nothing and proves nothing."""
    base = os.environ.get("TMPDIR", "/var/tmp")
    kind = subprocess.run(["stat", "-f", "-c", "%T", base], capture_output=True, text=True).stdout
    if kind.strip() in ("tmpfs", "ramfs"):
        sys.exit("%s is a %s: set TMPDIR to a directory on a disk" % (base, kind.strip()))
    path = tempfile.mkdtemp(prefix=prefix, dir=base)
    if not keep:
        _directories.append(path)
    return path


def keep(path):
    """Leave a directory behind, for whoever looks into a failure."""
    if path in _directories:
        _directories.remove(path)


def free_ports(n):
    """Ports the kernel has just given out for both TCP and UDP on loopback."""
    held, ports = [], []
    while len(ports) < n:
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        held += [tcp, udp]
        tcp.bind(("127.0.0.1", 0))
        try:
            udp.bind(tcp.getsockname())
        except OSError:
            continue
        ports.append(tcp.getsockname()[1])
    for s in held:
        s.close()
    return ports


def before_removal(function):
    """Call it at the end, when all processes are gone and all directories are still there."""
    _before_removal.append(function)
    return function


@atexit.register
def clean_up():
    while _running:
        _running[-1].kill()
    for function in _before_removal:
        function()
    while _directories:
        shutil.rmtree(_directories.pop(), ignore_errors=True)


def _end(number, _frame):
    sys.exit(128 + number)


for _number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(_number, _end)
