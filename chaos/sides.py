# SPDX-License-Identifier: Apache-2.0
"""The two systems of a comparison, each with five nodes on disks of their own in the same world: the
same regions, WAN, clients and faults."""
import json
import os
import signal
import subprocess
import time

import history
import world
from harness import etcd, pb, procs, watchfire
from tail import Tail

CLIENTS_PER_REGION = 3
INCIDENTS_AT_ONCE = 2
CHECK_LIMIT_S = 120
ETCD_CLIENTS, ETCD_PEERS = 2379, 2380


class Side(world.World):
    """One system. Clients run for one scenario at a time, and each has a history of its own."""

    def __init__(self, scenario, options, folder):
        self.timers = tuple(options.timers)
        super().__init__(scenario, options, folder)
        self.began = time.monotonic()
        self.turn = 0

    def start(self):
        self.cluster.start()
        self.say("%d nodes of %s run, election time-out %d ms, heartbeat %d ms" % (
            len(self.nodes), self.system, *self.timers))

    # --- clients and what they record ---

    def begin(self, name, seconds):
        """Clients in every region, until end()."""
        self.turn += 1
        self.name, self.marks, self.began_ns = name, [], time.monotonic_ns()
        self.home = os.path.join(self.folder, name)
        os.mkdir(self.home)
        n = INCIDENTS_AT_ONCE * (int(seconds) // world.INCIDENT_S + 1)
        incidents = ["%s-%d" % (name, i) for i in range(n)]
        people = ["p%d" % i for i in range(len(self.regions) * CLIENTS_PER_REGION)]
        incidents = self.prepare(people, incidents)
        for i, region in enumerate(self.regions):
            self.start_clients(region, i, people, incidents)
        for client in self.clients:
            self.wait_for("the clients of %s to be served" % client.region,
                          lambda c=client: c.written.acks, 60)

    def start_clients(self, region, number, people, incidents):
        mine = people[number * CLIENTS_PER_REGION:][:CLIENTS_PER_REGION]
        out, path = (os.path.join(self.home, form % region.name)
                     for form in ("ops-%s.jsonl", "clients-%s.json"))
        spec = {
            "system": self.system, "run": self.name + "-", "region": region.name,
            "ca": self.cluster.ca, "out": out,
            "seed": "%d/%d/%d" % (self.seed, self.turn, number),
            "nodes": [{"name": node.name, "region": node.where.name, "address": node.address}
                      for node in self.nodes],
            "persons": [{"name": person, "cert": self.certificate(person)} for person in mine],
            "people": people, "incidents": incidents, "incident_s": world.INCIDENT_S,
            "at_once": INCIDENTS_AT_ONCE}
        with open(path, "w") as file:
            json.dump(spec, file)
        process = procs.Process(
            [*region.prefix(), "/usr/bin/python3", os.path.join(world.HERE, "compare_clients.py"), path],
            os.path.join(self.home, "clients-%s.log" % region.name))
        process.region, process.out = region.name, out
        process.written = Tail(out)
        self.clients.append(process)

    def acks(self):
        """When writes were acknowledged so far, in order (monotonic ns)."""
        return sorted(at for client in self.clients for at in client.written.acks)

    def served_everywhere(self, since):
        """Whether clients of every region had a write acknowledged that was called after a moment."""
        return all(client.written.last_call >= since for client in self.clients)

    def end(self):
        """Returns (operations, path of the history)."""
        for client in self.clients:
            client.send(signal.SIGTERM)
        for client in self.clients:
            if client.child.wait(30) != 0:
                raise world.Broken("the clients of %s did not end well: see %s" % (client.region, client.log))
        operations = [op for client in self.clients for op in self.read_all(client)]
        self.clients = []
        self.settle()
        path = os.path.join(self.home, "history.jsonl")
        lines = [{"history": 1, "system": self.system, "scenario": self.name, "seed": self.seed,
                  "start": self.began_ns, "nodes": [node.name for node in self.nodes]}]
        lines += sorted(operations + self.marks,
                        key=lambda line: line.get("return") or line.get("at") or line["call"])
        lines += self.finals()
        with open(path, "w") as out:
            for line in lines:
                out.write(json.dumps(line) + "\n")
        return operations, path

    def read_all(self, client):
        with open(client.out) as lines:
            return [json.loads(line) for line in lines]

    def settle(self):
        self.wait_for("all nodes to have applied the same", self.equal, 60)

    # --- what became of it ---

    def lost(self, operations):
        """Acknowledged writes that some node does not have."""
        acknowledged = {op["request"] for op in operations
                        if op["outcome"] == "ok" and op["op"] in ("note", "put")}
        return len(set().union(*(acknowledged - has for has in self.has())))


class Watchfire(Side):
    system = "watchfire"

    def make_cluster(self, folder, n):
        return WatchfireNodes(folder, self.regions, n, self.timers)

    def prepare(self, people, incidents):
        """Users with roles, and the incidents by the ids they get."""
        leader = self.leader()
        if self.turn == 1:
            for person in people:
                self.call(leader, watchfire.ACCESS + "SetUser",
                          {2: pb.encode({1: person, 2: 1, 3: watchfire.COMMANDER})})
            self.certificates = {person: self.cluster.user(person) for person in people}
        asked = [leader.client.start(watchfire.INCIDENTS + "DeclareIncident", pb.encode(
            {1: title, 2: title, 6: people[0]}), 30) for title in incidents]
        return [pb.decode(call.result()).message(1).str(1) for call in asked]

    def certificate(self, person):
        return self.certificates[person]

    def finals(self):
        self.own = [history.final(self, node) for node in self.nodes]
        for line in self.own:  # what they name lies beside the history
            os.rename(*(os.path.join(folder, line["events_file"]) for folder in (self.folder, self.home)))
        return self.own

    def has(self):
        for line in self.own:
            with open(os.path.join(self.home, line["events_file"])) as events:
                yield {json.loads(event)["request"] for event in events}


class WatchfireNodes(world.Nodes):
    def __init__(self, folder, regions, n, timers):
        self.timers = timers
        super().__init__(folder, regions, n)

    def write_config(self, node, beginning):
        super().write_config(node, beginning + (
            "raft: {election_timeout_ms: %d, heartbeat_ms: %d}\n" % self.timers))


class Etcd(Side):
    system = "etcd"

    def make_cluster(self, folder, n):
        return EtcdNodes(folder, self.regions, n, self.timers)

    def prepare(self, _people, incidents):
        return incidents

    def certificate(self, _person):
        return None

    def finals(self):
        return []

    def has(self):
        return [self.cluster.requests(node) for node in self.nodes]


class EtcdNodes(etcd.Cluster):
    def __init__(self, folder, regions, n, timers):
        self.regions = regions
        super().__init__(folder, n, [
            "--election-timeout", str(timers[0]), "--heartbeat-interval", str(timers[1])])
        for node in self.nodes:
            os.mkdir(node.data, 0o700)

    def founders(self, n):
        nodes = []
        for region in self.regions[:n]:
            node = etcd.Node("%s-1" % region.name, "%s:%d" % (region.address, ETCD_CLIENTS),
                             "%s:%d" % (region.address, ETCD_PEERS), self.folder,
                             admin="%s:%d" % (region.admin, ETCD_CLIENTS))
            node.where, node.prefix = region, []
            nodes.append(node)
        return nodes

    def start_node(self, node, prefix=()):
        super().start_node(node, [*node.where.prefix(), *node.prefix, *prefix])


def checked(path):
    """What history-check found wrong: ({checker: how much}, the first of it in words). That it cannot tell is
    an error."""
    program = watchfire.binary("history-check", "chaos")
    done = subprocess.run([program, "--json", "--limit", str(CHECK_LIMIT_S), path],
                          capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise world.Broken("history-check decided nothing about %s (%d): %s%s" % (
            path, done.returncode, done.stdout, done.stderr))
    verdicts = json.loads(done.stdout)
    found = {name: verdicts[name] for name in ("order", "linear", "invariants")}
    return {name: verdict["problems_found"] for name, verdict in found.items()}, [
        problem for verdict in found.values() for problem in verdict["problems"][:2]]
