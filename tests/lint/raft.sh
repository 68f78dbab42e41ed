#!/usr/bin/env bash
# libraft lives in src/replication alone, and the fields of its public structs are read and written
# in raft_access.c alone.
set -euo pipefail
root=$1
bad=0
if grep -rnE 'include *<raft(\.h|/)' "$root/src" --include='*.[ch]' | grep -v '/src/replication/'; then
  echo "only src/replication may include libraft"; bad=1
fi
if grep -rnE '(raft|->r|\br)(->|\.)(log|leader_state|follower_state|candidate_state|configuration|current_term|voted_for|last_stored|commit_index|election_timer_start|snapshot)\b' \
  "$root/src/replication" --include='*.c' | grep -v '/raft_access\.c:'; then
  echo "fields of struct raft are touched in raft_access.c only"; bad=1
fi
exit $bad
