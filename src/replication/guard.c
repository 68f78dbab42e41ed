// SPDX-License-Identifier: Apache-2.0
#include "replication/guard.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "replication/guard_internal.h"
#include "replication/manifest.h"
#include "replication/raft_heap.h"

bool wf_guard_on(const struct wf_guard *g, enum wf_guard_bit bit)
{
    return (g->guards >> bit) & 1u;
}

struct raft *wf_guard_raft(struct wf_guard *g)
{
    return &g->raft;
}

uint64_t wf_guard_now_ms(const struct wf_guard *g)
{
    return g->env->mono_ns(g->env->ctx) / 1000000u;
}

const struct wf_manifest *wf_guard_manifest(const struct wf_guard *g)
{
    return &g->manifest;
}

bool wf_guard_established(const struct wf_guard *g)
{
    if (wf_raft_state(&g->raft) != RAFT_LEADER)
        return false;
    if (!ON(g, B2)) // without the guard there is no barrier to wait for
        return true;
    return g->barrier_applied && g->barrier_term == wf_raft_term(&g->raft);
}

// --- fail-stop ---------------------------------------------------------------------------------

void wf_guard_fatal(struct wf_guard *g, const struct wf_err *why)
{
    if (g->dead)
        return;
    g->dead = true;
    g->env->timer_stop(g->env->ctx, &g->timer);
    g->events.on_fatal(g->events.ctx, why);
}

int guard_fail_stop(struct wf_guard *g, const struct wf_err *err, int raft_code)
{
    // B3, B4, B26: libraft's way of handling a failed write loses or misplaces entries. The process
    // ends instead; what is on disk is whole up to the last completed write.
    wf_guard_fatal(g, err);
    return raft_code;
}

// --- entering and leaving libraft --------------------------------------------------------------

struct guard_op *guard_op_new(struct wf_guard *g, enum guard_op_kind kind, struct guard_list *list)
{
    struct guard_op *op = wf_need(calloc(1, sizeof *op), "libraft"); // B34

    op->guard = g;
    op->kind = kind;
    op->prev = list->tail;
    if (list->tail != NULL)
        list->tail->next = op;
    else
        list->head = op;
    list->tail = op;
    return op;
}

void guard_op_unlink(struct guard_op *op, struct guard_list *list)
{
    if (op->prev != NULL)
        op->prev->next = op->next;
    else
        list->head = op->next;
    if (op->next != NULL)
        op->next->prev = op->prev;
    else
        list->tail = op->prev;
}

void guard_drain(struct wf_guard *g)
{
    struct guard_op *op;

    while ((op = g->deferred.head) != NULL) {
        guard_op_unlink(op, &g->deferred);
        if (op->kind == GUARD_SEND) {
            op->send.cb(op->send.req, op->status);
        } else {
            struct raft_snapshot *s = guard_make_snapshot(&g->manifest);

            op->get.cb(op->get.req, s, s != NULL ? 0 : RAFT_NOMEM);
        }
        free(op);
    }
}

static void on_barrier(struct raft_barrier *req, int status)
{
    struct wf_guard *g = req->data;

    if (status == 0)
        g->barrier_applied = true;
}

// B2 (and M5): a new leader appends an entry of its own term at once, since only such an entry may
// be committed by counting (Raft dissertation, 3.6.2).
static void ensure_barrier(struct wf_guard *g)
{
    uint64_t term = wf_raft_term(&g->raft);

    if (!ON(g, B2) || wf_raft_state(&g->raft) != RAFT_LEADER || g->barrier_term == term)
        return;
    if (wf_raft_transferring(&g->raft))
        return; // without B35: left over from an earlier term, until it has taken too long
    g->barrier_applied = false;
    g->barrier.data = g;
    g->barrier_term = term;
    g->barrier_index = wf_raft_last(&g->raft) + 1;
    if (raft_barrier(&g->raft, &g->barrier, on_barrier) != 0)
        g->barrier_term = 0; // out of memory: again at the next tick
}

