// SPDX-License-Identifier: Apache-2.0
#include "pair_link.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { HOSTS_MAX = 8, TIMERS_MAX = 256, LINKS_MAX = 64, QUEUE_MAX = 64 * 1024 * 1024 };

struct end {
    struct wf_link link; // first
    struct board *board;
    struct end *other; // NULL: closed there
    char name[64];     // whose end this is
    char peer[64];
    struct wf_buf out;
    bool dialled, opened, closed, told;
    bool raw;
    struct wf_buf *reply;
    bool *raw_closed;
};

struct timer {
    struct wf_timer *t;
    uint64_t due, repeat;
    bool soon;
};

struct board {
    struct wf_env env;
    uint64_t now_ms, random;
    struct board_host *hosts[HOSTS_MAX];
    unsigned n_hosts;
    struct timer timers[TIMERS_MAX];
    struct end *ends[LINKS_MAX];
    unsigned n_ends;
    char held[64];
    char recorded[64];
    struct wf_buf *record;
};

// --- the env -------------------------------------------------------------------------------------

static wf_mono_ns mono(void *ctx)
{
    return ((struct board *)ctx)->now_ms * 1000000;
}

static wf_unix_ms unix_ms(void *ctx)
{
    return (wf_unix_ms)((struct board *)ctx)->now_ms;
}

static uint64_t random_between(void *ctx, uint64_t min, uint64_t max)
{
    struct board *b = ctx;
    b->random = b->random * 6364136223846793005u + 1442695040888963407u;
    return min + (b->random >> 33) % (max - min + 1);
}

static struct timer *slot(struct board *b, struct wf_timer *t)
{
    for (int i = 0; i < TIMERS_MAX; i++)
        if (b->timers[i].t == t)
            return &b->timers[i];
    return NULL;
}

static void set(struct board *b, struct wf_timer *t, struct timer value)
{
    struct timer *at = slot(b, t);
    if (!at)
        at = slot(b, NULL);
    WF_ASSERT(at != NULL);
    *at = value;
}

static void timer_start(void *ctx, struct wf_timer *t, uint64_t first, uint64_t repeat)
{
    struct board *b = ctx;
    set(b, t, (struct timer){t, b->now_ms + first, repeat, false});
}

static void timer_stop(void *ctx, struct wf_timer *t)
{
    struct timer *at = slot(ctx, t);
    if (at)
        *at = (struct timer){.t = NULL};
}

static void soon(void *ctx, struct wf_timer *t)
{
    struct board *b = ctx;
    set(b, t, (struct timer){t, b->now_ms, 0, true});
}

static bool fire_due(struct board *b)
{
    for (int i = 0; i < TIMERS_MAX; i++) {
        struct timer *at = &b->timers[i];
        struct wf_timer *t = at->t;
        if (!t || at->due > b->now_ms)
            continue;
        if (at->repeat && !at->soon)
            at->due += at->repeat;
        else
            *at = (struct timer){.t = NULL};
        t->fire(t->arg);
        return true;
    }
    return false;
}

// --- links ---------------------------------------------------------------------------------------

static struct end *end_of(struct wf_link *link)
{
    return (struct end *)link;
}

static int end_write(struct wf_link *link, const uint8_t *data, size_t len)
{
    struct end *e = end_of(link);
    WF_ASSERT(!e->closed);
    return e->other ? wf_buf_append(&e->out, data, len) : WF_UNAVAILABLE;
}

static size_t end_queued(struct wf_link *link)
{
    return end_of(link)->out.len;
}

static void end_close(struct wf_link *link)
{
    struct end *e = end_of(link);
    WF_ASSERT(!e->closed);
    e->closed = true;
    if (e->other)
        e->other->other = NULL;
    e->other = NULL;
}

static const struct wf_link_ops ops = {end_write, end_queued, end_close};

static struct end *new_end(struct board *b, const char *name, const char *peer)
{
    struct end *e = calloc(1, sizeof *e);
    WF_ASSERT(e != NULL && b->n_ends < LINKS_MAX);
    e->link.ops = &ops;
    e->board = b;
    strcpy(e->name, name);
    strcpy(e->peer, peer);
    wf_buf_init(&e->out, QUEUE_MAX);
    b->ends[b->n_ends++] = e;
    return e;
}

static struct board_host *host_at(struct board *b, const char *address)
{
    for (unsigned i = 0; i < b->n_hosts; i++)
        if (strcmp(b->hosts[i]->address, address) == 0 && !b->hosts[i]->down)
            return b->hosts[i];
    return NULL;
}

static struct end *connect_to(struct board *b, const char *name, const char *address)
{
    struct board_host *h = host_at(b, address);
    struct end *e = new_end(b, name, h ? h->name : "");
    e->dialled = true;
    if (h) {
        e->other = new_end(b, h->name, name);
        e->other->other = e;
        e->other->opened = true;
    }
    return e;
}

