#!/usr/bin/env bash
# Plants known bugs, one at a time, and shows that the simulator finds each:
#
#   tests/sim/mutants.sh [--build DIR] [NAME...]
#
# A bug is a patch of mutants/ against C files of src/. The lines above it say what is wrong, what is to
# catch it, and within how many seeds (from seed 1 on; "Run:" has further arguments of sim). What it
# changes is compiled and linked in the place of the same files of the simulator in DIR (.build/sim by
# default, brought up to date first). Before that the simulator as it is must pass the same seeds.
set -euo pipefail
export LC_ALL=C
root=$(cd "$(dirname "$0")/../.." && pwd)
patches=$root/tests/sim/mutants
build=
names=()
while [ $# -gt 0 ]; do
  case $1 in
  --build) build=$(cd "${2:?--build needs a directory}" && pwd); shift 2 ;;
  -*) sed -n 's/^#   /usage: /p' "$0" >&2; exit 2 ;;
  *) names+=("$1"); shift ;;
  esac
done
if [ ${#names[@]} -eq 0 ]; then
  for patch in "$patches"/*.patch; do names+=("$(basename "$patch" .patch | sed 's/^[0-9]*-//')"); done
fi
if [ -z "$build" ]; then
  build=${SIM_BUILD:-$root/.build/sim}
  [ -f "$build/build.ninja" ] || cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo >&2
  ninja -C "$build" sim >&2
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/wf-mutants.XXXXXX")
trap 'rm -rf "$work"' EXIT
commands=$(ninja -C "$build" -t commands tests/sim/sim)
# Few at a time, all of them to their end: so the first failing seed is always the same one.
piece=8

patch_of() { # NAME
  local files=("$patches"/[0-9][0-9]-"$1".patch)
  echo "${files[0]}"
}

header() { sed -n "s/^$2: //p" "$(patch_of "$1")"; } # NAME WHAT

# Why a seed fails, on one line. A run that breaks an assertion says which only when it is alone.
why_of() { # SIM SEED REASON ARGS
  local sim=$1 seed=$2 reason=$3 said
  shift 3
  if [[ $reason == killed* ]]; then
    said=$("$sim" --seed "$seed" --quiet "$@" 2>&1 | sed -n 's/.*msg="\(assertion failed.*\)" at=.*/\1/p' || true)
    reason=${said:-$reason}
  fi
  echo "${reason:0:240}"
}

# Runs seeds 1 to $2 of the simulator $1 until one fails: then prints "<its number> <why>", and is false.
runs() {
  local sim=$1 seeds=$2 seed n out
  shift 2
  for ((seed = 1; seed <= seeds; seed += piece)); do
    n=$((seeds - seed + 1 < piece ? seeds - seed + 1 : piece))
    out=$("$sim" --seed "$seed" --seeds "$n" --quiet "$@" 2>/dev/null) && continue
    out=$(sed -n 's/^FAIL seed \([0-9]*\): /\1 /p' <<<"$out" | sort -n | head -1)
    seed=${out%% *}
    echo "${seed:?a run failed and did not say which} $(why_of "$sim" "$seed" "${out#* }" "$@")"
    return 1
  done
}

# Applies a patch to a copy of src and compiles what it changes; false, and says why, when it does not.
plant() {
  local name=$1 file command object objects=
  rm -rf "$work/src" "$work/sim"
  cp -r "$root/src" "$work/src"
  if ! patch -d "$work" -p1 --batch --forward <"$(patch_of "$name")" >"$work/log" 2>&1; then
    echo "its patch no longer applies: $(tail -1 "$work/log")"
    return 1
  fi
  while read -r file; do
    command=$(awk -v end=" -c $root/$file" 'substr($0, length($0) - length(end) + 1) == end' \
      <<<"$commands" | head -1)
    object=${command##* -o }
    object=${object%% *}
    objects+=" $work/${file//\//_}.o"
    command=${command//"$object"/"$work/${file//\//_}.o"}
    if ! (cd "$build" && eval "${command//"$root/src"/"$work/src"} -w") >"$work/log" 2>&1; then
      echo "$file does not compile: $(grep -m1 error "$work/log")"
      return 1
    fi
  done < <(sed -n 's/^+++ b\/\(src[^[:space:]]*\).*/\1/p' "$(patch_of "$name")")
  command=$(tail -1 <<<"$commands")
  # Named before the libraries, they take the place of the same files there.
  if ! (cd "$build" && eval "${command/ -o tests\/sim\/sim /$objects -o "$work/sim" }") >"$work/log" 2>&1; then
    echo "it does not link: $(tail -1 "$work/log")"
    return 1
  fi
}

declare -A healthy
for name in "${names[@]}"; do
  [ -f "$(patch_of "$name")" ] || { echo "there is no mutant $name in $patches" >&2; exit 2; }
  args=$(header "$name" Run)
  seeds=$(header "$name" Seeds)
  [ "${healthy["x$args"]:-0}" -ge "${seeds:?$name has no line Seeds}" ] || healthy["x$args"]=$seeds
done
for args in "${!healthy[@]}"; do
  # shellcheck disable=SC2086 # the arguments are words
  if ! why=$(runs "$build/tests/sim/sim" "${healthy["$args"]}" ${args#x}); then
    echo "without any mutant a run fails, so nothing can be shown: seed $why"
    exit 1
  fi
done

found=0
for name in "${names[@]}"; do
  seeds=$(header "$name" Seeds)
  # shellcheck disable=SC2046 # the arguments are words
  if ! why=$(plant "$name"); then
    echo "PLANTED NOT $name: $why"
  elif why=$(runs "$work/sim" "$seeds" $(header "$name" Run)); then
    echo "MISSED $name in $seeds seeds: $(header "$name" Wrong)"
  else
    found=$((found + 1))
    echo "found $name after ${why%% *} seeds: ${why#* }"
  fi
done
echo "mutants: planted=${#names[@]} found=$found"
[ "$found" -eq ${#names[@]} ]
