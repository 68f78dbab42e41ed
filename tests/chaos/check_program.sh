#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# history-check as a program: what it prints and how it ends. check_program.sh HISTORY_CHECK
set -euo pipefail
program=$1
histories=$(cd "$(dirname "$0")" && pwd)/histories
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

# expect CODE TEXT ARGUMENTS...: it ends with CODE, and TEXT is in what it said.
expect() {
  local code=$1 text=$2 got=0
  shift 2
  "$program" "$@" >"$work/said" 2>&1 || got=$?
  if [ "$got" != "$code" ] || ! grep -qF -- "$text" "$work/said"; then
    echo "history-check $*: ended with $got, not $code, or without \"$text\":"
    cat "$work/said"
    bad=1
  fi
}

# Thirty puts at once, and then gets that no order explains: too many orders to try.
{
  echo '{"history":1,"system":"etcd","scenario":"s","seed":1,"start":0,"nodes":[]}'
  for i in $(seq 30); do
    echo "{\"op\":\"put\",\"client\":\"c$i\",\"incident\":\"r\",\"call\":1,\"return\":9,\"outcome\":\"ok\",\"node\":\"\",\"value\":\"v$i\",\"seq\":$i}"
  done
  for i in 1 2; do
    echo "{\"op\":\"get\",\"client\":\"g\",\"incident\":\"r\",\"call\":${i}1,\"return\":${i}2,\"outcome\":\"ok\",\"node\":\"\",\"value\":\"v$i\",\"seq\":$i}"
  done
} >"$work/endless.jsonl"

expect 0 "order: ok, 3 operations" "$histories/good/plain.jsonl"
expect 0 "gaps: 2.000 s at most without an acknowledged write, from 0.000 s on; 3 acknowledged (2 writes), 0 refused, 0 unknown" \
  --gaps "$histories/good/plain.jsonl"
expect 1 "linear: FAIL" "$histories/bad/linear-stale-read.jsonl"
expect 1 "invariants: FAIL" --only invariants "$histories/bad/invariants-gap.jsonl"
expect 1 "order: FAIL" "$histories/good/plain.jsonl" "$histories/bad/order-stale-read.jsonl"
expect 1 '"problems_found": 1' --json "$histories/bad/order-stale-read.jsonl"
expect 3 "gave up on r after" --only linear --limit 1 "$work/endless.jsonl"
expect 2 "usage:" --frobnicate
expect 2 "usage:"
expect 2 "usage:" --limit 0 "$histories/good/plain.jsonl"
expect 2 "usage:" --only everything "$histories/good/plain.jsonl"
expect 2 "cannot be opened: No such file" "$work/none.jsonl"
exit $bad
