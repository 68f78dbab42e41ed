// SPDX-License-Identifier: Apache-2.0
// Taking a state image into the state machine: checked and copied on the pool, adopted on the loop,
// so that a large one keeps no heartbeat waiting. libraft installs a snapshot that way, and a
// fenced node replaces its state and plays its own log, which is not in doubt, again.
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "replication/node_internal.h"

// Of the log in one turn of the loop: some 500 notes, which take a few milliseconds to apply.
enum { REPLAY_BYTES = 128 * 1024 };

static bool taking(const struct wf_node *n)
{
    return n->take.running || n->take.replaying;
}

bool take_busy(const struct wf_node *n)
{
    return taking(n) || n->take.wanting;
}

// The file, and not the state that it goes into: gone, or no longer what was verified when it got
// its name.
static bool file_damaged(const struct wf_node *n, const struct image_take *t)
{
    const struct wf_files *files = n->env->files;
    uint8_t hash[WF_HASH_SIZE];
    uint64_t size;

    if (files->size(files->ctx, t->path, &size, NULL) != WF_OK)
        return true;
    if (strcmp(t->err.reason, "IMAGE_DAMAGED") == 0)
        return true;
    // Whatever it failed with: a header that is damaged can look like anything.
    int rc = image_hash(files, t->path, t->info.size, hash, NULL);
    if (rc == WF_RESOURCE_EXHAUSTED)
        return false; // no memory to tell
    return rc != WF_OK || memcmp(hash, t->info.hash, WF_HASH_SIZE) != 0;
}

// A damaged one goes, so that it is not taken for the one that the leader offers.
static void take_run(void *arg)
{
    struct wf_node *n = arg;
    struct image_take *t = &n->take;

    t->rc = n->fsm.image_take(n->fsm.ctx, t->path, &t->info, &t->err);
    t->damaged = t->rc != WF_OK && file_damaged(n, t);
    if (t->damaged)
        (void)n->env->files->remove(n->env->files->ctx, t->path, NULL);
}

static void finish(struct wf_node *n);
static void take(struct wf_node *n, const struct wf_image_info *info, bool seed);

// The log goes on without the state: it waits for an image that it can be played behind, and
// serves nothing meanwhile.
static void want(struct wf_node *n)
{
    struct image_take *t = &n->take;

    wf_log(WF_LOG_ERROR, "a state image is damaged or gone; another one is asked for", "path",
           t->path, "why", t->err.msg, NULL);
    t->wanting = true;
    n->fence_index = 0;
    node_fence(n, "its state image was damaged; the leader is asked for another one");
}

// What was taken is the state from here on. False: n is dead (B26: libraft has dropped its log, and
// there is no way back but a restart).
static bool adopt(struct wf_node *n)
{
    struct image_take *t = &n->take;

    if (t->rc == WF_OK)
        t->rc = n->fsm.image_adopt(n->fsm.ctx, t->path, &t->info, &t->err);
    if (t->rc == WF_OK)
        return true;
    wf_wrap(&t->err, t->rc, "state image %s", t->path);
    node_fatal(n, &t->err);
    return false;
}

static void do_without(struct wf_node *n)
{
    struct wf_image_info to = n->take.to;

    want(n);
    if (!n->take.seed)
        wf_guard_installed(n->guard);
    else if (n->take.install_waits)
        take(n, &to, false);
}

static void take_done(void *arg)
{
    struct wf_node *n = arg;
    struct image_take *t = &n->take;

    WF_ASSERT(t->running && n->jobs_pending > 0);
    t->running = false;
    n->jobs_pending--;
    if (n->stopping) {
        node_finish_stop(n);
        return;
    }
    if (n->dead)
        return;
    if (t->damaged) {
        do_without(n);
        return;
    }
    if (!adopt(n))
        return;
    WF_ASSERT(apply_index(n) == t->info.index);
    apply_forget_marks(n);
    finish(n);
}

