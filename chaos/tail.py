# SPDX-License-Identifier: Apache-2.0
"""Follows a file that clients record into, reading each line once."""
import json


class Tail:
    """Of acknowledged writes: .acks, when they were answered, and .last_call, when the one was called
    that was called last (monotonic ns). Both read on first."""

    def __init__(self, path):
        self.path, self.at, self.rest = path, 0, b""
        self._acks, self._last_call = [], 0

    def read(self):
        try:
            with open(self.path, "rb") as file:
                file.seek(self.at)
                data = file.read()
        except FileNotFoundError:
            return
        self.at += len(data)
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            op = json.loads(line)
            if op["outcome"] == "ok" and op["op"] not in ("read", "get"):
                self._acks.append(op["return"])
                self._last_call = max(self._last_call, op["call"])

    @property
    def acks(self):
        self.read()
        return self._acks

    @property
    def last_call(self):
        self.read()
        return self._last_call