// B35: libraft keeps the request of a leader that was deposed until it hears the target lead, or
// for an election timeout; leading again meanwhile, it takes nothing.
static void end_transfer(struct wf_guard *g)
{
    int state = wf_raft_state(&g->raft);

    if (ON(g, B35) && (state == RAFT_FOLLOWER || state == RAFT_CANDIDATE))
        wf_raft_end_transfer(&g->raft);
}

// What we keep beside libraft agrees with it, whatever has just happened.
static void check(const struct wf_guard *g)
{
    const struct raft *r = &g->raft;

    WF_ASSERT(g->term == wf_raft_term(r)); // what it believes is stored
    WF_ASSERT(g->next_index == wf_raft_last(r) + 1);
    WF_ASSERT(wf_raft_applied(r) <= wf_raft_commit(r));
    WF_ASSERT(wf_raft_commit(r) <= wf_raft_last(r));
    WF_ASSERT(g->manifest.index <= wf_raft_last(r));
    WF_ASSERT(g->cut_wait <= g->appends_pending);
    WF_ASSERT(g->stored == NULL || (g->installing && wf_raft_snapshotting(r)));
    WF_ASSERT((g->disk.head == NULL) == (g->disk.tail == NULL));
    WF_ASSERT(g->appends_pending == 0 || g->disk.head != NULL);
    WF_ASSERT(g->match_term <= g->term);
}

void guard_enter(struct wf_guard *g)
{
    g->depth++;
}

void guard_leave(struct wf_guard *g)
{
    WF_ASSERT(g->depth > 0);
    if (g->depth > 1) {
        g->depth--;
        return;
    }
    guard_drain(g);
    if (g->started && !g->stopping && !g->dead) {
        end_transfer(g);
        ensure_barrier(g);
        guard_drain(g);
    }
    g->depth--;
    if (!g->started || g->stopping || g->dead)
        return;
    // B27: after an error libraft only says so in its state, and is silent from then on.
    if (ON(g, B27) && wf_raft_state(&g->raft) == RAFT_UNAVAILABLE) {
        struct wf_err err;

        wf_fail(&err, WF_INTERNAL, "libraft gave up: %s",
                *raft_errmsg(&g->raft) ? raft_errmsg(&g->raft) : "it does not say why");
        wf_guard_fatal(g, &err);
        return;
    }
    check(g);
    g->events.on_settled(g->events.ctx);
}

bool guard_busy(const struct wf_guard *g)
{
    return g->appends_pending > 0 || g->installing;
}

// --- the small methods of raft_io --------------------------------------------------------------

static int io_init(struct raft_io *io, raft_id id, const char *address)
{
    (void)io;
    (void)id;
    (void)address;
    return 0;
}

static int io_start(struct raft_io *io, unsigned msecs, raft_io_tick_cb tick, raft_io_recv_cb recv)
{
    struct wf_guard *g = io->impl;

    g->tick = tick;
    g->recv = recv;
    g->env->timer_start(g->env->ctx, &g->timer, msecs, msecs);
    return 0;
}

static int io_refuse(struct raft_io *io, const struct raft_configuration *conf)
{
    (void)io;
    (void)conf;
    return RAFT_CANTBOOTSTRAP; // wf_log_store.bootstrap and recover do it, before a node exists
}

static raft_time io_time(struct raft_io *io)
{
    return wf_guard_now_ms(io->impl);
}

static int io_random(struct raft_io *io, int min, int max)
{
    struct wf_guard *g = io->impl;

    return (int)g->env->random(g->env->ctx, (uint64_t)min, (uint64_t)max);
}

struct guard_work {
    struct wf_env_work work;
    struct wf_guard *guard;
    struct raft_io_async_work *req;
    raft_io_async_work_cb cb;
    int status;
};

static void work_run(void *arg)
{
    struct guard_work *w = arg;

    w->status = w->req->work(w->req);
}

static void finish_close(struct wf_guard *g);

static void work_done(void *arg)
{
    struct guard_work *w = arg;
    struct wf_guard *g = w->guard;

    WF_ASSERT(g->works_pending > 0);
    g->works_pending--;
    guard_enter(g);
    w->cb(w->req, w->status);
    guard_leave(g);
    free(w);
    if (g->close_cb != NULL)
        finish_close(g);
}

