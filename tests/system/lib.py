# SPDX-License-Identifier: Apache-2.0
"""What the system tests share: a cluster, steps that are told, and checks that say what they saw."""
import json
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import certs, pb, procs, rpc, watchfire  # noqa: E402,F401

VIEWER, RESPONDER, COMMANDER, ADMIN = 1, 2, 3, 4
SPARE, STANDBY, VOTER = 1, 2, 3


def step(text):
    print("- " + text, flush=True)


def check(condition, text):
    if not condition:
        sys.exit("FAILED: " + text)


def wait_for(what, condition, seconds=20):
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            sys.exit("FAILED: waited %d s for %s" % (seconds, what))
        time.sleep(0.05)


def refusal(call, *args, **kw):
    """The error of a call that must be refused: (code, message, reason of its ErrorDetail)."""
    try:
        call(*args, **kw)
    except rpc.Error as error:
        reason = ""
        for key, value in error.trailing_metadata() or []:
            if key == "grpc-status-details-bin":
                detail = pb.decode(value).messages(3)
                reason = detail[0].message(2).str(1) if detail else ""
        return error.code(), error.details(), reason
    sys.exit("FAILED: %r was not refused" % (args,))


class Cluster(watchfire.Cluster):
    """Three nodes whose logs are shown when a test fails."""

    def __init__(self, n=3, prefix="wf-system-"):
        self.home = procs.directory(prefix)
        super().__init__(self.home, n, level="info")

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        if kind is None or (kind is SystemExit and not rest[0].args[0]):
            return
        for node in self.nodes:
            if os.path.exists(node.log):
                with open(node.log, errors="replace") as log:
                    print("--- log of %s\n%s" % (node.name, "".join(log.readlines()[-40:])))

    def client(self, node, user=None, token=None):
        cert = self.user(user) if user else ()
        return rpc.Client(node.address, self.ca, *cert, token=token)

    def others(self, node):
        return [other for other in self.nodes if other is not node]

    def run(self, *args, seconds=30):
        """watchfired with these arguments to its end: (exit code, output)."""
        done = subprocess.run([self.program, *args], capture_output=True, text=True, timeout=seconds)
        return done.returncode, done.stdout + done.stderr

    def set_user(self, name, role):
        self.nodes[0].client.call(watchfire.ACCESS + "SetUser", pb.encode(
            {2: pb.encode({1: name, 2: 1, 3: role})}), 10)

    def members(self, node):
        """name -> (role, connected) as the node has it."""
        answer = pb.decode(node.client.call(watchfire.CLUSTER + "GetStatus", b"", 5))
        return {m.str(2): (m.int(5), bool(m.int(7))) for m in answer.messages(9)}

    def notes(self, node):
        """Texts of all notes of the incident, as the node has them."""
        texts, after = [], 0
        while True:
            answer = pb.decode(node.client.call(watchfire.LOG + "ListEvents", pb.encode(
                {1: self.incident, 2: after, 3: 1000}), 10))
            for event in answer.messages(1):
                after = event.int(1)
                if 26 in event:
                    texts.append(event.message(26).str(1))
            if not answer.int(2):
                return texts
