#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The clients of one region in a comparison: the persons of record.py, who only write and read, at
Watchfire or at etcd. What they try, how long, where next and what they then believe is the same code."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import record  # noqa: E402
from harness import etcd, pb, rpc  # noqa: E402

WRITES = 0.75     # of all operations
KNOWN_REFUSALS = {"etcdserver: no leader": "NO_LEADER", "etcdserver: too many requests": "QUEUE_FULL"}
CREATED, EQUAL = 1, 0  # of a transaction's comparison: what of the key, and how
# One try is enough for a forwarded write (two round trips) and for a new connection and a write (five of
# 80 ms), also on a busy machine.
TRY_S = 0.75


class Writer(record.Person):
    try_s = TRY_S

    def run(self):
        """With a connection to every node from the beginning, as a client has that is told of all."""
        for node in self.spec["nodes"]:
            self.node = node
            self.read(self.spec["incidents"][0])
        self.node = self.rng.choice(self.home)
        while not self.stopping.is_set():
            incident = self.choose()
            if self.rng.random() < WRITES:
                self.note(incident)
            else:
                self.read(incident)
            self.stopping.wait(self.pause_s * self.rng.uniform(0.5, 1.5))


class AtEtcd(Writer):
    """An incident is a register. A write is a transaction that also makes a key named for the request,
    unless that is there: so it may be repeated, as Watchfire's may."""

    def connection(self, node):
        if node["name"] not in self.connections:
            self.connections[node["name"]] = rpc.Client(node["address"], self.spec["ca"])
        return self.connections[node["name"]]

    def reason(self, error):
        return KNOWN_REFUSALS.get(error.details(), "")

    def note(self, incident):
        request = self.request()
        key, value = etcd.REQUESTS + request, "by " + request
        self.operate("put", incident, etcd.TXN,
                     {1: pb.encode({1: EQUAL, 2: CREATED, 3: key, 5: 0}),
                      2: [put(key, value), put(etcd.REGISTERS + incident, value)],
                      3: pb.encode({1: pb.encode({1: key})})},
                     {"request": request, "value": value}, lambda m: {"seq": made_at(m)})

    def read(self, incident):
        self.operate("get", incident, etcd.RANGE, {1: etcd.REGISTERS + incident},
                     {"request": self.request()}, shown)


def put(key, value):
    return pb.encode({2: pb.encode({1: key, 2: value})})


def made_at(answer):
    """The revision of the write: now, or when an earlier try of it came through."""
    if answer.int(2):
        return answer.message(1).int(3)
    return answer.message(3).message(1).message(2).int(2)


def shown(answer):
    pair = answer.message(2)
    return {"value": pair.str(5), "seq": pair.int(3)}


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        system = json.load(file)["system"]
    sys.exit(record.main(AtEtcd if system == "etcd" else Writer))
