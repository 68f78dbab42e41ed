#!/usr/bin/env bash
# The HTTP servers against clients that others wrote: curl, nghttp, h2load, openssl and Node.js, as far
# as they are installed. Usage: clients.sh HTTP_ECHO
set -euo pipefail
tmp=$(mktemp -d)
"$1" >"$tmp/out" 2>"$tmp/err" &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -rf "$tmp"' EXIT
for _ in $(seq 100); do grep -q listening "$tmp/out" && break; sleep 0.1; done
read -r _ port ca <"$tmp/out"
certs=$(dirname "$ca")
url=https://localhost:$port
ran=0

check() { # what expected actual
  if [ "$2" != "$3" ]; then echo "$1: expected '$2', got '$3'"; cat "$tmp/err"; exit 1; fi
  ran=$((ran + 1))
}

with_curl() {
  head -c 2000000 /dev/urandom >"$tmp/blob"
  local v sum got
  sum=$(sha256sum <"$tmp/blob")
  for v in --http1.1 --http2; do
    check "curl $v" hello "$(curl -sS $v --cacert "$ca" "$url/")"
    got=$(curl -sS $v --cacert "$ca" --data-binary "@$tmp/blob" "$url/echo" | sha256sum)
    check "curl $v upload" "$sum" "$got"
    got=$(curl -sS $v --cacert "$ca" -H 'Transfer-Encoding: chunked' --data-binary "@$tmp/blob" \
      "$url/echo" | sha256sum)
    check "curl $v chunked" "$sum" "$got"
    check "curl $v slow reader" 4000000 \
      "$(curl -sS $v --limit-rate 8M --cacert "$ca" "$url/big?4000000" | wc -c)"
    check "curl $v with a certificate" hello \
      "$(curl -sS $v --cacert "$ca" --cert "$certs/user.pem" --key "$certs/user.key" "$url/")"
    check "curl $v again on one connection" "hello 1hello 0" \
      "$(curl -sS $v --cacert "$ca" "$url/" "$url/" -w '%{num_connects}' | tr '\n' ' ')"
  done
  check "curl without ALPN is HTTP/1.1" "hello 1.1" \
    "$(curl -sS --no-alpn --cacert "$ca" "$url/" -w '%{http_version}' | tr '\n' ' ')"
  check "curl --http1.0" hello "$(curl -sS --no-alpn --http1.0 --cacert "$ca" "$url/")"
  check "curl at plain HTTP" 52 "$(curl -s "http://localhost:$port/" >/dev/null; echo $?)"
}

with_nghttp() {
  check "nghttp" "hello hello " "$(nghttp --no-verify-peer "$url/" "$url/x" | tr '\n' ' ')"
  check "h2load" 2000 "$(h2load -n 2000 -c 4 -m 100 "$url/grpc" | sed -n 's/.* \([0-9]*\) 2xx.*/\1/p')"
  check "h2load --h1" 2000 "$(h2load --h1 -n 2000 -c 8 "$url/" | sed -n 's/.* \([0-9]*\) 2xx.*/\1/p')"
}

with_openssl() {
  check "unknown ALPN" 1 "$(openssl s_client -connect "localhost:$port" -alpn spdy/3 </dev/null 2>&1 |
    grep -c 'no application protocol')"
  # SECLEVEL=0: or the client would refuse TLS 1.1 by itself.
  check "TLS 1.1" 1 "$(openssl s_client -connect "localhost:$port" -tls1_1 -cipher ALL:@SECLEVEL=0 \
    </dev/null 2>&1 | grep -c 'alert protocol version')"
  openssl s_client -connect "localhost:$port" -CAfile "$ca" -cert "$certs/user.pem" \
    -key "$certs/user.key" -sess_out "$tmp/session" -ign_eof \
    <<<$'GET / HTTP/1.0\r\n\r' >/dev/null 2>&1
  check "resumption with a client certificate" 1 "$(openssl s_client -connect "localhost:$port" \
    -CAfile "$ca" -cert "$certs/user.pem" -key "$certs/user.key" -sess_in "$tmp/session" \
    </dev/null 2>/dev/null | grep -c '^Reused')"
}

with_node() {
  cat >"$tmp/h2.js" <<'JS'
const http2 = require('node:http2'), fs = require('node:fs');
const [url, ca] = process.argv.slice(2);
const session = http2.connect(url, { ca: fs.readFileSync(ca) });
session.on('error', (e) => { console.log('error', e.message); process.exit(1); });
let left = 200, good = 0, trailers = 0;
const done = () => { if (--left === 0) { console.log(good, trailers); session.close(); } };
for (let i = 0; i < 100; i++) {
  const a = session.request({ ':path': '/echo', ':method': 'POST' });
  let body = '';
  a.on('data', (d) => (body += d)).on('end', () => { good += body === 'x'.repeat(i * 100); done(); });
  a.end('x'.repeat(i * 100));
  const b = session.request({ ':path': '/grpc', ':method': 'POST' });
  b.on('trailers', (t) => (trailers += t['grpc-status'] === '0')).on('end', done).resume().end();
}
JS
  check "node:http2" "100 100" "$(node "$tmp/h2.js" "$url" "$ca")"
}

command -v curl >/dev/null && with_curl
command -v nghttp >/dev/null && with_nghttp
command -v openssl >/dev/null && with_openssl
command -v node >/dev/null && with_node
[ "$ran" -gt 0 ] || { echo "no client is installed: nothing was tested"; exit 1; }

# Drain: a download that is under way ends well, then the server does.
if command -v curl >/dev/null; then
  curl -sS --limit-rate 2M --cacert "$ca" "$url/big?3000000" >"$tmp/late" &
  late=$!
  sleep 0.5
  kill -TERM "$server"
  wait "$late"
  check "a download during the drain" 3000000 "$(wc -c <"$tmp/late")"
else
  kill -TERM "$server"
fi
trap 'rm -rf "$tmp"' EXIT
wait "$server" || { echo "the server ended with $?"; cat "$tmp/err"; exit 1; }
echo "clients: $ran checks"
