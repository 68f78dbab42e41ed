# SPDX-License-Identifier: Apache-2.0
"""The attacks: each a function of (cluster, node) that raises Failed when the node does not defend
itself, and returns how many connections it held at once, or that and the node's KiB meanwhile."""
import os
import socket
import ssl
import time

from harness import certs, pb, rpc, watchfire
from wire import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, INITIAL_WINDOW, PING,
                  RST_STREAM, SETTINGS, H2, closed_within, context, frame, literal, request_headers, tcp,
                  tls)


class Failed(Exception):
    pass


class Attack:
    def __init__(self, run, counted, kib_per_connection, kib):
        self.name, self.run, self.counted = run.__name__, run, counted
        self.kib_per_connection, self.kib = kib_per_connection, kib


ALL = []
PER_ADDRESS = 1000  # connections, as the node is configured
REQUESTS_KIB = 64 * 1024  # of requests that are not complete: WF_REQUEST_BYTES_MAX
HTTP = "http_.*(rejected|abusive|refused)"  # a metric


def attack(*counted, kib_per_connection=0, kib=0):
    """counted: patterns of metrics that must grow; kib: what the node's limits let it hold."""
    def add(run):
        ALL.append(Attack(run, counted, kib_per_connection, kib))
        return run
    return add


def demand(condition, text):
    if not condition:
        raise Failed(text)


def all_closed(sockets, seconds, what):
    closed = closed_within(sockets, seconds)
    for s in sockets:
        s.close()
    demand(closed == len(sockets), "%d of %d %s were closed" % (closed, len(sockets), what))


# --- before any protocol ---------------------------------------------------------------------------

@attack("tls_handshakes_failed")
def garbage(_cluster, node):
    sockets = [tcp(node) for _ in range(200)]
    for i, s in enumerate(sockets):
        try:
            s.sendall(os.urandom(1 + i * 37))
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass
    all_closed(sockets, 20, "connections with garbage")


@attack("tls_handshakes_failed")
def plain_http(_cluster, node):
    sockets = [tcp(node) for _ in range(20)]
    for s in sockets:
        s.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    all_closed(sockets, 20, "connections with plain HTTP")


@attack("tls_handshakes_failed")
def unknown_alpn(cluster, node):
    for alpn in ("h3", "spdy/1", "raft/2"):
        try:
            tls(cluster, node, alpn).close()
        except ssl.SSLError as error:
            demand("ALERT" in str(error).upper(), "ALPN %s: no alert but %s" % (alpn, error))
            continue
        raise Failed("ALPN %s was accepted" % alpn)


@attack("certificates_refused|tls_handshakes_failed")
def raft_without_a_node_certificate(cluster, node):
    other = certs.Authority(os.path.join(cluster.folder, "other"), "spiffe://" + watchfire.NAME)
    stranger = other.issue("fra-1", "spiffe://%s/node/fra-1" % watchfire.NAME)
    elsewhere = cluster.authority.issue("elsewhere", "spiffe://elsewhere/node/fra-1")
    for pair in (None, cluster.admin, stranger, elsewhere):
        try:
            s = tls(cluster, node, "raft/1", pair)
            s.sendall(os.urandom(64))
        except OSError:
            continue
        all_closed([s], 15, "raft/1 connections without a node's certificate")


@attack("tls_handshakes_failed", kib_per_connection=64)
def silent_connections(_cluster, node):
    """Connected, and never a word: not even a ClientHello."""
    sockets = [tcp(node) for _ in range(500)]
    all_closed(sockets, 60, "connections without a handshake")
    return len(sockets)


@attack("tls_handshakes_total", kib_per_connection=64)
def idle_connections(cluster, node):
    """10,000 TLS connections that do nothing, of twenty addresses."""
    shared, held = context(cluster, "h2"), []
    try:
        for i in range(10000):
            held.append(tls(cluster, node, made=shared, source="127.0.1.%d" % (1 + i % 20)))
        fresh = rpc.Client(node.admin, cluster.ca, *cluster.admin)
        fresh.call(watchfire.ADD_NOTE, cluster.write_request(), 10)
        fresh.close()
        full = node.process.memory_kib()
    finally:
        for s in held:
            s.close()
    end = time.monotonic() + 20
    while node.process.memory_kib() > full - 3 * len(held):  # of some 13 KiB each
        demand(time.monotonic() < end, "of %d KiB %d are still held when all have left" % (
            full, node.process.memory_kib()))
        time.sleep(0.2)
    return len(held), full


