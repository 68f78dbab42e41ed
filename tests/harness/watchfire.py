# SPDX-License-Identifier: Apache-2.0
"""A cluster of watchfired nodes on loopback, and what tests ask of it."""
import hashlib
import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid

from . import certs, pb, procs, rpc

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
NAME = "bench"
INCIDENTS, LOG = "/watchfire.v1.IncidentService/", "/watchfire.v1.LogService/"
CLUSTER, ACCESS = "/watchfire.v1.ClusterService/", "/watchfire.v1.AccessService/"
ADD_NOTE = INCIDENTS + "AddNote"
COMMANDER = 3
REGIONS = ("fra", "iad", "syd", "gru", "nrt")

CONFIG = """\
cluster: {{name: {cluster}, id: {id}}}
node: {{name: {name}, region: {region}}}
listen: "{listen}"
advertise: "{address}"
data_dir: {data}
tls: {{ca: {ca}, cert: {cert}, key: {key}}}
log: {{level: {level}}}
"""


def binary(name, folder=""):
    """The program of the release preset, built when needed; of WF_BUILD when that is set. folder is
    the one of the build directory that holds it."""
    build = os.environ.get("WF_BUILD")
    if not build:
        build = os.path.join(ROOT, ".build", "release")
        for argv in (["cmake", "--preset", "release"], ["cmake", "--build", build, "--target", name]):
            done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
            if done.returncode:
                sys.exit("%s failed:\n%s%s" % (" ".join(argv), done.stdout[-4000:], done.stderr))
    return os.path.join(build, folder, name)


class ChainBroken(Exception):
    pass


class Status:
    """GetStatus of one node."""

    def __init__(self, data):
        m = pb.decode(data)
        self.node, self.state, self.leader = m.str(3), m.str(4), m.str(8)
        self.term, self.commit, self.applied = m.int(5), m.int(6), m.int(7)
        self.quorum, self.digest, self.last_seq = bool(m.int(10)), m.str(11), m.int(12)


class Node:
    """address is where other nodes and clients reach it, admin where the test itself does."""

    def __init__(self, name, region, address, folder, listen=None, admin=None):
        self.name, self.region, self.address = name, region, address
        self.listen, self.admin = listen or address, admin or address
        self.data = os.path.join(folder, name)
        self.config = os.path.join(folder, name + ".yaml")
        self.log = os.path.join(folder, name + ".log")
        self.process = self.client = None
        self.program, self.joining = None, False  # another program than the others run; begins by join


