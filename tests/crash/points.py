#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A node is killed at its n-th write, fsync, rename ..., for each n in turn, from its first start on; it
must come back every time with everything that it had acknowledged, once."""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import pb, procs, rpc, watchfire  # noqa: E402

CALLS = ("fdatasync", "fsync", "pwrite64", "write", "ftruncate", "rename", "unlink")
NOTES = 6


class Broken(Exception):
    pass


def call(node, path, fields, timeout=10):
    return pb.decode(node.client.call(path, pb.encode(fields), timeout))


def declare(node):
    return call(node, watchfire.INCIDENTS + "DeclareIncident",
                {1: "declare", 2: "Load", 6: "root"}).message(1).str(1)


def note(node, incident, i):
    return call(node, watchfire.ADD_NOTE, {1: "note-%d" % i, 2: incident, 3: "note %d" % i}).int(1)


def come_up(cluster, node):
    """False when the node ends before it is ready."""
    end = time.monotonic() + 60
    while node.process.alive():
        if cluster.ready(node):
            return True
        if time.monotonic() > end:
            raise Broken("not ready after 60 s:\n" + node.process.tail())
        time.sleep(0.02)
    return False


def work(cluster, node, acknowledged):
    """Start, write, make an image, write on, stop. True when the node lived through all of it."""
    if not come_up(cluster, node):
        return False
    try:
        incident = declare(node)
        for i in range(NOTES):
            acknowledged["note-%d" % i] = note(node, incident, i)
            if i == NOTES // 2:
                call(node, watchfire.CLUSTER + "TakeSnapshot", {})
    except rpc.Error as error:
        if node.process.alive() and error.code() != rpc.Code.UNAVAILABLE:
            raise Broken("refused: %s" % error.details()) from error
        return False
    return stop_traced(node.process) == 0


def stop_traced(strace):
    """Ask the traced program to end: strace itself would only let go of it. Returns its exit code."""
    with open("/proc/%d/task/%d/children" % (strace.pid, strace.pid)) as children:
        os.kill(int(children.read().split()[0]), signal.SIGTERM)
    try:
        return strace.child.wait(30)
    except subprocess.TimeoutExpired:
        raise Broken("does not stop within 30 s of SIGTERM") from None


def verdict(cluster, node, acknowledged):
    """After a plain restart: retry everything, and look at the record."""
    if not come_up(cluster, node):
        raise Broken("does not start again:\n" + node.process.tail())
    node.client.close()  # it may have been told to go away
    node.client = rpc.Client(node.address, cluster.ca, *cluster.admin)
    incident = declare(node)
    for i in range(NOTES):
        seq = note(node, incident, i)
        if acknowledged.get("note-%d" % i, seq) != seq:
            raise Broken("note %d was event %d, its retry is %d" % (i, acknowledged["note-%d" % i], seq))
    valid, _ = cluster.verify(node)
    events = call(node, watchfire.LOG + "ListEvents", {1: incident, 3: 1000}).messages(1)
    notes = [event.str(5) for event in events if 26 in event]
    if not valid or sorted(notes) != sorted("note-%d" % i for i in range(NOTES)):
        raise Broken("valid=%s, notes in the record: %s" % (valid, notes))


def crash_at(cluster, name, n):
    """Returns False when the node makes fewer such calls than n."""
    node, acknowledged = cluster.nodes[0], {}
    shutil.rmtree(node.data)
    os.mkdir(node.data, 0o700)
    node.client = rpc.Client(node.address, cluster.ca, *cluster.admin)
    strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + name, "-e",
              "inject=%s:signal=SIGKILL:when=%d" % (name, n), "setpriv", "--pdeathsig", "KILL", "--"]
    cluster.start_node(node, strace)
    lived = work(cluster, node, acknowledged)
    node.process.kill()
    cluster.start_node(node)
    verdict(cluster, node, acknowledged)
    node.process.kill()
    node.client.close()
    return not lived


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--step", type=int, default=1, help="only every so manyth call")
    parser.add_argument("--calls", nargs="*", default=CALLS)
    options = parser.parse_args()
    if not shutil.which("strace"):
        sys.exit("strace is missing: apt-get install strace")
    folder = procs.directory("watchfire-points.")
    cluster = watchfire.Cluster(folder, n=1)
    crashes = 0
    for name in options.calls:
        n = 1
        try:
            while crash_at(cluster, name, n):
                crashes, n = crashes + 1, n + options.step
        except (Broken, rpc.Error) as error:
            procs.keep(folder)
            sys.exit("points: FAILED: killed at %s number %d: %s\ndata and logs are kept in %s" % (
                name, n, error, folder))
        print("%-10s fewer than %d calls, all survived" % (name, n), flush=True)
    print("points: crashes=%d recovered=%d" % (crashes, crashes))


if __name__ == "__main__":
    main()