static int io_async_work(struct raft_io *io, struct raft_io_async_work *req,
                         raft_io_async_work_cb cb)
{
    struct wf_guard *g = io->impl;
    struct guard_work *w = wf_need(calloc(1, sizeof *w), "libraft"); // B34

    *w = (struct guard_work){
        .work = {.run = work_run, .done = work_done, .arg = w}, .guard = g, .req = req, .cb = cb};
    g->works_pending++;
    g->env->work(g->env->ctx, &w->work);
    return 0;
}

// --- closing -----------------------------------------------------------------------------------

static void finish_close(struct wf_guard *g)
{
    raft_io_close_cb cb = g->close_cb;

    if (g->works_pending > 0 || g->started)
        return;
    g->close_cb = NULL;
    // A store that failed completes nothing any more; libraft is still owed its callbacks.
    while (g->disk.head != NULL)
        guard_op_abandon(g->disk.head);
    guard_drain(g);
    cb(&g->io);
}

static void store_closed(void *arg)
{
    struct wf_guard *g = arg;

    g->started = false;
    finish_close(g);
}

static void io_close(struct raft_io *io, raft_io_close_cb cb)
{
    struct wf_guard *g = io->impl;

    g->env->timer_stop(g->env->ctx, &g->timer);
    g->close_cb = cb;
    g->store->close(g->store->ctx, store_closed, g);
}

static void raft_closed(struct raft *r)
{
    struct wf_guard *g = r->data;
    void (*cb)(void *ctx) = g->stop_cb;
    void *ctx = g->stop_ctx;

    wf_manifest_free(&g->manifest);
    free(g);
    cb(ctx);
}

void wf_guard_stop(struct wf_guard *g, void (*done)(void *ctx), void *ctx)
{
    WF_ASSERT(g->depth == 0 && !g->stopping);
    g->stopping = true;
    g->stop_cb = done;
    g->stop_ctx = ctx;
    g->raft.data = g;
    raft_close(&g->raft, raft_closed);
}

// --- starting ----------------------------------------------------------------------------------

static void on_tick(void *arg)
{
    struct wf_guard *g = arg;

    if (g->dead || g->stopping)
        return;
    guard_before_tick(g);
    if (g->dead)
        return;
    // B7: a follower whose entries are not on disk yet must not become a candidate: it would claim
    // a log it may lose, and libraft completes the write in a role it does not expect.
    if (ON(g, B7) && wf_raft_state(&g->raft) == RAFT_FOLLOWER && guard_busy(g))
        return;
    guard_enter(g);
    g->tick(&g->io);
    guard_leave(g);
}

static void fill_io(struct wf_guard *g)
{
    g->io = (struct raft_io){
        .version = 2, // with async_work
        .impl = g,
        .init = io_init,
        .close = io_close,
        .load = guard_load,
        .start = io_start,
        .bootstrap = io_refuse,
        .recover = io_refuse,
        .set_term = guard_set_term,
        .set_vote = guard_set_vote,
        .send = guard_send,
        .append = guard_append,
        .truncate = guard_truncate,
        .snapshot_put = guard_snapshot_put,
        .snapshot_get = guard_snapshot_get,
        .time = io_time,
        .random = io_random,
        .async_work = io_async_work,
    };
}

static void abort_start(struct wf_guard *g)
{
    raft_free(g->raft.address);
    wf_manifest_free(&g->manifest);
    free(g);
}

// M1: after a start libraft takes the last membership entry of its log for committed. Only what the
// snapshot or the commit index covers is.
static int settle_configuration(struct wf_guard *g, struct wf_err *err)
{
    if (!ON(g, M1) || wf_raft_state(&g->raft) != RAFT_FOLLOWER)
        return WF_OK;
    if (wf_raft_reconfigure(&g->raft, UINT64_MAX, &g->manifest) != WF_OK)
        return wf_fail(err, WF_DATA_LOSS, "the stored membership cannot be read");
    return WF_OK;
}

