// SPDX-License-Identifier: Apache-2.0
// When a leader may count an entry as committed (B2, B5).
#include <stdlib.h>

#include "base/assert.h"
#include "replication/configuration.h"
#include "replication/guard_internal.h"

static int descending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? 1 : x > y ? -1 : 0;
}

uint64_t guard_quorum_index(uint64_t *matches, unsigned n)
{
    if (n == 0)
        return 0;
    qsort(matches, n, sizeof *matches, descending);
    return matches[n / 2]; // n / 2 + 1 of them are at or past it
}

// What a majority of voters holds, if server `from` holds everything up to `index`.
static uint64_t quorum_with(const struct wf_guard *g, uint64_t from, uint64_t index)
{
    const struct raft_configuration *c = wf_raft_configuration(&g->raft);
    uint64_t matches[WF_MEMBERS_MAX];
    struct wf_raft_progress p;
    unsigned n = 0;

    for (unsigned i = 0; i < c->n && n < WF_MEMBERS_MAX; i++) {
        uint64_t id = c->servers[i].id;

        if (c->servers[i].role != RAFT_VOTER || !wf_raft_progress_of(&g->raft, id, &p))
            continue;
        matches[n] = id == g->id ? wf_raft_stored(&g->raft) : p.match;
        if (id == from && index > matches[n])
            matches[n] = index;
        n++;
    }
    return guard_quorum_index(matches, n);
}

// B5: libraft asks for a majority at the leader's own last stored index alone, so that under steady
// load a follower one round trip behind never completes one. Let it ask at the index that a
// majority really holds, by lending it that as its last stored index; only for entries of this term
// (B2).
static void receive_with_quorum(struct wf_guard *g, uint64_t from, struct raft_message *m)
{
    uint64_t stored = wf_raft_stored(&g->raft);
    uint64_t q = quorum_with(g, from, m->append_entries_result.last_log_index);
    bool lend = q < stored && wf_raft_term_of(&g->raft, q) == wf_raft_term(&g->raft);

    if (lend)
        wf_raft_set_stored(&g->raft, q);
    g->recv(&g->io, m);
    if (lend)
        wf_raft_set_stored(&g->raft, stored);
}

void guard_receive_result(struct wf_guard *g, uint64_t from, struct raft_message *m)
{
    const struct raft_append_entries_result *r = &m->append_entries_result;
    bool counts = wf_raft_state(&g->raft) == RAFT_LEADER && r->rejected == 0 &&
                  r->term == wf_raft_term(&g->raft);

    // B2: until the own-term barrier is stored, the index libraft would commit at is an older
    // term's.
    if (counts && ON(g, B2) &&
        (g->barrier_term != r->term || wf_raft_stored(&g->raft) < g->barrier_index))
        return;
    if (counts && ON(g, B5))
        receive_with_quorum(g, from, m);
    else
        g->recv(&g->io, m);
}

// After our own write: the followers may have been waiting for us, at an index below the one that
// libraft has just tried. Let the slowest of them that matters report once more.
void guard_recheck_commit(struct wf_guard *g)
{
    const struct raft_configuration *c = wf_raft_configuration(&g->raft);
    struct wf_raft_progress p;
    uint64_t q;

    if (!ON(g, B5) || g->stopping || wf_raft_state(&g->raft) != RAFT_LEADER)
        return;
    q = quorum_with(g, 0, 0);
    if (q <= wf_raft_commit(&g->raft) || wf_raft_term_of(&g->raft, q) != wf_raft_term(&g->raft))
        return;
    for (unsigned i = 0; i < c->n; i++) {
        uint64_t id = c->servers[i].id;

        if (id == g->id || c->servers[i].role != RAFT_VOTER ||
            !wf_raft_progress_of(&g->raft, id, &p) || p.match < q)
            continue;
        struct raft_message m = {
            .type = RAFT_IO_APPEND_ENTRIES_RESULT, .server_id = id, .server_address = ""};
        m.append_entries_result =
            (struct raft_append_entries_result){wf_raft_term(&g->raft), 0, p.match};
        wf_raft_set_match(&g->raft, id, p.match - 1);
        guard_receive_result(g, id, &m);
        return;
    }
}
