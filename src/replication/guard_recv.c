// SPDX-License-Identifier: Apache-2.0
// What the peers send, on its way to libraft.
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "replication/configuration.h"
#include "replication/guard_internal.h"

// --- append entries ----------------------------------------------------------------------------

// What is left of an append after trimming.
struct append_view {
    uint64_t prev, prev_term, commit;
    const struct wf_record *entries;
    unsigned n;
};

// B15: entries that are committed here are the leader's too, so the append can begin at our commit
// index. libraft would look them up in a prefix it may have compacted away.
static void trim_committed(struct wf_guard *g, struct append_view *v)
{
    uint64_t commit = wf_raft_commit(&g->raft), term = wf_raft_term_of(&g->raft, commit), skip;

    if (!ON(g, B15) || v->prev >= commit || term == 0)
        return;
    skip = commit - v->prev;
    if (skip > v->n)
        skip = v->n;
    v->entries += skip;
    v->n -= (unsigned)skip;
    v->prev = commit;
    v->prev_term = term;
}

static bool prev_matches(const struct wf_guard *g, const struct append_view *v)
{
    return v->prev == 0 || (wf_raft_term_of(&g->raft, v->prev) != 0 &&
                            wf_raft_term_of(&g->raft, v->prev) == v->prev_term);
}

static uint64_t first_conflict(const struct wf_guard *g, const struct append_view *v)
{
    for (unsigned i = 0; i < v->n; i++) {
        uint64_t term = wf_raft_term_of(&g->raft, v->prev + 1 + i);

        if (term == 0)
            return 0;
        if (term != v->entries[i].term)
            return v->prev + 1 + i;
    }
    return 0;
}

// M2: when the append cuts off an uncommitted membership, libraft goes back to the entry at
// configuration_index, which may be compacted away or not the right one. Do it before it does.
static int roll_back_membership(struct wf_guard *g, const struct append_view *v)
{
    uint64_t conflict = first_conflict(g, v);
    struct wf_err err;

    if (!ON(g, M2) || conflict == 0 || wf_raft_configuration_uncommitted(&g->raft) < conflict)
        return WF_OK;
    if (wf_raft_reconfigure(&g->raft, conflict, &g->manifest) == WF_OK)
        return WF_OK;
    wf_fail(&err, WF_DATA_LOSS, "the membership before index %llu cannot be read",
            (unsigned long long)conflict);
    wf_guard_fatal(g, &err);
    return WF_DATA_LOSS;
}

// libraft wants one array of entries over one contiguous batch, and frees both.
static int make_entries(const struct append_view *v, struct raft_entry **out)
{
    size_t size = 0;
    struct raft_entry *entries;
    uint8_t *batch;

    *out = NULL;
    if (v->n == 0)
        return 0;
    for (unsigned i = 0; i < v->n; i++)
        size += v->entries[i].data.len;
    entries = malloc(v->n * sizeof *entries);
    batch = malloc(size + 1);
    if (entries == NULL || batch == NULL) {
        raft_free(entries);
        raft_free(batch);
        return RAFT_NOMEM;
    }
    *out = entries;
    for (uint8_t *p = batch; entries < *out + v->n; entries++) {
        const struct wf_record *e = &v->entries[entries - *out];

        *entries = (struct raft_entry){e->term, (unsigned short)e->type, {p, e->data.len}, batch};
        if (e->data.len > 0)
            memcpy(p, e->data.data, e->data.len);
        p += e->data.len;
    }
    return 0;
}

// B1: note what this leader's log and ours have in common.
static void note_match(struct wf_guard *g, uint64_t term, uint64_t index)
{
    if (g->match_term != term) {
        g->match_term = term;
        g->match = 0;
    }
    if (g->match < index)
        g->match = index;
}

