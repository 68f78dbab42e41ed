// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "http/client_internal.h"

// --- its end ---

void wf_http_request_end(struct wf_http_request *r, const struct wf_err *err, bool processed)
{
    struct wf_http_client *c = r->client;
    if (r->prev)
        r->prev->next = r->next;
    else
        c->requests = r->next;
    if (r->next)
        r->next->prev = r->prev;
    WF_ASSERT(c->n_requests > 0);
    c->n_requests--;
    if (r->events && r->events->closed)
        r->events->closed(r->ctx, err, processed);
    wf_http_arena_reset(&r->arena);
    free(r);
}

// gRPC's table of what an HTTP/2 error means.
static enum wf_code code_of(uint32_t error)
{
    switch (error) {
    case NGHTTP2_REFUSED_STREAM:
        return WF_UNAVAILABLE;
    case NGHTTP2_CANCEL:
        return WF_CANCELLED;
    case NGHTTP2_ENHANCE_YOUR_CALM:
        return WF_RESOURCE_EXHAUSTED;
    case NGHTTP2_INADEQUATE_SECURITY:
        return WF_PERMISSION_DENIED;
    default:
        return WF_INTERNAL;
    }
}

// Also of a request that was cancelled, or forbidden by a GOAWAY, before it left.
static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t error, void *user)
{
    struct wf_http_client *c = user;
    struct wf_http_request *r = nghttp2_session_get_stream_user_data(ng, id);
    if (!r)
        return 0;
    struct wf_err err = r->err;
    nghttp2_session_set_stream_user_data(ng, id, NULL);
    if (r->unconsumed > 0)
        (void)nghttp2_session_consume_connection(ng, r->unconsumed);
    if (err.code == WF_OK && !r->ended) {
        if (error == NGHTTP2_REFUSED_STREAM && c->draining)
            wf_fail(&err, WF_UNAVAILABLE, "%s is stopping", c->authority);
        else
            wf_fail(&err, code_of(error), "%s broke the answer off: %s", c->authority,
                    nghttp2_http2_strerror(error));
    }
    wf_http_request_end(r, &err, r->sent && error != NGHTTP2_REFUSED_STREAM);
    return 0;
}

static int on_frame_send(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    struct wf_http_request *r = nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id);
    (void)user;
    if (r && frame->hd.type == NGHTTP2_HEADERS)
        r->sent = true;
    return 0;
}

// --- the response ---

static void spoil(struct wf_http_request *r, const char *why)
{
    if (r->err.code == WF_OK)
        wf_fail(&r->err, WF_RESOURCE_EXHAUSTED, "the answer of %s has %s", r->client->authority,
                why);
    (void)nghttp2_submit_rst_stream(r->client->ng, NGHTTP2_FLAG_NONE, r->id, NGHTTP2_CANCEL);
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    struct wf_http_request *r = nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id);
    (void)user;
    if (r) {
        r->n_headers = r->header_bytes = 0;
        wf_http_arena_reset(&r->arena);
    }
    return 0;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                     size_t namelen, const uint8_t *value, size_t valuelen, uint8_t flags,
                     void *user)
{
    struct wf_http_request *r = nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id);
    (void)flags, (void)user;
    if (!r || r->err.code != WF_OK)
        return 0;
    r->header_bytes += namelen + valuelen + 32;
    if (r->header_bytes > WF_HEADERS_MAX || r->n_headers == REQUEST_HEADERS_MAX) {
        spoil(r, "too many header fields");
        return 0;
    }
    char *v = wf_http_arena_copy(&r->arena, value, valuelen);
    char *n = wf_http_arena_copy(&r->arena, name, namelen);
    if (!v || !n)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (strcmp(n, ":status") == 0)
        r->status = atoi(v);
    else
        r->headers[r->n_headers++] = (struct wf_header){n, v};
    return 0;
}

static void on_headers(struct wf_http_request *r, const nghttp2_frame *frame)
{
    bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    bool trailers = r->is_final;
    r->is_final |= r->status >= 200; // before it there may be sections such as 103
    r->ended |= end;
    if (!r->events || r->err.code != WF_OK || !r->is_final)
        return;
    if (!trailers && r->events->headers)
        r->events->headers(r->ctx, r->status, r->headers, r->n_headers, end);
    else if (trailers && r->events->trailers)
        r->events->trailers(r->ctx, r->headers, r->n_headers);
}

static void on_goaway(struct wf_http_client *c, const nghttp2_goaway *g)
{
    c->draining = true;
    if (g->error_code != NGHTTP2_NO_ERROR && c->err.code == WF_OK)
        wf_fail(&c->err, code_of(g->error_code), "%s ended the connection: %s %.*s", c->authority,
                nghttp2_http2_strerror(g->error_code), (int)g->opaque_data_len,
                g->opaque_data_len ? (const char *)g->opaque_data : "");
}

