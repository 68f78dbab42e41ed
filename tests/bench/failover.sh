#!/usr/bin/env bash
# kill -9 of the leader to the next acknowledged write, beside etcd: README.md.
exec /usr/bin/python3 "$(dirname "${BASH_SOURCE[0]}")/failover.py" "$@"
