#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Clients of other makes against the test server. Usage: run.sh SERVER CACHE
# npm's packages go to CACHE, outside the source tree, and stay there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
server=$(realpath "$1") cache=$2
mkdir -p "$cache"
cd "$cache"
if ! cmp -s "$here/package-lock.json" package-lock.json || [ ! -d node_modules ]; then
  cp "$here/package.json" "$here/package-lock.json" .
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error || { rm -f package-lock.json; exit 1; }
fi
cp "$here"/*.mjs .
buf=$(ls "$cache"/node_modules/@bufbuild/buf-linux-*/bin/buf)
(cd "$here/../../proto" && "$buf" lint)
export SERVER=$server PROTO=$here/../rpc/proto GRPC_PROTO=${GRPC_PROTO:-/usr/share/grpc-proto}
export SET=${SET:?the FileDescriptorSet of the test service}
/usr/bin/python3 "$here/grpcio.py" "$server"
"$here/curl.sh" "$server" "$buf"
node --test --test-concurrency=1 --test-reporter=spec grpc_js.test.mjs connect.test.mjs
