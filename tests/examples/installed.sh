#!/usr/bin/env bash
# Install the library, build docs/examples with pkg-config and with CMake from nothing else, and run both
# against a cluster of one node.
set -euo pipefail
source=$1 build=$2 libdir=$3 sanitize=${4:-}
work=$(mktemp -d)
pid=
cleanup() {
  [ -z "$pid" ] || { kill "$pid" 2>/dev/null && wait "$pid" || :; } 2>/dev/null
  rm -rf "$work"
}
trap cleanup EXIT
flags=(-Wall -Wextra -Werror)
[ -z "$sanitize" ] || flags+=("-fsanitize=$sanitize")

cmake --install "$build" --component library --prefix "$work/usr" >/dev/null
prefix=$work/usr
# Nothing but the public interface is shown.
if nm -D --defined-only "$prefix/$libdir/libwatchfire.so" | awk '{print $3}' |
  grep -vE '^(wf_client_|watchfire__v1__|google__protobuf__timestamp__|WATCHFIRE_0)'; then
  echo "libwatchfire.so shows more than its interface"
  exit 1
fi

export PKG_CONFIG_PATH=$prefix/$libdir/pkgconfig
# The prefix was chosen at install time: pkg-config is told of it.
config=(pkg-config --define-variable="prefix=$prefix")
# shellcheck disable=SC2046
"${CC:-cc}" "${flags[@]}" "$source/docs/examples/incident.c" $("${config[@]}" --cflags --libs watchfire) \
  -o "$work/shared"
# shellcheck disable=SC2046
"${CC:-cc}" "${flags[@]}" "$source/docs/examples/incident.c" $("${config[@]}" --cflags watchfire) \
  "$prefix/$libdir/libwatchfire.a" $("${config[@]}" --libs libprotobuf-c openssl libuv libnghttp2 jansson) -lm \
  -o "$work/static"
cmake -S "$source/docs/examples" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$prefix" \
  -DCMAKE_C_FLAGS="${flags[*]}" >/dev/null
cmake --build "$work/cmake" >/dev/null

port=$((20000 + RANDOM % 20000))
while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
watchfire=$build/watchfire
export WATCHFIRE_CONFIG=$work/c/users/ada/config.yaml
"$watchfire" init --cluster example --dir "$work/c" --node "one@here=127.0.0.1:$port" --admin ada >/dev/null 2>&1
"$build/watchfired" --config "$work/c/nodes/one/watchfired.yaml" --bootstrap >"$work/log" 2>&1 &
pid=$!
"$watchfire" user set ada admin --timeout 30s -q >/dev/null || { tail "$work/log"; exit 1; }

user=$work/c/users/ada
for program in "$work/shared" "$work/static" "$work/cmake/incident"; do
  LD_LIBRARY_PATH=$prefix/$libdir timeout 60 "$program" "$user/ca.pem" "$user/user.pem" "$user/user.key" \
    "127.0.0.1:1" "127.0.0.1:$port" | tee "$work/out"
  grep -q '^declared INC-' "$work/out"
  grep -q '^noted as event' "$work/out"
  [ "$(grep -c '^event ' "$work/out")" = 3 ]
  grep -q '^event .*: Nothing is broken.$' "$work/out"
done
[ "$("$watchfire" incident list -q | wc -l)" = 3 ]
"$watchfire" log verify
