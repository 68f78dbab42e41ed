# SPDX-License-Identifier: Apache-2.0
"""Runs h2load for gRPC. It sees HTTP only: a refused call looks to it like an answered one, so whoever
measures counts afterwards what really happened."""
import os
import re
import shutil
import subprocess
import sys

from . import pb

CLIENTS = 8


class Result:
    def __init__(self, requests, seconds, data_bytes, median_us):
        self.requests, self.seconds, self.data_bytes = requests, seconds, data_bytes
        self.median_us = median_us

    @property
    def rate(self):
        return self.requests / self.seconds


def clients_for(outstanding):
    return min(CLIENTS, outstanding)


def run(folder, address, path, request, requests, outstanding, token=None):
    """Exactly so many requests, so many of them outstanding, over at most eight connections."""
    if not shutil.which("h2load"):
        sys.exit("h2load is missing: apt-get install nghttp2-client")
    body, log = os.path.join(folder, "body"), os.path.join(folder, "h2load.log")
    with open(body, "wb") as out:
        out.write(pb.grpc_frame(request))
    clients = clients_for(outstanding)
    argv = ["h2load", "-n", str(requests), "-c", str(clients), "-m", str(outstanding // clients),
            "-d", body, "-H", "content-type: application/grpc", "-H", "te: trailers"]
    if token:
        argv += ["-H", "authorization: Bearer " + token]
    if outstanding == 1:  # elsewhere a line per request would be a cost of its own
        open(log, "w").close()
        argv += ["--log-file", log]
    done = subprocess.run(argv + ["https://%s%s" % (address, path)], capture_output=True, text=True)
    return _parse(done, requests, log if outstanding == 1 else None)


def _parse(done, requests, log):
    text = done.stdout
    head = re.search(r"finished in ([0-9.]+)(us|ms|s|m|h)\b", text)
    counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", text)
    codes = re.search(r"status codes: (\d+) 2xx", text)
    data = re.search(r"\((\d+)\) data", text)
    if done.returncode or not (head and counts and codes and data):
        sys.exit("h2load failed:\n%s%s" % (text, done.stderr))
    if int(counts[1]) != requests or int(codes[1]) != requests:
        sys.exit("h2load: of %d requests %s were answered with 2xx:\n%s" % (requests, codes[1], text))
    scale = {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}[head[2]]
    median = None
    if log:
        with open(log) as lines:
            times = sorted(int(line.split("\t")[2]) for line in lines)
        median = times[len(times) // 2]
    return Result(requests, float(head[1]) * scale, int(data[1]), median)
