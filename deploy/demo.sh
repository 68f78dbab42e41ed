#!/usr/bin/env bash
# The outage of 30 June 2012, run on three regions on this machine, one of which is killed in the middle.
#
#   deploy/demo.sh           build, run the story, prove what was promised, leave the cluster running
#   deploy/demo.sh --check   the same, then stop everything; exits non-zero if a promise is broken
#   deploy/demo.sh stop      stop a cluster that a demo left running
#
# Everything it makes is in .demo/ (WF_DEMO_DIR moves it); the build is the release preset's, or the one
# in WF_BUILD as it is.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
dir=$(realpath -m "${WF_DEMO_DIR:-$root/.demo}")
build=$(realpath -m "${WF_BUILD:-$root/.build/release}")
export PATH=$build:$PATH NO_COLOR=1
nodes=(fra-1 iad-1 syd-1)
declare -A region=([fra-1]=fra [iad-1]=iad [syd-1]=syd) port
people=(ricardo blake chris)

say() { printf '%s\n' "$*"; }
step() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || step() { printf '\n== %s\n' "$*"; }
die() { printf 'demo: %s\n' "$*" >&2; exit 1; }
now_ms() { date +%s%3N; }

# as USER COMMAND...: the CLI with that person's certificate, at any node.
as() { local who=$1; shift; watchfire --config "$dir/users/$who/config.yaml" "$@"; }
# at NODE COMMAND...: as ricardo, at one node.
at() { local node=$1; shift; as ricardo --endpoint "127.0.0.1:${port[$node]}" "$@"; }

# --- processes ------------------------------------------------------------------------------------

# A pid from a file counts only while it is the node we started from this directory.
pid_of() {
  local pid
  pid=$(cat "$dir/$1.pid" 2>/dev/null) || return 1
  tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "$dir/nodes/$1/watchfired.yaml" || return 1
  echo "$pid"
}

start() { # NODE [FLAGS]
  local node=$1
  shift
  setsid watchfired --config "$dir/nodes/$node/watchfired.yaml" "$@" >>"$dir/$node.log" 2>&1 </dev/null &
  echo $! >"$dir/$node.pid"
  disown $!
}

stop_all() {
  local node pid pids=()
  for node in "${nodes[@]}"; do
    pid=$(pid_of "$node") && kill -TERM "$pid" && pids+=("$pid")
  done
  for pid in ${pids[@]+"${pids[@]}"}; do
    for _ in $(seq 200); do [ -d "/proc/$pid" ] || break; sleep 0.1; done
    [ ! -d "/proc/$pid" ] || kill -KILL "$pid" 2>/dev/null || :
  done
  for node in "${nodes[@]}"; do rm -f "$dir/$node.pid"; done
}

ready() { # NODE: wait until it serves
  local node=$1 pid
  for _ in $(seq 300); do
    if curl -fs --cacert "$dir/ca/ca.pem" "https://127.0.0.1:${port[$node]}/readyz" >/dev/null 2>&1; then
      return 0
    fi
    pid=$(pid_of "$node") || break
    sleep 0.1
  done
  tail -n 5 "$dir/$node.log" >&2
  die "$node did not come up; its log is $dir/$node.log"
}

