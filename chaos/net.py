# SPDX-License-Identifier: Apache-2.0
"""The networks of a run. Each region is a network namespace with two interfaces: wan0, by which nodes
and clients reach other regions and which suffers the faults, and mgmt0, by which the run itself looks on
and which never does."""
import json
import os
import socket
import time

from harness import procs
from sandbox import Unavailable, run

PREFIX = "wf-"
WAN, MGMT = "10.77.0.%d", "10.78.0.%d"
READY_S = 20


class Region:
    def __init__(self, name, number):
        self.name, self.number = name, number
        self.netns = PREFIX + name
        self.address, self.admin = WAN % number, MGMT % number

    def prefix(self):
        """What to write before a command that shall run there; it keeps its pid."""
        return ["nsenter", "--net=/run/netns/" + self.netns, "--"]

    def run(self, *argv):
        return run(*self.prefix(), *argv)


def make_regions(names):
    """Namespaces with their management interface, all on one bridge beside us."""
    try:
        run("ip", "link", "add", "mgmt", "type", "bridge")
        run("ip", "address", "add", MGMT % 254 + "/24", "dev", "mgmt")
        run("ip", "link", "set", "mgmt", "up")
        regions = []
        for number, name in enumerate(names, 1):
            region, here = Region(name, number), "m%d" % number
            run("ip", "netns", "add", region.netns)
            run("ip", "link", "add", here, "type", "veth", "peer", "name", "mgmt0", "netns", region.netns)
            run("ip", "link", "set", here, "master", "mgmt", "up")
            region.run("ip", "address", "add", region.admin + "/24", "dev", "mgmt0")
            region.run("ip", "link", "set", "mgmt0", "up")
            region.run("ip", "link", "set", "lo", "up")
            regions.append(region)
        return regions
    except OSError as error:
        raise Unavailable(str(error)) from error


def region_names(topology):
    if topology.startswith("flat:"):
        return ["r%d" % i for i in range(1, int(topology.split(":")[2]) + 1)]
    return {"three": ["fra", "iad", "syd"], "five": ["fra", "iad", "syd", "gru", "sin"]}[topology]


class Wan:
    """The program that carries packets between the regions, and its control socket."""

    def __init__(self, program, folder, topology, seed, trace=False):
        self.path = os.path.join(folder, "wan.sock")
        self.log = os.path.join(folder, "wan.log")
        argv = [program, "--topology", topology, "--netns-prefix", PREFIX, "--control", self.path,
                "--seed", str(seed)]
        if trace:
            argv += ["--trace", os.path.join(folder, "wan.trace")]
        self.process = procs.Process(argv, self.log)
        end = time.monotonic() + READY_S
        while "ready" not in open(self.log, errors="replace").read():
            if not self.process.alive() or time.monotonic() > end:
                raise Unavailable("the WAN does not start: %s" % self.process.tail())
            time.sleep(0.01)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(5)
        self.socket.connect(self.path)
        self.answers = self.socket.makefile()

    def __call__(self, *words):
        """One command; returns the answer behind "ok"."""
        line = " ".join(str(word) for word in words)
        self.socket.sendall(line.encode() + b"\n")
        answer = self.answers.readline().strip()
        if not answer.startswith("ok"):
            raise OSError("wan: %s: %s" % (line, answer or "it has ended: " + self.process.tail()))
        return answer[2:].strip()

    def stats(self):
        return json.loads(self("stats"))