static void receive_append(struct wf_guard *g, uint64_t from, const struct wf_msg_append *a)
{
    struct append_view v = {a->prev_index, a->prev_term, a->commit, a->entries, a->n};
    struct raft_message m = {
        .type = RAFT_IO_APPEND_ENTRIES, .server_id = from, .server_address = ""};
    bool current = a->term >= wf_raft_term(&g->raft);

    if (current) {
        if (g->installing && v.n > 0)
            return; // libraft drops these too; the leader sends them again
        trim_committed(g, &v);
        // B11: entries cut off while they were being written are still referenced.
        if (ON(g, B11) && v.n > 0 && g->cut_wait > 0)
            return;
        // B1: only what this append has shown to match may be committed.
        if (ON(g, B1) && v.commit > v.prev + v.n)
            v.commit = v.prev + v.n;
        if (prev_matches(g, &v)) {
            if (roll_back_membership(g, &v) != WF_OK)
                return;
            note_match(g, a->term, v.prev + v.n);
        }
    }
    m.append_entries = (struct raft_append_entries){.term = a->term,
                                                    .prev_log_index = v.prev,
                                                    .prev_log_term = v.prev_term,
                                                    .leader_commit = v.commit,
                                                    .n_entries = v.n};
    if (make_entries(&v, &m.append_entries.entries) == 0)
        g->recv(&g->io, &m);
}

// --- snapshots ---------------------------------------------------------------------------------

// B32: an entry of a higher term where the snapshot ends makes libraft answer "have all entries".
// Such an entry is stale, and the answer would count as holding the snapshot. Say a term that makes
// libraft install it, and put the true one back.
static bool stale_suffix(const struct wf_guard *g, const struct wf_manifest *m)
{
    return ON(g, B32) && wf_raft_commit(&g->raft) < m->index &&
           wf_raft_term_of(&g->raft, m->index) > m->term;
}

static int make_install(struct wf_guard *g, const struct wf_msg_install *in, uint64_t term,
                        struct raft_install_snapshot *out)
{
    const struct wf_manifest *m = &in->manifest;

    (void)g;
    *out = (struct raft_install_snapshot){.term = in->term,
                                          .last_index = m->index,
                                          .last_term = term,
                                          .conf_index = m->configuration_index};
    if (wf_configuration_decode(m->configuration, &out->conf) != WF_OK)
        return WF_INVALID_ARGUMENT;
    out->data.len = m->data.len;
    out->data.base = malloc(m->data.len + 1);
    if (out->data.base == NULL) {
        raft_configuration_close(&out->conf);
        return WF_RESOURCE_EXHAUSTED;
    }
    if (m->data.len > 0)
        memcpy(out->data.base, m->data.data, m->data.len);
    return WF_OK;
}

static void receive_install(struct wf_guard *g, uint64_t from, const struct wf_msg_install *in)
{
    const struct wf_manifest *manifest = &in->manifest;
    struct raft_message m = {
        .type = RAFT_IO_INSTALL_SNAPSHOT, .server_id = from, .server_address = ""};
    bool current = in->term >= wf_raft_term(&g->raft), stale = false;

    if (manifest->index == 0 || manifest->term == 0)
        return;
    if (current) {
        // B11, B26: not while entries are being written or another snapshot is under way; and only
        // when the image is here, since installing must not fail once libraft has dropped its log.
        if (g->appends_pending > 0 || wf_raft_snapshotting(&g->raft))
            return;
        if (wf_raft_commit(&g->raft) < manifest->index &&
            !g->events.have_image(g->events.ctx, manifest))
            return;
        stale = stale_suffix(g, manifest);
        note_match(g, in->term, wf_raft_commit(&g->raft));
        if (wf_raft_commit(&g->raft) >= manifest->index ||
            wf_raft_term_of(&g->raft, manifest->index) == manifest->term)
            note_match(g, in->term, manifest->index);
    }
    if (make_install(g, in, stale ? UINT64_MAX : manifest->term, &m.install_snapshot) != WF_OK)
        return;
    g->b32_term = stale ? manifest->term : 0;
    g->recv(&g->io, &m);
    if (stale && wf_raft_snapshot_index(&g->raft) == manifest->index)
        wf_raft_set_snapshot_term(&g->raft, manifest->term);
    g->b32_term = 0;
}

