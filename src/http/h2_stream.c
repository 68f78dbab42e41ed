// SPDX-License-Identifier: Apache-2.0
// Streams as exchanges. Nothing here runs nghttp2's receive or send: frames are queued, and pulled
// at the end of the turn, so that no callback meets another.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "http/h2_internal.h"

enum { SPARE_MAX = 256, RESPONSE_HEADERS_MAX = 64, KEEP_OUT = 4096 };

static struct h2_stream *stream_of(struct wf_exchange *ex)
{
    return (struct h2_stream *)ex;
}

static size_t out_left(const struct h2_stream *st)
{
    WF_ASSERT(st->out_at <= st->out.len);
    return st->out.len - st->out_at;
}

void wf_h2_stream_hungry(struct h2_stream *st)
{
    if (st->hungry)
        return;
    st->hungry = true;
    st->next_hungry = st->h2->hungry;
    st->h2->hungry = st;
}

// --- the body, as nghttp2 asks for it ---

static int make_nv(nghttp2_nv *nv, const struct wf_header *h, size_t n)
{
    for (size_t i = 0; i < n; i++)
        nv[i] = (nghttp2_nv){.name = (uint8_t *)h[i].name,
                             .value = (uint8_t *)h[i].value,
                             .namelen = strlen(h[i].name),
                             .valuelen = strlen(h[i].value),
                             .flags = NGHTTP2_NV_FLAG_NONE};
    return (int)n;
}

static int submit_trailers(struct h2_stream *st)
{
    nghttp2_nv nv[RESPONSE_HEADERS_MAX];
    make_nv(nv, st->trailers, st->n_trailers);
    return nghttp2_submit_trailer(st->h2->ng, st->id, nv, st->n_trailers);
}

static ssize_t on_body(nghttp2_session *ng, int32_t id, uint8_t *buf, size_t length,
                       uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct h2_stream *st = source->ptr;
    size_t n = out_left(st);
    (void)ng, (void)id, (void)user;
    if (n == 0 && !st->ex.finished) {
        st->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    n = n < length ? n : length;
    if (n > 0)
        memcpy(buf, st->out.data + st->out_at, n);
    st->out_at += n;
    WF_ASSERT(n <= st->h2->buffered);
    st->h2->buffered -= n;
    if (out_left(st) == 0) {
        st->out_at = 0;
        wf_buf_reset(&st->out);
    }
    if (!st->ex.finished) {
        if (out_left(st) <= WF_RESPONSE_QUEUE_LOW)
            wf_h2_stream_hungry(st);
    } else if (out_left(st) == 0) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (st->n_trailers > 0) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            if (submit_trailers(st) != 0)
                return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
    }
    return (ssize_t)n;
}

static void resume(struct h2_stream *st)
{
    if (st->deferred) {
        st->deferred = false;
        (void)nghttp2_session_resume_data(st->h2->ng, st->id); // fails when the stream is gone
    }
    wf_h2_wake(st->h2);
}

// --- the exchange's functions ---

static int h2_respond(struct wf_exchange *ex, int status, const struct wf_header *headers, size_t n,
                      bool end)
{
    struct h2_stream *st = stream_of(ex);
    nghttp2_nv nv[RESPONSE_HEADERS_MAX];
    char text[8];
    WF_ASSERT(n < RESPONSE_HEADERS_MAX);
    snprintf(text, sizeof text, "%d", status);
    const struct wf_header first = {":status", text};
    make_nv(nv, &first, 1);
    make_nv(nv + 1, headers, n);
    nghttp2_data_provider body = {.source.ptr = st, .read_callback = on_body};
    int rc = nghttp2_submit_response(st->h2->ng, st->id, nv, n + 1, end ? NULL : &body);
    wf_h2_wake(st->h2);
    if (rc == 0)
        return WF_OK;
    wf_exchange_reset(ex);
    return WF_UNAVAILABLE;
}

static int h2_write(struct wf_exchange *ex, const uint8_t *data, size_t len)
{
    struct h2_stream *st = stream_of(ex);
    if (st->out_at > 0 && st->out.cap - st->out.len < len) {
        wf_buf_consume(&st->out, st->out_at);
        st->out_at = 0;
    }
    if (wf_buf_append(&st->out, data, len) != WF_OK) {
        wf_exchange_reset(ex);
        return WF_RESOURCE_EXHAUSTED;
    }
    st->h2->buffered += len;
    resume(st);
    return WF_OK;
}

static size_t h2_queued(const struct wf_exchange *ex)
{
    return out_left((const struct h2_stream *)ex);
}

static bool keep_trailers(struct h2_stream *st, const struct wf_header *h, size_t n)
{
    st->trailers = wf_http_arena_alloc(&st->arena, n * sizeof *h);
    for (size_t i = 0; st->trailers && i < n; i++) {
        st->trailers[i].name = wf_http_arena_copy(&st->arena, h[i].name, strlen(h[i].name));
        st->trailers[i].value = wf_http_arena_copy(&st->arena, h[i].value, strlen(h[i].value));
        if (!st->trailers[i].name || !st->trailers[i].value)
            return false;
    }
    WF_ASSERT(st->n_trailers == 0);
    st->n_trailers = n;
    return st->trailers != NULL;
}

