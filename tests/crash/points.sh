#!/usr/bin/env bash
# A node killed at its n-th fdatasync, write, rename ..., for each n in turn (with strace).
exec /usr/bin/python3 "$(dirname "${BASH_SOURCE[0]}")/points.py" "$@"
