#!/usr/bin/env bash
# Commits while a state image is made: README.md.
exec /usr/bin/python3 "$(dirname "${BASH_SOURCE[0]}")/image.py" "$@"
