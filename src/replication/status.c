// SPDX-License-Identifier: Apache-2.0
// wf_node_status.
#include <stdio.h>
#include <string.h>

#include "replication/node_internal.h"

// libraft's numbers are ours.
_Static_assert((int)WF_STATE_LEADER == (int)RAFT_LEADER, "raft states");
_Static_assert((int)WF_SPARE == RAFT_SPARE && (int)WF_VOTER == RAFT_VOTER, "raft roles");

enum { LAG_COUNTED_MAX = 4096 };

static int64_t lag_bytes(const struct wf_node *n, uint64_t match)
{
    struct raft *r = node_raft(n);
    uint64_t last = wf_raft_last(r), from = match + 1;
    struct wf_record record;
    int64_t bytes = 0;
    unsigned counted = 0;

    // A sample is enough for a long lag: this is for people.
    for (uint64_t i = from; i <= last && counted < LAG_COUNTED_MAX; i++, counted++) {
        if (wf_raft_entry(r, i, &record))
            bytes += (int64_t)record.data.len;
    }
    if (counted == LAG_COUNTED_MAX)
        bytes = bytes / LAG_COUNTED_MAX * (int64_t)(last - match);
    return bytes;
}

static int image_percent(const struct peer *p)
{
    const struct image_out *o = p != NULL ? p->out : NULL;

    if (o == NULL)
        return -1;
    return o->complete ? 100 : (int)(o->acked * 100 / o->info.size);
}

static void member_status(const struct wf_node *n, const struct raft_server *s,
                          struct wf_member_status *out)
{
    const struct peer *p = peer_get((struct wf_node *)n, s->id);
    struct wf_raft_progress progress;

    if (wf_member_parse(s, &out->member) != WF_OK)
        snprintf(out->member.name, sizeof out->member.name, "%llu", (unsigned long long)s->id);
    out->is_leader = s->id == node_leader(n);
    out->heard_ms_ago = -1;
    out->image_percent = image_percent(p);
    out->disk_low = disk_low_told(n, s->id);
    if (s->id == n->opts.id) {
        out->connected = true;
        out->heard_ms_ago = 0;
        out->applied = apply_index(n);
        out->match_index = wf_raft_stored(node_raft(n));
        return;
    }
    if (p != NULL) {
        out->connected = p->up;
        if (p->heard_ms != 0)
            out->heard_ms_ago = (int64_t)(node_now_ms(n) - p->heard_ms);
        out->applied = p->has_status ? p->status.applied : 0;
    }
    if (wf_raft_progress_of(node_raft(n), s->id, &progress)) {
        out->match_index = progress.match;
        out->lag_bytes = lag_bytes(n, progress.match);
    }
}

const char *wf_node_state_name(const struct wf_node_status *s)
{
    if (!s->serving)
        return "fenced";
    switch (s->state) {
    case WF_STATE_LEADER:
        return "leader";
    case WF_STATE_FOLLOWER:
        return "follower";
    case WF_STATE_CANDIDATE:
        return "candidate";
    case WF_STATE_UNAVAILABLE:
        break;
    }
    return "starting";
}

void wf_node_status(const struct wf_node *n, struct wf_node_status *out)
{
    struct raft *r = node_raft(n);
    const struct raft_configuration *c = wf_raft_configuration(r);

    memset(out, 0, sizeof *out);
    out->self.id = n->opts.id;
    out->self.role = WF_SPARE;
    snprintf(out->self.name, sizeof out->self.name, "%s", n->opts.name);
    out->state = (enum wf_raft_state)wf_raft_state(r);
    out->term = wf_raft_term(r);
    out->commit = wf_raft_commit(r);
    out->applied = apply_index(n);
    out->last_index = wf_raft_last(r);
    out->first_index = wf_raft_first(r);
    out->image_index = wf_guard_manifest(n->guard)->index;
    out->leader_id = node_leader(n);
    out->change_pending =
        n->change.kind != CHANGE_NONE || wf_raft_configuration_uncommitted(r) != 0;
    out->disk_low = node_leads(n) ? n->refusing : disk_low_too_few(n);
    out->serving = !n->fenced && !n->dead;
    memcpy(out->fence_reason, n->fence_reason, sizeof out->fence_reason);
    if (!n->fenced)
        out->fence_reason[0] = '\0';
    n->fsm.digest(n->fsm.ctx, out->digest);
    out->proposals_waiting = n->waiting.n + n->n_forwarded;
    out->entries_in_flight = n->n_entries;
    out->reads_waiting = n->reads_new.n + n->reads_asked.n + n->reads_known.n;
    out->catch_up_percent = n->in.active ? (int64_t)(n->in.offset * 100 / n->in.info.size) : -1;
    for (unsigned i = 0; i < c->n && out->n < WF_MEMBERS_MAX; i++) {
        member_status(n, &c->servers[i], &out->members[out->n]);
        if (c->servers[i].id == n->opts.id)
            out->self = out->members[out->n].member;
        out->n++;
    }
}
