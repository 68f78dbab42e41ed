// SPDX-License-Identifier: Apache-2.0
#include "http/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "http/client_internal.h"

enum { TIMER_MS = 5000 };

static void close_conn(struct wf_http_client *c, bool graceful)
{
    if (c->closing)
        return;
    c->closing = true;
    wf_conn_close(c->conn, graceful);
}

void wf_http_client_settle(struct wf_http_client *c)
{
    bool out = !nghttp2_session_want_write(c->ng);
    if (out &&
        (c->ending || !nghttp2_session_want_read(c->ng) || (c->draining && c->n_requests == 0)))
        close_conn(c, true);
}

// --- the connection's events ---

static int say_hello(struct wf_http_client *c)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WF_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, WF_HEADERS_MAX},
    };
    if (nghttp2_submit_settings(c->ng, NGHTTP2_FLAG_NONE, settings,
                                sizeof settings / sizeof settings[0]) != 0 ||
        nghttp2_session_set_local_window_size(c->ng, NGHTTP2_FLAG_NONE, 0, WF_CONN_WINDOW) != 0)
        return WF_RESOURCE_EXHAUSTED;
    return WF_OK;
}

static int on_open(void *ctx, struct wf_conn *conn)
{
    struct wf_http_client *c = ctx;
    if (say_hello(c) != WF_OK) {
        wf_fail(&c->err, WF_RESOURCE_EXHAUSTED, "out of memory");
        close_conn(c, false);
        return WF_OK;
    }
    c->is_open = true;
    c->last_read = uv_now(wf_conn_loop(conn));
    wf_conn_wake(conn);
    if (c->events->open)
        c->events->open(c->ctx);
    return WF_OK;
}

static void on_read(struct wf_conn *conn, void *user, const uint8_t *data, size_t len)
{
    struct wf_http_client *c = user;
    c->last_read = uv_now(wf_conn_loop(conn));
    c->ping_at = 0;
    if (c->closing)
        return;
    ssize_t rc = nghttp2_session_mem_recv(c->ng, data, len);
    if (rc < 0) {
        wf_fail(&c->err, WF_INTERNAL, "%s speaks no proper HTTP/2: %s", c->authority,
                nghttp2_strerror((int)rc));
        close_conn(c, false);
        return;
    }
    wf_conn_wake(conn);
}

static void on_writable(struct wf_conn *conn, void *user)
{
    struct wf_http_client *c = user;
    while (!c->closing && wf_conn_may_write(conn)) {
        const uint8_t *data;
        ssize_t n = nghttp2_session_mem_send(c->ng, &data);
        if (n < 0) {
            wf_fail(&c->err, WF_RESOURCE_EXHAUSTED, "out of memory: %s", nghttp2_strerror((int)n));
            close_conn(c, false);
        }
        if (n <= 0 || wf_conn_write(conn, data, (size_t)n) != WF_OK)
            break;
    }
    if (!c->closing)
        wf_http_client_settle(c);
}

static void on_eof(struct wf_conn *conn, void *user)
{
    struct wf_http_client *c = user;
    (void)conn;
    if (c->err.code == WF_OK && !c->closing)
        wf_fail(&c->err, WF_UNAVAILABLE, "%s closed the connection", c->authority);
    close_conn(c, true);
}

static void on_timer_closed(uv_handle_t *h)
{
    struct wf_http_client *c = h->data;
    if (c->events->closed)
        c->events->closed(c->ctx, &c->err);
    nghttp2_session_del(c->ng);
    free(c);
}

// A server that turned our certificate away has looked at nothing else.
static bool may_have_processed(const struct wf_http_request *r, const struct wf_err *err)
{
    return r->sent && err->code != WF_UNAUTHENTICATED;
}

static void on_closed(struct wf_conn *conn, void *user, const struct wf_err *err)
{
    struct wf_http_client *c = user;
    (void)conn;
    c->closing = c->draining = true;
    if (c->err.code == WF_OK)
        c->err = *err;
    while (c->requests) {
        struct wf_http_request *r = c->requests;
        wf_http_request_end(r, &c->err, may_have_processed(r, &c->err));
    }
    c->conn = NULL;
    uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}

// A server that is gone without a word is noticed by its silence.
static void on_timer(uv_timer_t *timer)
{
    struct wf_http_client *c = timer->data;
    uint64_t now = uv_now(timer->loop);
    if (c->closing || !c->is_open)
        return;
    if (c->ending) // it does not even take the goodbye
        close_conn(c, false);
    else if (c->ping_at != 0 && now - c->ping_at >= WF_CLIENT_PING_WAIT_MS) {
        wf_fail(&c->err, WF_UNAVAILABLE, "%s has been silent for %d s", c->authority,
                (int)((now - c->last_read) / 1000));
        close_conn(c, false);
    } else if (c->ping_at == 0 && c->n_requests > 0 && now - c->last_read >= WF_CLIENT_PING_MS) {
        c->ping_at = now;
        (void)nghttp2_submit_ping(c->ng, NGHTTP2_FLAG_NONE, NULL);
        wf_conn_wake(c->conn);
    }
}

// --- from outside ---

static int new_nghttp2(struct wf_http_client *c)
{
    nghttp2_option *option;
    if (!wf_http_client_callbacks() || nghttp2_option_new(&option) != 0)
        return WF_RESOURCE_EXHAUSTED;
    nghttp2_option_set_no_auto_window_update(option, 1);
    int rc = nghttp2_session_client_new2(&c->ng, wf_http_client_callbacks(), c, option);
    nghttp2_option_del(option);
    return rc == 0 ? WF_OK : WF_RESOURCE_EXHAUSTED;
}

struct wf_http_client *wf_http_client_dial(uv_loop_t *loop, struct wf_tls *t, const char *host_port,
                                           const struct wf_http_client_events *events, void *ctx)
{
    struct wf_http_client *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    const struct wf_conn_proto proto = {.alpn = "h2",
                                        .open = on_open,
                                        .read = on_read,
                                        .writable = on_writable,
                                        .eof = on_eof,
                                        .closed = on_closed,
                                        .ctx = c};
    c->events = events;
    c->ctx = ctx;
    snprintf(c->authority, sizeof c->authority, "%s", host_port);
    if (new_nghttp2(c) == WF_OK)
        c->conn = wf_conn_dial(loop, t, host_port, NULL, &proto);
    if (!c->conn) {
        nghttp2_session_del(c->ng);
        free(c);
        return NULL;
    }
    wf_conn_set_user(c->conn, c);
    uv_timer_init(loop, &c->timer);
    c->timer.data = c;
    uv_timer_start(&c->timer, on_timer, TIMER_MS, TIMER_MS);
    uv_unref((uv_handle_t *)&c->timer);
    return c;
}

void wf_http_client_close(struct wf_http_client *c)
{
    if (c->closing)
        return;
    c->draining = true;
    if (!c->is_open) {
        close_conn(c, true);
        return;
    }
    c->ending = true;
    (void)nghttp2_session_terminate_session(c->ng, NGHTTP2_NO_ERROR);
    wf_conn_wake(c->conn);
}

bool wf_http_client_draining(const struct wf_http_client *c)
{
    return c->draining || c->closing;
}
