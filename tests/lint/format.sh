#!/usr/bin/env bash
# Every C file is as clang-format leaves it (.clang-format, version 14).
set -euo pipefail
cd "$1"
find src tests chaos docs/examples -name '*.[ch]' -print0 | xargs -0 -n 40 clang-format --dry-run -Werror
