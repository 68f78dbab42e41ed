#!/usr/bin/env bash
# What TLS and HTTP cost by themselves: h2load at 512 outstanding small calls against a handler that does
# nothing. Usage: http.sh HTTP_ECHO [REQUESTS]
set -euo pipefail
requests=${2:-300000}
tmp=$(mktemp -d)
"$1" >"$tmp/out" &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -rf "$tmp"' EXIT
for _ in $(seq 100); do grep -q listening "$tmp/out" && break; sleep 0.1; done
read -r _ port _ <"$tmp/out"
head -c 64 /dev/zero | tr '\0' x >"$tmp/body"
cpu() { awk '{print $14 + $15}' "/proc/$server/stat"; }

run() { # name, h2load arguments
  local name=$1 before after
  shift
  before=$(cpu)
  h2load -t 1 "$@" >"$tmp/load"
  after=$(cpu)
  awk -v name="$name" -v n="$requests" -v hz="$(getconf CLK_TCK)" -v ticks=$((after - before)) '
    /^finished/ { split($4, a, "."); rate = a[1] }
    /^requests:/ { good = $8 }
    END { printf "%-24s %8d requests/s, %8d per second of server CPU, %d of %d good\n",
                 name, rate, (ticks > 0 ? n * hz / ticks : 0), good, n }' "$tmp/load"
}

run "h2 gRPC unary, 8x64" -n "$requests" -c 8 -m 64 -d "$tmp/body" \
  -H 'content-type: application/grpc' -H 'te: trailers' "https://127.0.0.1:$port/grpc"
run "h2 GET, 8x64" -n "$requests" -c 8 -m 64 "https://127.0.0.1:$port/"
run "h1 GET, 64 connections" --h1 -n "$requests" -c 64 "https://127.0.0.1:$port/"
