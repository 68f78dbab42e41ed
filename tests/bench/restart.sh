#!/usr/bin/env bash
# Restart with a million events, time and memory: README.md.
exec /usr/bin/python3 "$(dirname "${BASH_SOURCE[0]}")/restart.py" "$@"
