# SPDX-License-Identifier: Apache-2.0
"""A cluster of etcd 3.4 nodes with TLS for clients and peers and everything else at its defaults."""
import os
import shutil
import subprocess
import sys
import time

from . import certs, pb, procs, rpc

PUT, RANGE = "/etcdserverpb.KV/Put", "/etcdserverpb.KV/Range"
STATUS = "/etcdserverpb.Maintenance/Status"
KEY = b"bench"


class Node:
    def __init__(self, name, client_port, peer_port):
        self.name = name
        self.address = "127.0.0.1:%d" % client_port
        self.peer = "https://127.0.0.1:%d" % peer_port
        self.process = self.client = None


class Cluster:
    name = "etcd"
    write_path = PUT

    def __init__(self, folder, n=3):
        if not shutil.which("etcd"):
            sys.exit("etcd is missing: apt-get install etcd-server")
        self.folder = os.path.join(folder, "etcd")
        authority = certs.Authority(self.folder)
        self.ca = authority.ca
        self.cert, self.key = authority.issue("node")
        ports = procs.free_ports(2 * n)
        self.nodes = [Node("e%d" % i, ports[2 * i], ports[2 * i + 1]) for i in range(n)]
        self.token = None
        self.version = subprocess.run(["etcd", "--version"], capture_output=True,
                                      text=True).stdout.split()[2]

    def start(self):
        for node in self.nodes:
            self.start_node(node)
            node.client = rpc.Client(node.address, self.ca)
        self.wait()

    def start_node(self, node):
        own = "https://" + node.address
        members = ",".join("%s=%s" % (other.name, other.peer) for other in self.nodes)
        env = {key: value for key, value in os.environ.items() if not key.startswith("ETCD_")}
        node.process = procs.Process(
            ["etcd", "--name", node.name, "--data-dir", os.path.join(self.folder, node.name),
             "--listen-client-urls", own, "--advertise-client-urls", own,
             "--listen-peer-urls", node.peer, "--initial-advertise-peer-urls", node.peer,
             "--initial-cluster", members, "--initial-cluster-state", "new",
             "--cert-file", self.cert, "--key-file", self.key,
             "--peer-cert-file", self.cert, "--peer-key-file", self.key,
             "--peer-trusted-ca-file", self.ca, "--peer-client-cert-auth", "--logger", "zap", "--log-level", "error"],
            os.path.join(self.folder, node.name + ".log"), env)

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

    def revisions(self):
        return [pb.decode(node.client.call(STATUS, b"")).message(1).int(3) for node in self.nodes]

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
                    status = pb.decode(node.client.call(STATUS, b"", 2))
                except rpc.Error:
                    continue
                if status.int(4) and status.int(4) == status.message(1).int(2):
                    return node
            time.sleep(0.05)
        sys.exit("etcd has no leader")

    def write_request(self):
        return pb.encode({1: KEY, 2: b"x" * 256})

    def read_path_and_request(self):
        return RANGE, pb.encode({1: KEY})
