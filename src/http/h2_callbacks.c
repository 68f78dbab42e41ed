// SPDX-License-Identifier: Apache-2.0
// What nghttp2 tells about a connection's frames.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "http/h2_internal.h"

enum {
    HEADER_OVERHEAD = 32, // RFC 9113 6.5.2
    HEADER_BOMB = 8,      // times WF_HEADERS_MAX: HPACK makes it from a few bytes
};

// --- floods ---

// Frames that cost us and bring nothing, by a token bucket. Returns false when the peer overdoes
// it.
static bool spend_control(struct h2 *h2)
{
    uint64_t now = wf_http_now(&h2->base);
    uint64_t more = (now - h2->control_at) * WF_CONTROL_RATE / 1000;
    if (more > 0) {
        uint64_t tokens = h2->control + more;
        h2->control = tokens < WF_CONTROL_BURST ? (unsigned)tokens : WF_CONTROL_BURST;
        h2->control_at = now;
    }
    if (h2->control == 0) {
        wf_h2_abort(h2, NGHTTP2_ENHANCE_YOUR_CALM, "too_many_control_frames");
        return false;
    }
    h2->control--;
    return true;
}

// gRPC's rule (proposal A8): pings without data between them keep a distance.
static void on_ping(struct h2 *h2)
{
    uint64_t now = wf_http_now(&h2->base);
    bool soon = h2->last_ping != 0 && now - h2->last_ping < WF_PING_MIN_MS;
    h2->last_ping = now;
    if (soon && ++h2->strikes > WF_PING_STRIKES)
        wf_h2_abort(h2, NGHTTP2_ENHANCE_YOUR_CALM, "too_many_pings");
}

static void forget_pings(struct h2 *h2)
{
    h2->last_ping = 0;
    h2->strikes = 0;
}

// --- requests ---

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    struct h2 *h2 = user;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    int32_t id = frame->hd.stream_id;
    struct h2_stream *st =
        h2->buffered > WF_CONN_BUFFERED_MAX || h2->ended ? NULL : wf_h2_stream_new(h2, id);
    if (!st) {
        wf_metric_add(h2->base.shared->metric.refused, 1);
        return nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM) == 0
                   ? 0
                   : NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    nghttp2_session_set_stream_user_data(ng, id, st);
    return 0;
}

// What nghttp2 refuses by itself: streams past the limit, frames against the protocol.
static int on_invalid_frame(nghttp2_session *ng, const nghttp2_frame *frame, int error, void *user)
{
    struct h2 *h2 = user;
    (void)ng;
    (void)frame;
    wf_metric_add(error == NGHTTP2_ERR_REFUSED_STREAM ? h2->base.shared->metric.refused
                                                      : h2->base.shared->metric.rejected,
                  1);
    return 0;
}

static bool more_headers(struct h2_stream *st)
{
    if (st->ex.n_headers < st->header_room)
        return true;
    struct wf_header *grown =
        wf_http_arena_alloc(&st->arena, 2 * st->header_room * sizeof st->ex.headers[0]);
    if (!grown)
        return false;
    memcpy(grown, st->ex.headers, st->ex.n_headers * sizeof grown[0]);
    st->ex.headers = grown;
    st->header_room *= 2;
    return true;
}

static bool is(const uint8_t *name, size_t len, const char *what)
{
    return len == strlen(what) && memcmp(name, what, len) == 0;
}

static bool keep_pseudo(struct h2_stream *st, const uint8_t *name, size_t namelen, char *value)
{
    if (is(name, namelen, ":method"))
        st->ex.method = value;
    else if (is(name, namelen, ":path"))
        wf_exchange_set_target(&st->ex, value);
    else if (is(name, namelen, ":authority"))
        st->ex.authority = value;
    return true; // :scheme says what TLS has said
}

