// SPDX-License-Identifier: Apache-2.0
// A log store that completes in order, late, and forgets at a crash what it had not completed, all
// but a random prefix of it.
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum op_kind { OP_APPEND, OP_TRUNCATE, OP_SNAPSHOT };

struct op {
    struct op *next;
    enum op_kind kind;
    wf_store_cb cb;
    void *arg;
    uint64_t index; // first, or truncate from, or first kept
    struct rec *recs;
    unsigned n;
    struct wf_manifest manifest;
};

static uint8_t *copy(const void *data, size_t len)
{
    uint8_t *p = malloc(len + 1);

    if (p == NULL)
        abort();
    if (len > 0)
        memcpy(p, data, len);
    return p;
}

static void manifest_free(struct wf_manifest *m)
{
    free((void *)m->configuration.data);
    free((void *)m->data.data);
    *m = (struct wf_manifest){0};
}

static struct wf_manifest manifest_copy(const struct wf_manifest *m)
{
    struct wf_manifest to = *m;

    to.configuration.data = copy(m->configuration.data, m->configuration.len);
    to.data.data = copy(m->data.data, m->data.len);
    return to;
}

// --- the medium --------------------------------------------------------------------------------

static void cut_suffix(struct disk *d, uint64_t index)
{
    while (d->n > 0 && d->first + d->n - 1 >= index)
        free(d->recs[--d->n].data);
}

static void cut_prefix(struct disk *d, uint64_t first_kept)
{
    size_t k = 0;

    while (k < d->n && d->first + k < first_kept)
        free(d->recs[k++].data);
    memmove(d->recs, d->recs + k, (d->n - k) * sizeof *d->recs);
    d->n -= k;
    d->first += k;
}

static void put(struct disk *d, const struct rec *r)
{
    if (d->n == d->cap) {
        d->cap = d->cap != 0 ? 2 * d->cap : 64;
        d->recs = realloc(d->recs, d->cap * sizeof *d->recs);
        if (d->recs == NULL)
            abort();
    }
    d->recs[d->n++] = *r;
}

// Make an operation durable. Takes what it holds.
static void carry_out(struct server *v, struct op *op)
{
    struct disk *d = &v->disk;

    switch (op->kind) {
    case OP_APPEND:
        if (op->index != d->first + d->n) {
            sim_fail(v->sim, "%s: append at %llu to a log that ends at %llu", v->name,
                     (unsigned long long)op->index, (unsigned long long)(d->first + d->n - 1));
        }
        for (unsigned i = 0; i < op->n; i++)
            put(d, &op->recs[i]);
        op->n = 0;
        break;
    case OP_TRUNCATE:
        cut_suffix(d, op->index);
        break;
    case OP_SNAPSHOT:
        manifest_free(&d->manifest);
        d->manifest = op->manifest;
        op->manifest = (struct wf_manifest){0};
        if (op->index == WF_KEEP_NONE) {
            cut_suffix(d, 0);
            d->first = d->manifest.index + 1;
        } else {
            cut_prefix(d, op->index);
        }
        break;
    }
}

static void op_free(struct op *op)
{
    for (unsigned i = 0; i < op->n; i++)
        free(op->recs[i].data);
    free(op->recs);
    manifest_free(&op->manifest);
    free(op);
}

// --- completion --------------------------------------------------------------------------------

static struct op *take(struct life *l)
{
    struct op *op = l->ops;

    if (op != NULL) {
        l->ops = op->next;
        if (l->ops == NULL)
            l->ops_tail = NULL;
    }
    return op;
}

static void close_if_empty(struct life *l)
{
    void (*closed)(void *arg) = l->closed;

    if (closed == NULL || (l->ops != NULL && !l->store_failed))
        return;
    l->closed = NULL;
    closed(l->closed_arg);
}

static void complete(struct sim *s, struct event *e)
{
    struct life *l = e->to;
    struct op *op;
    struct wf_err err = {0};

    (void)s;
    if (l->store_failed)
        return;
    op = take(l);
    if (op == NULL)
        return; // a crash has emptied the queue
    if (!l->dead && l->server->disk_fails) {
        l->server->disk_fails = false;
        l->store_failed = true;
        wf_fail(&err, WF_RESOURCE_EXHAUSTED, "the disk is full");
        op->cb(op->arg, &err);
    } else {
        if (!l->dead)
            carry_out(l->server, op);
        op->cb(op->arg, NULL);
    }
    op_free(op);
    if (!l->dead)
        sim_check_life(l);
    close_if_empty(l);
}

