#!/usr/bin/env bash
# Committed writes and linearizable reads beside etcd: README.md. --help lists the options.
exec /usr/bin/python3 "$(dirname "${BASH_SOURCE[0]}")/commits.py" "$@"
