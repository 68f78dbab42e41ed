# SPDX-License-Identifier: Apache-2.0
"""The world of one run: regions, the WAN between them, nodes (watchfired with a configuration as people
write it), and the clients that record what they were told."""
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time

import nemesis
import net
import record
from harness import certs, pb, procs, rpc, watchfire
from sandbox import Unavailable

PORT = 7411
CLIENTS_PER_REGION = 2
INCIDENT_S = 8        # then the clients turn to the next two: an incident stays small enough for one read
INCIDENTS_AT_ONCE = 2
DECLARE_AT_ONCE = 50
SPARE_S = 240         # start, healing and waiting, in which clients also write
OBSERVE_S = 0.2
PATIENCE_S = 90       # of a client that waits for a node that was stopped
CERTIFICATE_DAYS = 90  # longer than any soak
COMMANDER = 3
HERE = os.path.dirname(os.path.abspath(__file__))


class Broken(Exception):
    """What was promised did not happen."""


class Nodes(watchfire.Cluster):
    """The nodes, one in each region, then a second in each, and so on."""

    def __init__(self, folder, regions, n):
        self.regions = regions
        super().__init__(folder, n, level="info")

    def make_authority(self):
        """As if it had been made half a day ago: a node whose clock goes back still believes it."""
        return certs.Authority(self.folder, "spiffe://" + watchfire.NAME,
                               {"LD_PRELOAD": nemesis.faketime(), "FAKETIME": "-12h"}, CERTIFICATE_DAYS)

    def founders(self, n):
        return [self.place(self.regions[i % len(self.regions)], i // len(self.regions)) for i in range(n)]

    def place(self, region, number):
        port = PORT + number
        node = watchfire.Node("%s-%d" % (region.name, number + 1), region.name,
                              "%s:%d" % (region.address, port), self.folder,
                              listen="0.0.0.0:%d" % port, admin="%s:%d" % (region.admin, port))
        node.where, node.prefix = region, []
        return node

    def start_node(self, node, prefix=()):
        super().start_node(node, [*node.where.prefix(), *node.prefix, *prefix])
        node.killed = False


class Observer(threading.Thread):
    """Asks every node, over the management network, who it believes leads."""

    def __init__(self, world):
        super().__init__(daemon=True)
        self.world, self.lines, self.done = world, [], threading.Event()

    def run(self):
        while not self.done.wait(OBSERVE_S):
            asked = [(node, node.client.start(watchfire.CLUSTER + "GetStatus", b"", 1))
                     for node in list(self.world.nodes) if node.process and node.process.alive()]
            for node, future in asked:
                try:
                    status = watchfire.Status(future.result())
                except (rpc.Error, ValueError):
                    continue
                self.lines.append({
                    "observe": time.monotonic_ns(), "node": node.name, "term": status.term,
                    "leader": status.leader, "role": status.state, "applied": status.applied,
                    "digest": status.digest})


class World:
    """What a scenario has to do with: nodes, rng, seconds, wan, and the methods below."""

    prefix = ""  # of request ids: several recordings of one cluster need one each

    def __init__(self, scenario, options, folder):
        self.scenario, self.folder, self.seconds = scenario, folder, options.seconds
        self.seed, self.topology = options.seed, options.topology
        self.rng = random.Random(self.seed)
        self.failures, self.marks, self.figures, self.recorded = [], [], [], []
        self.may_fence = False  # a scenario that damages a state says so
        self.may_end = set()    # nodes that may end by themselves
        self.manager = None     # starts nodes again that end by themselves (scenarios/storage.py)
        self.paused, self.undo, self.touched = [], [], set()
        self.regions = net.make_regions(net.region_names(self.topology))
        self.wan = net.Wan(watchfire.binary("wan", "chaos"), folder, self.topology, self.seed,
                           options.trace)
        self.cluster = self.make_cluster(folder, scenario.nodes)
        self.everyone = list(self.cluster.nodes)  # those that were removed, too
        self.disks = {}
        if scenario.storage != "plain":
            self.mount_disks(scenario.storage == "ext4")
        self.clients, self.observer = [], Observer(self)
        self.began = self.began_ns = None

    def make_cluster(self, folder, n):
        return Nodes(folder, self.regions, n)

    def mount_disks(self, needed):
        import disk
        try:
            for node in self.nodes:
                self.disks[node.name] = disk.Disk(self.cluster.folder, node.name)
        except disk.NoDisks as error:
            if needed:
                raise Unavailable("no disks can be made: %s" % error) from error
            self.say("no faults of disks: %s" % error)

    @property
    def nodes(self):
        return self.cluster.nodes

    # --- telling ---

    def say(self, text):
        print("%7.1f s  %s" % (time.monotonic() - self.began if self.began else 0, text), flush=True)

    def mark(self, fault, detail, heal=False):
        """For the reader and for the history."""
        self.say("%s%s %s" % ("heal " if heal else "", fault, detail))
        self.marks.append({"heal" if heal else "fault": fault, "at": time.monotonic_ns(), "detail": detail})

    def expect(self, condition, text):
        """A demand of the scenario beyond what every run is checked for; text says what was seen."""
        if not condition:
            self.say("NOT AS EXPECTED: " + text)
            self.failures.append(text)

    def figure(self, text):
        self.say("figure: " + text)
        self.figures.append(text)

    # --- beginning ---

    def start(self):
        self.began, self.began_ns = time.monotonic(), time.monotonic_ns()
        if self.scenario.prepare:
            self.scenario.prepare(self)
        self.cluster.start()
        self.begin_recording()

    def begin_recording(self):
        """Users, incidents, and clients in every region."""
        self.observer.start()
        people = ["p%d" % i for i in range(len(self.regions) * CLIENTS_PER_REGION)]
        for person in people:
            self.call(self.leader(), watchfire.ACCESS + "SetUser", {2: pb.encode({1: person, 2: 1, 3: COMMANDER})})
        incidents = self.declare(people)
        for i, region in enumerate(self.regions):
            self.start_clients(region, i, people, incidents)
        self.say("%d nodes and %d clients run" % (len(self.nodes), len(people)))

    def declare(self, people):
        """All incidents the clients will need, each with another commander."""
        n = INCIDENTS_AT_ONCE * ((self.seconds + SPARE_S) // INCIDENT_S + 1)
        path, leader = watchfire.INCIDENTS + "DeclareIncident", self.leader()
        for first in range(0, n, DECLARE_AT_ONCE):
            call = time.monotonic_ns()
            asked = [(i, leader.client.start(path, pb.encode(
                {1: "%sdeclare-%d" % (self.prefix, i), 2: "Incident %d" % i, 6: people[i % len(people)]}), 30))
                for i in range(first, min(n, first + DECLARE_AT_ONCE))]
            for i, future in asked:
                incident = pb.decode(future.result()).message(1)
                self.recorded.append({
                    "client": "root.%d" % (i - first), "op": "declare", "incident": incident.str(1),
                    "call": call, "return": time.monotonic_ns(), "outcome": "ok", "node": leader.name,
                    "request": "%sdeclare-%d" % (self.prefix, i),
                    "commander": incident.str(11), "epoch": incident.int(12)})
        return [op["incident"] for op in self.recorded]

    def start_clients(self, region, number, people, incidents):
        mine = people[number * CLIENTS_PER_REGION:][:CLIENTS_PER_REGION]
        out = os.path.join(self.folder, "ops-%s.jsonl" % region.name)
        spec = {
            "region": region.name, "ca": self.cluster.ca, "out": out, "seed": "%d/%d" % (self.seed, number),
            "nodes": [{"name": node.name, "region": node.region, "address": node.address}
                      for node in self.nodes],
            "persons": [{"name": person, "cert": self.cluster.user(person)} for person in mine],
            "run": self.prefix, "people": people, "incidents": incidents, "incident_s": INCIDENT_S,
            "at_once": INCIDENTS_AT_ONCE}
        path = os.path.join(self.folder, "clients-%s.json" % region.name)
        with open(path, "w") as file:
            json.dump(spec, file)
        process = procs.Process([*region.prefix(), "/usr/bin/python3", os.path.join(HERE, "record.py"), path],
                                os.path.join(self.folder, "clients-%s.log" % region.name))
        process.out, process.region, process.read_to = out, region.name, 0
        self.clients.append(process)

    # --- looking ---

    def call(self, node, path, fields, timeout=20):
        return pb.decode(node.client.call(path, pb.encode(fields), timeout))

    def status(self, node, timeout=2):
        """None when it does not answer."""
        try:
            return self.cluster.status(node, timeout)
        except rpc.Error:
            return None

    def alive(self):
        return [node for node in self.nodes if node.process and node.process.alive() and
                node not in self.paused]

    def leader_if_any(self):
        """The node that leads in the highest term, as those that answer tell, or None."""
        seen = [(status.term, node) for node in self.alive() for status in [self.status(node)]
                if status and status.state == "leader"]
        return max(seen, key=lambda pair: pair[0])[1] if seen else None

    def leader(self, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.leader_if_any()
            if found:
                return found
            time.sleep(0.05)
        raise Broken("nobody led for %d s" % seconds)

    def others(self, *nodes):
        return [node for node in self.nodes if node not in nodes]

    def follower(self):
        return self.rng.choice(self.others(self.leader()))

    def term(self):
        return max(status.term for status in map(self.status, self.alive()) if status)

    def member(self, node, name):
        """(role, connected) of a member as a node has it, or None."""
        try:
            answer = self.call(node, watchfire.CLUSTER + "GetStatus", {}, 5)
        except rpc.Error:
            return None
        return next(((m.int(5), bool(m.int(7))) for m in answer.messages(9) if m.str(2) == name), None)

    def changes_of_leader(self, since):
        """How often another term's leader was seen since a moment (monotonic ns)."""
        terms = {line["term"] for line in list(self.observer.lines)
                 if line["role"] == "leader" and line["observe"] >= since}
        return max(0, len(terms) - 1)

    def new_leader_after(self, since):
        """Seconds from a moment (monotonic ns) until somebody was seen leading a term that was new then,
        or None."""
        lines = list(self.observer.lines)
        old = max(line["term"] for line in lines if line["observe"] < since)
        seen = [line["observe"] for line in lines
                if line["observe"] >= since and line["role"] == "leader" and line["term"] > old]
        return (min(seen) - since) / 1e9 if seen else None

    def serves(self, node, seconds=3):
        """Whether it answers a linearizable read."""
        return self.serves_client(node.client, seconds)

    def write_large(self, request, size=8000):
        """A note that fills several packets on its way to each follower; False when it was not taken."""
        try:
            self.leader().client.call(watchfire.ADD_NOTE, self.cluster.note("x" * size, "large-" + request), 10)
            return True
        except rpc.Error:
            return False

    def patient_reads(self, node, n=20):
        """Linearizable reads of what was written last, sent to a node that does not answer now and does
        later. What is returned records them in the history when they are answered."""
        written = [op for process in self.clients for op in self.operations(process)
                   if op["op"] == "note" and op["outcome"] == "ok"]
        newest = [op["incident"] for op in sorted(written, key=lambda op: op["return"])[-n:]]
        asked = [(incident, time.monotonic_ns(), node.client.start(
            watchfire.LOG + "ListEvents", pb.encode({1: incident, 3: record.PAGE}), PATIENCE_S))
            for incident in newest]

        def done():
            for incident, call, future in asked:
                line = {"client": "patient.%d" % len(self.recorded), "op": "read", "incident": incident,
                        "call": call, "node": node.name, "request": "patient-%d" % len(self.recorded)}
                try:
                    line.update(record.whole_state(incident, pb.decode(future.result()))[0], outcome="ok")
                except rpc.Error as error:
                    line.update(outcome="refused", why=error.details())
                self.recorded.append({**line, "return": time.monotonic_ns()})
            return sum(line["outcome"] == "ok" for line in self.recorded[-len(asked):])
        return done

    def fresh_client(self, node):
        """A connection that nobody else uses, over the management network."""
        return rpc.Client(node.admin, self.cluster.ca, *self.cluster.admin)

    def serves_client(self, client, seconds=3):
        """Whether a node answers this client's linearizable read."""
        try:
            client.call(*self.cluster.read_path_and_request(), seconds)
            return True
        except rpc.Error:
            return False

    def stranger(self, node):
        """A TCP connection that says nothing."""
        host, port = node.admin.rsplit(":", 1)
        return socket.create_connection((host, int(port)), 5)

    def strangers(self, node, n=20):
        """So many of these, or as many as there can be."""
        found = []
        try:
            for _ in range(n):
                found.append(self.stranger(node))
        except OSError as error:
            self.say("%d strangers came to %s: %s" % (len(found), node.name, error))
        return found

    def writes_per_second(self, since, until):
        """Acknowledged between two moments, by the clients of each region: {region: rate}."""
        return {process.region: sum(
            op["outcome"] == "ok" and op["op"] != "read" and since <= op["return"] < until
            for op in self.operations(process)) * 1e9 / (until - since) for process in self.clients}

    # --- damage that any scenario may do; the rest is in nemesis.py ---

    def kill(self, *nodes):
        nodes = [node for node in nodes if node.process.alive()]
        self.mark("kill", " ".join(node.name for node in nodes))
        for node in nodes:
            node.process.send(signal.SIGKILL)
        for node in nodes:
            if node.name in self.disks:
                self.disks[node.name].thaw()  # who waits for a frozen disk cannot die
            node.process.kill()
            node.killed = True
            if node in self.paused:
                self.paused.remove(node)

    def kill_and_time_leader(self):
        """kill -9 of whoever leads, and how long the others take; returns it, dead."""
        leader, since = self.leader(), time.monotonic_ns()
        self.kill(leader)
        first = self.first_write_after(since)
        self.figure("after the leader's death another one was seen in %.2f s, a write acknowledged in %.2f s" % (
            self.new_leader_after(since) or first, first))
        return leader

    def restart(self, *nodes):
        for node in nodes:
            if not node.process.alive():
                self.mark("kill", node.name, heal=True)
                node.killed = False
                self.cluster.start_node(node)

    def stop(self, node):
        """As a service manager does it."""
        self.mark("stop", node.name)
        node.killed = True
        code = node.process.stop(30)
        self.expect(code == 0, "%s was asked to stop and ended with %d" % (node.name, code))

    def transfer(self, node):
        """Leadership to this node."""
        self.mark("transfer", "to " + node.name)

        def done():
            leader = self.leader()
            if leader is not node:
                try:
                    self.call(leader, watchfire.CLUSTER + "TransferLeadership", {1: node.name}, 10)
                except rpc.Error:
                    pass
            return self.leader() is node
        self.wait_for("leadership to go to " + node.name, done, 60)

    def transfer_away(self, node):
        self.transfer(self.rng.choice([other for other in self.alive() if other is not node]))

    # --- members that come and go ---

    def new_node(self, region):
        """Configured to join, not yet known to anybody."""
        number = sum(node.where is region for node in self.everyone)
        node = self.cluster.place(region, number)
        self.cluster.write_joining(node)
        return node

    def begin(self, node):
        """Its process; from now on it is one of the nodes."""
        self.cluster.start_node(node)
        self.cluster.connect(node)
        self.nodes.append(node)
        self.everyone.append(node)

    def forget(self, node):
        """It is no member any more."""
        self.nodes.remove(node)

    def pause(self, node):
        if node not in self.paused:
            self.mark("pause", node.name)
            node.process.send(signal.SIGSTOP)
            self.paused.append(node)

    def resume(self, node):
        if node in self.paused:
            self.mark("pause", node.name, heal=True)
            node.process.send(signal.SIGCONT)
            self.paused.remove(node)

    # --- waiting ---

    def nobody_ended(self):
        if self.manager:
            self.manager.look()
        for node in [] if self.manager else self.nodes:
            if not node.process.alive() and not node.killed and \
                    node.name not in self.may_end:
                raise Broken("%s ended by itself with %d:\n%s" % (
                    node.name, node.process.child.returncode, node.process.tail(5)))
        for process in self.clients:
            if not process.alive():
                raise Broken("the clients of %s ended:\n%s" % (process.region, process.tail()))

    def sleep(self, seconds):
        """While looking whether somebody ends who should not."""
        end = time.monotonic() + seconds
        while True:
            self.nobody_ended()
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.25))

    def wait_for(self, what, condition, seconds=30):
        end = time.monotonic() + seconds
        while True:
            result = condition()
            if result:
                return result
            if time.monotonic() > end:
                raise Broken("waited %d s for %s" % (seconds, what))
            self.nobody_ended()
            time.sleep(0.05)

    def operations(self, process):
        """What a region's clients have recorded so far."""
        try:
            with open(process.out) as lines:
                return [json.loads(line) for line in lines if line.endswith("\n")]
        except FileNotFoundError:
            return []

    def acknowledged_since(self, process, since, n=1):
        """The first n writes of a region that were called after that moment and acknowledged."""
        found = [op for op in self.operations(process) if op["call"] >= since and op["outcome"] == "ok"
                 and op["op"] != "read"]
        return found if len(found) >= n else None

    def first_write_after(self, since, regions=None, seconds=30):
        """Seconds from a moment (monotonic ns) to the first acknowledgement of a write called after it
        by a client of one of these regions (all)."""
        watched = [process for process in self.clients if regions is None or process.region in regions]
        found = self.wait_for("a write to be acknowledged", lambda: [
            op["return"] for process in watched for op in self.acknowledged_since(process, since) or []],
            seconds)
        return (min(found) - since) / 1e9

    def await_operations(self, n, seconds=60):
        for process in self.clients:
            self.wait_for("the clients of %s to be served" % process.region,
                          lambda p=process: self.acknowledged_since(p, 0, n), seconds)

    # --- the end ---

    def heal(self):
        """Everything is whole again."""
        self.mark("all", "", heal=True)
        for undo in reversed(self.undo):
            undo()
        self.undo.clear()
        for disk in self.disks.values():
            disk.heal()
        self.wan("reset")
        for node in list(self.paused):
            self.resume(node)
        self.restart(*self.nodes)
        self.healed_ns = time.monotonic_ns()

    def await_service(self):
        """Until the clients of every region have written again."""
        times = {}
        for process in self.clients:
            self.wait_for("the clients of %s to be served after everything was healed" % process.region,
                          lambda p=process: self.acknowledged_since(p, self.healed_ns),
                          self.scenario.settle_s)
            first = self.acknowledged_since(process, self.healed_ns)[0]
            times[process.region] = (first["return"] - self.healed_ns) / 1e9
        self.figure("served again after healing: " + ", ".join(
            "%s %.2f s" % pair for pair in sorted(times.items())))

    def stop_clients(self):
        for process in self.clients:
            process.send(signal.SIGTERM)
        for process in self.clients:
            try:
                code = process.child.wait(30)
            except subprocess.TimeoutExpired:
                code = None
            if code != 0:
                raise Broken("the clients of %s did not end well (%s):\n%s" % (
                    process.region, code, process.tail()))
        self.recorded += [op for process in self.clients for op in self.operations(process)]
        self.clients = []

    def settle(self):
        """Until every node has applied the same, and says the same digest."""
        start = time.monotonic()
        self.wait_for("all nodes to have applied the same", self.equal, self.scenario.settle_s)
        self.figure("all nodes equal %.2f s after the clients stopped" % (time.monotonic() - start))

    def equal(self):
        seen = [self.status(node) for node in self.nodes]
        if None in seen or len({status.applied for status in seen}) != 1:
            return False
        if len({status.digest for status in seen}) != 1:
            raise Broken("at index %d the digests differ: %s" % (seen[0].applied, ", ".join(
                "%s %s" % (status.node, status.digest[:16]) for status in seen)))
        return True

    def tear_down(self):
        """What the end of the namespaces does not take away, such as cgroups."""
        self.observer.done.set()
        for undo in reversed(self.undo):
            try:
                undo()
            except OSError as error:
                self.say("not undone: %s" % error)
        self.undo.clear()
        for node in self.paused:
            node.process.send(signal.SIGCONT)
