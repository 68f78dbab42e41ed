// SPDX-License-Identifier: Apache-2.0
// The life of an HTTP/1.1 server session: from one exchange to the next, time, drain.
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "http/h1_internal.h"

enum { IN_MAX = 512 * 1024, KEEP_IN = 16 * 1024 };

void wf_h1_set_phase(struct h1 *h1, enum h1_phase phase)
{
    h1->phase = phase;
    h1->phase_at = wf_http_now(&h1->base);
}

static void reset_exchange(struct h1 *h1)
{
    h1->ex = (struct wf_exchange){.ops = &wf_h1_exchange_ops, .session = &h1->base};
    h1->unconsumed = 0;
    h1->wrote = h1->chunked = h1->close_after = false;
    if (h1->head.cap > KEEP_IN)
        wf_buf_free(&h1->head);
    if (h1->in.len == 0 && h1->in.cap > KEEP_IN)
        wf_buf_free(&h1->in);
}

// The response is with the connection: on to the next request, or the end.
static void next(struct h1 *h1)
{
    bool close_now = h1->close_after || h1->base.draining || h1->phase != H1_ANSWER;
    wf_exchange_closed(&h1->ex, WF_OK);
    reset_exchange(h1);
    h1->served = true;
    if (close_now) {
        wf_h1_set_phase(h1, H1_OVER);
        wf_http_session_close(&h1->base, true);
        return;
    }
    wf_h1_set_phase(h1, H1_IDLE);
}

static void h1_read(struct wf_http_session *s, const uint8_t *data, size_t len)
{
    struct h1 *h1 = h1_of_session(s);
    s->last_read = wf_http_now(s);
    wf_h1_take_input(h1, data, len);
    wf_h1_process(h1);
    if (h1->ex.finished)
        wf_h1_wake(h1);
}

static void h1_writable(struct wf_http_session *s)
{
    struct h1 *h1 = h1_of_session(s);
    if (s->closing)
        return;
    if (h1->wrote && wf_exchange_queued(&h1->ex) <= WF_RESPONSE_QUEUE_LOW) {
        h1->wrote = false;
        wf_exchange_writable(&h1->ex);
    }
    wf_h1_process(h1);
    // Pipelined requests are answered one after the other while the connection takes it.
    while (!s->closing && h1->ex.begun && h1->ex.finished &&
           s->transport.ops->may_write(s->transport.ctx)) {
        next(h1);
        wf_h1_process(h1);
    }
}

static void h1_eof(struct wf_http_session *s)
{
    struct h1 *h1 = h1_of_session(s);
    bool streams = h1->ex.responded && !h1->ex.finished;
    // A client may end its side after a whole request and wait; one that watches a stream has left.
    if (h1->phase == H1_ANSWER && !streams)
        h1->close_after = true;
    else
        wf_http_session_close(s, true);
}

static void h1_drain(struct wf_http_session *s)
{
    struct h1 *h1 = h1_of_session(s);
    s->draining = true;
    if (h1->phase == H1_IDLE)
        wf_http_session_close(s, true);
    else
        wf_exchange_drain(&h1->ex);
}

// A client that takes nothing for as long as an HTTP/2 one may leave a ping unanswered.
static bool is_stuck(struct h1 *h1, uint64_t now)
{
    const struct wf_transport *t = &h1->base.transport;
    const struct wf_http_times *times = &h1->base.shared->times;
    size_t queued = t->ops->queued(t->ctx);
    if (queued == 0 || queued != h1->stuck_queue) {
        h1->stuck_queue = queued;
        h1->stuck_at = now;
    }
    return now - h1->stuck_at >= (uint64_t)times->keepalive + times->keepalive_wait;
}

static void h1_tick(struct wf_http_session *s, uint64_t now)
{
    struct h1 *h1 = h1_of_session(s);
    const struct wf_http_times *times = &s->shared->times;
    uint64_t age = now - h1->phase_at;
    if (s->closing)
        return;
    if (s->max_age > 0 && now - s->born >= s->max_age && !s->draining)
        h1_drain(s);
    if (h1->phase == H1_HEAD && age >= times->request_head)
        wf_h1_reject(h1, 408, "the header fields took too long");
    else if ((h1->phase == H1_BODY || h1->phase == H1_TRAILERS) && !h1->paused &&
             age >= times->request_body + h1->body_bytes)
        wf_h1_reject(h1, 408, "the body took too long");
    else if (h1->phase == H1_IDLE && age >= (h1->served ? times->h1_idle : times->request_head))
        wf_http_session_close(s, true);
    else if (is_stuck(h1, now))
        wf_http_session_close(s, false);
}

static void h1_lost(struct wf_http_session *s)
{
    struct h1 *h1 = h1_of_session(s);
    s->closing = true;
    wf_exchange_closed(&h1->ex, h1->ex.finished && h1->phase == H1_ANSWER ? WF_OK : WF_CANCELLED);
    wf_buf_free(&h1->in);
    wf_buf_free(&h1->head);
    free(h1);
}

static const struct wf_http_session_ops ops = {
    .read = h1_read,
    .writable = h1_writable,
    .eof = h1_eof,
    .drain = h1_drain,
    .tick = h1_tick,
    .lost = h1_lost,
};

struct wf_http_session *wf_h1_new(struct wf_http_shared *shared, const struct wf_transport *t)
{
    struct h1 *h1 = calloc(1, sizeof *h1);
    if (!h1)
        return NULL;
    wf_http_session_init(&h1->base, &ops, shared, t);
    wf_buf_init(&h1->in, IN_MAX);
    wf_buf_init(&h1->head, WF_HEADERS_MAX);
    reset_exchange(h1);
    h1->phase_at = h1->stuck_at = h1->base.born;
    return &h1->base;
}
