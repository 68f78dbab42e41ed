// SPDX-License-Identifier: Apache-2.0
// A log store that completes in order, late. What was asked for and is not complete is written and
// not synced: a crash keeps a prefix of it, for the real store's transactions are one after the
// other and a torn one ends them. Every record on the medium carries the hash that ties it to the
// one before, as the real one's does, so that a bit that flips at rest is found at the next start.
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "replication/log_chain.h"
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

    while (k < d->n && d->first + k < first_kept) {
        memcpy(d->before, d->recs[k].hash, WF_HASH_SIZE);
        free(d->recs[k++].data);
    }
    memmove(d->recs, d->recs + k, (d->n - k) * sizeof *d->recs);
    d->n -= k;
    d->first += k;
}

static struct wf_record record_of(const struct rec *r)
{
    return (struct wf_record){r->term, r->type, {r->data, r->len}};
}

static void chain(const struct disk *d, size_t i, uint8_t out[WF_HASH_SIZE])
{
    struct wf_record r = record_of(&d->recs[i]);

    wf_chain_record(i > 0 ? d->recs[i - 1].hash : d->before, d->first + i, &r, out);
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
    chain(d, d->n - 1, d->recs[d->n - 1].hash);
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
            wf_chain_anchor(&d->manifest, d->before);
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
    if (!l->dead && (l->server->disk_fails || l->server->disk_full)) {
        l->server->disk_fails = false;
        l->store_failed = true;
        wf_fail(&err, WF_RESOURCE_EXHAUSTED, "the log cannot be written");
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

static int unreadable(const struct server *v, uint64_t index, struct wf_err *err)
{
    return wf_fail_reason(err, WF_DATA_LOSS, "UNREADABLE_LOG", "%s: record %llu does not check",
                          v->name, (unsigned long long)index);
}

static int store_load(void *ctx, struct wf_log_state *out,
                      int (*each)(void *arg, uint64_t index, const struct wf_record *record),
                      void *arg, struct wf_err *err)
{
    struct life *l = ctx;
    struct disk *d = &l->server->disk;

    if (d->vote_broken)
        return unreadable(l->server, 0, err);
    *out = (struct wf_log_state){d->term, d->vote, d->manifest, d->first};
    for (size_t i = 0; i < d->n; i++) {
        struct wf_record r = record_of(&d->recs[i]);
        uint8_t hash[WF_HASH_SIZE];
        int rc;

        chain(d, i, hash);
        if (memcmp(hash, d->recs[i].hash, WF_HASH_SIZE) != 0)
            return unreadable(l->server, d->first + i, err);
        rc = each(arg, d->first + i, &r);
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
        sim_check_vote(l, term, vote);
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
        op->recs[i] = (struct rec){.term = records[i].term,
                                   .type = records[i].type,
                                   .len = records[i].data.len,
                                   .data = copy(records[i].data.data, records[i].data.len)};
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
    struct rec r = {.term = 1,
                    .type = WF_RECORD_CHANGE,
                    .len = configuration.len,
                    .data = copy(configuration.data, configuration.len)};

    v->disk.term = 1;
    put(&v->disk, &r);
}

// A flipped bit, or a record of elsewhere in a record's place.
bool sim_disk_damage(struct server *v)
{
    struct disk *d = &v->disk;
    struct rec *r;

    if (sim_chance(v->sim, 100)) {
        d->vote_broken = true;
        return true;
    }
    if (d->n < 2)
        return false;
    r = &d->recs[sim_random(v->sim, 0, d->n - 1)];
    if (sim_chance(v->sim, 300) && r + 1 < d->recs + d->n) {
        struct rec moved = r[0];

        r[0] = r[1];
        r[1] = moved;
    } else if (r->len > 0) {
        r->data[sim_random(v->sim, 0, r->len - 1)] ^= (uint8_t)(1u << sim_random(v->sim, 0, 7));
    } else {
        r->term ^= 1;
    }
    return true;
}

void sim_disk_free(struct server *v)
{
    cut_suffix(&v->disk, 0);
    free(v->disk.recs);
    manifest_free(&v->disk.manifest);
    sim_files_free(v);
}

void sim_disk_forget(struct life *l)
{
    struct op *op;

    while ((op = take(l)) != NULL)
        op_free(op);
}
