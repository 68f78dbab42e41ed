#!/usr/bin/env bash
# Functions fit a screen (70 lines) and files a sitting (800 lines), as docs/CONTRIBUTING.md has it.
set -euo pipefail
root=$1
bad=0
while read -r lines file; do
  [ "$file" = total ] && continue
  if [ "$lines" -gt 800 ]; then echo "${file#"$root"/}: $lines lines, at most 800"; bad=1; fi
done < <(find "$root/src" "$root/tests" "$root/chaos" -name '*.[ch]' -print0 | xargs -0 wc -l)
while read -r name line end file; do
  if [ $((end - line + 1)) -gt 70 ]; then
    echo "${file#"$root"/}:$line: $name has $((end - line + 1)) lines, at most 70"; bad=1
  fi
done < <(find "$root/src" "$root/tests" "$root/chaos" -name '*.c' -print0 |
  xargs -0 ctags -x --c-kinds=f --fields=+e --_xformat='%N %n %e %F')
exit $bad
