// SPDX-License-Identifier: Apache-2.0
// From libraft's committed entries to the state machine.
#include <string.h>

#include "base/assert.h"
#include "replication/batch.h"
#include "replication/node_internal.h"

uint64_t apply_index(const struct wf_node *n)
{
    return n->fsm.applied(n->fsm.ctx);
}

const struct mark *apply_mark(const struct wf_node *n, uint64_t index)
{
    const struct mark *recent = &n->recent[index % RECENT];
    const struct mark *mark = &n->marks[index / WF_DIGEST_EVERY % MARKS];

    if (index == 0)
        return NULL;
    if (recent->index == index)
        return recent;
    return mark->index == index ? mark : NULL;
}

void apply_forget_marks(struct wf_node *n)
{
    memset(n->marks, 0, sizeof n->marks);
    memset(n->recent, 0, sizeof n->recent);
}

static void note_mark(struct wf_node *n, uint64_t index)
{
    struct mark *m = &n->recent[index % RECENT];

    WF_ASSERT(m->index < index); // those of a state that was replaced are forgotten
    m->index = index;
    n->fsm.digest(n->fsm.ctx, m->digest);
    if (index % WF_DIGEST_EVERY == 0)
        n->marks[index / WF_DIGEST_EVERY % MARKS] = *m;
}

static int apply_batch(struct wf_node *n, const struct wf_batch *batch)
{
    struct wf_err err = {0};

    WF_ASSERT(!n->take.running); // a pool thread writes the state
    if (n->fsm.apply(n->fsm.ctx, batch, n->results, &err) != WF_OK) {
        node_fatal(n, &err);
        return RAFT_IOERR;
    }
    WF_ASSERT(apply_index(n) == batch->index);
    note_mark(n, batch->index);
    return 0;
}

// Barriers and membership changes are entries too, but libraft does not hand them out: they are
// empty batches to the state machine, so that its index is the log's.
static int fill_to(struct wf_node *n, uint64_t index)
{
    uint64_t applied;

    // Without a time: whether they are filled in before or after the next entry with one has been
    // seen differs between nodes, and what they do to the state must not.
    while ((applied = apply_index(n)) < index) {
        struct wf_batch empty = {.index = applied + 1,
                                 .term = wf_raft_term_of(node_raft(n), applied + 1)};

        if (apply_batch(n, &empty) != 0)
            return RAFT_IOERR;
    }
    return 0;
}

void apply_catch_up(struct wf_node *n)
{
    if (!n->dead && !take_busy(n))
        (void)fill_to(n, wf_raft_applied(node_raft(n)));
}

static int misplaced(struct wf_node *n, uint64_t index)
{
    struct wf_err err;

    wf_fail(&err, WF_DATA_LOSS,
            "the raft log is not what it should be at index %llu: its entry was made for another "
            "place; this node must be replaced by one with a new id",
            (unsigned long long)index);
    node_fatal(n, &err);
    return RAFT_CORRUPT;
}

static void note_time(struct wf_node *n, wf_unix_ms time)
{
    if (time > n->newest_time)
        n->newest_time = time;
}

// The state takes no part just now: of the entry counts only when it was made, since we may lead.
static void pass_over(struct wf_node *n, struct wf_bytes bytes)
{
    struct wf_batch batch = {0};

    if (wf_batch_decode(bytes, n->commands, &batch) == WF_OK)
        note_time(n, batch.time);
}

static int apply_entry(struct wf_node *n, uint64_t index, struct wf_bytes bytes)
{
    struct wf_batch batch = {0};

    // B4: what a failed write has misplaced is found here, before it is applied.
    if (wf_batch_decode(bytes, n->commands, &batch) != WF_OK || batch.index != index)
        return misplaced(n, index);
    if (batch.time > n->time)
        n->time = batch.time; // leaders see to it that it always is
    note_time(n, batch.time);
    if (index <= apply_index(n))
        return 0; // applied before a restart
    if (fill_to(n, index - 1) != 0)
        return RAFT_IOERR;
    batch.term = wf_raft_term_of(node_raft(n), index);
    batch.time = n->time;
    if (apply_batch(n, &batch) != 0)
        return RAFT_IOERR;
    n->n_results = batch.n;
    n->result_index = index;
    return 0;
}

static int fsm_apply(struct raft_fsm *f, const struct raft_buffer *buf, void **result)
{
    struct wf_node *n = f->data;

    *result = NULL;
    if (n->dead)
        return RAFT_SHUTDOWN;
    n->log_bytes += buf->len;
    n->n_results = 0;
    if (take_busy(n)) {
        pass_over(n, (struct wf_bytes){buf->base, buf->len});
        return 0; // it stays in the log, which is played from the seed on
    }
    // libraft raises last_applied only after this returns.
    return apply_entry(n, wf_raft_applied(node_raft(n)) + 1,
                       (struct wf_bytes){buf->base, buf->len});
}

// At start, and when a snapshot is installed: then the image has been taken in already.
static int fsm_restore(struct raft_fsm *f, struct raft_buffer *buf)
{
    struct wf_node *n = f->data;
    struct wf_image_info info;
    struct wf_err err;

    if (wf_manifest_decode((struct wf_bytes){buf->base, buf->len}, &n->time, &info) != WF_OK) {
        wf_fail(&err, WF_DATA_LOSS, "the stored snapshot manifest cannot be read");
        node_fatal(n, &err);
        return RAFT_CORRUPT;
    }
    note_time(n, n->time);
    if (apply_index(n) < info.index && !n->take.wanting && !take_at_start(n, &info))
        return RAFT_CORRUPT; // B26: libraft has already dropped its log
    raft_free(buf->base);
    n->log_bytes = 0;
    n->collect = true;
    return 0;
}

bool apply_replay(struct wf_node *n, size_t max_bytes)
{
    struct raft *r = node_raft(n);
    struct wf_record record;
    size_t bytes = 0;

    for (uint64_t i = apply_index(n) + 1; i <= wf_raft_applied(r) && !n->dead; i++) {
        if (bytes > max_bytes)
            return true;
        if (!wf_raft_entry(r, i, &record)) {
            misplaced(n, i);
            return false;
        }
        bytes += record.data.len;
        if (record.type == WF_RECORD_COMMAND)
            (void)apply_entry(n, i, record.data);
    }
    if (!n->dead)
        (void)fill_to(n, wf_raft_applied(r));
    return false;
}

void apply_init(struct wf_node *n)
{
    n->raft_fsm = (struct raft_fsm){.version = 3,
                                    .data = n,
                                    .apply = fsm_apply,
                                    .snapshot = image_fsm_snapshot,
                                    .restore = fsm_restore,
                                    .snapshot_finalize = image_fsm_finalize,
                                    .snapshot_async = image_fsm_async};
}
