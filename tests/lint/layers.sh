#!/usr/bin/env bash
# A folder of src/ includes only what stands before it (docs/architecture.md, "One way through the house").
set -euo pipefail
root=$1
cd "$root/src"
grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]+"[a-z]+/' . --include='*.[ch]' | awk -F: '
  BEGIN {
    may["base"] = ""; may["proto"] = "base"; may["state"] = "base proto"; may["pager"] = "base proto state"
    may["notify"] = may["probe"] = may["gossip"] = may["replication"] = "base proto state pager"
    may["tls"] = "base"; may["http"] = "base tls"; may["rpc"] = "base proto tls http"
    may["api"] = "base proto state pager notify probe gossip replication tls http rpc"
    may["client"] = "base proto tls http rpc"; may["cli"] = "base proto tls http rpc client"
    may["daemon"] = may["api"] " api"
  }
  {
    split($1, path, "/"); folder = path[2]
    match($3, /"[a-z]+\//); target = substr($3, RSTART + 1, RLENGTH - 2)
    if (!(folder in may)) { print "src/" folder " has no place in the order"; bad = 1; next }
    seen++
    if (target == folder || !(target in may)) next # not in may: the folder of a library, such as "uv/"
    if (index(" " may[folder] " ", " " target " ") == 0) {
      print "src/" substr($1, 3) ":" $2 ": src/" folder " may not include " target "/"; bad = 1
    }
  }
  END {
    if (!seen) { print "no include seen: the check itself is broken"; exit 1 }
    if (!bad) print "layers: " seen " includes in order"
    exit bad
  }'
