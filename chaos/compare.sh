#!/usr/bin/env bash
# The same faults for Watchfire and for etcd over the same WAN: chaos/compare.sh [--rounds N]
# [--scenarios a,b] [--systems a,b] [--json FILE]. One line per scenario and system at the end.
exec /usr/bin/python3 "$(dirname "${BASH_SOURCE[0]}")/compare.py" "$@"
