// SPDX-License-Identifier: Apache-2.0
#include "replication/env_uv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/assert.h"
#include "base/memory.h"

// What stands behind a struct wf_timer from its first use until it is stopped.
struct wf_env_uv_timer {
    uv_timer_t timer;
    struct wf_timer *owner; // NULL: stopped, about to be freed
    bool asked;             // in the list of those to fire soon
    uint64_t turn;          // in which it was asked
    struct wf_env_uv_timer *next;
};

static wf_mono_ns env_mono_ns(void *ctx)
{
    (void)ctx;
    return wf_clock_mono_ns();
}

static wf_unix_ms env_unix_ms(void *ctx)
{
    (void)ctx;
    return wf_clock_unix_ms();
}

static uint64_t env_random(void *ctx, uint64_t min, uint64_t max)
{
    (void)ctx;
    WF_ASSERT(min <= max);
    uint64_t range = max - min + 1, v;
    // Values past the last whole multiple of range would come out too often.
    uint64_t end = range ? UINT64_MAX - UINT64_MAX % range : UINT64_MAX;
    do {
        ssize_t n;
        do
            n = getrandom(&v, sizeof v, 0);
        while (n < 0 && errno == EINTR);
        WF_ASSERT(n == sizeof v);
    } while (range && v >= end);
    return range ? min + v % range : v;
}

// --- timers --------------------------------------------------------------------------------------

static void on_timer(uv_timer_t *timer)
{
    struct wf_env_uv_timer *t = timer->data;
    t->owner->fire(t->owner->arg);
}

static void free_timer(uv_handle_t *handle)
{
    free(handle->data);
}

static struct wf_env_uv_timer *timer_of(struct wf_env_uv *e, struct wf_timer *owner)
{
    struct wf_env_uv_timer *t = owner->impl;
    if (t)
        return t;
    t = wf_need(calloc(1, sizeof *t), "a timer"); // without it a node cannot even stop in order
    int rc = uv_timer_init(e->loop, &t->timer);
    WF_ASSERT(rc == 0);
    t->timer.data = t;
    t->owner = owner;
    owner->impl = t;
    return t;
}

static void env_timer_start(void *ctx, struct wf_timer *owner, uint64_t first_ms,
                            uint64_t repeat_ms)
{
    struct wf_env_uv *e = ctx;
    struct wf_env_uv_timer *t = timer_of(e, owner);
    uv_update_time(e->loop); // a long turn must not make the timer fire early
    int rc = uv_timer_start(&t->timer, on_timer, first_ms, repeat_ms);
    WF_ASSERT(rc == 0);
}

static void forget(struct wf_env_uv *e, struct wf_env_uv_timer *t)
{
    struct wf_env_uv_timer **at = &e->soon;
    while (*at && *at != t)
        at = &(*at)->next;
    if (*at)
        *at = t->next;
}

static void env_timer_stop(void *ctx, struct wf_timer *owner)
{
    struct wf_env_uv_timer *t = owner->impl;
    if (!t)
        return;
    if (t->asked)
        forget(ctx, t);
    owner->impl = NULL;
    t->owner = NULL;
    uv_close((uv_handle_t *)&t->timer, free_timer);
}

// --- soon ----------------------------------------------------------------------------------------

static void on_idle(uv_idle_t *idle)
{
    (void)idle; // its being active is all that is needed of it
}

// Those asked for until now; what they ask for comes in the next turn.
static void on_check(uv_check_t *check)
{
    struct wf_env_uv *e = check->data;
    e->turn++;
    while (e->soon && e->soon->turn != e->turn) {
        struct wf_env_uv_timer *t = e->soon;
        e->soon = t->next;
        t->asked = false;
        t->owner->fire(t->owner->arg);
    }
    if (!e->soon) {
        uv_check_stop(&e->check);
        uv_idle_stop(&e->idle);
    }
}

static void env_soon(void *ctx, struct wf_timer *owner)
{
    struct wf_env_uv *e = ctx;
    struct wf_env_uv_timer *t = timer_of(e, owner);
    if (t->asked)
        return;
    t->asked = true;
    t->turn = e->turn;
    t->next = NULL;
    struct wf_env_uv_timer **at = &e->soon;
    while (*at)
        at = &(*at)->next;
    *at = t;
    int rc = uv_check_start(&e->check, on_check) | uv_idle_start(&e->idle, on_idle);
    WF_ASSERT(rc == 0);
}

// --- work ----------------------------------------------------------------------------------------

static void on_work(uv_work_t *req)
{
    struct wf_env_work *w = req->data;
    w->run(w->arg);
}

static void on_work_done(uv_work_t *req, int status)
{
    struct wf_env_work *w = req->data;
    WF_ASSERT(status == 0); // nobody cancels
    w->impl = NULL;
    free(req);
    w->done(w->arg);
}

static void env_work(void *ctx, struct wf_env_work *w)
{
    struct wf_env_uv *e = ctx;
    WF_ASSERT(w->impl == NULL);
    uv_work_t *req = wf_need(calloc(1, sizeof *req), "work on the pool");
    req->data = w;
    w->impl = req;
    int rc = uv_queue_work(e->loop, req, on_work, on_work_done);
    WF_ASSERT(rc == 0);
}

// --- life ----------------------------------------------------------------------------------------

int wf_env_uv_init(struct wf_env_uv *e, uv_loop_t *loop, struct wf_err *err)
{
    memset(e, 0, sizeof *e);
    e->loop = loop;
    e->env = (struct wf_env){
        .ctx = e,
        .mono_ns = env_mono_ns,
        .unix_ms = env_unix_ms,
        .random = env_random,
        .timer_start = env_timer_start,
        .timer_stop = env_timer_stop,
        .soon = env_soon,
        .work = env_work,
        .files = &wf_files_posix,
    };
    int rc = uv_check_init(loop, &e->check) | uv_idle_init(loop, &e->idle);
    if (rc != 0)
        return wf_fail(err, WF_INTERNAL, "cannot set up the loop: %s", uv_strerror(rc));
    e->check.data = e->idle.data = e;
    e->open = 2;
    return WF_OK;
}

static void on_closed(uv_handle_t *handle)
{
    struct wf_env_uv *e = handle->data;
    if (--e->open == 0)
        e->done(e->arg);
}

void wf_env_uv_close(struct wf_env_uv *e, void (*done)(void *arg), void *arg)
{
    WF_ASSERT(e->soon == NULL && done != NULL);
    e->done = done;
    e->arg = arg;
    uv_close((uv_handle_t *)&e->check, on_closed);
    uv_close((uv_handle_t *)&e->idle, on_closed);
}
