// SPDX-License-Identifier: Apache-2.0
// Making a state image: libraft asks for a snapshot, the state machine is pinned on the loop and
// copied to a file on the pool, and the manifest that names the file becomes libraft's snapshot.
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "replication/node_internal.h"

// B28: a failed image is not tried again before this.
enum { IMAGE_RETRY_MS = 5000 };
// Whoever asked for an image hears after this that none was begun: a follower begins one when it
// applies something, and there may be nothing to apply.
enum { IMAGE_PATIENCE_MS = 10000 };

static uint64_t record_bytes(const struct wf_node *n, uint64_t index)
{
    struct wf_record r;

    return wf_raft_entry(node_raft(n), index, &r) ? r.data.len + 64 : 0;
}

// How many entries up to index to keep: as many as fit the bytes, and all behind an image that is
// on its way to a peer (within reason), or the peer would need another image at once.
static uint64_t trailing_at(const struct wf_node *n, uint64_t index)
{
    uint64_t keep = n->opts.log_trailing_bytes, bytes = 0, i = index, needed = ship_lowest(n);

    while (i >= wf_raft_first(node_raft(n)) && i > 0) {
        bytes += record_bytes(n, i);
        if (bytes > keep && (needed == 0 || i <= needed || bytes > 4 * keep))
            break;
        i--;
    }
    return index - i;
}

static void answer(struct wf_node *n, const struct wf_err *err)
{
    struct answer *a = n->image_answer;

    if (!n->image_wanted)
        return;
    n->image_wanted = false;
    n->image_answer = NULL;
    node_answer(n, a, err);
}

static void put_off(struct wf_node *n, const struct wf_err *why)
{
    n->image_retry_ms = node_now_ms(n) + IMAGE_RETRY_MS;
    n->image_due = false;
    wf_guard_snapshot_at_next(n->guard, false);
    answer(n, why);
}

// libraft's fsm.snapshot, on the loop, inside libraft.
int image_fsm_snapshot(struct raft_fsm *f, struct raft_buffer *bufs[], unsigned *n_bufs)
{
    struct wf_node *n = f->data;
    struct image_job *job = &n->job;
    struct wf_err err = {0};

    // M3: an uncommitted membership must not get into a snapshot: it could not be rolled back.
    if (NODE_ON(n, M3) && wf_raft_configuration_uncommitted(node_raft(n)) != 0)
        return RAFT_BUSY;
    if (n->dead || n->stopping || n->fenced || job->running || n->collecting)
        return RAFT_BUSY;
    apply_catch_up(n);
    if (n->dead || apply_index(n) != wf_raft_applied(node_raft(n)))
        return RAFT_BUSY; // ahead of the log after a restart
    memset(job, 0, sizeof *job);
    job->node = n;
    if (n->fsm.image_begin(n->fsm.ctx, &job->image, &err) != WF_OK) {
        put_off(n, &err);
        return RAFT_BUSY;
    }
    job->running = true;
    job->index = apply_index(n);
    job->time = n->time;
    wf_guard_set_trailing(n->guard, trailing_at(n, job->index));
    wf_guard_snapshot_at_next(n->guard, false);
    n->image_due = false;
    *bufs = &job->buf;
    *n_bufs = 1;
    return 0;
}

bool image_draft_path(const struct wf_node *n, char out[WF_IMAGE_PATH_MAX])
{
    static const struct wf_image_info unknown; // the name is the hash, which comes last

    return wf_image_path(out, n->image_dir, &unknown, ".new") == WF_OK;
}

static int write_and_name(struct wf_node *n, const char *draft)
{
    struct image_job *job = &n->job;
    const struct wf_files *files = n->env->files;
    char whole[WF_IMAGE_PATH_MAX];
    int rc = n->fsm.image_write(job->image, draft, &job->info, &job->err);

    if (rc == WF_OK)
        rc = wf_image_path(whole, n->image_dir, &job->info, ".image");
    if (rc == WF_OK)
        rc = files->publish(files->ctx, draft, whole, &job->err);
    if (rc != WF_OK)
        (void)files->remove(files->ctx, draft, NULL); // the room may be what was missing
    return rc;
}