@attack("connections_over_address_limit", kib_per_connection=64)
def one_address_takes_all(cluster, node):
    """One address holds what it can get; the rest is closed at once, and others are served."""
    shared, held, source = context(cluster, "h2"), [], "127.0.2.1"
    try:
        for _ in range(PER_ADDRESS):
            held.append(tls(cluster, node, made=shared, source=source))
        for _ in range(50):
            try:
                tls(cluster, node, made=shared, source=source).close()
            except OSError:
                continue
            raise Failed("an address has more than %d connections" % PER_ADDRESS)
        fresh = rpc.Client(node.admin, cluster.ca, *cluster.admin)
        fresh.call(watchfire.ADD_NOTE, cluster.write_request(), 10)
        fresh.close()
        held.pop().close()  # who goes makes room
        end = time.monotonic() + 10
        while len(held) < PER_ADDRESS:
            try:
                held.append(tls(cluster, node, made=shared, source=source))
            except OSError:
                demand(time.monotonic() < end, "a connection that has ended is still counted")
        return len(held)
    finally:
        for s in held:
            s.close()


# --- HTTP/1.1 --------------------------------------------------------------------------------------

def drip(sockets, piece, seconds):
    """A little on each every second, until the peer has closed them all or time is up."""
    end = time.monotonic() + seconds
    left = list(sockets)
    while left and time.monotonic() < end:
        time.sleep(1)
        for s in list(left):
            try:
                s.settimeout(1)
                s.sendall(piece)
            except OSError:
                left.remove(s)
    return len(left)


@attack(HTTP)
def slow_headers(cluster, node):
    sockets = [tls(cluster, node, "http/1.1") for _ in range(100)]
    for s in sockets:
        s.sendall(b"POST /watchfire.v1.IncidentService/AddNote HTTP/1.1\r\nHost: localhost\r\n")
    demand(drip(sockets, b"a", 40) == 0, "headers may take for ever")
    for s in sockets:
        s.close()


@attack(HTTP + "|rpc_calls.*deadline")
def slow_body(cluster, node):
    one = [tls(cluster, node, "http/1.1") for _ in range(50)]
    for s in one:
        s.sendall(b"POST /watchfire.v1.IncidentService/AddNote HTTP/1.1\r\nHost: localhost\r\n"
                  b"Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n{")
    demand(drip(one, b" ", 60) == 0, "an HTTP/1.1 body may take for ever")
    for s in one:
        s.close()


@attack(HTTP)
def huge_headers_h1(cluster, node):
    s = tls(cluster, node, "http/1.1")
    answer = b""
    try:
        s.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n")
        for _ in range(4096):
            s.sendall(b"X-Large: " + b"a" * 1015 + b"\r\n")
    except OSError:
        pass
    try:
        s.settimeout(10)
        answer = s.recv(4096)
    except OSError:
        pass
    s.close()
    demand(answer == b"" or b" 431 " in answer.split(b"\r\n")[0], "answered %r" % answer[:80])


@attack("limit_hits")
def huge_json(cluster, node):
    """A body that is announced as a terabyte, and one that just goes on."""
    for head in (b"Content-Length: 1000000000000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"):
        s = tls(cluster, node, "http/1.1")
        s.sendall(b"POST /watchfire.v1.IncidentService/AddNote HTTP/1.1\r\nHost: localhost\r\n"
                  b"Content-Type: application/json\r\n" + head)
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        sent, answer = 0, None
        while answer is None and sent < 64 << 20:
            try:
                s.settimeout(10)
                s.sendall(chunk)
                sent += len(chunk)
                s.settimeout(0)
                answer = s.recv(4096)
            except (BlockingIOError, ssl.SSLWantReadError):
                pass
            except OSError:
                answer = b""
        s.close()
        demand(answer is not None, "%d bytes of a body were read without an answer" % sent)
        demand(answer[:10] in (b"", b"HTTP/1.1 4"), "answered %r" % answer[:80])