static bool prepare(struct wf_node *n, const struct wf_image_info *info, bool seed)
{
    struct image_take *t = &n->take;
    struct wf_err err;

    WF_ASSERT(!t->running);
    *t = (struct image_take){
        .work = {.run = take_run, .done = take_done, .arg = n}, .info = *info, .seed = seed};
    if (wf_image_path(t->path, n->image_dir, info, ".image") == WF_OK)
        return true;
    wf_fail(&err, WF_INVALID_ARGUMENT, "the image directory's path is too long");
    node_fatal(n, &err);
    return false;
}

static void take(struct wf_node *n, const struct wf_image_info *info, bool seed)
{
    struct image_take *t = &n->take;

    if (!prepare(n, info, seed))
        return;
    t->running = true;
    n->jobs_pending++;
    n->env->work(n->env->ctx, &t->work);
}

// The state is the image's.
static void finish(struct wf_node *n)
{
    struct image_take *t = &n->take;
    struct wf_image_info to = t->to;

    if (!t->seed) {
        wf_guard_installed(n->guard);
    } else if (t->install_waits) {
        take(n, &to, false);
    } else {
        t->replaying = true;
        t->time = n->time;
        n->time = 0; // the log's own times only grow
    }
    node_wake(n);
}

// --- for libraft -------------------------------------------------------------------------------

bool take_at_start(struct wf_node *n, const struct wf_image_info *info)
{
    struct image_take *t = &n->take;

    WF_ASSERT(!n->started);
    if (!prepare(n, info, false))
        return false;
    take_run(n);
    if (t->damaged) {
        want(n);
        return true;
    }
    return adopt(n);
}

void take_install(struct wf_node *n, const struct wf_manifest *m)
{
    struct image_take *t = &n->take;
    struct wf_image_info info;
    struct wf_err err;
    wf_unix_ms time;

    if (wf_manifest_decode(m->data, &time, &info) != WF_OK) {
        wf_fail(&err, WF_DATA_LOSS, "the snapshot's manifest cannot be read");
        node_fatal(n, &err);
    } else if (t->running) {
        WF_ASSERT(t->seed && !t->install_waits); // libraft installs one at a time
        t->install_waits = true;
        t->to = info;
    } else if (take_busy(n) || apply_index(n) < info.index) {
        take(n, &info, false); // the log that was being played is gone
    } else {
        wf_guard_installed(n->guard);
    }
}

// --- re-seeding --------------------------------------------------------------------------------

static uint64_t lowest_useful(const struct wf_node *n)
{
    return wf_raft_first(node_raft(n)) - 1;
}

void take_seed(struct wf_node *n, const struct wf_image_info *info)
{
    if (!n->fenced || taking(n) || n->job.running || wf_raft_snapshotting(node_raft(n)) ||
        info->index < lowest_useful(n) || info->index > wf_raft_applied(node_raft(n)))
        return;
    take(n, info, true);
}

void take_ask(struct wf_node *n)
{
    struct wf_msg m = {.kind = WF_MSG_IMAGE_REQUEST};
    uint64_t leader = node_leader(n);

    if (taking(n) || leader == 0 || leader == n->opts.id)
        return;
    m.image.info.index = lowest_useful(n);
    (void)node_send(n, leader, &m);
}

void take_turn(struct wf_node *n)
{
    struct image_take *t = &n->take;

    // A snapshot that is being installed has dropped the log: its image comes next.
    if (!t->replaying || wf_raft_snapshotting(node_raft(n)))
        return;
    if (apply_replay(n, REPLAY_BYTES)) {
        node_wake(n);
        return;
    }
    t->replaying = false;
    if (n->dead)
        return;
    WF_ASSERT(apply_index(n) == wf_raft_applied(node_raft(n)));
    if (n->time < t->time) // it may have had nothing but entries without a time
        n->time = t->time;
    for (unsigned i = 0; i < n->n_peers; i++)
        n->peers[i].has_status = false; // they were compared with the state that is gone
    n->fenced = false;
    n->changed = true;
}