int wf_guard_start(struct wf_guard **out, const struct wf_guard_options *opts, struct wf_env *env,
                   struct wf_log_store *store, struct wf_peer_net *net, struct raft_fsm *fsm,
                   const struct wf_guard_events *events, struct wf_err *err)
{
    struct wf_guard *g = calloc(1, sizeof *g);
    int rv;

    WF_ASSERT(opts->id != 0 && fsm->version == 3);
    wf_raft_heap_use();
    if (g == NULL)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    g->env = env;
    g->store = store;
    g->net = net;
    g->events = *events;
    g->id = opts->id;
    g->guards = opts->guards;
    g->timer = (struct wf_timer){.fire = on_tick, .arg = g};
    fill_io(g);
    if (raft_init(&g->raft, &g->io, fsm, opts->id, opts->name) != 0) {
        free(g);
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    }
    raft_set_election_timeout(&g->raft, opts->election_timeout_ms);
    raft_set_heartbeat_timeout(&g->raft, opts->heartbeat_timeout_ms);
    // The message is small (the image went ahead of it), so a lost one is sent again soon.
    raft_set_install_snapshot_timeout(&g->raft, 4 * opts->election_timeout_ms);
    raft_set_pre_vote(&g->raft, true);
    raft_set_snapshot_threshold(&g->raft, UINT32_MAX);
    *out = g; // the fsm's restore runs inside raft_start and may ask for the guard
    guard_enter(g);
    rv = raft_start(&g->raft);
    g->depth--;
    if (rv == 0 && settle_configuration(g, err) != WF_OK)
        rv = RAFT_CORRUPT;
    if (rv != 0) {
        if (err != NULL && err->code == WF_OK)
            wf_fail(err, WF_INTERNAL, "libraft does not start: %s", raft_strerror(rv));
        env->timer_stop(env->ctx, &g->timer);
        *out = NULL;
        abort_start(g);
        return err != NULL ? (int)err->code : WF_INTERNAL;
    }
    g->started = true;
    guard_enter(g);
    guard_leave(g);
    return WF_OK;
}

// --- libraft's calls ---------------------------------------------------------------------------

int wf_guard_apply(struct wf_guard *g, struct raft_apply *req, struct raft_buffer *buf,
                   raft_apply_cb cb)
{
    int rv;

    guard_enter(g);
    rv = raft_apply(&g->raft, req, buf, 1, cb);
    guard_leave(g);
    return rv;
}

int wf_guard_add(struct wf_guard *g, struct raft_change *req, uint64_t id, const char *address,
                 raft_change_cb cb)
{
    int rv;

    guard_enter(g);
    rv = raft_add(&g->raft, req, id, address, cb);
    guard_leave(g);
    return rv;
}

int wf_guard_assign(struct wf_guard *g, struct raft_change *req, uint64_t id, int role,
                    raft_change_cb cb)
{
    int rv;

    guard_enter(g);
    rv = raft_assign(&g->raft, req, id, role, cb);
    guard_leave(g);
    return rv;
}

int wf_guard_remove(struct wf_guard *g, struct raft_change *req, uint64_t id, raft_change_cb cb)
{
    int rv;

    guard_enter(g);
    rv = raft_remove(&g->raft, req, id, cb);
    guard_leave(g);
    return rv;
}

int wf_guard_transfer(struct wf_guard *g, struct raft_transfer *req, uint64_t id,
                      raft_transfer_cb cb)
{
    int rv;

    guard_enter(g);
    rv = raft_transfer(&g->raft, req, id, cb);
    guard_leave(g);
    return rv;
}

void wf_guard_snapshot_at_next(struct wf_guard *g, bool wanted)
{
    raft_set_snapshot_threshold(&g->raft, wanted ? 1 : UINT32_MAX);
}

void wf_guard_set_trailing(struct wf_guard *g, uint64_t entries)
{
    // 0 is libraft's word for "install: replace everything".
    if (entries < 1)
        entries = 1;
    raft_set_snapshot_trailing(&g->raft, entries < UINT32_MAX ? (unsigned)entries : UINT32_MAX);
}

void wf_guard_hasten(struct wf_guard *g)
{
    if (g->dead || g->stopping || wf_raft_state(&g->raft) != RAFT_FOLLOWER)
        return;
    wf_raft_forget_leader(&g->raft);
    wf_raft_expire_timer(&g->raft);
}