static int on_frame_recv(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    struct wf_http_client *c = user;
    struct wf_http_request *r = nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id);
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        if (r)
            on_headers(r, frame);
        break;
    case NGHTTP2_DATA:
        if (r && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
            r->ended = true;
        break;
    case NGHTTP2_PING:
        if (frame->hd.flags & NGHTTP2_FLAG_ACK)
            c->ping_at = 0;
        break;
    case NGHTTP2_GOAWAY:
        on_goaway(c, &frame->goaway);
        break;
    default:
        break;
    }
    return 0;
}

static int on_data_chunk(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data,
                         size_t len, void *user)
{
    struct wf_http_request *r = nghttp2_session_get_stream_user_data(ng, id);
    (void)flags, (void)user;
    if (!r || !r->events || !r->events->data) {
        (void)nghttp2_session_consume(ng, id, len);
        return 0;
    }
    r->unconsumed += len;
    r->events->data(r->ctx, data, len);
    return 0;
}

// --- the request ---

static ssize_t on_body(nghttp2_session *ng, int32_t id, uint8_t *buf, size_t length,
                       uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct wf_http_request *r = source->ptr;
    size_t n = r->body_len - r->body_at;
    (void)ng, (void)id, (void)user;
    n = n < length ? n : length;
    memcpy(buf, r->body + r->body_at, n);
    r->body_at += n;
    if (r->body_at == r->body_len)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

static nghttp2_nv nv_of(const char *name, const char *value)
{
    return (nghttp2_nv){.name = (uint8_t *)name,
                        .value = (uint8_t *)value,
                        .namelen = strlen(name),
                        .valuelen = strlen(value)};
}

static bool has_room(const struct wf_http_client *c)
{
    uint32_t most =
        nghttp2_session_get_remote_settings(c->ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    return c->n_requests < WF_STREAMS_MAX && c->n_requests < most;
}

static struct wf_http_request *new_request(struct wf_http_client *c, const void *body, size_t len)
{
    struct wf_http_request *r = malloc(sizeof *r + len);
    if (!r)
        return NULL;
    memset(r, 0, offsetof(struct wf_http_request, headers));
    r->client = c;
    r->body_len = len;
    r->body_at = 0;
    if (len > 0)
        memcpy(r->body, body, len);
    wf_http_arena_init(&r->arena);
    r->prev = NULL;
    r->next = c->requests;
    if (r->next)
        r->next->prev = r;
    c->requests = r;
    c->n_requests++;
    return r;
}

struct wf_http_request *wf_http_client_request(struct wf_http_client *c, const char *method,
                                               const char *path, const struct wf_header *headers,
                                               size_t n, const void *body, size_t len,
                                               const struct wf_http_response_events *events,
                                               void *ctx)
{
    nghttp2_nv nv[REQUEST_HEADERS_MAX];
    WF_ASSERT(n + 4 <= REQUEST_HEADERS_MAX);
    if (!c->is_open || c->draining || c->closing || !has_room(c))
        return NULL;
    struct wf_http_request *r = new_request(c, body, len);
    if (!r)
        return NULL;
    nv[0] = nv_of(":method", method);
    nv[1] = nv_of(":scheme", "https");
    nv[2] = nv_of(":authority", c->authority);
    nv[3] = nv_of(":path", path);
    for (size_t i = 0; i < n; i++)
        nv[4 + i] = nv_of(headers[i].name, headers[i].value);
    const nghttp2_data_provider provider = {.source.ptr = r, .read_callback = on_body};
    r->id = nghttp2_submit_request(c->ng, NULL, nv, n + 4, len > 0 ? &provider : NULL, r);
    if (r->id < 0) { // out of memory, or of stream ids
        c->draining |= r->id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE;
        wf_http_request_end(r, NULL, false);
        return NULL;
    }
    r->events = events;
    r->ctx = ctx;
    wf_conn_wake(c->conn);
    return r;
}

void wf_http_request_consume(struct wf_http_request *r, size_t n)
{
    WF_ASSERT(n <= r->unconsumed);
    r->unconsumed -= n;
    if (r->client->closing)
        return;
    (void)nghttp2_session_consume(r->client->ng, r->id, n); // out of memory: the window stays
    wf_conn_wake(r->client->conn);
}

void wf_http_request_cancel(struct wf_http_request *r)
{
    struct wf_http_client *c = r->client;
    r->events = NULL;
    if (c->closing)
        return;
    (void)nghttp2_submit_rst_stream(c->ng, NGHTTP2_FLAG_NONE, r->id, NGHTTP2_CANCEL);
    wf_conn_wake(c->conn);
}

// --- all callbacks ---

static nghttp2_session_callbacks *callbacks;

static void make_callbacks(void)
{
    if (nghttp2_session_callbacks_new(&callbacks) != 0) {
        callbacks = NULL;
        return;
    }
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
}

nghttp2_session_callbacks *wf_http_client_callbacks(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_callbacks);
    return callbacks;
}
