// SPDX-License-Identifier: Apache-2.0
// The state machine of the simulator: the list of the commands it applied, and a hash over them and
// their indexes. A command is eight bytes: its number.
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static uint64_t mix(uint64_t a, uint64_t b)
{
    a ^= b + 0x9e3779b97f4a7c15u + (a << 6) + (a >> 2);
    a *= 0xff51afd7ed558ccdu;
    return a ^ (a >> 33);
}

void fsm_copy(struct fsm *to, const struct fsm *from)
{
    *to = *from;
    to->cap = from->n;
    to->ids = malloc((from->n + 1) * sizeof *to->ids);
    if (to->ids == NULL)
        abort();
    if (from->n > 0)
        memcpy(to->ids, from->ids, from->n * sizeof *to->ids);
}

void fsm_free(struct fsm *f)
{
    free(f->ids);
    *f = (struct fsm){0};
}

static void add(struct fsm *f, uint64_t id)
{
    if (f->n == f->cap) {
        f->cap = f->cap != 0 ? 2 * f->cap : 256;
        f->ids = realloc(f->ids, f->cap * sizeof *f->ids);
        if (f->ids == NULL)
            abort();
    }
    f->ids[f->n++] = id;
}

// Now and then the state wants a tick, as an offer that expires does: a command of number 0, at
// most one for each period.
enum { DUE_EVERY_MS = 700 };

static int fsm_apply(void *ctx, const struct wf_batch *batch, struct wf_bytes *results,
                     struct wf_err *err)
{
    struct life *l = ctx;
    struct fsm *f = &l->fsm;

    (void)err;
    if (l->taking)
        sim_fail(l->sim, "%s: applies %llu while an image is being installed", l->server->name,
                 (unsigned long long)batch->index);
    if (batch->index != f->applied + 1)
        sim_fail(l->sim, "%s: applies %llu after %llu", l->server->name,
                 (unsigned long long)batch->index, (unsigned long long)f->applied);
    f->applied = batch->index;
    f->digest = mix(f->digest, batch->index);
    for (unsigned i = 0; i < batch->n; i++) {
        uint64_t id;

        if (batch->commands[i].len < sizeof id)
            abort();
        memcpy(&id, batch->commands[i].data, sizeof id);
        if (id == 0) { // one that is late, because another leader's came first, changes nothing
            if (batch->time < f->due)
                continue;
            f->due = batch->time + DUE_EVERY_MS;
            f->ticks++;
        }
        f->digest = mix(f->digest, id);
        f->digest = mix(f->digest, (uint64_t)batch->time);
        if (id != 0)
            add(f, id);
    }
    for (unsigned i = 0; i < batch->n; i++)
        results[i] = (struct wf_bytes){batch->commands[i].data, 8};
    if (!f->corrupt)
        sim_check_applied(l, batch->index, f->digest);
    return WF_OK;
}

static uint64_t fsm_applied(void *ctx)
{
    struct life *l = ctx;

    return l->fsm.applied;
}

static void fsm_digest(void *ctx, uint8_t out[WF_HASH_SIZE])
{
    struct life *l = ctx;

    memset(out, 0, WF_HASH_SIZE);
    memcpy(out, &l->fsm.digest, sizeof l->fsm.digest);
}

static wf_unix_ms fsm_next_due(void *ctx)
{
    struct life *l = ctx;

    return l->fsm.due;
}

static struct wf_bytes fsm_tick_command(void *ctx)
{
    static const uint8_t zero[8];

    (void)ctx;
    return (struct wf_bytes){zero, sizeof zero};
}

// --- images ------------------------------------------------------------------------------------

struct pinned {
    struct life *life;
    struct fsm fsm;
};

#define TAINTED (1ull << 63)
enum { HEAD = 32 };

static int image_begin(void *ctx, void **image, struct wf_err *err)
{
    struct life *l = ctx;
    struct pinned *p = malloc(sizeof *p);

    (void)err;
    if (p == NULL)
        abort();
    sim_check_image(l);
    p->life = l;
    fsm_copy(&p->fsm, &l->fsm);
    *image = p;
    return WF_OK;
}