free_ports() { # three that nobody listens on, from 7411 on
  local p=7411 node
  for node in "${nodes[@]}"; do
    while (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null; do p=$((p + 1)); done
    port[$node]=$p
    p=$((p + 1))
  done
}

# --- the story ------------------------------------------------------------------------------------

build_it() {
  [ -z "${WF_BUILD:-}" ] || return 0
  step "Building"
  "$root/deploy/deps.sh" build
  mkdir -p "$root/.build"
  local log=$root/.build/demo.log
  (cd "$root" && cmake --preset release >"$log" 2>&1) || { tail -n 30 "$log" >&2; die "configuring failed"; }
  # Ninja's own progress, on one line where there is a terminal.
  if [ -t 1 ]; then
    (cd "$root" && cmake --build --preset release --target watchfired watchfire) || die "the build failed"
  else
    (cd "$root" && cmake --build --preset release --target watchfired watchfire >>"$log" 2>&1) || { tail -n 30 "$log" >&2; die "the build failed"; }
  fi
  say "watchfired and watchfire are in ${build#"$root"/}"
}

make_cluster() {
  step "A cluster of three regions: fra, iad, syd"
  if [ -d "$dir" ]; then
    [ -f "$dir/made-by-demo" ] || die "$dir exists and was not made by a demo; set WF_DEMO_DIR"
    stop_all
    rm -rf "$dir"
  fi
  mkdir -p "$dir"
  touch "$dir/made-by-demo"
  free_ports
  local node flags=()
  for node in "${nodes[@]}"; do flags+=(--node "$node@${region[$node]}=127.0.0.1:${port[$node]}"); done
  watchfire init --cluster demo --dir "$dir/init" "${flags[@]}" --admin ricardo --user blake --user chris >"$dir/init.log" 2>&1
  mv "$dir"/init/* "$dir"/ && rmdir "$dir/init"
  for node in "${nodes[@]}"; do start "$node" --bootstrap; done
  for node in "${nodes[@]}"; do ready "$node"; done
  as ricardo user set ricardo admin --display Ricardo -q >/dev/null
  as ricardo user set blake commander --display Blake -q >/dev/null
  as ricardo user set chris commander --display "Chris Stolt" -q >/dev/null
  as ricardo cluster status
}

tell() { # NUMBER: post the n-th status post of the outage
  local post=$root/deploy/demo/outage-2012-06-30.json kind body
  kind=$(jq -r ".status_posts[$1].kind" "$post")
  body=$(jq -r ".status_posts[$1].body" "$post")
  as "$2" status post "$incident" "$kind" "$body" -q >/dev/null
  say "  status, $kind: $body"
}

run_incident() {
  step "30 June 2012: storage and compute of a cloud region are lost"
  local post=$root/deploy/demo/outage-2012-06-30.json fact
  incident=$(as ricardo incident declare "$(jq -r .title "$post")" --severity sev1 --group Production --group Development -q)
  say "  Ricardo declares $incident: $(jq -r .title "$post")"
  jq -r '.facts[]' "$post" | while read -r fact; do as ricardo note add "$incident" "$fact" -q >/dev/null; done
  say "  $(jq '.facts | length' "$post") facts noted"
  tell 0 ricardo
  as ricardo incident confirm "$incident" -q >/dev/null
  as ricardo sitrep post "$incident" -q \
    --broken "Block storage and compute are lost in one cloud region; the platform API is off." \
    --impact "30 % of app servers; API and customer databases. Production and Development." \
    --doing "API access is disabled while databases are restored from other zones." \
    --who "Ricardo (IC), Blake, the database group" >/dev/null
  say "  sitrep 1 posted"
  as ricardo incident major "$incident" -q >/dev/null
  tell 1 ricardo
  as ricardo role offer "$incident" comms chris -q >/dev/null && as chris role accept "$incident" comms -q >/dev/null
  as ricardo ic offer "$incident" blake -q >/dev/null && as blake ic accept "$incident" -q >/dev/null
  say "  @all: Comms -> Chris Stolt"
  say "  @all: IC -> Blake, who asks to be filled in:"
  as blake brief "$incident" | sed 's/^/    /'
}

leader() { as ricardo cluster status --json 2>/dev/null | jq -r '.leader // empty'; }

# Writes numbered notes one after the other until the file "stop" appears; each acknowledged one is
# recorded with when its answer came.
writer() {
  local i=0 seq
  while [ ! -e "$dir/stop" ]; do
    i=$((i + 1))
    if seq=$(as blake note add "$incident" "write $i" -q --timeout 20s 2>>"$dir/writer.err"); then
      echo "$i $seq $(now_ms)" >>"$dir/acknowledged"
    fi
  done
}

wait_writes() { # COUNT: until that many more are acknowledged
  local from want=$1 have
  from=$(wc -l <"$dir/acknowledged")
  for _ in $(seq 600); do
    have=$(wc -l <"$dir/acknowledged")
    [ $((have - from)) -lt "$want" ] || return 0
    sleep 0.1
  done
  die "no writes are acknowledged any more; see $dir/writer.err"
}

lose_a_region() {
  step "A stream of writes, and the leader's region goes dark in the middle of it"
  : >"$dir/acknowledged"
  writer &
  writing=$!
  wait_writes 60
  victim=$(leader)
  [ -n "$victim" ] || die "no leader"
  local pid
  pid=$(pid_of "$victim")
  say "  $(wc -l <"$dir/acknowledged") writes acknowledged; kill -9 $victim, which leads"
  kill -KILL "$pid"
  rm -f "$dir/$victim.pid"
  wait_writes 60
  local left=()
  for node in "${nodes[@]}"; do [ "$node" = "$victim" ] || left+=("$node"); done
  say "  ${left[*]} go on; $(at "${left[0]}" cluster status --json | jq -r .leader) leads now"
  tell 2 chris
  as blake sitrep post "$incident" -q \
    --broken "A second region is dark; the record and the command are not." \
    --impact "As before. No acknowledged note is lost." \
    --doing "Working from the regions that are left." --who "Blake (IC), Chris Stolt (comms)" >/dev/null
  say "  sitrep 2 posted while $victim is away"
  wait_writes 40
  start "$victim"
  ready "$victim"
  say "  $victim is back"
  wait_writes 40
  touch "$dir/stop"
  wait "$writing" || :
  writing=
  failover_ms=$(awk 'NR>1 && $3-last>gap {gap=$3-last} {last=$3} END {print gap+0}' "$dir/acknowledged")
  say "  $(wc -l <"$dir/acknowledged") writes acknowledged; the longest wait between two was $failover_ms ms"
}

# --- the proof ------------------------------------------------------------------------------------

events() { # NODE: every event of the incident, one JSON object a line
  local node=$1 after=0 page
  while :; do
    page=$(at "$node" log show "$incident" --after "$after" --limit 1000 --json)
    jq -c '.events[]?' <<<"$page"
    [ "$(jq -r '.more // false' <<<"$page")" = true ] || break
    after=$(jq -r '.events[-1].seq' <<<"$page")
  done
}

# Whoever takes the command took it from the one who held it, and the epoch rose by one each time.
one_commander='reduce (.[] | .role | select(. and .role.role == "INCIDENT_ROLE_COMMANDER")
    | select(.action == "ROLE_ACTION_ACCEPTED" or .action == "ROLE_ACTION_TAKEN")) as $r
  ({holder: "", epoch: 0, ok: true};
   {ok: (.ok and ($r.from // "") == .holder and ($r.role.epoch | tonumber) == .epoch + 1),
    holder: $r.role.holder, epoch: ($r.role.epoch | tonumber)}) | .ok and .epoch > 1'

prove() {
  step "The proof, on each of the three nodes"
  local node lost=0 duplicated=0 digests=equal chain=valid broken=0 total head applied a b
  cut -d' ' -f1 "$dir/acknowledged" | sort >"$dir/want"
  total=$(wc -l <"$dir/want")
  for node in "${nodes[@]}"; do
    events "$node" >"$dir/$node.events"
    jq -r '.note.text // empty' "$dir/$node.events" | sed -n 's/^write //p' | sort >"$dir/$node.have"
    a=$(sort -u "$dir/$node.have" | comm -23 "$dir/want" - | wc -l)
    b=$(uniq -d "$dir/$node.have" | wc -l)
    lost=$((lost + a)) duplicated=$((duplicated + b))
    at "$node" log verify >"$dir/$node.verify" 2>&1 || { chain=broken; broken=1; }
    head=$(jq -s "$one_commander" "$dir/$node.events")
    [ "$head" = true ] || broken=1
    say "  $node: $((total - a)) of $total acknowledged writes present, $b twice; chain $([ $chain = valid ] && echo valid || echo BROKEN); one commander at every index: $head"
  done
  # Digests are compared at the same applied index: wait until all three are there.
  for _ in $(seq 100); do
    applied=$(for node in "${nodes[@]}"; do
      curl -fs --cacert "$dir/ca/ca.pem" --cert "$dir/users/ricardo/user.pem" --key "$dir/users/ricardo/user.key" \
        -H 'content-type: application/json' -d '{}' \
        "https://127.0.0.1:${port[$node]}/watchfire.v1.ClusterService/GetStatus" | jq -r '"\(.appliedIndex) \(.digest)"'
    done | sort -u)
    [ "$(wc -l <<<"$applied")" = 1 ] && break
    sleep 0.1
  done
  [ "$(wc -l <<<"$applied")" = 1 ] || { digests=differ; broken=1; }
  say "  digests at equal index: $digests"
  [ "$lost" = 0 ] && [ "$duplicated" = 0 ] || broken=1
  summary="demo: acknowledged=$total lost=$lost duplicated=$duplicated failover_ms=$failover_ms digests=$digests chain=$chain"
  return $broken
}

how_to_go_on() {
  local p=${port[fra-1]} stop="$root/deploy/demo.sh stop"
  [ -z "${WF_DEMO_DIR:-}" ] || stop="WF_DEMO_DIR=$dir $stop"
  cat <<MSG

The cluster is running. In another terminal:

  export PATH=$build:\$PATH WATCHFIRE_CONFIG=$dir/users/ricardo/config.yaml
  watchfire brief $incident
  watchfire cluster status
  watchfire watch $incident

  export TOKEN=\$(watchfire token create demo -q)
  curl --cacert $dir/ca/ca.pem -H "Authorization: Bearer \$TOKEN" -H 'content-type: application/json' \\
    https://127.0.0.1:$p/watchfire.v1.IncidentService/GetIncident -d '{"incidentId":"$incident"}'

Any gRPC client can ask for reflection at 127.0.0.1:$p and needs $dir/ca/ca.pem and the token.
Logs and data: $dir     Stop it: $stop
MSG
}

cleanup() {
  local rc=$?
  trap - EXIT INT TERM
  [ -d "$dir" ] && touch "$dir/stop" 2>/dev/null
  [ -n "${writing:-}" ] && wait "$writing" 2>/dev/null
  if [ "${keep:-0}" != 1 ] && [ -f "$dir/made-by-demo" ]; then stop_all; fi
  exit $rc
}

main() {
  check=0
  case ${1:-} in
    "") ;;
    --check) check=1 ;;
    stop)
      [ -f "$dir/made-by-demo" ] || die "there is no demo in $dir"
      stop_all
      say "stopped"
      exit 0
      ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2 ;;
  esac
  trap cleanup EXIT
  trap 'exit 130' INT TERM
  build_it
  make_cluster
  run_incident
  lose_a_region
  if prove; then ok=1; else ok=0; fi
  if [ $ok = 1 ] && [ $check = 0 ]; then keep=1; how_to_go_on; fi
  say ""
  say "$summary"
  [ $ok = 1 ] || die "a promise is broken; everything is in $dir"
}
main "$@"
