#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A node as systemd runs it: the unit file, what it tells its manager, a port below 1024 and no power
left once root has become somebody else; and several front threads under load."""
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from lib import Cluster, check, procs, step, wait_for, watchfire
from harness import h2load

UNIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../deploy/systemd/watchfired.service")
PERMISSIONS = 77
USER = "daemon"  # on every Debian
THREADS, REQUESTS = 4, 20000
# Tenths: "OK" begins at 2.0 of 10; what is left is what a network service needs.
EXPOSURE_MAX = 20


class Manager:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self):
        self.name = "wf-service-test-%d" % os.getpid()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + self.name)
        self.heard = []
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            self.heard += self.socket.recv(4096).decode().split("\n")

    def count(self, word):
        return sum(line == word for line in self.heard)

    def last(self, key):
        return next((line for line in reversed(self.heard) if line.startswith(key + "=")), "")


def check_unit(folder, program):
    """systemd's own reading of the unit, with the program where this build has it."""
    if not shutil.which("systemd-analyze"):
        sys.exit("systemd-analyze is missing: apt-get install systemd")
    path = os.path.join(folder, "watchfired.service")
    with open(UNIT) as unit, open(path, "w") as out:
        out.write(unit.read().replace("/usr/sbin/watchfired", program))
    for args in (["verify", "--man=no"], ["security", "--offline=yes", "--threshold=%d" % EXPOSURE_MAX]):
        done = subprocess.run(["systemd-analyze", *args, path], capture_output=True, text=True)
        check(done.returncode == 0, "systemd-analyze %s: %s%s" % (args[0], done.stdout, done.stderr))
        complaints = [line for line in done.stderr.splitlines() if "watchfired.service" in line]
        check(not complaints, "systemd-analyze %s: %s" % (args[0], complaints))


def low_port():
    for port in range(1023, 600, -1):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    sys.exit("FAILED: no port below 1024 is free")


def give_to_user(cluster, node):
    """The files of one who is not root: only what it needs."""
    who = pwd.getpwnam(USER)
    for folder in (cluster.home, cluster.folder):
        os.chmod(folder, 0o711)
    text = open(node.config).read()
    for key in ("key: ", "cert: ", "ca: "):
        os.chown(text.split(key)[1].split(",")[0].split("}")[0], who.pw_uid, who.pw_gid)
    os.chown(node.data, who.pw_uid, who.pw_gid)
    with open(node.config, "a") as config:
        config.write("user: %s\nfront: {threads: %d}\n" % (USER, THREADS))
    return who


def check_power(node, who):
    """Every thread is the user and nobody else, and has no capability left."""
    tasks = "/proc/%d/task" % node.process.pid
    for task in os.listdir(tasks):
        with open(os.path.join(tasks, task, "status")) as status:
            has = dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
        check(has["Uid"].split() == [str(who.pw_uid)] * 4, "thread %s: uid %s" % (task, has["Uid"]))
        check(has["Gid"].split() == [str(who.pw_gid)] * 4, "thread %s: gid %s" % (task, has["Gid"]))
        check(set(has["Groups"].split()) <= {str(g) for g in os.getgrouplist(USER, who.pw_gid)},
              "thread %s: groups %s" % (task, has["Groups"]))
        for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            check(int(has[kind], 16) == 0, "thread %s: %s is %s" % (task, kind, has[kind]))
        check(has["NoNewPrivs"] == "1", "thread %s could gain privileges" % task)


def thread_names(node):
    tasks = "/proc/%d/task" % node.process.pid
    return [open(os.path.join(tasks, task, "comm")).read().strip() for task in os.listdir(tasks)]


def check_owner(node, who):
    for folder, _, files in os.walk(node.data):
        for path in [folder] + [os.path.join(folder, name) for name in files]:
            has = os.stat(path)
            check(has.st_uid == who.pw_uid, "%s belongs to %d" % (path, has.st_uid))
            check(has.st_mode & 0o077 == 0, "%s is open to others: %o" % (path, has.st_mode))


class LowPort(Cluster):
    """One node, at a port that only root may take."""

    def founders(self, n):
        return [watchfire.Node("fra-1", "fra", "127.0.0.1:%d" % low_port(), self.folder)]


if os.geteuid() != 0:
    print("service: not run: only root can become somebody else")
    sys.exit(77)

with LowPort(n=1) as c:
    node = c.nodes[0]
    step("the unit file, as systemd reads it")
    check_unit(c.home, os.path.abspath(c.program))

    step("root takes port %s and becomes %s" % (node.address.split(":")[1], USER))
    who, manager = give_to_user(c, node), Manager()
    c.start_node(node, ["env", "NOTIFY_SOCKET=@" + manager.name, "WATCHDOG_USEC=900000"])
    c.connect(node)
    c.wait()
    wait_for("READY", lambda: manager.count("READY=1") == 1)
    wait_for("the status", lambda: manager.last("STATUS") == "STATUS=serving, leading")
    check_power(node, who)
    check_owner(node, who)
    fed = manager.count("WATCHDOG=1")
    wait_for("the watchdog to be fed", lambda: manager.count("WATCHDOG=1") >= fed + 3)

    step("%d threads at one port" % THREADS)
    c.token = c.create_token()
    c.incident = c.declare("Load")
    check(thread_names(node).count("wf-front") == THREADS, "threads: %s" % thread_names(node))
    before = c.settle()
    for outstanding in (8, 256):
        result = h2load.run(c.home, node.address, c.write_path, c.write_request(), REQUESTS,
                            outstanding, c.token)
        print("  %d writes, %d outstanding: %d a second" % (REQUESTS, outstanding, result.rate))
    check(c.counts(before) == [2 * REQUESTS], "acknowledged %d, written %s" % (
        2 * REQUESTS, c.counts(before)))

    step("the loops stand still, and the watchdog is not fed")
    node.process.send(signal.SIGSTOP)
    time.sleep(0.5)
    fed = manager.count("WATCHDOG=1")
    time.sleep(1.5)
    check(manager.count("WATCHDOG=1") == fed, "fed by a process that does not run")
    node.process.send(signal.SIGCONT)
    wait_for("the watchdog to be fed again", lambda: manager.count("WATCHDOG=1") > fed)

    step("it says that it stops")
    check(node.process.stop() == 0, "exit code %s: %s" % (node.process.child.returncode, node.process.tail()))
    wait_for("STOPPING", lambda: manager.count("STOPPING=1") == 1)

    step("without root the port is refused, and says what to do")
    done = subprocess.run(["setpriv", "--reuid", str(who.pw_uid), "--regid", str(who.pw_gid),
                           "--clear-groups", c.program, "--config", node.config],
                          capture_output=True, text=True, timeout=30)
    check(done.returncode == PERMISSIONS and "need root" in done.stderr,
          "exit code %d: %s" % (done.returncode, done.stderr))
print("service: ok")
