// SPDX-License-Identifier: Apache-2.0
// A life's clock, random numbers, timers, pool and files.
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "sim.h"

// Clocks run fast or slow, start long before the run, and at another time on every machine.
static uint64_t env_mono(void *ctx)
{
    const struct life *l = ctx;
    int64_t now = (int64_t)l->sim->now;

    return (uint64_t)(now + now / 1000000 * l->server->drift_ppm) + SEC(1000 + 17 * l->server->at);
}

static wf_unix_ms env_unix(void *ctx)
{
    const struct life *l = ctx;

    return 1700000000000 + (wf_unix_ms)(env_mono(ctx) / 1000000u) + l->server->wall_ms;
}

// How long a time of the machine's own clock takes.
static uint64_t lasts(const struct life *l, uint64_t ms)
{
    return (uint64_t)((int64_t)MS(ms) - (int64_t)ms * l->server->drift_ppm);
}

static uint64_t env_random(void *ctx, uint64_t min, uint64_t max)
{
    struct life *l = ctx;

    return sim_random(l->sim, min, max);
}

// --- timers ------------------------------------------------------------------------------------

static void timer_fire(struct sim *s, struct event *e)
{
    struct wf_timer *t = e->p;
    struct life *l = e->to;

    t->impl = NULL;
    if (e->len != 0) {
        struct event *next = sim_at(s, s->now + e->len, timer_fire, t);

        next->to = l;
        next->len = e->len;
        t->impl = next;
    }
    e->len = 0;
    t->fire(t->arg);
    if (!l->dead)
        sim_check_life(l);
}

static void env_timer_stop(void *ctx, struct wf_timer *t)
{
    struct event *e = t->impl;

    (void)ctx;
    if (e != NULL)
        e->fn = NULL;
    t->impl = NULL;
}

static void env_timer_start(void *ctx, struct wf_timer *t, uint64_t first_ms, uint64_t repeat_ms)
{
    struct life *l = ctx;
    struct event *e;

    env_timer_stop(ctx, t);
    // Timers of different nodes do not fire in step.
    e = sim_at(l->sim, l->sim->now + lasts(l, first_ms) + sim_random(l->sim, 0, 999999), timer_fire,
               t);
    e->to = l;
    e->len = lasts(l, repeat_ms);
    t->impl = e;
}

static void env_soon(void *ctx, struct wf_timer *t)
{
    struct life *l = ctx;
    struct event *e;

    if (t->impl != NULL)
        return;
    e = sim_at(l->sim, l->sim->now + 20000, timer_fire, t);
    e->to = l;
    t->impl = e;
}

// --- pool --------------------------------------------------------------------------------------

static void work_done(struct sim *s, struct event *e)
{
    struct wf_env_work *w = e->p;

    (void)s;
    w->done(w->arg);
}

static void work_run(struct sim *s, struct event *e)
{
    struct wf_env_work *w = e->p;

    w->run(w->arg);
    sim_at(s, s->now + sim_random(s, MS(1), MS(30)), work_done, w)->to = e->to;
}

static void env_work(void *ctx, struct wf_env_work *w)
{
    struct life *l = ctx;

    sim_at(l->sim, l->sim->now + sim_random(l->sim, MS(1), MS(50)), work_run, w)->to = l;
}

// --- files -------------------------------------------------------------------------------------

static int files_size(void *ctx, const char *path, uint64_t *out, struct wf_err *err)
{
    struct life *l = ctx;
    const struct sim_file *f = sim_file_at(l->sim, path, false);

    if (f == NULL)
        return wf_fail(err, WF_NOT_FOUND, "no %s", path);
    *out = f->len;
    return WF_OK;
}

static int files_read(void *ctx, const char *path, uint64_t offset, void *out, size_t n,
                      struct wf_err *err)
{
    struct life *l = ctx;
    const struct sim_file *f = sim_file_at(l->sim, path, false);

    if (f == NULL || offset + n > f->len)
        return wf_fail(err, WF_NOT_FOUND, "no %s, or shorter", path);
    memcpy(out, f->data + offset, n);
    return WF_OK;
}

// What a lying disk makes of an image: of one that is being received, which is found out before it
// is used, or of one that was verified and has its name, which is found out by whoever reads it.
static bool spoil(struct sim *s, const char *path, const char *suffix, uint64_t offset, size_t n,
                  unsigned per_mille)
{
    const char *end = strrchr(path, '.');
    struct sim_file *f = sim_file_at(s, path, false);

    if (s->healed || !s->profile.damage || end == NULL || strcmp(end, suffix) != 0 || n == 0 ||
        !sim_chance(s, per_mille))
        return false;
    offset += sim_random(s, 0, n - 1);
    sim_file_write(f, offset, &(uint8_t){f->data[offset] ^ 1u}, 1);
    sim_trace(s, "SPOILT %s at %llu", path, (unsigned long long)offset);
    return true;
}

static int files_write(void *ctx, const char *path, uint64_t offset, const void *data, size_t n,
                       struct wf_err *err)
{
    struct life *l = ctx;

    if (l->dead)
        return wf_fail(err, WF_UNAVAILABLE, "dead");
    if (l->server->disk_full)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "the disk is full");
    sim_file_write(sim_file_at(l->sim, path, true), offset, data, n);
    (void)spoil(l->sim, path, ".part", offset, n, 300);
    return WF_OK;
}

static int files_remove(void *ctx, const char *path, struct wf_err *err)
{
    struct life *l = ctx;
    struct sim_file *f = sim_file_at(l->sim, path, false);

    (void)err;
    if (f != NULL)
        sim_file_unlink(l->server, f);
    return WF_OK;
}

static int files_publish(void *ctx, const char *from, const char *to, struct wf_err *err)
{
    struct life *l = ctx;
    struct sim_file *f = sim_file_at(l->sim, from, false);

    if (f == NULL)
        return wf_fail(err, WF_NOT_FOUND, "no %s", from);
    if (strcmp(from, to) != 0)
        files_remove(ctx, to, NULL);
    strncpy(f->name, to + strlen(l->home) + 1, sizeof f->name - 1);
    if (sim_image_may_rot(l) && spoil(l->sim, to, ".image", 0, f->len, 150))
        l->server->image_rotten = true;
    sim_file_sync(f);
    return WF_OK;
}

static int files_list(void *ctx, const char *dir, void (*each)(void *arg, const char *name),
                      void *arg, struct wf_err *err)
{
    struct life *l = ctx;
    size_t len = strlen(dir) - strlen(l->home) - 1;

    (void)err;
    if (l->dead)
        return WF_OK;
    dir += strlen(l->home) + 1;
    for (struct sim_file *f = l->server->files; f != NULL; f = f->next) {
        if (strncmp(f->name, dir, len) == 0 && f->name[len] == '/')
            each(arg, f->name + len + 1);
    }
    return WF_OK;
}

void sim_env_init(struct life *l)
{
    l->files = (struct wf_files){.ctx = l,
                                 .size = files_size,
                                 .read = files_read,
                                 .write = files_write,
                                 .publish = files_publish,
                                 .remove = files_remove,
                                 .list = files_list};
    l->env = (struct wf_env){.ctx = l,
                             .mono_ns = env_mono,
                             .unix_ms = env_unix,
                             .random = env_random,
                             .timer_start = env_timer_start,
                             .timer_stop = env_timer_stop,
                             .soon = env_soon,
                             .work = env_work,
                             .files = &l->files};
}
