# SPDX-License-Identifier: Apache-2.0
"""TLS connections and HTTP/2 frames made by hand, so that they can be wrong."""
import select
import socket
import ssl
import time

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
INITIAL_WINDOW = 4  # a setting
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def tcp(node, timeout=10, source=None):
    """source: the address to come from; all of 127.0.0.0/8 is ours."""
    host, port = node.admin.rsplit(":", 1)
    s = socket.create_connection((host, int(port)), timeout, (source, 0) if source else None)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def context(cluster, alpn=None, pair=None):
    made = ssl.create_default_context(cafile=cluster.ca)
    made.check_hostname = False
    if alpn:
        made.set_alpn_protocols([alpn])
    if pair:
        made.load_cert_chain(*pair)
    return made


def tls(cluster, node, alpn=None, pair=None, made=None, source=None):
    raw = tcp(node, source=source)
    try:
        return (made or context(cluster, alpn, pair)).wrap_socket(raw)
    except BaseException:
        raw.close()
        raise


def closed_within(sockets, seconds):
    """Read and drop until the peer has closed every one of them, or time is up. Returns how many of
    them it closed."""
    end, open_ones = time.monotonic() + seconds, list(sockets)
    while open_ones and time.monotonic() < end:
        readable = select.select(open_ones, [], [], 0.2)[0] if len(open_ones) < 500 else open_ones
        for s in readable:
            s.settimeout(0.01)
            try:
                gone = s.recv(65536) == b""
            except (TimeoutError, ssl.SSLWantReadError):
                gone = False
            except OSError:
                gone = True
            if gone:
                open_ones.remove(s)
    return len(sockets) - len(open_ones)


def literal(name, value):
    """A header field in HPACK: never indexed, no Huffman code."""
    out = b"\x10"
    for text in (name.encode(), value.encode()):
        n = len(text)
        if n < 127:
            out += bytes([n])
        else:
            out, n = out + b"\x7f", n - 127
            while n > 127:
                out, n = out + bytes([n & 127 | 128]), n >> 7
            out += bytes([n])
        out += text
    return out


def request_headers(path, extra=()):
    fields = [(":method", "POST"), (":scheme", "https"), (":path", path), (":authority", "localhost"),
              ("content-type", "application/grpc"), ("te", "trailers"), *extra]
    return b"".join(literal(name, value) for name, value in fields)


def frame(kind, flags, stream, payload=b""):
    return (len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload)


class H2:
    def __init__(self, cluster, node, settings=b"", pair=None):
        self.socket = tls(cluster, node, "h2", pair)
        self.buffer = b""
        self.socket.sendall(PREFACE + frame(SETTINGS, 0, 0, settings))

    def send(self, *frames):
        """False when the peer has closed."""
        try:
            self.socket.settimeout(10)
            self.socket.sendall(b"".join(frames))
            return True
        except OSError:
            return False

    def receive(self, seconds):
        """The next frame as (kind, flags, stream, payload); None at the end or when time is up."""
        end = time.monotonic() + seconds
        while True:
            if len(self.buffer) >= 9:
                size = 9 + int.from_bytes(self.buffer[:3], "big")
                if len(self.buffer) >= size:
                    whole, self.buffer = self.buffer[:size], self.buffer[size:]
                    return (whole[3], whole[4], int.from_bytes(whole[5:9], "big") & 0x7FFFFFFF,
                            whole[9:])
            left = end - time.monotonic()
            if left <= 0:
                return None
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65536)
            except OSError:
                return None
            if not data:
                return None
            self.buffer += data

    def await_frame(self, kinds, seconds=10):
        end = time.monotonic() + seconds
        while True:
            got = self.receive(max(0, end - time.monotonic()))
            if got is None or got[0] in kinds:
                return got

    def close(self):
        self.socket.close()
