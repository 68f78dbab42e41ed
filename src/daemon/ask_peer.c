// SPDX-License-Identifier: Apache-2.0
#include "daemon/ask_peer.h"

#include <uv.h>

#include "base/assert.h"
#include "base/buf.h"
#include "daemon/loop.h"
#include "http/client.h"
#include "proto/validate.h"

// One question on a loop of its own.
struct question {
    uv_loop_t loop;
    uv_timer_t timer;
    struct wf_http_client *client;
    struct wf_buf body;
    int status;
    bool answered, closing;
    struct wf_err err;
};

static void finish(struct question *q)
{
    if (q->closing)
        return;
    q->closing = true;
    uv_close((uv_handle_t *)&q->timer, NULL);
    wf_http_client_close(q->client);
}

static void on_headers(void *ctx, int status, const struct wf_header *h, size_t n, bool end)
{
    struct question *q = ctx;
    (void)h;
    (void)n;
    (void)end;
    q->status = status;
}

static void on_data(void *ctx, const uint8_t *data, size_t len)
{
    struct question *q = ctx;
    wf_buf_append(&q->body, data, len);
}

static void on_trailers(void *ctx, const struct wf_header *h, size_t n)
{
    (void)ctx;
    (void)h;
    (void)n;
}

static void on_response(void *ctx, const struct wf_err *err, bool processed)
{
    struct question *q = ctx;
    (void)processed;
    if (!err || err->code == WF_OK)
        q->answered = true;
    else
        q->err = *err;
    finish(q);
}

static const struct wf_http_response_events response_events = {on_headers, on_data, on_trailers,
                                                               on_response};

// Connect's unary form: the bare message.
static void on_open(void *ctx)
{
    struct question *q = ctx;
    static const struct wf_header headers[] = {{"content-type", "application/proto"}};
    if (!wf_http_client_request(q->client, "POST", "/watchfire.v1.ClusterService/GetStatus",
                                headers, 1, "", 0, &response_events, q)) {
        wf_fail(&q->err, WF_UNAVAILABLE, "the connection took no request");
        finish(q);
    }
}

static void on_closed(void *ctx, const struct wf_err *err)
{
    struct question *q = ctx;
    if (!q->answered && q->err.code == WF_OK)
        q->err = *err;
    q->client = NULL;
    if (!q->closing) {
        q->closing = true;
        uv_close((uv_handle_t *)&q->timer, NULL);
    }
}

static void on_timeout(uv_timer_t *t)
{
    struct question *q = t->data;
    wf_fail(&q->err, WF_DEADLINE_EXCEEDED, "no answer in time");
    finish(q);
}

static const struct wf_http_client_events client_events = {on_open, on_closed};

static int read_answer(struct question *q, Watchfire__V1__GetStatusResponse **out,
                       struct wf_err *err)
{
    if (!q->answered) {
        *err = q->err;
        return (int)err->code;
    }
    if (q->status != 200)
        return wf_fail(err, WF_UNAVAILABLE, "HTTP status %d: %.*s", q->status,
                       (int)(q->body.len < 300 ? q->body.len : 300), (const char *)q->body.data);
    return wf_proto_unpack(&watchfire__v1__get_status_response__descriptor, q->body.data,
                           q->body.len, WF_MESSAGE_MAX, (ProtobufCMessage **)out, err);
}

int wf_ask_status(struct wf_tls *tls, const char *address, unsigned timeout_ms,
                  Watchfire__V1__GetStatusResponse **out, struct wf_err *err)
{
    struct question q = {0};
    int rc = wf_loop_open(&q.loop, err);
    if (rc != WF_OK)
        return rc;
    wf_buf_init(&q.body, WF_MESSAGE_MAX);
    uv_timer_init(&q.loop, &q.timer);
    q.timer.data = &q;
    uv_timer_start(&q.timer, on_timeout, timeout_ms, 0);
    q.client = wf_http_client_dial(&q.loop, tls, address, &client_events, &q);
    if (!q.client) {
        wf_fail(&q.err, WF_RESOURCE_EXHAUSTED, "out of memory");
        uv_close((uv_handle_t *)&q.timer, NULL);
    }
    uv_run(&q.loop, UV_RUN_DEFAULT);
    rc = uv_loop_close(&q.loop);
    WF_ASSERT(rc == 0);
    rc = read_answer(&q, out, err);
    wf_buf_free(&q.body);
    return rc == WF_OK ? WF_OK : wf_wrap(err, rc, "asking %s", address);
}
