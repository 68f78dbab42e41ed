#!/usr/bin/env bash
# Run the simulator: tests/sim/run.sh --seeds N [--seed S] [--seconds N] [--trace] [--stock] [--harsh]
# [--dense] [--without GUARD] [--jobs J]. Builds it at need, into $SIM_BUILD (.build/sim by default).
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${SIM_BUILD:-$root/.build/sim}
if [ ! -f "$build/build.ninja" ]; then
  cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo >&2
fi
ninja -C "$build" sim >&2
exec "$build/tests/sim/sim" "$@"