static int image_write(void *image, const char *path, struct wf_image_info *info,
                       struct wf_err *err)
{
    struct pinned *p = image;
    const struct wf_files *files = &p->life->files;
    size_t pad = p->life->sim->profile.big_images ? 200000 : 0;
    size_t len = HEAD + 8 * p->fsm.n + pad;
    uint8_t *bytes = calloc(1, len);
    uint64_t head[4] = {p->fsm.applied, p->fsm.digest, p->fsm.n, (uint64_t)p->fsm.due};
    int rc;

    if (p->fsm.corrupt) // an image of a wrong state is wrong; the checker has to know
        head[2] |= TAINTED;
    if (bytes == NULL)
        abort();
    memcpy(bytes, head, sizeof head);
    if (p->fsm.n > 0)
        memcpy(bytes + HEAD, p->fsm.ids, 8 * p->fsm.n);
    for (size_t i = 0; i < pad; i += 1000)
        bytes[HEAD + 8 * p->fsm.n + i] = (uint8_t)(i / 1000);
    rc = files->write(files->ctx, path, 0, bytes, len, err);
    memset(info, 0, sizeof *info);
    info->index = p->fsm.applied;
    info->size = len;
    wf_hash_pair(bytes, len, NULL, 0, info->hash);
    memcpy(info->digest, &p->fsm.digest, sizeof p->fsm.digest);
    free(bytes);
    return rc;
}

static void image_end(void *image)
{
    struct pinned *p = image;

    p->life->sim->images_made++;
    fsm_free(&p->fsm);
    free(p);
}

static int image_take(void *ctx, const char *path, const struct wf_image_info *info,
                      struct wf_err *err)
{
    struct life *l = ctx;
    struct file *f = l->dead ? NULL : sim_file(l->server, path, false);

    if (l->dead)
        return wf_fail(err, WF_UNAVAILABLE, "dead");
    if (f == NULL || f->len != info->size || f->len < HEAD) {
        sim_fail(l->sim, "%s: image %s is not there to be installed", l->server->name, path);
        return wf_fail(err, WF_DATA_LOSS, "no image");
    }
    l->taking = true;
    return WF_OK;
}

static int image_adopt(void *ctx, const char *path, const struct wf_image_info *info,
                       struct wf_err *err)
{
    struct life *l = ctx;
    struct file *f = sim_file(l->server, path, false);
    uint64_t head[4];

    if (!l->taking || f == NULL || f->len != info->size) {
        sim_fail(l->sim, "%s: image %s went away while it was installed", l->server->name, path);
        return wf_fail(err, WF_DATA_LOSS, "no image");
    }
    l->taking = false;
    memcpy(head, f->data, sizeof head);
    fsm_free(&l->fsm);
    l->fsm.applied = head[0];
    l->fsm.digest = head[1];
    l->fsm.due = (wf_unix_ms)head[3];
    l->fsm.corrupt = (head[2] & TAINTED) != 0;
    l->fsm.n = l->fsm.cap = (size_t)(head[2] & ~TAINTED);
    l->fsm.ids = malloc(8 * l->fsm.n + 8);
    if (l->fsm.ids == NULL)
        abort();
    memcpy(l->fsm.ids, f->data + sizeof head, 8 * l->fsm.n);
    l->sim->installs++;
    if (!l->fsm.corrupt)
        sim_check_applied(l, l->fsm.applied, l->fsm.digest);
    return WF_OK;
}

void sim_fsm_init(struct life *l, struct wf_fsm *out)
{
    *out = (struct wf_fsm){.ctx = l,
                           .apply = fsm_apply,
                           .applied = fsm_applied,
                           .digest = fsm_digest,
                           .next_due = fsm_next_due,
                           .tick_command = fsm_tick_command,
                           .image_begin = image_begin,
                           .image_write = image_write,
                           .image_end = image_end,
                           .image_take = image_take,
                           .image_adopt = image_adopt};
}
