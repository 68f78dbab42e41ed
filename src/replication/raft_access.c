// SPDX-License-Identifier: Apache-2.0
#include "replication/raft_access.h"

#include "base/assert.h"
#include "replication/configuration.h"

// libraft's progress.h, which is not installed.
enum { PROGRESS_PROBE, PROGRESS_PIPELINE, PROGRESS_SNAPSHOT };

// --- terms and indexes -------------------------------------------------------------------------

uint64_t wf_raft_term(const struct raft *r)
{
    return r->current_term;
}

uint64_t wf_raft_vote(const struct raft *r)
{
    return r->voted_for;
}

uint64_t wf_raft_commit(const struct raft *r)
{
    return r->commit_index;
}

uint64_t wf_raft_stored(const struct raft *r)
{
    return r->last_stored;
}

uint64_t wf_raft_applied(const struct raft *r)
{
    return r->last_applied;
}

void wf_raft_set_term_vote(struct raft *r, uint64_t term, uint64_t vote)
{
    WF_ASSERT(term >= r->current_term);
    r->current_term = term;
    r->voted_for = vote;
}

void wf_raft_set_stored(struct raft *r, uint64_t index)
{
    r->last_stored = index;
}

// --- the log in memory -------------------------------------------------------------------------

static uint64_t log_count(const struct raft *r)
{
    const struct raft_log *l = &r->log;

    return l->front <= l->back ? l->back - l->front : l->size - l->front + l->back;
}

static const struct raft_entry *log_at(const struct raft *r, uint64_t index)
{
    const struct raft_log *l = &r->log;

    if (index <= l->offset || index > l->offset + log_count(r))
        return NULL;
    return &l->entries[(l->front + (size_t)(index - 1 - l->offset)) % l->size];
}

uint64_t wf_raft_last(const struct raft *r)
{
    return r->log.offset + log_count(r);
}

uint64_t wf_raft_first(const struct raft *r)
{
    return r->log.offset + 1;
}

uint64_t wf_raft_snapshot_index(const struct raft *r)
{
    return r->log.snapshot.last_index;
}

void wf_raft_set_snapshot_term(struct raft *r, uint64_t term)
{
    r->log.snapshot.last_term = term;
}

uint64_t wf_raft_term_of(const struct raft *r, uint64_t index)
{
    const struct raft_entry *e = log_at(r, index);

    if (e != NULL)
        return e->term;
    return index != 0 && index == r->log.snapshot.last_index ? r->log.snapshot.last_term : 0;
}

bool wf_raft_entry(const struct raft *r, uint64_t index, struct wf_record *out)
{
    const struct raft_entry *e = log_at(r, index);

    if (e == NULL)
        return false;
    *out = (struct wf_record){e->term, (enum wf_record_type)e->type, {e->buf.base, e->buf.len}};
    return true;
}

// --- role and timers ---------------------------------------------------------------------------

unsigned short wf_raft_state(const struct raft *r)
{
    return r->state;
}

uint64_t wf_raft_leader_id(const struct raft *r)
{
    if (r->state == RAFT_LEADER)
        return r->id;
    return r->state == RAFT_FOLLOWER ? r->follower_state.current_leader.id : 0;
}

void wf_raft_forget_leader(struct raft *r)
{
    WF_ASSERT(r->state == RAFT_FOLLOWER);
    r->follower_state.current_leader.id = 0;
}

static unsigned random_timeout(const struct raft *r)
{
    WF_ASSERT(r->state == RAFT_FOLLOWER || r->state == RAFT_CANDIDATE);
    return r->state == RAFT_FOLLOWER ? r->follower_state.randomized_election_timeout
                                     : r->candidate_state.randomized_election_timeout;
}

bool wf_raft_timer_expired(const struct raft *r, uint64_t now_ms)
{
    return now_ms - r->election_timer_start >= random_timeout(r);
}

void wf_raft_expire_timer(struct raft *r)
{
    r->election_timer_start = 0;
}

uint64_t wf_raft_silence(const struct raft *r, uint64_t now_ms)
{
    return now_ms - r->election_timer_start;
}

unsigned wf_raft_election_timeout(const struct raft *r)
{
    return r->election_timeout;
}

void wf_raft_restart_candidacy(struct raft *r)
{
    WF_ASSERT(r->state == RAFT_CANDIDATE);
    r->candidate_state.disrupt_leader = false;
    r->candidate_state.in_pre_vote = r->pre_vote;
}

bool wf_raft_transferring(const struct raft *r)
{
    return r->transfer != NULL;
}

