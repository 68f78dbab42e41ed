#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The clients of one region: each is a person who writes notes, reads and hands over command, and writes
down what they were told. Ends on SIGTERM, when every open operation has ended.

An operation is tried at one node after the other with one request id until somebody answers. It is ok
when a node said yes; refused when a node said precisely no and no earlier try may still come true;
unknown otherwise."""
import itertools
import json
import os
import random
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests"))
from harness import pb, rpc, watchfire  # noqa: E402

TRY_S = 1.5        # several round trips of the longest link, and short enough to go on elsewhere
OPERATION_S = 6    # then it is given up
PAUSE_S = 0.05     # between operations: the machine has other work
HOME_S = 5         # after so long away, the node of the own region is tried again
PAGE = 1000        # events in one answer: more than one incident ever has
COMMANDER_ROLE = 1
# A node says that it cannot answer now; another may. Nothing was done.
ELSEWHERE = {"NO_LEADER", "NOT_LEADER", "NOT_ESTABLISHED", "STOPPING", "DRAINING", "FENCED", "BEHIND",
             "QUEUE_FULL", "TRANSFER_PENDING"}
UNDECIDED = {"", "UNKNOWN_OUTCOME"}


def reason_of(error):
    for key, value in error.trailing_metadata() or []:
        if key == "grpc-status-details-bin":
            details = pb.decode(value).messages(3)
            return details[0].message(2).str(1) if details else ""
    return ""


def whole_state(incident, answer):
    """All of an incident's events at one index, so its whole state at that index: the results of a read,
    and to whom command is offered."""
    if answer.int(2):
        raise RuntimeError("%s has more events than one answer holds" % incident)
    notes, commander, epoch, offered, seq = [], "", 0, "", 0
    for event in answer.messages(1):
        seq = event.int(1)
        if 26 in event:
            notes.append(event.message(26).str(1))
        elif 23 in event:
            role = event.message(23).message(2)
            if role.int(1) == COMMANDER_ROLE:
                commander, epoch, offered = role.str(3), role.int(4), role.message(6).str(1)
    return {"index": answer.message(15).int(1), "seq": seq, "notes": notes, "commander": commander,
            "epoch": epoch}, offered


class Record:
    """The file, one line per operation that has ended."""

    def __init__(self, path):
        self.file, self.lock = open(path, "a", buffering=1), threading.Lock()

    def write(self, line):
        with self.lock:
            self.file.write(json.dumps(line) + "\n")


class Person(threading.Thread):
    try_s, operation_s, pause_s = TRY_S, OPERATION_S, PAUSE_S

    def __init__(self, spec, number, record, stopping):
        super().__init__(name=spec["persons"][number]["name"])
        self.spec, self.record, self.stopping = spec, record, stopping
        self.user, self.cert = self.name, spec["persons"][number]["cert"]
        self.rng = random.Random("%s/%d" % (spec["seed"], number))
        self.home = [node for node in spec["nodes"] if node["region"] == spec["region"]]
        self.node, self.left_home = self.rng.choice(self.home or spec["nodes"]), 0
        self.connections = {}
        self.lives = itertools.count()
        self.client = "%s.%d" % (self.user, next(self.lives))
        self.numbers = itertools.count()
        self.began = time.monotonic()
        self.known = {}  # incident -> (commander, epoch, to whom command is offered)

    # --- choosing what to do ---

    def run(self):
        while not self.stopping.is_set():
            incident = self.choose()
            act = self.rng.random()
            if act < 0.03:
                self.declare()
            elif act < 0.5:
                self.note(incident)
            elif act < 0.75 or incident not in self.known:
                self.read(incident)
            else:
                self.hand_over(incident)
            self.stopping.wait(self.pause_s * self.rng.uniform(0.5, 1.5))

    def choose(self):
        """One of those that everybody works on now."""
        spec = self.spec
        turn = int((time.monotonic() - self.began) / spec["incident_s"])
        first = turn * spec["at_once"] % len(spec["incidents"])
        return spec["incidents"][(first + self.rng.randrange(spec["at_once"])) % len(spec["incidents"])]

    def hand_over(self, incident):
        commander, epoch, offered = self.known[incident]
        if offered == self.user:
            self.accept(incident, epoch)
        elif commander == self.user and not offered:
            self.offer(incident, epoch)
        elif self.rng.random() < 0.1:  # who is mistaken is refused
            self.rng.choice((self.offer, self.accept))(incident, epoch)
        else:
            self.read(incident)

    # --- operations ---

    def declare(self):
        """An incident that nobody works on: the declaration itself is what is checked."""
        request = self.request()
        self.operate("declare", "", watchfire.INCIDENTS + "DeclareIncident", {1: request, 2: request},
                     {"request": request}, lambda m: {
                         "incident": m.message(1).str(1), "commander": m.message(1).str(11),
                         "epoch": m.message(1).int(12)})

    def note(self, incident):
        request = self.request()
        self.operate("note", incident, watchfire.ADD_NOTE, {1: request, 2: incident, 3: "by " + request},
                     {"request": request, "value": "by " + request}, lambda m: {"seq": m.int(1)})

    def offer(self, incident, epoch):
        request, to = self.request(), self.rng.choice([p for p in self.spec["people"] if p != self.user])
        self.operate("offer", incident, watchfire.INCIDENTS + "OfferRole",
                     {1: request, 2: incident, 3: epoch, 4: COMMANDER_ROLE, 6: to},
                     {"request": request, "to": to, "believed": epoch},
                     lambda m: {"epoch": m.message(1).int(4)})
        self.known.pop(incident)

    def accept(self, incident, epoch):
        request = self.request()
        self.operate("accept", incident, watchfire.INCIDENTS + "AcceptRole",
                     {1: request, 2: incident, 3: epoch, 4: COMMANDER_ROLE},
                     {"request": request, "by": self.user, "believed": epoch},
                     lambda m: {"commander": m.message(1).str(3), "epoch": m.message(1).int(4)})
        self.known.pop(incident)

    def read(self, incident):
        self.operate("read", incident, watchfire.LOG + "ListEvents", {1: incident, 3: PAGE},
                     {"request": self.request()}, lambda m: self.seen(incident, m))

    def seen(self, incident, answer):
        result, offered = whole_state(incident, answer)
        self.known[incident] = (result["commander"], result["epoch"], offered)
        return result

    # --- trying ---

    def request(self):
        return "%s%s-%d" % (self.spec.get("run", ""), self.user, next(self.numbers))

    def connection(self, node):
        if node["name"] not in self.connections:
            self.connections[node["name"]] = rpc.Client(node["address"], self.spec["ca"], *self.cert)
        return self.connections[node["name"]]

    def go_elsewhere(self, drop):
        """The next node, and a new connection when this one did not answer in time."""
        if drop and self.node["name"] in self.connections:
            self.connections.pop(self.node["name"]).close()
        nodes = self.spec["nodes"]
        self.node = nodes[(nodes.index(self.node) + 1) % len(nodes)]
        self.left_home = time.monotonic()

    def operate(self, op, incident, path, fields, told, result):
        if self.home and self.node not in self.home and time.monotonic() - self.left_home > HOME_S:
            self.node = self.rng.choice(self.home)
        line = {"client": self.client, "op": op, "incident": incident, **told,
                "call": time.monotonic_ns()}
        answer = self.insist(path, pb.encode(fields), line)
        line["return"] = time.monotonic_ns()
        if answer is not None:
            line.update(result(pb.decode(answer)))
        elif line["outcome"] == "unknown":
            self.client = "%s.%d" % (self.user, next(self.lives))
        self.record.write(line)

    def reason(self, error):
        """The node's own word for what is wrong; "" when it gave none, and anything may have happened."""
        return reason_of(error)

    def insist(self, path, request, line):
        """The answer, or None; says in line who was asked last and what came of it."""
        end, undecided, tries = time.monotonic() + self.operation_s, False, 0
        while True:
            left = end - time.monotonic()
            line["node"] = self.node["name"]
            try:
                answer = self.connection(self.node).call(path, request, min(self.try_s, left))
                line["outcome"] = "ok"
                return answer
            except rpc.Error as error:
                reason = self.reason(error)
                undecided = undecided or reason in UNDECIDED
                line["why"] = "%s %s" % (error.code().name, reason or error.details())
                if reason not in UNDECIDED and reason not in ELSEWHERE:
                    break
                self.go_elsewhere(drop=reason == "")
            tries += 1
            if tries % len(self.spec["nodes"]) == 0:
                time.sleep(self.rng.uniform(0, 0.2))
            if time.monotonic() >= end - 0.01:
                break
        line["outcome"] = "unknown" if undecided else "refused"
        return None


def main(person=Person):
    with open(sys.argv[1]) as file:
        spec = json.load(file)
    stopping, failed = threading.Event(), []
    threading.excepthook = lambda args: (failed.append(args), sys.__excepthook__(
        args.exc_type, args.exc_value, args.exc_traceback), stopping.set())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    record = Record(spec["out"])
    persons = [person(spec, i, record, stopping) for i in range(len(spec["persons"]))]
    for one in persons:
        one.start()
    while not stopping.wait(0.2):
        pass
    for one in persons:
        one.join()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