class Cluster:
    name = "watchfire"
    write_path = ADD_NOTE

    def __init__(self, folder, n=3, level="warn"):
        self.program = binary("watchfired")
        self.folder = os.path.join(folder, "watchfire")
        self.authority = self.make_authority()
        self.ca = self.authority.ca
        self.admin = self.user("root")
        self.id, self.level = uuid.uuid4().hex, level
        self.nodes = self.founders(n)
        self.write_configs()
        self.token = self.incident = None

    def make_authority(self):
        return certs.Authority(self.folder, "spiffe://" + NAME)

    def founders(self, n):
        return [Node("%s-1" % REGIONS[i], REGIONS[i], "127.0.0.1:%d" % port, self.folder)
                for i, port in enumerate(procs.free_ports(n))]

    def user(self, name):
        return self.authority.issue("user-" + name, "spiffe://%s/user/%s" % (NAME, name))

    def write_configs(self):
        members = "\n".join('    - {name: %s, region: %s, address: "%s"}' % (
            node.name, node.region, node.address) for node in self.nodes)
        for node in self.nodes:
            self.write_config(node, "bootstrap:\n  members:\n%s\n  admins: [root]\n" % members)

    def write_config(self, node, beginning):
        """The node's certificate, empty data directory and configuration; beginning is its bootstrap
        or join section."""
        hosts = {host.rsplit(":", 1)[0] for host in (node.address, node.admin)}
        cert, key = self.authority.issue(node.name, "spiffe://%s/node/%s" % (NAME, node.name),
                                         addresses=sorted(hosts))
        os.mkdir(node.data, 0o700)
        with open(node.config, "w") as out:
            out.write(CONFIG.format(
                cluster=NAME, id=self.id, name=node.name, region=node.region, listen=node.listen,
                address=node.address, data=node.data, ca=self.ca, cert=cert, key=key,
                level=self.level) + beginning)

    def write_joining(self, node):
        """The configuration of a node that asks all others to be let in."""
        node.joining = True
        self.write_config(node, "join: {endpoints: [%s]}\n" % ", ".join(
            '"%s"' % other.address for other in self.nodes))

    def start(self):
        for node in self.nodes:
            self.start_node(node)
            self.connect(node)
        self.wait()
        self.token = self.create_token()
        self.incident = self.declare("Load")

    def connect(self, node):
        node.client = rpc.Client(node.admin, self.ca, *self.admin)

    def start_node(self, node, prefix=()):
        found = node.joining or os.path.exists(os.path.join(node.data, "log.db"))
        node.process = procs.Process([*prefix, node.program or self.program, "--config", node.config,
                                      *([] if found else ["--bootstrap"])], node.log)

    def status(self, node, timeout=2):
        return Status(node.client.call(CLUSTER + "GetStatus", b"", timeout))

    def wait(self, seconds=60):
        """Until every node is ready."""
        end = time.monotonic() + seconds
        for node in self.nodes:
            while not self.ready(node):
                if time.monotonic() > end or not node.process.alive():
                    sys.exit("%s is not ready; its log:\n%s" % (node.name, node.process.tail()))
                time.sleep(0.01)

    def get(self, node, path, timeout=5):
        """A page of the node: (status, body)."""
        context = ssl.create_default_context(cafile=self.ca)
        request = urllib.request.Request("https://%s%s" % (node.admin, path))
        if self.token:
            request.add_header("Authorization", "Bearer " + self.token)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                             urllib.request.HTTPSHandler(context=context))
        try:
            with opener.open(request, timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def ready(self, node):
        try:
            return self.get(node, "/readyz", 2)[0] == 200
        except (OSError, urllib.error.URLError):
            return False

    def settle(self, seconds=60):
        """Wait until all nodes have applied the same; returns the newest event's number."""
        end = time.monotonic() + seconds
        while True:
            try:
                seen = [self.status(node) for node in self.nodes]
                if len({(s.applied, s.last_seq) for s in seen}) == 1:
                    break
            except rpc.Error as error:
                seen = [error.details()]
            if time.monotonic() > end:
                sys.exit("watchfire nodes differ: %s" % [getattr(s, "__dict__", s) for s in seen])
            time.sleep(0.05)
        if len({s.digest for s in seen}) != 1:
            sys.exit("watchfire nodes have different digests at index %d" % seen[0].applied)
        return seen[0].last_seq

    def counts(self, before):
        """Events that each node has added since settle() returned before."""
        self.settle()
        return [self.status(node).last_seq - before for node in self.nodes]

    def leader(self, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for node in self.nodes:
                try:
                    if self.status(node).state == "leader":
                        return node
                except rpc.Error:
                    continue
            time.sleep(0.02)
        sys.exit("watchfire has no leader")

    def create_token(self, role=COMMANDER):
        answer = self.nodes[0].client.call(ACCESS + "CreateToken", pb.encode(
            {2: "tests", 4: role, 6: 86400}), 30)
        return pb.decode(answer).str(2)

    def declare(self, title):
        answer = self.nodes[0].client.call(INCIDENTS + "DeclareIncident", pb.encode(
            {2: title, 6: "root"}), 30)
        return pb.decode(answer).message(1).str(1)

    def write_request(self):
        return self.note("x" * 256)

    def note(self, text, request_id=""):
        return pb.encode({1: request_id, 2: self.incident, 3: text} if request_id
                         else {2: self.incident, 3: text})

    def read_path_and_request(self):
        return INCIDENTS + "GetIncident", pb.encode({1: self.incident})

    def record(self, node):
        """Every event of the node's record, its hash chain checked here: (event, its hash)."""
        head = bytes(32)
        for message in node.client.stream(LOG + "ExportLog", b"", 600):
            for record in pb.decode(message).messages(1):
                event, head = pb.decode(record.bytes(1)), hashlib.sha256(head + record.bytes(1)).digest()
                if head != record.bytes(2):
                    raise ChainBroken("%s: the hash chain breaks at event %d" % (node.name, event.int(1)))
                yield event, head

    def verify(self, node):
        """VerifyLog of one node: (valid, events)."""
        answer = pb.decode(node.client.call(LOG + "VerifyLog", b"", 300))
        return bool(answer.int(1)), answer.int(2)
