# SPDX-License-Identifier: Apache-2.0
"""A cluster of etcd 3.4 nodes with TLS for clients and peers and everything else, unless options say
otherwise, at its defaults."""
import os
import shutil
import subprocess
import sys
import time

from . import certs, pb, procs, rpc

PUT, RANGE, TXN = "/etcdserverpb.KV/Put", "/etcdserverpb.KV/Range", "/etcdserverpb.KV/Txn"
STATUS = "/etcdserverpb.Maintenance/Status"
KEY = b"bench"
REGISTERS, REQUESTS = "register/", "request/"  # where repeatable writes leave values and their own ids


class Node:
    """address is where clients reach it, peer where other nodes do, admin where the test itself does."""

    def __init__(self, name, address, peer, folder, admin=None):
        self.name, self.address, self.peer = name, address, "https://" + peer
        self.admin = admin or address
        self.data = os.path.join(folder, name)
        self.log = os.path.join(folder, name + ".log")
        self.process = self.client = None


class Status:
    """Maintenance Status of one node, in the words of watchfire.Status."""

    def __init__(self, node, data):
        m = pb.decode(data)
        self.node, self.term, self.applied = node.name, m.int(6), m.int(7)
        self.state = "leader" if m.int(4) and m.int(4) == m.message(1).int(2) else "follower"
        self.revision, self.digest = m.message(1).int(3), ""


class Cluster:
    name = "etcd"
    write_path = PUT

    def __init__(self, folder, n=3, options=()):
        if not shutil.which("etcd"):
            sys.exit("etcd is missing: apt-get install etcd-server")
        self.folder = os.path.join(folder, "etcd")
        authority = certs.Authority(self.folder)
        self.ca = authority.ca
        self.nodes, self.options = self.founders(n), list(options)
        hosts = {host.rsplit(":", 1)[0] for node in self.nodes for host in (node.address, node.admin)}
        self.cert, self.key = authority.issue("node", addresses=sorted(hosts))
        self.token = None
        self.version = subprocess.run(["etcd", "--version"], capture_output=True,
                                      text=True).stdout.split()[2]

    def founders(self, n):
        ports = procs.free_ports(2 * n)
        return [Node("e%d" % i, "127.0.0.1:%d" % ports[2 * i], "127.0.0.1:%d" % ports[2 * i + 1],
                     self.folder) for i in range(n)]

    def start(self):
        for node in self.nodes:
            self.start_node(node)
            node.client = rpc.Client(node.admin, self.ca)
        self.wait()

    def start_node(self, node, prefix=()):
        own = "https://" + node.address
        listen = ",".join(sorted({own, "https://" + node.admin}))
        members = ",".join("%s=%s" % (other.name, other.peer) for other in self.nodes)
        env = {key: value for key, value in os.environ.items() if not key.startswith("ETCD_")}
        node.process = procs.Process(
            [*prefix, "etcd", "--name", node.name, "--data-dir", node.data,
             "--listen-client-urls", listen, "--advertise-client-urls", own,
             "--listen-peer-urls", node.peer, "--initial-advertise-peer-urls", node.peer,
             "--initial-cluster", members, "--initial-cluster-state", "new",
             "--cert-file", self.cert, "--key-file", self.key,
             "--peer-cert-file", self.cert, "--peer-key-file", self.key,
             "--peer-trusted-ca-file", self.ca, "--peer-client-cert-auth", "--logger", "zap",
             "--log-level", "error", *self.options],
            node.log, env)

    def wait(self, seconds=60):
        """Until a write is acknowledged at every node and all have applied the same."""
        end = time.monotonic() + seconds
        for node in self.nodes:
            while True:
                try:
                    node.client.call(PUT, self.write_request(), 5)
                    break
                except rpc.Error as error:
                    if time.monotonic() > end or not node.process.alive():
                        sys.exit("etcd %s does not serve: %s\n%s" % (
                            node.name, error.details(), node.process.tail()))
                    time.sleep(0.05)
        self.settle()

    def status(self, node, timeout=2):
        return Status(node, node.client.call(STATUS, b"", timeout))

    def revisions(self):
        return [self.status(node, 5).revision for node in self.nodes]

    def settle(self, seconds=60):
        """Wait until all nodes have applied the same; returns the revision, which counts writes."""
        end = time.monotonic() + seconds
        while True:
            revisions = self.revisions()
            if len(set(revisions)) == 1:
                return revisions[0]
            if time.monotonic() > end:
                sys.exit("etcd nodes differ: revisions %s" % revisions)
            time.sleep(0.05)

    def counts(self, before):
        """Writes that each node has applied since settle() returned before."""
        self.settle()
        return [revision - before for revision in self.revisions()]

    def leader(self, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for node in self.nodes:
                try:
                    if self.status(node).state == "leader":
                        return node
                except rpc.Error:
                    continue
            time.sleep(0.05)
        sys.exit("etcd has no leader")

    def requests(self, node):
        """The ids of all repeatable writes that a node has."""
        answer = pb.decode(node.client.call(RANGE, pb.encode(
            {1: REQUESTS, 2: REQUESTS[:-1] + chr(ord(REQUESTS[-1]) + 1), 7: True, 8: True}), 60))
        return {pair.str(1)[len(REQUESTS):] for pair in answer.messages(2)}

    def write_request(self):
        return pb.encode({1: KEY, 2: b"x" * 256})

    def read_path_and_request(self):
        return RANGE, pb.encode({1: KEY})
