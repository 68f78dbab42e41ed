#!/usr/bin/env bash
# Faults against a real cluster, one scenario or a random mixture: chaos/run.sh SCENARIO|random|list
# [--seconds N] [--seed S] [--topology T] [--keep]. Ends with PASS, or with FAIL and the reason.
exec /usr/bin/python3 "$(dirname "${BASH_SOURCE[0]}")/run.py" "$@"