void wf_raft_end_transfer(struct raft *r)
{
    struct raft_transfer *req = r->transfer;

    WF_ASSERT(r->state == RAFT_FOLLOWER || r->state == RAFT_CANDIDATE);
    r->transfer = NULL;
    if (req != NULL && req->cb != NULL)
        req->cb(req);
}

// --- snapshots ---------------------------------------------------------------------------------

bool wf_raft_snapshotting(const struct raft *r)
{
    return r->snapshot.pending.term != 0 || r->snapshot.put.data != NULL;
}

// --- membership --------------------------------------------------------------------------------

const struct raft_configuration *wf_raft_configuration(const struct raft *r)
{
    return &r->configuration;
}

uint64_t wf_raft_configuration_index(const struct raft *r)
{
    return r->configuration_index;
}

uint64_t wf_raft_configuration_uncommitted(const struct raft *r)
{
    return r->configuration_uncommitted_index;
}

void wf_raft_clear_uncommitted(struct raft *r)
{
    r->configuration_uncommitted_index = 0;
}

static struct raft_server *server_of(const struct raft *r, uint64_t id, unsigned *at)
{
    for (unsigned i = 0; i < r->configuration.n; i++) {
        if (r->configuration.servers[i].id == id) {
            *at = i;
            return &r->configuration.servers[i];
        }
    }
    return NULL;
}

int wf_raft_role(const struct raft *r, uint64_t id)
{
    unsigned at;
    const struct raft_server *s = server_of(r, id, &at);

    return s != NULL ? s->role : -1;
}

bool wf_raft_set_role(struct raft *r, uint64_t id, int role)
{
    unsigned at;
    struct raft_server *s = server_of(r, id, &at);

    if (s != NULL)
        s->role = role;
    return s != NULL;
}

int wf_raft_reconfigure(struct raft *r, uint64_t limit, const struct wf_manifest *base)
{
    uint64_t committed = base->configuration_index, uncommitted = 0, newest;
    struct wf_bytes bytes = base->configuration;
    struct raft_configuration c;
    int rc;

    for (uint64_t i = wf_raft_first(r); i <= wf_raft_last(r) && i < limit; i++) {
        if (log_at(r, i)->type != RAFT_CHANGE)
            continue;
        if (i <= r->commit_index)
            committed = i;
        else
            uncommitted = i;
    }
    newest = uncommitted != 0 ? uncommitted : committed;
    if (log_at(r, newest) != NULL)
        bytes = (struct wf_bytes){log_at(r, newest)->buf.base, log_at(r, newest)->buf.len};
    raft_configuration_init(&c);
    if (newest != 0) {
        rc = wf_configuration_decode(bytes, &c);
        if (rc != WF_OK)
            return rc == WF_INVALID_ARGUMENT ? WF_DATA_LOSS : rc;
    }
    raft_configuration_close(&r->configuration);
    r->configuration = c;
    r->configuration_index = committed;
    r->configuration_uncommitted_index = uncommitted;
    return WF_OK;
}

// --- the leader's view of the others -----------------------------------------------------------

bool wf_raft_progress_of(const struct raft *r, uint64_t id, struct wf_raft_progress *out)
{
    const struct raft_progress *p;
    unsigned at;

    if (r->state != RAFT_LEADER || server_of(r, id, &at) == NULL)
        return false;
    p = &r->leader_state.progress[at];
    *out = (struct wf_raft_progress){p->match_index, p->next_index, p->state == PROGRESS_PROBE,
                                     p->state == PROGRESS_SNAPSHOT};
    return true;
}

void wf_raft_set_match(struct raft *r, uint64_t id, uint64_t match)
{
    unsigned at;

    WF_ASSERT(r->state == RAFT_LEADER);
    WF_ASSERT(server_of(r, id, &at) != NULL);
    r->leader_state.progress[at].match_index = match;
}

void wf_raft_probe(struct raft *r, uint64_t id)
{
    struct raft_progress *p;
    unsigned at;

    WF_ASSERT(r->state == RAFT_LEADER);
    WF_ASSERT(server_of(r, id, &at) != NULL);
    p = &r->leader_state.progress[at];
    p->state = PROGRESS_PROBE;
    p->snapshot_index = 0;
    p->next_index = p->match_index + 1;
}

bool wf_raft_change_pending(const struct raft *r)
{
    WF_ASSERT(r->state == RAFT_LEADER);
    return r->leader_state.change != NULL || r->configuration_uncommitted_index != 0;
}
