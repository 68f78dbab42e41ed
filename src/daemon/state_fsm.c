// SPDX-License-Identifier: Apache-2.0
#include "daemon/state_fsm.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/limits.h"

// The two are one type under two names, since neither folder may know the other.
_Static_assert(sizeof(struct wf_bytes) == sizeof(struct wf_state_bytes) &&
                   offsetof(struct wf_bytes, len) == offsetof(struct wf_state_bytes, len),
               "wf_bytes and wf_state_bytes differ");

struct pinned {
    struct wf_state_fsm *f;
    struct wf_state_image *image;
};

static int apply(void *ctx, const struct wf_batch *b, struct wf_bytes *results, struct wf_err *err)
{
    struct wf_state_fsm *f = ctx;
    wf_mono_ns start = wf_clock_mono_ns();
    int rc = wf_state_apply(f->state, b->index, b->term, b->time,
                            (const struct wf_state_bytes *)b->commands, b->n,
                            (struct wf_state_bytes *)results, err);
    wf_metric_observe(f->apply_seconds, (double)(wf_clock_mono_ns() - start) / 1e9);
    wf_metric_observe(f->batch_commands, b->n);
    for (unsigned i = 0; i < b->n; i++)
        f->bytes += b->commands[i].len;
    return rc;
}

static uint64_t applied(void *ctx)
{
    return wf_state_applied(((struct wf_state_fsm *)ctx)->state);
}

static void digest(void *ctx, uint8_t out[WF_HASH_SIZE])
{
    wf_state_digest(((struct wf_state_fsm *)ctx)->state, out);
}

static wf_unix_ms next_due(void *ctx)
{
    return wf_state_next_due(((struct wf_state_fsm *)ctx)->state);
}

static struct wf_bytes tick_command(void *ctx)
{
    struct wf_state_bytes b = wf_state_tick(((struct wf_state_fsm *)ctx)->state);
    return (struct wf_bytes){b.data, b.len};
}

static void all_know(void *ctx, uint32_t version)
{
    wf_state_all_know(((struct wf_state_fsm *)ctx)->state, version);
}

static int image_begin(void *ctx, void **image, struct wf_err *err)
{
    struct wf_state_fsm *f = ctx;
    struct pinned *p = calloc(1, sizeof *p);
    if (!p)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory for a state image");
    p->f = f;
    int rc = wf_state_image_begin(f->state, &p->image, err);
    if (rc != WF_OK) {
        free(p);
        return rc;
    }
    *image = p;
    return WF_OK;
}

static int image_write(void *image, const char *path, struct wf_image_info *info,
                       struct wf_err *err)
{
    struct pinned *p = image;
    wf_mono_ns start = wf_clock_mono_ns();
    int rc = wf_state_image_write(p->image, path, &info->size, info->hash, err);
    if (rc != WF_OK)
        return rc;
    info->index = wf_state_image_index(p->image);
    wf_state_image_digest(p->image, info->digest);
    wf_metric_observe(p->f->image_seconds, (double)(wf_clock_mono_ns() - start) / 1e9);
    wf_metric_set(p->f->image_bytes, (double)info->size);
    return WF_OK;
}

static void image_end(void *image)
{
    struct pinned *p = image;
    wf_state_image_end(p->image);
    free(p);
}

static int image_take(void *ctx, const char *path, const struct wf_image_info *info,
                      struct wf_err *err)
{
    struct wf_state_fsm *f = ctx;
    (void)info; // its hash was checked when the file got its name
    return wf_state_take(f->state, path, err);
}

static int image_adopt(void *ctx, const char *path, const struct wf_image_info *info,
                       struct wf_err *err)
{
    struct wf_state_fsm *f = ctx;
    int rc = wf_state_adopt(f->state, err);
    if (rc == WF_OK && wf_state_applied(f->state) != info->index)
        rc = wf_fail(err, WF_DATA_LOSS, "the state image %s is of index %llu, not %llu", path,
                     (unsigned long long)wf_state_applied(f->state),
                     (unsigned long long)info->index);
    return rc;
}

void wf_state_fsm_init(struct wf_state_fsm *f, struct wf_state *state, struct wf_metrics *metrics)
{
    WF_ASSERT(state != NULL);
    f->state = state;
    f->bytes = 0;
    f->fsm = (struct wf_fsm){.ctx = f,
                             .apply = apply,
                             .applied = applied,
                             .digest = digest,
                             .knows = wf_state_knows(state),
                             .all_know = all_know,
                             .next_due = next_due,
                             .tick_command = tick_command,
                             .image_begin = image_begin,
                             .image_write = image_write,
                             .image_end = image_end,
                             .image_take = image_take,
                             .image_adopt = image_adopt};
    f->apply_seconds = wf_histogram(metrics, "watchfire_apply_seconds", "",
                                    "Time to apply one entry to the state", 1e-5, 1);
    f->batch_commands = wf_histogram(metrics, "watchfire_entry_commands", "",
                                     "Commands of one log entry", 1, WF_ENTRY_COMMANDS_MAX);
    f->image_seconds = wf_histogram(metrics, "watchfire_image_seconds", "",
                                    "Time to write a state image", 1e-3, 100);
    f->image_bytes =
        wf_gauge(metrics, "watchfire_image_bytes", "", "Size of the newest state image");
}