static bool keep_header(struct h2_stream *st, const uint8_t *name, size_t namelen,
                        const uint8_t *value, size_t valuelen)
{
    char *v = wf_http_arena_copy(&st->arena, value, valuelen);
    if (!v)
        return false;
    if (namelen > 0 && name[0] == ':')
        return keep_pseudo(st, name, namelen, v);
    char *n = wf_http_arena_copy(&st->arena, name, namelen);
    if (!n || !more_headers(st))
        return false;
    st->ex.headers[st->ex.n_headers++] = (struct wf_header){n, v};
    return true;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                     size_t namelen, const uint8_t *value, size_t valuelen, uint8_t flags,
                     void *user)
{
    struct h2 *h2 = user;
    struct h2_stream *st = nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id);
    (void)flags;
    if (!st)
        return 0;
    st->header_bytes += namelen + valuelen + HEADER_OVERHEAD;
    if (st->header_bytes > (size_t)HEADER_BOMB * WF_HEADERS_MAX) {
        wf_h2_abort(h2, NGHTTP2_ENHANCE_YOUR_CALM, "header_list_too_large");
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    if (st->header_bytes > WF_HEADERS_MAX)
        st->too_large = true;
    if (st->too_large || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0; // trailers of a request are counted, not kept
    return keep_header(st, name, namelen, value, valuelen) ? 0
                                                           : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void request_ready(struct h2_stream *st)
{
    struct wf_exchange *ex = &st->ex;
    if (!ex->authority)
        ex->authority = wf_exchange_header(ex, "host");
    if (!ex->authority)
        ex->authority = "";
    if (st->too_large)
        wf_h2_stream_reject(st, 431);
    else if (!ex->method || !ex->path || ex->path[0] != '/')
        wf_h2_stream_reject(st, ex->path && strcmp(ex->path, "*") == 0 ? 404 : 400);
    else
        wf_exchange_begin(ex);
}

static void request_over(struct h2_stream *st)
{
    if (st->request_done)
        return;
    st->request_done = true;
    if (st->ex.begun)
        wf_exchange_end(&st->ex);
}

static void on_headers(nghttp2_session *ng, const nghttp2_frame *frame)
{
    struct h2_stream *st = nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id);
    if (!st)
        return;
    forget_pings(st->h2);
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        request_ready(st);
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
        request_over(st);
}

static void on_data(struct h2 *h2, nghttp2_session *ng, const nghttp2_frame *frame)
{
    struct h2_stream *st = nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id);
    bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (frame->hd.length == 0 && !end)
        (void)spend_control(h2);
    else
        forget_pings(h2);
    if (st && end)
        request_over(st);
}

static int on_frame_recv(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    struct h2 *h2 = user;
    bool ack = frame->hd.flags & NGHTTP2_FLAG_ACK;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        on_headers(ng, frame);
        break;
    case NGHTTP2_DATA:
        on_data(h2, ng, frame);
        break;
    case NGHTTP2_PING:
        if (ack)
            wf_h2_ping_answered(h2, frame->ping.opaque_data);
        else if (spend_control(h2))
            on_ping(h2);
        break;
    case NGHTTP2_SETTINGS:
        h2->got_settings = true;
        if (!ack)
            (void)spend_control(h2);
        break;
    case NGHTTP2_PRIORITY:
        (void)spend_control(h2);
        break;
    default:
        break;
    }
    return 0;
}

static int on_data_chunk(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data,
                         size_t len, void *user)
{
    struct h2 *h2 = user;
    struct h2_stream *st = nghttp2_session_get_stream_user_data(ng, id);
    (void)flags;
    if (!st || !st->ex.begun) {
        (void)nghttp2_session_consume(ng, id, len);
        return 0;
    }
    st->unconsumed += len;
    h2->buffered += len;
    wf_exchange_data(&st->ex, data, len);
    return 0;
}

// --- responses ---

static int on_frame_send(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    struct h2 *h2 = user;
    if (frame->hd.type == NGHTTP2_GOAWAY && !h2->ended) // nghttp2's own verdict: a flood of resets
        wf_metric_add(h2->base.shared->metric.abusive,
                      frame->goaway.error_code != NGHTTP2_NO_ERROR);
    if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    forget_pings(h2);
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    int32_t id = frame->hd.stream_id;
    struct h2_stream *st = nghttp2_session_get_stream_user_data(ng, id);
    if (st)
        st->sent = true;
    // An early answer: the client may stop sending (RFC 9113 8.1).
    if (st && !st->request_done)
        (void)nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
    return 0;
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t error, void *user)
{
    struct h2_stream *st = nghttp2_session_get_stream_user_data(ng, id);
    (void)user;
    if (!st)
        return 0;
    nghttp2_session_set_stream_user_data(ng, id, NULL);
    // Closed streams still owe the connection its window.
    if (st->unconsumed > 0)
        (void)nghttp2_session_consume_connection(ng, st->unconsumed);
    int code = st->sent ? WF_OK : st->ex.over ? WF_INTERNAL : WF_CANCELLED;
    if (!st->sent && error != NGHTTP2_CANCEL && error != NGHTTP2_NO_ERROR && !st->ex.over)
        code = WF_UNAVAILABLE;
    wf_exchange_closed(&st->ex, code);
    wf_h2_stream_free(st);
    return 0;
}

// --- all of them ---

static nghttp2_session_callbacks *callbacks;

static void make_callbacks(void)
{
    if (nghttp2_session_callbacks_new(&callbacks) != 0) {
        callbacks = NULL;
        return;
    }
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
}

nghttp2_session_callbacks *wf_h2_callbacks(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_callbacks);
    return callbacks;
}
