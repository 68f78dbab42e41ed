#!/usr/bin/env bash
# Installs the Debian packages that are missing. deploy/deps.sh build: what building needs;
# deploy/deps.sh test: also what the tests need. Asks for sudo only when something is missing.
set -euo pipefail
build=(gcc libc6-dev cmake ninja-build pkg-config protobuf-compiler protobuf-c-compiler libprotobuf-dev
  libprotobuf-c-dev grpc-proto libraft-dev libuv1-dev libssl-dev libsqlite3-dev libnghttp2-dev
  node-llhttp libjansson-dev libcyaml-dev libsystemd-dev libcmocka-dev)
run=(curl jq openssl procps ca-certificates)
test=(clang libclang-rt-14-dev universal-ctags nodejs python3 python3-grpcio python3-protobuf
  clang-format nghttp2-client etcd-server etcd-client sqlite3 util-linux strace e2fsprogs iproute2
  nftables libfaketime systemd zsh fish patch)

packages=("${build[@]}" "${run[@]}")
case ${1:-build} in
  build) ;;
  test) packages+=("${test[@]}") ;;
  *) echo "usage: deploy/deps.sh build|test" >&2; exit 2 ;;
esac
# npm comes with Debian's nodejs only as a package of its own; another Node.js brings it along.
if [ "${1:-build}" = test ] && command -v node >/dev/null; then
  packages=("${packages[@]/nodejs/}")
  command -v npm >/dev/null || packages+=(npm)
elif [ "${1:-build}" = test ]; then
  packages+=(npm)
fi

missing=()
for p in "${packages[@]}"; do
  [ -n "$p" ] || continue
  dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$p")
done
[ ${#missing[@]} = 0 ] && exit 0

sudo=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "install as root: apt-get install ${missing[*]}" >&2; exit 1; }
  sudo=(sudo)
fi
echo "installing ${#missing[@]} Debian packages: ${missing[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { "${sudo[@]}" apt-get update -q &&
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "the packages could not be installed" >&2
  exit 1
fi
