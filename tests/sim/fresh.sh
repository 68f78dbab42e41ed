#!/usr/bin/env bash
# Seeds beyond those of sim.short, for as long as given: fresh.sh SIM SECONDS. They begin at $WF_SIM_SEED,
# or where the line below says, which moves on with each change of replication or of the simulator: not
# to the commit's own seeds before seed 1740509125451460455 (no leader at the end) is understood. A
# failing seed prints the command that replays it.
set -euo pipefail
sim=$1 seconds=$2
seed=${WF_SIM_SEED:-646932893736950000}
echo "sim.fresh: WF_SIM_SEED=$seed, $seconds s"
exec "$sim" --seed "$seed" --seconds "$seconds" --quiet
