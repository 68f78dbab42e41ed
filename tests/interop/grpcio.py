#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""python3-grpcio (gRPC C-core) against the test server; messages are bytes, packed by hand."""
import subprocess
import sys
import threading
import time

import grpc

SERVICE = "/watchfire.test.v1.TestService/"


def varint(n):
    out = b""
    while n > 0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def expect(code, fn):
    try:
        fn()
    except grpc.RpcError as error:
        assert error.code() == code, (error.code(), error.details())
        return error
    raise AssertionError(f"expected {code}")


def given_up(channel):
    answer = channel.unary_unary(SERVICE + "Sleep")(field(1, 1))
    return answer[1] if answer else 0


def eventually(what, fn):
    for _ in range(200):
        if fn():
            return
        time.sleep(0.02)
    raise AssertionError(what)


def unary(channel):
    echo = channel.unary_unary(SERVICE + "Echo")
    text = field(1, "grüße 🔥".encode())
    assert echo(text) == text
    answer, call = echo.with_call(text, timeout=5)
    assert ("x-test", "seen") in call.initial_metadata()


def streams(channel):
    count = channel.unary_stream(SERVICE + "Count")
    for n in (5, 20000):
        assert sum(1 for _ in count(field(1, n), timeout=60)) == n
    chat = channel.stream_stream(SERVICE + "Chat")
    sent = [field(1, text) for text in (b"a", b"b", b"c")]
    assert list(chat(iter(sent))) == sent


def slow_reader(channel):
    stream = channel.unary_stream(SERVICE + "Count")(field(1, 20000) + field(2, 1000))
    for i, _ in enumerate(stream):
        if i % 5000 == 0:
            time.sleep(0.2)
    assert i == 19999


def errors(channel):
    fail = channel.unary_unary(SERVICE + "Fail")
    message = "Übergabe 100% — läuft 🔥\nzweite Zeile"
    request = field(1, 10) + field(2, message.encode()) + field(3, b"dana")
    error = expect(grpc.StatusCode.ABORTED, lambda: fail(request))
    assert error.details() == message
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    assert b"dana" in details
    unknown = channel.unary_unary(SERVICE + "Nope")
    expect(grpc.StatusCode.UNIMPLEMENTED, lambda: unknown(b""))
    bad = expect(grpc.StatusCode.INVALID_ARGUMENT,
                 lambda: channel.unary_unary(SERVICE + "Echo")(b"\x0a\x02\xff\xfe"))
    assert bad.details().startswith("text: "), bad.details()


def deadlines(channel):
    before = given_up(channel)
    sleep = channel.unary_unary(SERVICE + "Sleep")
    expect(grpc.StatusCode.DEADLINE_EXCEEDED, lambda: sleep(b"", timeout=0.1))
    eventually("the server did not see the deadline", lambda: given_up(channel) > before)
    before = given_up(channel)
    future = sleep.future(b"")
    time.sleep(0.1)
    future.cancel()
    eventually("the server did not see the cancel", lambda: given_up(channel) > before)


def parallel(channel):
    futures = [channel.unary_unary(SERVICE + "Echo").future(field(1, b"%d" % i)) for i in range(300)]
    assert [f.result(timeout=30) for f in futures] == [field(1, b"%d" % i) for i in range(300)]


def oversize(channel):
    echo = channel.unary_unary(SERVICE + "Echo")
    for size in (1024 * 1024 + 1, 4 * 1024 * 1024):
        expect(grpc.StatusCode.RESOURCE_EXHAUSTED, lambda: echo(field(3, bytes(size)), timeout=20))
    assert echo(b"") == b""


def gzip(channel):
    echo = channel.unary_unary(SERVICE + "Echo")
    text = field(1, b"x" * 5000)
    error = expect(grpc.StatusCode.UNIMPLEMENTED,
                   lambda: echo(text, compression=grpc.Compression.Gzip))
    assert "identity" in error.details()


def drain(channel, server):
    got = []
    reader = threading.Thread(target=lambda: got.append(
        sum(1 for _ in channel.unary_stream(SERVICE + "Count")(field(1, 30000) + field(2, 500)))))
    future = channel.unary_unary(SERVICE + "Sleep").future(field(1, 500))
    reader.start()
    time.sleep(0.2)
    server.terminate()
    assert future.result(timeout=20) is not None
    reader.join()
    assert got == [30000], got
    assert server.wait(20) == 0
    expect(grpc.StatusCode.UNAVAILABLE,
           lambda: channel.unary_unary(SERVICE + "Echo")(b"", timeout=5))


def main():
    server = subprocess.Popen([sys.argv[1]], stdout=subprocess.PIPE, text=True)
    try:
        _, port, ca = server.stdout.readline().split()
        with open(ca, "rb") as f:
            credentials = grpc.ssl_channel_credentials(f.read())
        channel = grpc.secure_channel(f"localhost:{port}", credentials)
        for case in (unary, streams, slow_reader, errors, deadlines, parallel, oversize, gzip):
            case(channel)
            print(f"ok - grpcio {case.__name__}", flush=True)
        drain(channel, server)
        print("ok - grpcio drain", flush=True)
    finally:
        server.kill()
        server.wait()


main()
