// SPDX-License-Identifier: Apache-2.0
#include "http/server.h"

#include <openssl/rand.h>
#include <stdlib.h>

#include "base/assert.h"
#include "http/session.h"

enum { TICK_MAX_MS = 1000, TICK_MIN_MS = 10 };

struct wf_http_server {
    struct wf_http_shared shared;
    struct wf_http_handler handler;
    uv_timer_t tick; // runs while there are sessions
    struct wf_http_session *sessions;
};

// --- time, for all sessions ---

static void on_tick(uv_timer_t *timer)
{
    struct wf_http_server *s = timer->data;
    uint64_t now = uv_now(timer->loop);
    for (struct wf_http_session *x = s->sessions, *next; x; x = next) {
        next = x->next;
        x->ops->tick(x, now);
    }
    if (!s->sessions)
        uv_timer_stop(timer);
}

// A quarter of the shortest time, so that none is missed by much.
static uint64_t tick_ms(const struct wf_http_times *t)
{
    const unsigned all[] = {t->request_head, t->request_body,   t->h1_idle, t->h2_idle,
                            t->keepalive,    t->keepalive_wait, t->max_age};
    uint64_t least = TICK_MAX_MS;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i] > 0 && all[i] / 4 < least)
            least = all[i] / 4;
    return least < TICK_MIN_MS ? TICK_MIN_MS : least;
}

static void add(struct wf_http_server *s, struct wf_http_session *x)
{
    x->next = s->sessions;
    if (x->next)
        x->next->prev = x;
    s->sessions = x;
    if (!uv_is_active((uv_handle_t *)&s->tick)) {
        uint64_t ms = tick_ms(&s->shared.times);
        uv_timer_start(&s->tick, on_tick, ms, ms);
        uv_unref((uv_handle_t *)&s->tick);
    }
    uint32_t dice = 0; // without randomness all connections grow equally old, no more
    if (x->max_age > 0 && RAND_bytes((unsigned char *)&dice, sizeof dice) == 1)
        x->max_age += x->max_age * (dice % 200) / 1000 - x->max_age / 10;
}

static void drop(struct wf_http_server *s, struct wf_http_session *x)
{
    if (x->prev)
        x->prev->next = x->next;
    else
        s->sessions = x->next;
    if (x->next)
        x->next->prev = x->prev;
}

// --- sessions on TLS connections ---

static int conn_write(void *ctx, const uint8_t *data, size_t len)
{
    return wf_conn_write(ctx, data, len);
}

static bool conn_may_write(void *ctx)
{
    return wf_conn_may_write(ctx);
}

static size_t conn_queued(void *ctx)
{
    return wf_conn_queued(ctx);
}

static void conn_wake(void *ctx)
{
    wf_conn_wake(ctx);
}

static void conn_pause(void *ctx, bool on)
{
    if (on)
        wf_conn_pause(ctx);
    else
        wf_conn_resume(ctx);
}

static void conn_close(void *ctx, bool graceful)
{
    wf_conn_close(ctx, graceful);
}

static uint64_t conn_now(void *ctx)
{
    return uv_now(wf_conn_loop(ctx));
}

static const struct wf_transport_ops on_conn = {
    .write = conn_write,
    .may_write = conn_may_write,
    .queued = conn_queued,
    .wake = conn_wake,
    .pause = conn_pause,
    .close = conn_close,
    .now_ms = conn_now,
};

// A session and the server it belongs to, as the connection's user.
struct attached {
    struct wf_http_server *server;
    struct wf_http_session *session;
};

static int attach(struct wf_http_server *s, struct wf_conn *conn,
                  struct wf_http_session *(*make)(struct wf_http_shared *,
                                                  const struct wf_transport *))
{
    const struct wf_transport t = {.ops = &on_conn,
                                   .ctx = conn,
                                   .peer = wf_conn_peer(conn),
                                   .address = wf_conn_address(conn),
                                   .loop = wf_conn_loop(conn)};
    struct attached *a = malloc(sizeof *a);
    struct wf_http_session *x = a ? make(&s->shared, &t) : NULL;
    if (!x) {
        free(a);
        return WF_RESOURCE_EXHAUSTED;
    }
    *a = (struct attached){s, x};
    wf_conn_set_user(conn, a);
    add(s, x);
    return WF_OK;
}

static int open_h2(void *ctx, struct wf_conn *conn)
{
    return attach(ctx, conn, wf_h2_new);
}

static int open_h1(void *ctx, struct wf_conn *conn)
{
    return attach(ctx, conn, wf_h1_new);
}

static struct wf_http_session *session_of(void *user)
{
    return ((struct attached *)user)->session;
}

static void on_read(struct wf_conn *conn, void *user, const uint8_t *data, size_t len)
{
    struct wf_http_session *x = session_of(user);
    (void)conn;
    x->ops->read(x, data, len);
}

static void on_writable(struct wf_conn *conn, void *user)
{
    struct wf_http_session *x = session_of(user);
    (void)conn;
    x->ops->writable(x);
}

static void on_eof(struct wf_conn *conn, void *user)
{
    struct wf_http_session *x = session_of(user);
    (void)conn;
    x->ops->eof(x);
}

static void on_drain(struct wf_conn *conn, void *user)
{
    struct wf_http_session *x = session_of(user);
    (void)conn;
    x->ops->drain(x);
}

static void on_closed(struct wf_conn *conn, void *user, const struct wf_err *err)
{
    struct attached *a = user;
    (void)conn, (void)err;
    drop(a->server, a->session);
    a->session->ops->lost(a->session);
    free(a);
}

static struct wf_conn_proto proto(struct wf_http_server *s, const char *alpn,
                                  int (*open)(void *, struct wf_conn *))
{
    return (struct wf_conn_proto){.alpn = alpn,
                                  .open = open,
                                  .read = on_read,
                                  .writable = on_writable,
                                  .eof = on_eof,
                                  .closed = on_closed,
                                  .drain = on_drain,
                                  .ctx = s};
}

struct wf_conn_proto wf_http_server_h2(struct wf_http_server *s)
{
    return proto(s, "h2", open_h2);
}

struct wf_conn_proto wf_http_server_h1(struct wf_http_server *s)
{
    return proto(s, "http/1.1", open_h1);
}

// --- the server ---

struct wf_http_server *wf_http_server_new(uv_loop_t *loop, const struct wf_http_handler *handler,
                                          struct wf_metrics *metrics)
{
    struct wf_http_server *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->handler = *handler;
    wf_http_shared_init(&s->shared, &s->handler, metrics);
    uv_timer_init(loop, &s->tick);
    s->tick.data = s;
    return s;
}

void wf_http_server_set_times(struct wf_http_server *s, const struct wf_http_times *times)
{
    WF_ASSERT(!s->sessions);
    s->shared.times = *times;
}

static void on_timer_closed(uv_handle_t *h)
{
    struct wf_http_server *s = h->data;
    wf_http_shared_free(&s->shared);
    free(s);
}

void wf_http_server_free(struct wf_http_server *s)
{
    if (!s)
        return;
    WF_ASSERT(!s->sessions);
    uv_close((uv_handle_t *)&s->tick, on_timer_closed);
}