// On the pool.
int image_fsm_async(struct raft_fsm *f, struct raft_buffer *bufs[], unsigned *n_bufs)
{
    struct wf_node *n = f->data;
    struct image_job *job = &n->job;
    char draft[WF_IMAGE_PATH_MAX];
    uint8_t *bytes = malloc(WF_MANIFEST_SIZE);

    (void)bufs;
    (void)n_bufs;
    if (bytes == NULL)
        return RAFT_NOMEM;
    job->buf = (struct raft_buffer){bytes, WF_MANIFEST_SIZE};
    if (!image_draft_path(n, draft) || write_and_name(n, draft) != WF_OK)
        return RAFT_IOERR;
    WF_ASSERT(job->info.index == job->index);
    wf_manifest_encode(bytes, job->time, &job->info);
    return 0;
}

// On the loop, inside libraft, after success or failure.
int image_fsm_finalize(struct raft_fsm *f, struct raft_buffer *bufs[], unsigned *n_bufs)
{
    struct wf_node *n = f->data;
    struct image_job *job = &n->job;
    bool stored = wf_guard_manifest(n->guard)->index == job->index;

    (void)bufs;
    (void)n_bufs;
    WF_ASSERT(job->running);
    n->fsm.image_end(job->image);
    raft_free(job->buf.base);
    job->buf = (struct raft_buffer){0};
    job->running = false;
    wf_metric_add(n->metrics.images, stored);
    if (stored)
        n->log_bytes = 0;
    else if (NODE_ON(n, B28))
        n->image_retry_ms = node_now_ms(n) + IMAGE_RETRY_MS;
    if (!stored && job->err.code == WF_OK)
        wf_fail(&job->err, WF_UNAVAILABLE, "the state image could not be stored");
    answer(n, stored ? NULL : &job->err);
    n->collect = true;
    node_wake(n);
    return 0;
}

void image_make_now(struct wf_node *n)
{
    n->image_due = true;
    wf_guard_snapshot_at_next(n->guard, true);
    propose_nothing(n); // libraft looks only when it applies something
}

int wf_node_image(struct wf_node *n, wf_change_cb cb, void *ctx)
{
    struct answer *a = node_answer_new(cb, ctx);
    struct wf_err err = {0};

    if (a == NULL)
        return WF_RESOURCE_EXHAUSTED;
    if (n->dead || n->stopping)
        wf_fail_reason(&err, WF_UNAVAILABLE, "STOPPING", "this node is stopping");
    else if (n->fenced)
        wf_fail_reason(&err, WF_UNAVAILABLE, "FENCED",
                       "this node has fenced itself off: its state is none to keep");
    else if (n->image_wanted || n->job.running)
        wf_fail_reason(&err, WF_FAILED_PRECONDITION, "IMAGE_PENDING",
                       "a state image is being made already");
    if (err.code != WF_OK) {
        node_answer(n, a, &err);
        return WF_OK;
    }
    WF_ASSERT(n->image_answer == NULL);
    n->image_wanted = true;
    n->image_wanted_ms = node_now_ms(n);
    n->image_answer = a;
    n->image_retry_ms = 0;
    image_make_now(n);
    return WF_OK;
}

void image_make_abort(struct wf_node *n)
{
    struct wf_err err;

    wf_fail_reason(&err, WF_UNAVAILABLE, "STOPPING", "this node is stopping");
    answer(n, &err);
}

static void lose_patience(struct wf_node *n)
{
    struct wf_err err;

    if (!n->image_wanted || n->job.running ||
        node_now_ms(n) - n->image_wanted_ms < IMAGE_PATIENCE_MS)
        return;
    wf_fail_reason(&err, WF_UNAVAILABLE, "NOTHING_NEW",
                   "no image was begun, since nothing was written for %d s: the newest one is of "
                   "index %llu; ask the leader for a newer one",
                   IMAGE_PATIENCE_MS / 1000,
                   (unsigned long long)wf_guard_manifest(n->guard)->index);
    answer(n, &err);
}

void image_make_turn(struct wf_node *n)
{
    lose_patience(n);
    if (n->image_due || n->job.running || n->log_bytes < n->opts.image_every_bytes ||
        (NODE_ON(n, B28) && node_now_ms(n) < n->image_retry_ms))
        return;
    n->image_due = true;
    wf_guard_snapshot_at_next(n->guard, true);
}