@attack(HTTP)
def smuggling(cluster, node):
    """Requests that two parsers would cut differently: one refusal, and the connection ends."""
    for head in (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n"
                 b"Content-Length: 6\r\n", b"Transfer-Encoding: xchunked\r\n", b"Content-Length: +5\r\n",
                 b"X: a\r\n b\r\n", b"X: a\rTransfer-Encoding: chunked\r\n", b"X : a\r\n"):
        s = tls(cluster, node, "http/1.1")
        s.sendall(b"POST /healthz HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n0\r\n\r\n"
                  b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b""
        s.settimeout(10)
        try:
            while True:
                more = s.recv(65536)
                if not more:
                    break
                answer += more
        except OSError:
            pass
        s.close()
        demand(answer.startswith(b"HTTP/1.1 400") and answer.count(b"HTTP/1.1 ") == 1,
               "%r was answered %r" % (head, answer[:120]))


# --- HTTP/2 ----------------------------------------------------------------------------------------

def ended(h2, seconds=20):
    """The peer has said GOAWAY or closed."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        got = h2.await_frame((GOAWAY,), 1)
        if got or closed_within([h2.socket], 0.3):
            return True
    return False


@attack(HTTP)
def rapid_reset(cluster, node):
    h2, block, stream, alive = H2(cluster, node), request_headers(watchfire.ADD_NOTE), 1, True
    while alive and stream < 200000:
        burst = []
        for _ in range(100):
            burst += [frame(HEADERS, END_HEADERS, stream, block),
                      frame(RST_STREAM, 0, stream, (8).to_bytes(4, "big"))]
            stream += 2
        alive = h2.send(*burst)
    demand(not alive or ended(h2), "%d streams were opened and reset" % (stream // 2))
    h2.close()


@attack(HTTP)
def control_flood(cluster, node):
    for flood in (frame(PING, 0, 0, bytes(8)), frame(SETTINGS, 0, 0)):
        h2, sent, alive = H2(cluster, node), 0, True
        while alive and sent < 2000000:
            alive = h2.send(flood * 1000)
            sent += 1000
        demand(not alive or ended(h2), "%d control frames were taken" % sent)
        h2.close()


@attack(HTTP)
def continuation_flood(cluster, node):
    """A header list that never ends."""
    h2 = H2(cluster, node)
    alive = h2.send(frame(HEADERS, 0, 1, request_headers(watchfire.ADD_NOTE)))
    for i in range(5000):
        if not alive:
            break
        alive = h2.send(frame(CONTINUATION, 0, 1, literal("x-%d" % i, "a" * 4000)))
    demand(not alive or ended(h2), "20 MB of header fields were taken")
    h2.close()


@attack(HTTP)
def huge_headers_h2(cluster, node):
    """One list past the limit: this stream is refused, the connection goes on."""
    h2 = H2(cluster, node)
    block = request_headers(watchfire.ADD_NOTE, [("x-%d" % i, "a" * 1000) for i in range(20)])
    parts = [block[i:i + 16000] for i in range(0, len(block), 16000)]
    frames = [frame(HEADERS, END_STREAM, 1, parts[0])]
    frames += [frame(CONTINUATION, 0, 1, part) for part in parts[1:-1]]
    frames += [frame(CONTINUATION, END_HEADERS, 1, parts[-1])]
    demand(h2.send(*frames), "the connection was closed")
    demand(h2.await_frame((HEADERS, RST_STREAM, GOAWAY)), "no answer to a header list of 20 KB")
    h2.close()


@attack(HTTP)
def half_closed_streams(cluster, node):
    """Streams that are opened and left alone, on many connections: past the limit they are refused."""
    held, block = [], request_headers(watchfire.ADD_NOTE)
    for _ in range(20):
        h2 = H2(cluster, node)
        h2.send(*[frame(HEADERS, END_HEADERS, 1 + 2 * i, block) for i in range(200)])
        got = h2.await_frame((RST_STREAM, GOAWAY))
        demand(got, "200 streams at once were all taken")
        held.append(h2)
    for h2 in held:
        try:
            h2.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass
    all_closed([h2.socket for h2 in held], 90, "half-closed connections")


@attack("limit_hits", "rpc_calls")
def oversize_message(cluster, node):
    try:
        node.client.call(watchfire.ADD_NOTE, cluster.note("x" * (4 << 20)), 20)
        raise Failed("a message of 4 MiB was taken")
    except rpc.Error as error:
        demand(error.code() in (rpc.Code.RESOURCE_EXHAUSTED, rpc.Code.INVALID_ARGUMENT),
               "refused as %s" % error.code())
    h2 = H2(cluster, node, pair=cluster.admin)  # announces 4 GiB
    h2.send(frame(HEADERS, END_HEADERS, 1, request_headers(watchfire.ADD_NOTE)),
            frame(DATA, 0, 1, b"\0\xff\xff\xff\xff" + bytes(100)))
    demand(h2.await_frame((HEADERS, RST_STREAM, GOAWAY)), "no answer to an announced 4 GiB")
    h2.close()


@attack("rpc_calls.*deadline")
def slow_streams(cluster, node):
    """HTTP/2 bodies that never end: each call gets its deadline."""
    h2 = H2(cluster, node, pair=cluster.admin)
    block = request_headers(watchfire.ADD_NOTE, [("grpc-timeout", "5S")])
    h2.send(*[frame(HEADERS, END_HEADERS, 1 + 2 * i, block) for i in range(100)])
    for second in range(20):
        if not h2.send(*[frame(DATA, 0, 1 + 2 * i, b"\0") for i in range(100 if second < 3 else 0)]):
            break
        if h2.await_frame((HEADERS, RST_STREAM, GOAWAY), 1):
            h2.close()
            return
    raise Failed("bodies may take for ever")


@attack("watches|rpc_calls")
def slow_reader(cluster, node):
    """Watches with no window, while events pour in: they end, or wait in bounded memory."""
    window = INITIAL_WINDOW.to_bytes(2, "big") + (0).to_bytes(4, "big")
    held = []
    for _ in range(20):
        h2 = H2(cluster, node, window, cluster.admin)
        body = frame(DATA, END_STREAM, 1, pb.grpc_frame(b""))
        h2.send(frame(HEADERS, END_HEADERS, 1, request_headers(watchfire.LOG + "WatchEvents")), body)
        held.append(h2)
    pending = []
    for i in range(3000):
        pending.append(node.client.start(watchfire.ADD_NOTE, cluster.note("y" * 4000), 30))
        if i % 64 == 63:
            for call in pending:
                call.result()
            pending = []
    for h2 in held:
        h2.close()


@attack("rpc_calls", kib=REQUESTS_KIB)
def large_bodies(cluster, node):
    """Bodies of almost 1 MiB, many at once, of a note that is far too long."""
    request = cluster.note("z" * 1000000)
    clients = [rpc.Client(node.admin, cluster.ca, *cluster.admin) for _ in range(8)]
    for _ in range(5):
        calls = [client.start(watchfire.ADD_NOTE, request, 60) for client in clients for _ in range(8)]
        for call in calls:
            demand(call.exception() is not None, "a note of 1 MB was taken")
    for client in clients:
        client.close()


def all_but_the_last_byte(s, size):
    """Of a body; what the node says to it at once, None when it waits for the rest."""
    try:
        s.sendall(b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/proto\r\n"
                  b"Connect-Protocol-Version: 1\r\nContent-Length: %d\r\n\r\n" %
                  (watchfire.ADD_NOTE.encode(), size))
        s.sendall(bytes(size - 1))
        s.settimeout(0.02)
        return s.recv(4096)
    except (TimeoutError, ssl.SSLWantReadError):
        return None
    except OSError:
        return b""


@attack("limit_hits", "rpc_calls", kib=REQUESTS_KIB)
def held_bodies(cluster, node):
    """256 MB of bodies that lack one byte: what is over the limit is refused, and nobody else is."""
    size, taken, refused = 1000000, [], 0
    shared = context(cluster, "http/1.1", cluster.admin)
    for _ in range(256):
        s = tls(cluster, node, made=shared)
        answer = all_but_the_last_byte(s, size)
        if answer is None:
            taken.append(s)
            continue
        refused += 1
        demand(answer == b"" or b" 429 " in answer.split(b"\r\n")[0], "answered %r" % answer[:80])
        s.close()
    held = node.process.memory_kib()
    for s in taken:
        s.close()
    demand(refused > 0 and len(taken) * size <= 64 << 20, "%d bodies were held at once" % len(taken))
    demand(len(taken) > 32, "only %d bodies were held at once" % len(taken))
    return 0, held


@attack("rpc_calls")
def retry_storm(cluster, node):
    """Thousands of retries of few requests: each is done once, and all retries get its answer."""
    answers = {}
    for _ in range(10):
        calls = [("storm-%d" % (i % 20), node.client.start(
            watchfire.ADD_NOTE, cluster.note("storm", "storm-%d" % (i % 20)), 60)) for i in range(500)]
        for request_id, call in calls:
            try:
                answers.setdefault(request_id, set()).add(pb.decode(call.result()).int(1))
            except rpc.Error as error:
                demand(error.code() == rpc.Code.RESOURCE_EXHAUSTED, "refused as %s" % error.code())
    demand(len(answers) == 20 and all(len(seqs) == 1 for seqs in answers.values()),
           "retries of one request were answered with different events")
    try:
        node.client.call(watchfire.ADD_NOTE, cluster.note("another", "storm-0"), 10)
        raise Failed("a request id was used for two requests")
    except rpc.Error as error:
        demand(error.code() != rpc.Code.UNAVAILABLE, "refused as %s" % error.code())


@attack("calls_refused|rpc_calls.*unauth", "certificates_refused|tls_handshakes_failed")
def wrong_credentials(cluster, node):
    """A token of nobody, and a certificate of another CA."""
    stranger = certs.Authority(os.path.join(cluster.folder, "stranger"), "spiffe://" + watchfire.NAME)
    for pair, token in ((None, "wf_" + "A" * 43), (None, None)):
        client = rpc.Client(node.admin, cluster.ca, *(pair or (None, None)), token)
        for _ in range(200):
            try:
                client.call(watchfire.ADD_NOTE, cluster.write_request(), 10)
                raise Failed("a caller without credentials was let in")
            except rpc.Error as error:
                demand(error.code() == rpc.Code.UNAUTHENTICATED, "refused as %s" % error.code())
        client.close()
    try:
        s = tls(cluster, node, "h2", stranger.issue("root", "spiffe://%s/user/root" % watchfire.NAME))
        s.settimeout(10)
        demand(s.recv(1) == b"", "a certificate of another CA was believed")
    except OSError:
        pass
