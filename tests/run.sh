#!/usr/bin/env bash
# Installs what is missing, builds everything and runs all tests; ends with ctest's summary.
#
# Three builds: release runs everything that uses real processes; asan (ASan + UBSan) runs the unit
# tests and the simulator once more; tsan runs what has two threads. fuzz builds the libFuzzer targets
# with clang and runs each for a short while. Longer soaks have their own scripts: tests/sim/run.sh,
# tests/crash/run.sh, tests/bench/*.sh.
#
#   tests/run.sh            everything, under 25 minutes on two cores
#   tests/run.sh --quick    the release build's unit tests and lints only
set -euo pipefail
cd "$(dirname "$0")/.."
quick=0
case ${1:-} in
  "") ;;
  --quick) quick=1 ;;
  *) sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac

deploy/deps.sh test
jobs=$(nproc)
failed=()

# build PRESET TARGET...: configure and build, quietly when all goes well.
build() {
  local preset=$1 log=.build/$1.log
  shift
  mkdir -p .build
  echo "== build $preset"
  if ! { cmake --preset "$preset" && cmake --build --preset "$preset" -j "$jobs" --target "$@"; } >"$log" 2>&1; then
    tail -n 60 "$log"
    echo "== build $preset failed; whole output: $log"
    exit 1
  fi
}

# check NAME PRESET ARGS...: one ctest run, remembered when it fails.
check() {
  local name=$1 preset=$2
  shift 2
  echo "== test $name"
  ctest --preset "$preset" --no-tests=error "$@" || failed+=("$name")
}

build release all
if [ $quick = 1 ]; then
  check quick release -j "$jobs" -L 'unit|lint'
else
  build asan all
  check "asan: units and simulator" asan -j "$jobs" -L 'unit|sim'
  build tsan all
  check "tsan: threads" tsan -j "$jobs" -L unit -E '^chaos\.' # the checkers and the WAN have one thread
  build fuzz all
  check "fuzz targets" fuzz -j "$jobs" -L fuzz
  # Last, so that its summary closes the run: everything, and one at a time where processes and clocks
  # of the whole machine are involved.
  check "release: everything" release -j "$jobs"
fi
if [ ${#failed[@]} -gt 0 ]; then
  printf 'failed: %s\n' "${failed[@]}"
  exit 1
fi