// --- votes -------------------------------------------------------------------------------------

static void receive_vote(struct wf_guard *g, uint64_t from, const struct wf_msg_vote *v)
{
    struct raft_message m = {.type = RAFT_IO_REQUEST_VOTE, .server_id = from, .server_address = ""};
    int role = wf_raft_role(&g->raft, g->id);
    // M8: whether our vote counts is the candidate's membership to say, not ours: we may have been
    // promoted and not know yet.
    bool lend = ON(g, M8) && role >= 0 && role != RAFT_VOTER;

    if (!guard_vote_admissible(g, v))
        return;
    guard_before_vote(g);
    m.request_vote = (struct raft_request_vote){v->term,      v->candidate,      v->last_index,
                                                v->last_term, v->disrupt_leader, v->pre_vote};
    if (lend)
        wf_raft_set_role(&g->raft, g->id, RAFT_VOTER);
    g->recv(&g->io, &m);
    if (lend)
        wf_raft_set_role(&g->raft, g->id, role);
}

static void receive_vote_result(struct wf_guard *g, uint64_t from,
                                const struct wf_msg_vote_result *v)
{
    struct raft_message m = {
        .type = RAFT_IO_REQUEST_VOTE_RESULT, .server_id = from, .server_address = ""};

    m.request_vote_result =
        (struct raft_request_vote_result){v->term, v->granted, (raft_tribool)v->pre_vote};
    g->recv(&g->io, &m);
}

static void receive_timeout_now(struct wf_guard *g, uint64_t from,
                                const struct wf_msg_timeout_now *t)
{
    struct raft_message m = {.type = RAFT_IO_TIMEOUT_NOW, .server_id = from, .server_address = ""};

    if (ON(g, B7) && guard_busy(g))
        return;
    m.timeout_now = (struct raft_timeout_now){t->term, t->last_index, t->last_term};
    g->recv(&g->io, &m);
}

// --- dispatch ----------------------------------------------------------------------------------

static void receive_append_result(struct wf_guard *g, uint64_t from,
                                  const struct wf_msg_append_result *r)
{
    struct raft_message m = {
        .type = RAFT_IO_APPEND_ENTRIES_RESULT, .server_id = from, .server_address = ""};

    m.append_entries_result =
        (struct raft_append_entries_result){r->term, r->rejected, r->last_index};
    guard_receive_result(g, from, &m);
}

// Who led an earlier term does not lead this one. libraft, a follower already, goes on believing in
// them until it hears somebody else, names them as this term's leader and refuses others its vote.
static void forget_deposed(struct wf_guard *g, uint64_t term_before, const struct wf_msg *msg)
{
    bool from_leader = msg->kind == WF_MSG_APPEND || msg->kind == WF_MSG_INSTALL;

    if (!from_leader && wf_raft_term(&g->raft) > term_before &&
        wf_raft_state(&g->raft) == RAFT_FOLLOWER)
        wf_raft_forget_leader(&g->raft);
}

void wf_guard_receive(struct wf_guard *g, uint64_t from, const struct wf_msg *msg)
{
    uint64_t term = wf_raft_term(&g->raft);

    WF_ASSERT(from != 0);
    if (!g->started || g->dead || g->stopping)
        return;
    guard_enter(g);
    switch (msg->kind) {
    case WF_MSG_VOTE:
        receive_vote(g, from, &msg->vote);
        break;
    case WF_MSG_VOTE_RESULT:
        receive_vote_result(g, from, &msg->vote_result);
        break;
    case WF_MSG_APPEND:
        receive_append(g, from, &msg->append);
        break;
    case WF_MSG_APPEND_RESULT:
        receive_append_result(g, from, &msg->append_result);
        break;
    case WF_MSG_INSTALL:
        receive_install(g, from, &msg->install);
        break;
    case WF_MSG_TIMEOUT_NOW:
        receive_timeout_now(g, from, &msg->timeout_now);
        break;
    default:
        WF_UNREACHABLE();
    }
    forget_deposed(g, term, msg);
    guard_leave(g);
}
