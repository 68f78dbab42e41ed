#!/usr/bin/env bash
# A folder of src/ includes only what stands before it (docs/architecture.md, "One way through the house").
set -euo pipefail
root=$1
declare -A may=(
  [base]="" [proto]="base" [state]="base proto" [pager]="base proto state"
  [notify]="base proto state pager" [probe]="base proto state pager"
  [gossip]="base proto state pager" [replication]="base proto state pager"
  [tls]="base" [http]="base tls" [rpc]="base proto tls http"
  [api]="base proto state pager notify probe gossip replication tls http rpc"
  [client]="base proto tls http rpc" [cli]="base proto tls http rpc client"
  [daemon]="base proto state pager notify probe gossip replication tls http rpc api")
bad=0 seen=0
for dir in "$root"/src/*/; do
  folder=$(basename "$dir")
  if [ -z "${may[$folder]+x}" ]; then echo "src/$folder has no place in the order"; bad=1; continue; fi
  while IFS=: read -r file line text; do
    target=$(sed -E 's/.*"([a-z]+)\/.*/\1/' <<<"$text")
    seen=$((seen + 1))
    [ "$target" = "$folder" ] && continue
    [[ " ${may[$folder]} " == *" $target "* ]] && continue
    [ -d "$root/src/$target" ] || continue # a system header's folder, such as "uv/..."
    echo "${file#"$root"/}:$line: src/$folder may not include $target/"
    bad=1
  done < <(grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]+"[a-z]+/' -r "$dir" --include='*.[ch]' || true)
done
[ "$seen" -gt 0 ] || { echo "no include seen: the check itself is broken"; exit 1; }
[ $bad = 0 ] && echo "layers: $seen includes in order"
exit $bad
