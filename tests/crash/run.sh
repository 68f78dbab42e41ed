#!/usr/bin/env bash
# kill -9 at random moments under load: tests/crash/run.sh [--rounds N] [--seed S]. 200 rounds take
# about ten minutes. Ends with "crash: rounds=N acknowledged=A lost=0 duplicated=0".
exec /usr/bin/python3 "$(dirname "${BASH_SOURCE[0]}")/crash.py" "$@"