static void h2_finish(struct wf_exchange *ex, const struct wf_header *trailers, size_t n)
{
    struct h2_stream *st = stream_of(ex);
    WF_ASSERT(n < RESPONSE_HEADERS_MAX);
    if (n > 0 && !keep_trailers(st, trailers, n)) {
        wf_exchange_reset(ex);
        return;
    }
    resume(st);
}

static void h2_reset(struct wf_exchange *ex)
{
    struct h2_stream *st = stream_of(ex);
    (void)nghttp2_submit_rst_stream(st->h2->ng, NGHTTP2_FLAG_NONE, st->id,
                                    ex->finished ? NGHTTP2_NO_ERROR : NGHTTP2_INTERNAL_ERROR);
    wf_h2_wake(st->h2);
}

static void h2_consume(struct wf_exchange *ex, size_t n)
{
    struct h2_stream *st = stream_of(ex);
    WF_ASSERT(n <= st->unconsumed && st->unconsumed <= st->h2->buffered);
    st->unconsumed -= n;
    st->h2->buffered -= n;
    (void)nghttp2_session_consume(st->h2->ng, st->id,
                                  n); // fails only out of memory: the window stays
    wf_h2_wake(st->h2);
}

static const struct wf_exchange_ops exchange_ops = {
    .respond = h2_respond,
    .write = h2_write,
    .queued = h2_queued,
    .finish = h2_finish,
    .reset = h2_reset,
    .consume = h2_consume,
};

// --- life ---

struct h2_stream *wf_h2_stream_new(struct h2 *h2, int32_t id)
{
    struct wf_http_shared *shared = h2->base.shared;
    struct h2_stream *st = shared->spare_streams;
    if (st) {
        shared->spare_streams = st->next;
        shared->n_spare--;
    } else {
        st = malloc(sizeof *st);
        if (!st)
            return NULL;
        wf_buf_init(&st->out, WF_RESPONSE_QUEUE_MAX);
    }
    struct wf_buf out = st->out;
    memset(st, 0, offsetof(struct h2_stream, first_headers));
    st->out = out;
    wf_http_arena_init(&st->arena);
    st->ex.ops = &exchange_ops;
    st->ex.session = &h2->base;
    st->ex.version = 20;
    st->ex.headers = st->first_headers;
    st->header_room = H2_HEADERS_FIRST;
    st->h2 = h2;
    st->id = id;
    WF_ASSERT(id > 0 && st->out.len == 0);
    st->next = h2->streams;
    if (st->next)
        st->next->prev = st;
    h2->streams = st;
    h2->n_streams++;
    return st;
}

static void unlist(struct h2_stream *st)
{
    struct h2 *h2 = st->h2;
    WF_ASSERT(st->prev ? st->prev->next == st : h2->streams == st);
    if (st->prev)
        st->prev->next = st->next;
    else
        h2->streams = st->next;
    if (st->next)
        st->next->prev = st->prev;
    if (!st->hungry)
        return;
    struct h2_stream **p = &h2->hungry;
    while (*p != st)
        p = &(*p)->next_hungry;
    *p = st->next_hungry;
}

void wf_h2_stream_free(struct h2_stream *st)
{
    struct h2 *h2 = st->h2;
    struct wf_http_shared *shared = h2->base.shared;
    unlist(st);
    WF_ASSERT(h2->n_streams > 0 && h2->buffered >= st->unconsumed + out_left(st));
    if (--h2->n_streams == 0)
        h2->idle_since = wf_http_now(&h2->base);
    h2->buffered -= st->unconsumed + out_left(st);
    wf_http_arena_reset(&st->arena);
    if (st->out.cap > KEEP_OUT)
        wf_buf_free(&st->out);
    wf_buf_reset(&st->out);
    if (shared->n_spare >= SPARE_MAX) {
        wf_buf_free(&st->out);
        free(st);
        return;
    }
    st->next = shared->spare_streams;
    shared->spare_streams = st;
    shared->n_spare++;
}

void wf_h2_free_spares(struct wf_http_shared *shared)
{
    while (shared->spare_streams) {
        struct h2_stream *st = shared->spare_streams;
        shared->spare_streams = st->next;
        wf_buf_free(&st->out);
        free(st);
    }
    shared->n_spare = 0;
}

// Answer in the handler's place, which never hears of it.
void wf_h2_stream_reject(struct h2_stream *st, int status)
{
    WF_ASSERT(!st->ex.begun);
    wf_metric_add(st->h2->base.shared->metric.rejected, 1);
    if (!st->ex.responded)
        (void)wf_exchange_respond(&st->ex, status, NULL, 0, true);
}