static void ask(struct life *l, struct op *op, wf_store_cb cb, void *arg)
{
    uint64_t at = l->sim->now + sim_random(l->sim, l->server->disk_min, l->server->disk_max);
    struct event *e;

    op->cb = cb;
    op->arg = arg;
    op->next = NULL;
    if (l->ops_tail != NULL)
        l->ops_tail->next = op;
    else
        l->ops = op;
    l->ops_tail = op;
    if (at < l->disk_free_at)
        at = l->disk_free_at + 1000; // merged into the write before it
    l->disk_free_at = at;
    e = sim_at(l->sim, at, complete, NULL);
    e->to = l;
}

void sim_disk_crash(struct life *l)
{
    struct op *op = l->ops;

    // The write that was under way may have happened.
    for (; op != NULL && !l->store_failed && sim_chance(l->sim, 500); op = op->next)
        carry_out(l->server, op);
}

// --- struct wf_log_store -----------------------------------------------------------------------

static void store_identity(void *ctx, struct wf_node_identity *out)
{
    struct life *l = ctx;

    *out = l->server->disk.identity;
}

static int store_load(void *ctx, struct wf_log_state *out,
                      int (*each)(void *arg, uint64_t index, const struct wf_record *record),
                      void *arg, struct wf_err *err)
{
    struct life *l = ctx;
    struct disk *d = &l->server->disk;

    (void)err;
    *out = (struct wf_log_state){d->term, d->vote, d->manifest, d->first};
    for (size_t i = 0; i < d->n; i++) {
        struct wf_record r = {d->recs[i].term, d->recs[i].type, {d->recs[i].data, d->recs[i].len}};
        int rc = each(arg, d->first + i, &r);

        if (rc != WF_OK)
            return rc;
    }
    return WF_OK;
}

static int store_vote(void *ctx, uint64_t term, uint64_t vote, struct wf_err *err)
{
    struct life *l = ctx;

    (void)err;
    if (!l->dead) {
        l->server->disk.term = term;
        l->server->disk.vote = vote;
    }
    return WF_OK;
}

static void store_append(void *ctx, uint64_t first, const struct wf_record *records, unsigned n,
                         wf_store_cb cb, void *arg)
{
    struct life *l = ctx;
    struct op *op = calloc(1, sizeof *op);

    if (op == NULL)
        abort();
    op->kind = OP_APPEND;
    op->index = first;
    op->recs = calloc(n, sizeof *op->recs);
    op->n = n;
    for (unsigned i = 0; i < n; i++)
        op->recs[i] = (struct rec){records[i].term, records[i].type, records[i].data.len,
                                   copy(records[i].data.data, records[i].data.len)};
    ask(l, op, cb, arg);
}

static void store_truncate(void *ctx, uint64_t index, wf_store_cb cb, void *arg)
{
    struct op *op = calloc(1, sizeof *op);

    if (op == NULL)
        abort();
    op->kind = OP_TRUNCATE;
    op->index = index;
    ask(ctx, op, cb, arg);
}

static void store_snapshot(void *ctx, const struct wf_manifest *manifest, uint64_t first_kept,
                           wf_store_cb cb, void *arg)
{
    struct op *op = calloc(1, sizeof *op);

    if (op == NULL)
        abort();
    op->kind = OP_SNAPSHOT;
    op->index = first_kept;
    op->manifest = manifest_copy(manifest);
    ask(ctx, op, cb, arg);
}

static int store_check_peer(void *ctx, uint64_t peer, const uint8_t disk_id[WF_UUID_SIZE],
                            struct wf_err *err)
{
    (void)ctx;
    (void)peer;
    (void)disk_id;
    (void)err;
    return WF_OK;
}

static void close_event(struct sim *s, struct event *e)
{
    (void)s;
    close_if_empty(e->to);
}

static void store_close(void *ctx, void (*done)(void *arg), void *arg)
{
    struct life *l = ctx;

    l->closed = done;
    l->closed_arg = arg;
    sim_at(l->sim, l->sim->now, close_event, NULL)->to = l;
}

void sim_disk_init(struct life *l)
{
    l->store = (struct wf_log_store){.ctx = l,
                                     .identity = store_identity,
                                     .load = store_load,
                                     .set_vote = store_vote,
                                     .append = store_append,
                                     .truncate = store_truncate,
                                     .snapshot_put = store_snapshot,
                                     .check_peer = store_check_peer,
                                     .close = store_close};
}

void sim_disk_bootstrap(struct server *v, struct wf_bytes configuration)
{
    struct rec r = {1, WF_RECORD_CHANGE, configuration.len,
                    copy(configuration.data, configuration.len)};

    v->disk.term = 1;
    put(&v->disk, &r);
}

void sim_disk_free(struct server *v)
{
    cut_suffix(&v->disk, 0);
    free(v->disk.recs);
    manifest_free(&v->disk.manifest);
    while (v->files != NULL) {
        struct file *f = v->files;

        v->files = f->next;
        free(f->data);
        free(f);
    }
}

void sim_disk_forget(struct life *l)
{
    struct op *op;

    while ((op = take(l)) != NULL)
        op_free(op);
}
