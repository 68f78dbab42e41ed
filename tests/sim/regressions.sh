#!/usr/bin/env bash
# The runs of regressions.txt pass: each one failed once, and led to a fix.
set -euo pipefail
sim=$1
list=$(dirname "$0")/regressions.txt
bad=0 seen=0
while read -r runs; do
  case $runs in '' | '#'*) continue ;; esac
  seen=$((seen + 1))
  # shellcheck disable=SC2086 # the runs are words
  "$sim" ${runs%%#*} --quiet || bad=1
done <"$list"
[ "$seen" -gt 0 ] || { echo "regressions.txt is empty"; exit 1; }
exit $bad
