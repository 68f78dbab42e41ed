#!/usr/bin/env bash
# All faults at random against one cluster for as long as you like: chaos/soak.sh --minutes N [--seed S]
# [--report FILE]. Checks every few minutes, writes a report, and ends with PASS or FAIL.
exec /usr/bin/python3 "$(dirname "${BASH_SOURCE[0]}")/soak.py" "$@"
