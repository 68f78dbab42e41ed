#!/usr/bin/env bash
# Seeds that nobody has run before, for as long as given: fresh.sh SIM SECONDS. The first one comes from
# the date, or from $WF_SIM_SEED to run them again; a failing one prints the command that replays it.
set -euo pipefail
sim=$1 seconds=$2
seed=${WF_SIM_SEED:-$(date +%s)000}
echo "sim.fresh: WF_SIM_SEED=$seed, $seconds s"
exec "$sim" --seed "$seed" --seconds "$seconds" --quiet
