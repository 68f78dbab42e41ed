// SPDX-License-Identifier: Apache-2.0
#include "list_fsm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"

enum { PADDING = 300000 }; // so that an image takes several chunks

static void note_seen(struct list_state *s, struct wf_bytes command)
{
    uint64_t number = LIST_SEEN;
    if (command.len >= sizeof number)
        memcpy(&number, command.data, sizeof number);
    if (number < LIST_SEEN)
        s->seen[number / 8] |= (uint8_t)(1 << number % 8);
}

static int apply(void *ctx, const struct wf_batch *batch, struct wf_bytes *results,
                 struct wf_err *err)
{
    struct list_fsm *l = ctx;
    (void)err;
    WF_ASSERT(batch->index == l->now.applied + 1);
    l->now.applied = batch->index;
    for (unsigned i = 0; i < batch->n; i++) {
        struct wf_hash h;
        wf_hash_init(&h);
        wf_hash_update(&h, l->now.hash, WF_HASH_SIZE);
        wf_hash_u64(&h, batch->index);
        wf_hash_u64(&h, (uint64_t)batch->time);
        wf_hash_update(&h, batch->commands[i].data, batch->commands[i].len);
        wf_hash_final(&h, l->now.hash);
        l->now.commands++;
        note_seen(&l->now, batch->commands[i]);
        results[i] = batch->commands[i];
    }
    return WF_OK;
}

static uint64_t applied(void *ctx)
{
    return ((struct list_fsm *)ctx)->now.applied;
}

static void digest(void *ctx, uint8_t out[WF_HASH_SIZE])
{
    memcpy(out, ((struct list_fsm *)ctx)->now.hash, WF_HASH_SIZE);
}

static wf_unix_ms next_due(void *ctx)
{
    const struct list_fsm *l = ctx;
    return l->due ? l->due : INT64_MAX;
}

static struct wf_bytes tick_command(void *ctx)
{
    (void)ctx;
    return (struct wf_bytes){(const uint8_t *)"tick", 4};
}

static int image_begin(void *ctx, void **image, struct wf_err *err)
{
    struct list_state *copy = malloc(sizeof *copy);
    if (!copy)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory for an image");
    *copy = ((struct list_fsm *)ctx)->now;
    *image = copy;
    return WF_OK;
}

static int image_write(void *image, const char *path, struct wf_image_info *info,
                       struct wf_err *err)
{
    const struct list_state *s = image;
    static uint8_t padding[PADDING];
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(s, sizeof *s, 1, f) != 1 || fwrite(padding, PADDING, 1, f) != 1 ||
        fflush(f) != 0 || fsync(fileno(f)) != 0 || fclose(f) != 0)
        return wf_fail(err, WF_INTERNAL, "cannot write %s", path);
    info->index = s->applied;
    info->size = sizeof *s + PADDING;
    wf_hash_pair(s, sizeof *s, padding, PADDING, info->hash);
    memcpy(info->digest, s->hash, WF_HASH_SIZE);
    return WF_OK;
}

static void image_end(void *image)
{
    free(image);
}

// On a pool thread. A test may hold it there, to see the loop go on.
static int image_take(void *ctx, const char *path, const struct wf_image_info *info,
                      struct wf_err *err)
{
    struct list_fsm *l = ctx;
    FILE *f = fopen(path, "rb");
    atomic_fetch_add(&l->takes, 1);
    while (atomic_load(&l->hold))
        usleep(1000);
    if (!f)
        return wf_fail(err, WF_UNAVAILABLE, "cannot open %s", path);
    uint8_t padding[PADDING], hash[WF_HASH_SIZE];
    bool whole = fread(&l->taken, sizeof l->taken, 1, f) == 1 && fread(padding, PADDING, 1, f) == 1;
    fclose(f);
    if (whole)
        wf_hash_pair(&l->taken, sizeof l->taken, padding, PADDING, hash);
    if (!whole || memcmp(hash, info->hash, WF_HASH_SIZE) != 0)
        return wf_fail(err, WF_DATA_LOSS, "%s is damaged", path);
    WF_ASSERT(l->taken.applied == info->index);
    return WF_OK;
}

static int image_adopt(void *ctx, const char *path, const struct wf_image_info *info,
                       struct wf_err *err)
{
    struct list_fsm *l = ctx;
    (void)path;
    (void)err;
    WF_ASSERT(l->taken.applied == info->index);
    l->now = l->taken;
    l->installed++;
    return WF_OK;
}

void list_fsm_init(struct list_fsm *l)
{
    memset(l, 0, sizeof *l);
    l->fsm = (struct wf_fsm){.ctx = l,
                             .apply = apply,
                             .applied = applied,
                             .digest = digest,
                             .next_due = next_due,
                             .tick_command = tick_command,
                             .image_begin = image_begin,
                             .image_write = image_write,
                             .image_end = image_end,
                             .image_take = image_take,
                             .image_adopt = image_adopt};
}
