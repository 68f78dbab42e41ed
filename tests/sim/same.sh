#!/usr/bin/env bash
# One seed is one run: the same trace twice.
set -euo pipefail
sim=$1
for seed in 3 17 42 1803; do
  a=$("$sim" --seed "$seed" --trace | sha256sum)
  b=$("$sim" --seed "$seed" --trace | sha256sum)
  [ "$a" = "$b" ] || { echo "seed $seed: two runs, two traces"; exit 1; }
done
