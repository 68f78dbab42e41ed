// SPDX-License-Identifier: Apache-2.0
// raft_io's disk half over a wf_log_store.
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "replication/configuration.h"
#include "replication/guard_internal.h"
#include "replication/manifest.h"

// --- snapshots of libraft ----------------------------------------------------------------------

struct raft_snapshot *guard_make_snapshot(const struct wf_manifest *m)
{
    struct raft_snapshot *s = wf_need(calloc(1, sizeof *s), "libraft"); // B34

    s->index = m->index;
    s->term = m->term;
    s->configuration_index = m->configuration_index;
    s->bufs = wf_need(malloc(sizeof *s->bufs), "libraft");
    s->n_bufs = 1;
    s->bufs[0].len = m->data.len;
    s->bufs[0].base = wf_need(malloc(m->data.len + 1), "libraft");
    memcpy(s->bufs[0].base, m->data.data, m->data.len);
    if (wf_configuration_decode(m->configuration, &s->configuration) == WF_OK)
        return s;
    raft_free(s->bufs[0].base);
    raft_free(s->bufs);
    raft_free(s);
    return NULL;
}

// --- loading -----------------------------------------------------------------------------------

struct loading {
    struct raft_entry *entries;
    size_t n, cap;
    struct wf_bytes configuration; // of the last change entry; points into entries
};

static int load_record(void *arg, uint64_t index, const struct wf_record *record)
{
    struct loading *l = arg;
    struct raft_entry *e;

    (void)index;
    if (l->n == l->cap) {
        size_t cap = l->cap != 0 ? 2 * l->cap : 256;
        struct raft_entry *more = realloc(l->entries, cap * sizeof *more);

        if (more == NULL)
            return WF_RESOURCE_EXHAUSTED;
        l->entries = more;
        l->cap = cap;
    }
    e = &l->entries[l->n];
    *e = (struct raft_entry){.term = record->term, .type = (unsigned short)record->type};
    e->buf.len = record->data.len;
    e->buf.base = malloc(record->data.len + 1);
    if (e->buf.base == NULL)
        return WF_RESOURCE_EXHAUSTED;
    if (record->data.len > 0)
        memcpy(e->buf.base, record->data.data, record->data.len);
    if (record->type == WF_RECORD_CHANGE)
        l->configuration = (struct wf_bytes){e->buf.base, e->buf.len};
    l->n++;
    return WF_OK;
}

static void loading_free(struct loading *l)
{
    for (size_t i = 0; i < l->n; i++)
        raft_free(l->entries[i].buf.base);
    raft_free(l->entries);
}

int guard_load(struct raft_io *io, raft_term *term, raft_id *vote, struct raft_snapshot **snapshot,
               raft_index *start, struct raft_entry *entries[], size_t *n)
{
    struct wf_guard *g = io->impl;
    struct wf_log_state state = {0};
    struct loading l = {0};
    struct wf_err err = {0};
    int rc = g->store->load(g->store->ctx, &state, load_record, &l, &err);

    if (rc == WF_OK && state.manifest.index != 0)
        rc = wf_manifest_copy(&state.manifest, &g->manifest);
    if (rc == WF_OK) {
        struct wf_bytes conf =
            l.configuration.data != NULL ? l.configuration : g->manifest.configuration;
        rc = guard_sole_voter_at_load(g, &state, conf, &err);
    }
    *snapshot = NULL;
    if (rc == WF_OK && g->manifest.index != 0) {
        *snapshot = guard_make_snapshot(&g->manifest);
        if (*snapshot == NULL)
            rc = wf_fail(&err, WF_DATA_LOSS, "the stored snapshot manifest cannot be read");
    }
    if (rc != WF_OK) {
        loading_free(&l);
        if (err.code == WF_OK)
            wf_fail(&err, (enum wf_code)rc, "out of memory");
        wf_guard_fatal(g, &err);
        return RAFT_IOERR;
    }
    *term = g->term = state.term;
    *vote = state.vote;
    *start = state.first_index;
    *entries = l.entries;
    *n = l.n;
    g->next_index = state.first_index + l.n;
    return 0;
}

// --- term and vote -----------------------------------------------------------------------------

