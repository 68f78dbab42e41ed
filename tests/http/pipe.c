// SPDX-License-Identifier: Apache-2.0
#include "pipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

// --- the transport ---

static int pipe_write(void *ctx, const uint8_t *data, size_t len)
{
    struct pipe *p = ctx;
    WF_ASSERT(!p->closed || p->graceful);
    return wf_buf_append(&p->out, data, len);
}

static bool pipe_may_write(void *ctx)
{
    struct pipe *p = ctx;
    return !p->closed && p->out.len < p->room;
}

static size_t pipe_queued(void *ctx)
{
    return ((struct pipe *)ctx)->out.len >= ((struct pipe *)ctx)->room
               ? ((struct pipe *)ctx)->out.len
               : 0;
}

static void pipe_wake(void *ctx)
{
    ((struct pipe *)ctx)->wake = true;
}

static void pipe_pause(void *ctx, bool on)
{
    ((struct pipe *)ctx)->paused = on;
}

static void pipe_close(void *ctx, bool graceful)
{
    struct pipe *p = ctx;
    WF_ASSERT(!p->closed);
    p->closed = true;
    p->graceful = graceful;
}

static uint64_t pipe_now(void *ctx)
{
    return ((struct pipe *)ctx)->now;
}

static const struct wf_transport_ops transport_ops = {
    .write = pipe_write,
    .may_write = pipe_may_write,
    .queued = pipe_queued,
    .wake = pipe_wake,
    .pause = pipe_pause,
    .close = pipe_close,
    .now_ms = pipe_now,
};

// --- the handler ---

struct seen {
    struct pipe *p;
    struct wf_buf body;
    size_t left;
};

static void on_begin(void *ctx, struct wf_exchange *ex)
{
    struct pipe *p = ctx;
    struct seen *s = calloc(1, sizeof *s);
    WF_ASSERT(s != NULL);
    s->p = p;
    wf_buf_init(&s->body, 16 * 1024 * 1024);
    wf_exchange_set_user(ex, s);
    p->begun++;
    p->last = ex;
    wf_buf_printf(&p->log, "%s %s?%s %s\n", wf_exchange_method(ex), wf_exchange_path(ex),
                  wf_exchange_query(ex), wf_exchange_authority(ex));
    if (strcmp(wf_exchange_path(ex), "/early") == 0)
        wf_exchange_reply(ex, 403, "text/plain", "no\n", 3);
}

static void on_data(struct wf_exchange *ex, void *user, const uint8_t *data, size_t len)
{
    struct seen *s = user;
    wf_buf_append(&s->body, data, len);
    wf_buf_append(&s->p->body, data, len);
    if (s->p->hold)
        s->p->held += len;
    else
        wf_exchange_consume(ex, len);
}

static void send_big(struct wf_exchange *ex, struct seen *s)
{
    static const uint8_t piece[4096];
    while (s->left > 0 && wf_exchange_queued(ex) < 64 * 1024) {
        size_t n = s->left < sizeof piece ? s->left : sizeof piece;
        if (wf_exchange_write(ex, piece, n) != WF_OK)
            return;
        s->left -= n;
    }
    if (s->left == 0)
        wf_exchange_finish(ex, NULL, 0);
}

static void answer(struct wf_exchange *ex, struct seen *s, const char *path)
{
    const struct wf_header h = {"x-test", "1"}, t[] = {{"grpc-status", "0"}, {"x-end", "yes"}};
    if (strcmp(path, "/hello") == 0)
        wf_exchange_reply(ex, 200, "text/plain", "hello", 5);
    else if (strcmp(path, "/echo") == 0)
        wf_exchange_reply(ex, 200, "text/plain", s->body.data, s->body.len);
    else if (strcmp(path, "/big") == 0) {
        s->left = strtoul(wf_exchange_query(ex), NULL, 10);
        if (wf_exchange_respond(ex, 200, &h, 1, false) == WF_OK)
            send_big(ex, s);
    } else if (strcmp(path, "/trailers") == 0) {
        if (wf_exchange_respond(ex, 200, &h, 1, false) == WF_OK &&
            wf_exchange_write(ex, (const uint8_t *)"abc", 3) == WF_OK)
            wf_exchange_finish(ex, t, 2);
    } else if (strcmp(path, "/silent") != 0)
        wf_exchange_reply(ex, 404, "text/plain", "none\n", 5);
}

static void on_end(struct wf_exchange *ex, void *user)
{
    struct seen *s = user;
    s->p->ended++;
    if (!s->p->silent)
        answer(ex, s, wf_exchange_path(ex));
}

static void on_writable(struct wf_exchange *ex, void *user)
{
    struct seen *s = user;
    s->p->writables++;
    if (s->left > 0)
        send_big(ex, s);
}

static void on_drain(struct wf_exchange *ex, void *user)
{
    struct seen *s = user;
    WF_ASSERT(wf_exchange_draining(ex));
    s->p->drained++;
}

static void on_closed(struct wf_exchange *ex, void *user, int code)
{
    struct seen *s = user;
    s->p->over++;
    s->p->last_code = code;
    if (s->p->last == ex)
        s->p->last = NULL;
    wf_buf_free(&s->body);
    free(s);
}

// --- together ---

struct wf_http_handler pipe_handler(struct pipe *p)
{
    wf_buf_init(&p->out, 64 * 1024 * 1024);
    wf_buf_init(&p->log, 1024 * 1024);
    wf_buf_init(&p->body, 64 * 1024 * 1024);
    return (struct wf_http_handler){.ctx = p,
                                    .begin = on_begin,
                                    .data = on_data,
                                    .end = on_end,
                                    .writable = on_writable,
                                    .drain = on_drain,
                                    .closed = on_closed};
}

void pipe_forget(struct pipe *p)
{
    WF_ASSERT(p->begun == p->over);
    wf_buf_free(&p->out);
    wf_buf_free(&p->log);
    wf_buf_free(&p->body);
}

struct pipe *pipe_new(pipe_maker make)
{
    struct pipe *p = calloc(1, sizeof *p);
    WF_ASSERT(p != NULL);
    p->handler = pipe_handler(p);
    wf_http_shared_init(&p->shared, &p->handler, NULL);
    p->room = 256 * 1024;
    p->now = 1000;
    const struct wf_transport t = {
        .ops = &transport_ops, .ctx = p, .peer = &p->peer, .address = "192.0.2.1:4242"};
    p->session = make(&p->shared, &t);
    WF_ASSERT(p->session != NULL);
    return p;
}

void pipe_free(struct pipe *p)
{
    p->session->ops->lost(p->session);
    wf_http_shared_free(&p->shared);
    pipe_forget(p);
    free(p);
}

void pipe_run(struct pipe *p)
{
    for (int i = 0; p->wake && !p->closed && i < 10000; i++) {
        p->wake = false;
        p->session->ops->writable(p->session);
    }
}

void pipe_feed(struct pipe *p, const void *data, size_t len, size_t step)
{
    const uint8_t *at = data;
    while (len > 0 && !p->closed && !p->paused) {
        size_t n = step > 0 && step < len ? step : len;
        p->session->ops->read(p->session, at, n);
        pipe_run(p);
        at += n;
        len -= n;
    }
}

void pipe_puts(struct pipe *p, const char *text)
{
    pipe_feed(p, text, strlen(text), 0);
}

void pipe_pass(struct pipe *p, unsigned ms)
{
    for (int i = 0; i < 10 && !p->closed; i++) {
        p->now += ms / 10;
        p->session->ops->tick(p->session, p->now);
        pipe_run(p);
    }
}
