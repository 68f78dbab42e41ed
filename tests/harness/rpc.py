# SPDX-License-Identifier: Apache-2.0
"""Unary and server-streaming gRPC calls over TLS with messages as bytes (see pb.py)."""
import os
import sys

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
try:
    import grpc
except ImportError:
    sys.exit("python3-grpcio is missing: apt-get install python3-grpcio")

Error, Code = grpc.RpcError, grpc.StatusCode

# A node that was killed is asked again at once: the default backoff of up to two minutes would be
# what is measured.
_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 20),
    ("grpc.min_reconnect_backoff_ms", 2000),  # how long one attempt to connect may take
    ("grpc.max_reconnect_backoff_ms", 50),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    ("grpc.max_receive_message_length", 64 << 20),
]


def _raw(data):
    return data


class Client:
    """Calls wait, up to their time-out, for a connection: grpcio works on one only while a call waits."""

    def __init__(self, address, ca, cert=None, key=None, token=None):
        read = lambda path: open(path, "rb").read() if path else None
        self.channel = grpc.secure_channel(
            address, grpc.ssl_channel_credentials(read(ca), read(key), read(cert)), _OPTIONS)
        self.metadata = [("authorization", "Bearer " + token)] if token else None
        self.calls = {}

    def _method(self, path, kind):
        if path not in self.calls:
            self.calls[path] = getattr(self.channel, kind)(path, _raw, _raw)
        return self.calls[path]

    def call(self, path, request, timeout=5):
        return self._method(path, "unary_unary")(request, timeout=timeout, metadata=self.metadata,
                                                 wait_for_ready=True)

    def start(self, path, request, timeout=5):
        """As call, but returns a future."""
        return self._method(path, "unary_unary").future(request, timeout=timeout,
                                                        metadata=self.metadata, wait_for_ready=True)

    def stream(self, path, request, timeout=60):
        return self._method(path, "unary_stream")(request, timeout=timeout, metadata=self.metadata,
                                                  wait_for_ready=True)

    def close(self):
        self.channel.close()