static int store_vote(struct wf_guard *g, uint64_t term, uint64_t vote)
{
    struct wf_err err = {0};

    WF_ASSERT(term >= g->term); // a vote of an earlier term would be given twice
    if (g->store->set_vote(g->store->ctx, term, vote, &err) != WF_OK)
        return guard_fail_stop(g, &err, RAFT_IOERR);
    g->term = term;
    return 0;
}

int guard_set_term(struct raft_io *io, raft_term term)
{
    return store_vote(io->impl, term, 0);
}

int guard_set_vote(struct raft_io *io, raft_id id)
{
    struct wf_guard *g = io->impl;

    return store_vote(g, g->term, id);
}

// --- entries -----------------------------------------------------------------------------------

static void append_finish(struct guard_op *op, int status)
{
    struct wf_guard *g = op->guard;
    struct raft_io_append *req = op->append.req;
    raft_io_append_cb cb = op->append.cb;

    WF_ASSERT(op->kind == GUARD_APPEND && g->appends_pending > 0);
    guard_op_unlink(op, &g->disk);
    free(op);
    g->appends_pending--;
    if (g->cut_wait > 0)
        g->cut_wait--;
    guard_enter(g);
    cb(req, status);
    guard_recheck_commit(g);
    guard_leave(g);
}

static void on_appended(void *arg, const struct wf_err *err)
{
    struct guard_op *op = arg;
    struct wf_guard *g = op->guard;

    if (err != NULL)
        guard_fail_stop(g, err, 0);
    if (g->dead && !g->stopping)
        return; // libraft is told when it is closed
    append_finish(op, err != NULL ? RAFT_IOERR : 0);
}

int guard_append(struct raft_io *io, struct raft_io_append *req, const struct raft_entry entries[],
                 unsigned n, raft_io_append_cb cb)
{
    struct wf_guard *g = io->impl;
    // raft_assign leaves a dangling request when an append fails at once, so it never does.
    struct wf_record few[8],
        *records = n <= 8 ? few : wf_need(malloc(n * sizeof *records), "appending to the log");
    struct guard_op *op = guard_op_new(g, GUARD_APPEND, &g->disk);
    uint64_t first = g->next_index;

    op->append.req = req;
    op->append.cb = cb;
    g->next_index += n;
    g->appends_pending++;
    for (unsigned i = 0; i < n; i++) {
        records[i] = (struct wf_record){entries[i].term,
                                        (enum wf_record_type)entries[i].type,
                                        {entries[i].buf.base, entries[i].buf.len}};
    }
    g->store->append(g->store->ctx, first, records, n, on_appended, op);
    if (records != few)
        free(records);
    return 0;
}

static void on_truncated(void *arg, const struct wf_err *err)
{
    struct guard_op *op = arg;

    if (err != NULL)
        guard_fail_stop(op->guard, err, 0);
    guard_op_unlink(op, &op->guard->disk);
    free(op);
}

int guard_truncate(struct raft_io *io, raft_index index)
{
    struct wf_guard *g = io->impl;
    struct guard_op *op = guard_op_new(g, GUARD_TRUNCATE, &g->disk);

    WF_ASSERT(index <= g->next_index);
    // B11: entries that are still being written keep their references in libraft's log; the same
    // index and term appended again would share them, and be freed twice.
    g->cut_wait = g->appends_pending;
    g->next_index = index;
    g->store->truncate(g->store->ctx, index, on_truncated, op);
    return 0;
}

// --- snapshots ---------------------------------------------------------------------------------

static void on_installed(struct wf_guard *g, const struct wf_manifest *m)
{
    g->installing = false;
    if (g->match_term == wf_raft_term(&g->raft) && g->match < m->index)
        g->match = m->index; // B1: the snapshot is part of what the leader has
}

