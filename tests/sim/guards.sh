#!/usr/bin/env bash
# Each guard of guards.txt is taken away alone, in runs where that is known to break something. A guard
# whose absence no longer shows has lost its proof.
set -euo pipefail
sim=$1
list=$(dirname "$0")/guards.txt
bad=0 seen=0
while read -r guard runs; do
  case $guard in '' | '#'*) continue ;; esac
  seen=$((seen + 1))
  # shellcheck disable=SC2086 # the runs are words
  if "$sim" --without "$guard" $runs --quiet >/dev/null; then
    echo "without $guard nothing fails in: $runs"
    bad=1
  else
    echo "without $guard: fails"
  fi
done <"$list"
[ "$seen" -gt 0 ] || { echo "guards.txt is empty"; exit 1; }
exit $bad
