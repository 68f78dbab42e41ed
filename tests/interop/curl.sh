#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# curl and buf curl (by reflection) against the test server. Usage: curl.sh SERVER BUF
set -euo pipefail
server=$1 buf=$2
work=$(mktemp -d)
"$server" >"$work/out" &
pid=$!
trap 'kill $pid 2>/dev/null || true; wait $pid 2>/dev/null || true; rm -rf "$work"' EXIT
for _ in $(seq 200); do [ -s "$work/out" ] && break; sleep 0.05; done
read -r _ port ca <"$work/out"
base=https://localhost:$port
test=$base/watchfire.test.v1.TestService

is() { # WHAT EXPECTED ACTUAL
  [ "$2" = "$3" ] || { printf 'not ok - %s\n  expected: %s\n  actual:   %s\n' "$1" "$2" "$3"; exit 1; }
  echo "ok - $1"
}
c() { curl -sS --max-time 20 --cacert "$ca" "$@"; }
b() { "$buf" curl --cacert "$ca" "$@" 2>&1; }

for v in --http1.1 --http2; do
  is "curl -d $v" '{"text":"hällo"}' "$(c $v "$test/Echo" -d '{"text":"hällo"}')"
  is "GET $v" '{"text":"a b"}' "$(c $v "$test/Read?encoding=json&message=%7B%22text%22%3A%22a%20b%22%7D")"
  is "status $v" 409 "$(c $v -o "$work/body" -w '%{http_code}' "$test/Fail" --json '{"code":10,"message":"é"}')"
  is "error $v" '{"code":"aborted","message":"é"}' "$(cat "$work/body")"
  is "timeout $v" 504 "$(c $v -o /dev/null -w '%{http_code}' "$test/Sleep" --json '{}' -H 'connect-timeout-ms: 50')"
done

# Over HTTP/2 curl 7.88 takes the RST_STREAM(NO_ERROR) behind the answer for a failure; node's tests have it.
is "oversize" 429 "$(head -c 2000000 /dev/zero | c --http1.1 -o /dev/null -w '%{http_code}' "$test/Echo" \
  -H 'content-type: application/proto' -H 'expect:' --data-binary @-)"

services="grpc.health.v1.Health
grpc.reflection.v1.ServerReflection
grpc.reflection.v1alpha.ServerReflection
watchfire.test.v1.TestService"
for protocol in grpc connect; do
  is "buf curl $protocol, unary" '{"text":"grüße"}' \
    "$(b --protocol $protocol --data '{"text":"grüße"}' "$test/Echo" | tr -d ' \n')"
  is "buf curl $protocol, stream" 1,2,3, \
    "$(b --protocol $protocol --data '{"count":3}' "$test/Count" | tr -dc '0-9\n' | tr '\n' ',' | sed 's/,,*/,/g;s/^,//')"
  is "buf curl $protocol, error" aborted \
    "$(b --protocol $protocol --data '{"code":10,"message":"no"}' "$test/Fail" | grep -o aborted | head -1)"
  for api in grpc-v1 grpc-v1alpha; do
    is "buf curl $protocol, services by $api" "$services" \
      "$(b --protocol $protocol --reflect-protocol $api --list-services "$base" | sort)"
  done
done

kill -TERM $pid
code=0
wait $pid || code=$?
is "clean exit" 0 $code
