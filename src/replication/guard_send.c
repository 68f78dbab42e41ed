// SPDX-License-Identifier: Apache-2.0
// What libraft sends, on its way to the peers.
#include <stdlib.h>

#include "base/assert.h"
#include "replication/configuration.h"
#include "replication/guard_internal.h"

// What libraft may be told about a send. B16: a failed append makes libraft forget all progress,
// and a new leader then sends a whole snapshot; a lost one is found by the next probe. So it never
// fails.
static int outcome(const struct wf_guard *g, unsigned short type, int rc)
{
    if (rc == WF_OK || (type == RAFT_IO_APPEND_ENTRIES && ON(g, B16)))
        return 0;
    return RAFT_NOCONNECTION;
}

static size_t record_size(const struct raft_entry *e)
{
    return e->buf.len + 13; // as wire.h encodes it
}

// B18: libraft puts everything from next_index on into one message. Cut it at WF_APPEND_MAX; a
// follower that is being probed gets only the first piece, since it may refuse it.
static int send_append(struct wf_guard *g, uint64_t to, const struct raft_append_entries *a)
{
    struct wf_raft_progress p = {0};
    struct wf_record *records = calloc(a->n_entries + 1, sizeof *records);
    struct wf_msg m = {.kind = WF_MSG_APPEND};
    unsigned from = 0;
    int rc;

    if (records == NULL)
        return WF_RESOURCE_EXHAUSTED;
    (void)wf_raft_progress_of(&g->raft, to, &p);
    m.append = (struct wf_msg_append){a->term,          a->prev_log_index, a->prev_log_term,
                                      a->leader_commit, records,           0};
    do {
        size_t size = 0;
        unsigned n = 0;

        for (; from + n < a->n_entries; n++) {
            const struct raft_entry *e = &a->entries[from + n];

            if (ON(g, B18) && n > 0 && size + record_size(e) > WF_APPEND_MAX)
                break;
            size += record_size(e);
            records[n] = (struct wf_record){
                e->term, (enum wf_record_type)e->type, {e->buf.base, e->buf.len}};
        }
        m.append.n = n;
        rc = g->net->send(g->net->ctx, to, &m);
        if (n > 0) {
            m.append.prev_index += n;
            m.append.prev_term = records[n - 1].term;
        }
        from += n;
    } while (rc == WF_OK && from < a->n_entries && !p.probing);
    free(records);
    return rc;
}

// B17: libraft's leader goes back one entry per refusal. Tell it to go before the whole term that
// conflicts, but never below what is committed here.
static uint64_t rejection_hint(const struct wf_guard *g, uint64_t rejected, uint64_t last)
{
    uint64_t commit = wf_raft_commit(&g->raft), term = wf_raft_term_of(&g->raft, rejected);
    uint64_t i = rejected;

    if (!ON(g, B17) || term == 0)
        return last;
    while (i > commit && wf_raft_term_of(&g->raft, i) == term)
        i--;
    return i < last ? i : last;
}

static int send_append_result(struct wf_guard *g, uint64_t to,
                              const struct raft_append_entries_result *r)
{
    struct wf_msg m = {.kind = WF_MSG_APPEND_RESULT,
                       .append_result = {r->term, r->rejected, r->last_log_index}};

    if (r->rejected != 0) {
        m.append_result.last_index = rejection_hint(g, r->rejected, r->last_log_index);
    } else if (ON(g, B1)) {
        // B1: libraft answers with its last stored index, which may lie in a stale suffix that the
        // leader never sent. Acknowledge only what was matched against this leader, in this term.
        if (g->match_term != r->term)
            return WF_OK;
        if (m.append_result.last_index > g->match)
            m.append_result.last_index = g->match;
    }
    return g->net->send(g->net->ctx, to, &m);
}

// B14: a refused pre-vote echoes the candidate's own term, so that a candidate with the best log
// but a term behind never learns of the higher one, and nobody is ever elected.
static int send_vote_result(struct wf_guard *g, uint64_t to,
                            const struct raft_request_vote_result *r)
{
    uint64_t term = r->term;

    if (ON(g, B14) && r->pre_vote == raft_tribool_true && !r->vote_granted &&
        wf_raft_term(&g->raft) > term)
        term = wf_raft_term(&g->raft);
    return g->net->send(
        g->net->ctx, to,
        &(struct wf_msg){.kind = WF_MSG_VOTE_RESULT,
                         .vote_result = {term, r->vote_granted, (uint8_t)r->pre_vote}});
}

static int send_install(struct wf_guard *g, uint64_t to, const struct raft_install_snapshot *s)
{
    // libraft's own copy of the manifest; the guard's is the same one (snapshot_get made it).
    WF_ASSERT(s->last_index == g->manifest.index);
    g->events.on_ship(g->events.ctx, to, &g->manifest);
    return WF_OK;
}

static int send_message(struct wf_guard *g, const struct raft_message *m)
{
    uint64_t to = m->server_id;

    switch (m->type) {
    case RAFT_IO_APPEND_ENTRIES:
        return send_append(g, to, &m->append_entries);
    case RAFT_IO_APPEND_ENTRIES_RESULT:
        return send_append_result(g, to, &m->append_entries_result);
    case RAFT_IO_REQUEST_VOTE: {
        const struct raft_request_vote *v = &m->request_vote;

        return g->net->send(
            g->net->ctx, to,
            &(struct wf_msg){.kind = WF_MSG_VOTE,
                             .vote = {v->term, v->candidate_id, v->last_log_index, v->last_log_term,
                                      v->disrupt_leader, v->pre_vote}});
    }
    case RAFT_IO_REQUEST_VOTE_RESULT:
        return send_vote_result(g, to, &m->request_vote_result);
    case RAFT_IO_INSTALL_SNAPSHOT:
        return send_install(g, to, &m->install_snapshot);
    case RAFT_IO_TIMEOUT_NOW:
        return g->net->send(
            g->net->ctx, to,
            &(struct wf_msg){.kind = WF_MSG_TIMEOUT_NOW,
                             .timeout_now = {m->timeout_now.term, m->timeout_now.last_log_index,
                                             m->timeout_now.last_log_term}});
    default:
        WF_UNREACHABLE();
    }
}

int guard_send(struct raft_io *io, struct raft_io_send *req, const struct raft_message *message,
               raft_io_send_cb cb)
{
    struct wf_guard *g = io->impl;
    struct guard_op *op;
    int rc = WF_OK;

    // B6: a write that completes after a change of role answers to a leader that is not known.
    if (message->server_id != 0)
        rc = send_message(g, message);
    if (cb == NULL)
        return 0; // a transfer's TimeoutNow: its request is never touched again (B12)
    // B11, B12: everything was copied, so the send is over; but libraft still uses the request
    // after this returns.
    op = guard_op_new(g, GUARD_SEND, &g->deferred);
    op->send.req = req;
    op->send.cb = cb;
    op->status = outcome(g, message->type, rc);
    return 0;
}

void wf_guard_send_install(struct wf_guard *g, uint64_t to, const struct wf_manifest *manifest)
{
    struct wf_msg m = {.kind = WF_MSG_INSTALL};

    if (g->dead || g->stopping || wf_raft_state(&g->raft) != RAFT_LEADER)
        return;
    m.install = (struct wf_msg_install){wf_raft_term(&g->raft), *manifest};
    (void)g->net->send(g->net->ctx, to, &m);
}