static struct wf_link *dial(void *ctx, const char *address, const char *expect_peer,
                            const struct wf_link_events *events, void *events_ctx)
{
    struct board_host *from = ctx;
    struct end *e = connect_to(from->board, from->name, address);
    // The certificate is checked here, as TLS does.
    if (e->other && expect_peer && strcmp(e->peer, expect_peer) != 0) {
        e->other->closed = e->other->told = true;
        e->other = NULL;
    }
    e->link.events = events;
    e->link.ctx = events_ctx;
    return &e->link;
}

static bool open_or_close(struct end *e)
{
    if (e->closed || e->told)
        return false;
    if (!e->other) {
        e->told = true;
        if (e->raw)
            *e->raw_closed = true;
        else if (e->link.events)
            e->link.events->on_close(e->link.ctx, &e->link, e->opened ? "closed" : "refused");
        return true;
    }
    if (e->opened)
        return false;
    e->opened = true;
    struct board_host *h = NULL;
    for (unsigned i = 0; i < e->board->n_hosts; i++)
        if (strcmp(e->board->hosts[i]->name, e->other->name) == 0)
            h = e->board->hosts[i];
    struct end *there = e->other;
    h->accept(h->ctx, &there->link, e->name);
    if (!e->raw && e->other)
        e->link.events->on_open(e->link.ctx, &e->link, e->peer);
    return true;
}

static bool deliver(struct end *e)
{
    struct board *b = e->board;
    struct end *to = e->other;
    if (e->closed || !to || e->out.len == 0 || !e->opened || strcmp(b->held, e->name) == 0)
        return false;
    size_t len;
    uint8_t *data = wf_buf_take(&e->out, &len);
    if (b->record && e->dialled && strcmp(b->recorded, e->name) == 0)
        wf_buf_append(b->record, data, len);
    if (to->raw)
        wf_buf_append(to->reply, data, len);
    else
        to->link.events->on_data(to->link.ctx, &to->link, data, len);
    free(data);
    if (!e->closed && !e->raw && e->other && e->dialled)
        e->link.events->on_writable(e->link.ctx, &e->link);
    return true;
}

static void sweep(struct board *b)
{
    for (unsigned i = 0; i < b->n_ends;) {
        struct end *e = b->ends[i];
        if (!e->closed && !e->told) {
            i++;
            continue;
        }
        if (e->other)
            e->other->other = NULL;
        wf_buf_free(&e->out);
        free(e);
        b->ends[i] = b->ends[--b->n_ends];
    }
}

static bool move(struct board *b)
{
    bool any = fire_due(b);
    for (unsigned i = 0; i < b->n_ends; i++)
        any |= open_or_close(b->ends[i]);
    for (unsigned i = 0; i < b->n_ends; i++)
        any |= deliver(b->ends[i]);
    sweep(b);
    return any;
}

// --- the board -----------------------------------------------------------------------------------

struct board *board_new(void)
{
    struct board *b = calloc(1, sizeof *b);
    WF_ASSERT(b != NULL);
    b->now_ms = 1000;
    b->env = (struct wf_env){.ctx = b,
                             .mono_ns = mono,
                             .unix_ms = unix_ms,
                             .random = random_between,
                             .timer_start = timer_start,
                             .timer_stop = timer_stop,
                             .soon = soon};
    return b;
}

void board_free(struct board *b)
{
    sweep(b);
    WF_ASSERT(b->n_ends == 0);
    for (int i = 0; i < TIMERS_MAX; i++)
        WF_ASSERT(b->timers[i].t == NULL);
    free(b);
}

struct wf_env *board_env(struct board *b)
{
    return &b->env;
}

void board_add(struct board *b, struct board_host *host)
{
    WF_ASSERT(b->n_hosts < HOSTS_MAX);
    host->board = b;
    host->dialer = (struct wf_dialer){host, dial};
    b->hosts[b->n_hosts++] = host;
}

void board_turn(struct board *b, unsigned ms)
{
    for (unsigned i = 0; i <= ms; i++) {
        while (move(b))
            continue;
        if (i < ms)
            b->now_ms++;
    }
}

void board_hold(struct board *b, const char *name, bool hold)
{
    strcpy(b->held, hold ? name : "");
}

void board_record(struct board *b, const char *name, struct wf_buf *out)
{
    strcpy(b->recorded, name);
    b->record = out;
}

void board_cut(struct board *b, const char *name)
{
    for (unsigned i = 0; i < b->n_ends; i++) {
        struct end *e = b->ends[i];
        if (strcmp(e->name, name) != 0 || !e->other)
            continue;
        e->other->other = NULL;
        e->other = NULL;
    }
}

unsigned board_links(struct board *b)
{
    sweep(b);
    return b->n_ends / 2;
}

struct wf_link *board_dial_raw(struct board *b, const char *name, const char *address,
                               struct wf_buf *reply, bool *closed)
{
    struct end *e = connect_to(b, name, address);
    WF_ASSERT(e->other != NULL);
    e->raw = true;
    e->reply = reply;
    e->raw_closed = closed;
    *closed = false;
    return &e->link;
}
