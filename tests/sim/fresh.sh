#!/usr/bin/env bash
# Seeds that nobody has run before, for as long as given: fresh.sh SIM SECONDS. The first one comes from
# the commit, so that each has its own and a run of it can be repeated (without git: from the date), or
# from $WF_SIM_SEED. A failing seed prints the command that replays it.
set -euo pipefail
sim=$1 seconds=$2
commit=$(git -C "$(dirname "$0")" rev-parse HEAD 2>/dev/null || printf '%012x' "$(date +%s)")
seed=${WF_SIM_SEED:-$((16#${commit:0:12} * 10000))}
echo "sim.fresh: WF_SIM_SEED=$seed, $seconds s"
exec "$sim" --seed "$seed" --seconds "$seconds" --quiet
