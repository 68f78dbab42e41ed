# SPDX-License-Identifier: Apache-2.0
"""Writers and a reader that keep their own record of what the cluster promised them."""
import itertools
import random
import threading

from harness import pb, rpc, watchfire

WRITERS = 8
RETRY = (rpc.Code.UNAVAILABLE, rpc.Code.DEADLINE_EXCEEDED, rpc.Code.RESOURCE_EXHAUSTED)


class Broken(Exception):
    """A promise of the cluster that did not hold."""


class Load:
    def __init__(self, cluster, seed):
        self.cluster, self.seed = cluster, seed
        self.acknowledged = {}  # request id -> seq
        self.newest = 0         # highest seq acknowledged
        self.reads = 0
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.broken = None
        targets = [(self.write, i) for i in range(WRITERS)] + [(self.read, WRITERS)]
        self.threads = [threading.Thread(target=self.guarded, args=target, daemon=True)
                        for target in targets]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self, seconds=60):
        """Every write that was begun is retried until it is acknowledged."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(seconds)
            if thread.is_alive():
                raise Broken("a write was not acknowledged within %d s although all nodes run" % seconds)
        self.check()

    def check(self):
        if self.broken:
            raise self.broken

    def guarded(self, work, number):
        try:
            work(random.Random("%d/%d" % (self.seed, number)), number)
        except Exception as error:  # pylint: disable=broad-except
            self.broken = error

    def write(self, rng, number):
        for i in itertools.count():
            if self.stopping.is_set():
                return
            request_id = "w%d-%d" % (number, i)
            seq = self.insist(rng, request_id)
            with self.lock:
                self.acknowledged[request_id] = seq
                self.newest = max(self.newest, seq)
            if rng.random() < 0.05 and self.insist(rng, request_id) != seq:
                raise Broken("the retry of %s was answered with another event" % request_id)

    def insist(self, rng, request_id):
        """Write the note at one node after the other, always with the same id, until one says yes."""
        request = self.cluster.note("note " + request_id, request_id)
        while True:
            answer = self.ask(rng, watchfire.ADD_NOTE, request)
            if answer is not None:
                return answer.int(1)

    def ask(self, rng, path, request):
        try:
            return pb.decode(rng.choice(self.cluster.nodes).client.call(path, request, 1))
        except rpc.Error as error:
            if error.code() not in RETRY:
                raise Broken("%s was refused: %s %s" % (path, error.code(), error.details())) from error
            return None

    def read(self, rng, _number):
        """A linearizable read shows everything that was acknowledged before it was asked for."""
        path, request = self.cluster.read_path_and_request()
        while not self.stopping.is_set():
            newest = self.newest
            answer = self.ask(rng, path, request)
            if answer is None:
                continue
            seen = answer.message(1).int(19)
            if seen < newest:
                raise Broken("a linearizable read saw event %d, %d had been acknowledged" % (seen, newest))
            self.reads += 1
            self.stopping.wait(0.01)