static void snapshot_finish(struct guard_op *op, int status)
{
    struct wf_guard *g = op->guard;
    struct raft_io_snapshot_put *req = op->put.req;
    raft_io_snapshot_put_cb cb = op->put.cb;
    struct raft_buffer *bufs = op->put.bufs;
    bool install = op->install;

    WF_ASSERT(op->kind == GUARD_SNAPSHOT && op != g->stored);
    WF_ASSERT(status != 0 || op->manifest.index >= g->manifest.index); // the log before it is gone
    if (status == 0) {
        wf_manifest_free(&g->manifest);
        g->manifest = op->manifest;
        if (install)
            on_installed(g, &g->manifest);
    } else {
        wf_manifest_free(&op->manifest);
    }
    guard_op_unlink(op, &g->disk);
    free(op);
    guard_enter(g);
    cb(req, status);
    if (install && status != 0)
        raft_free(bufs); // libraft forgets the array of a snapshot that it does not install
    // M4: libraft forgets to; the index may be past the snapshot's, and block changes for ever.
    if (install && status == 0 && ON(g, M4))
        wf_raft_clear_uncommitted(&g->raft);
    guard_leave(g);
}

static void on_snapshot_stored(void *arg, const struct wf_err *err)
{
    struct guard_op *op = arg;
    struct wf_guard *g = op->guard;

    if (err != NULL)
        guard_fail_stop(g, err, 0);
    if (g->dead && !g->stopping)
        return;
    if (!op->install || err != NULL || g->stopping) {
        snapshot_finish(op, err != NULL ? RAFT_IOERR : op->install ? RAFT_CANCELED : 0);
        return;
    }
    WF_ASSERT(g->stored == NULL);
    g->stored = op;
    g->events.on_install(g->events.ctx, &op->manifest);
}

void wf_guard_installed(struct wf_guard *g)
{
    struct guard_op *op = g->stored;

    WF_ASSERT(op != NULL && op->install && g->installing);
    g->stored = NULL;
    if (!g->dead && !g->stopping)
        snapshot_finish(op, 0);
}

static void fill_manifest(struct wf_manifest *m, const struct raft_snapshot *s, uint64_t term)
{
    struct raft_buffer conf;
    struct wf_manifest view;

    WF_ASSERT(s->n_bufs == 1);
    if (raft_configuration_encode(&s->configuration, &conf) != 0)
        wf_out_of_memory("libraft"); // B34
    view = (struct wf_manifest){s->index,
                                term,
                                s->configuration_index,
                                {conf.base, conf.len},
                                {s->bufs[0].base, s->bufs[0].len}};
    if (wf_manifest_copy(&view, m) != WF_OK)
        wf_out_of_memory("libraft");
    raft_free(conf.base);
}

int guard_snapshot_put(struct raft_io *io, unsigned trailing, struct raft_io_snapshot_put *req,
                       const struct raft_snapshot *snapshot, raft_io_snapshot_put_cb cb)
{
    struct wf_guard *g = io->impl;
    struct guard_op *op;
    uint64_t keep;

    if (g->stopping)
        return RAFT_CANCELED; // an image that was finished while the store was closing
    op = guard_op_new(g, GUARD_SNAPSHOT, &g->disk);
    op->install = trailing == 0;
    op->put.req = req;
    op->put.cb = cb;
    op->put.bufs = snapshot->bufs;
    fill_manifest(&op->manifest, snapshot, g->b32_term != 0 ? g->b32_term : snapshot->term);
    if (op->install) {
        g->installing = true;
        g->next_index = snapshot->index + 1;
        keep = WF_KEEP_NONE;
    } else {
        keep = snapshot->index > trailing ? snapshot->index - trailing + 1 : 1;
    }
    g->store->snapshot_put(g->store->ctx, &op->manifest, keep, on_snapshot_stored, op);
    return 0;
}

int guard_snapshot_get(struct raft_io *io, struct raft_io_snapshot_get *req,
                       raft_io_snapshot_get_cb cb)
{
    struct wf_guard *g = io->impl;
    struct guard_op *op = guard_op_new(g, GUARD_SNAPSHOT_GET, &g->deferred);

    WF_ASSERT(g->manifest.index != 0);
    op->get.req = req;
    op->get.cb = cb;
    return 0;
}

void guard_op_abandon(struct guard_op *op)
{
    switch (op->kind) {
    case GUARD_APPEND:
        append_finish(op, 0); // libraft is closed and only releases; told of an error it would cut
        break;
    case GUARD_SNAPSHOT:
        if (op->guard->stored == op) // its image is not taken in any more
            op->guard->stored = NULL;
        snapshot_finish(op, RAFT_CANCELED);
        break;
    default:
        guard_op_unlink(op, &op->guard->disk);
        free(op);
        break;
    }
}
