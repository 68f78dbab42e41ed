// SPDX-License-Identifier: Apache-2.0
#include "daemon/front.h"

#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/assert.h"
#include "base/log.h"
#include "daemon/loop.h"
#include "daemon/raft_link.h"
#include "daemon/trim.h"
#include "http/server.h"
#include "tls/listener.h"

enum { BEAT_MS = 50 };

enum { WANT_NOT_SERVING = 1, WANT_DRAIN = 2, WANT_CLOSE = 4 };

static const char *const services[] = {"", "watchfire.v1.IncidentService",
                                       "watchfire.v1.LogService", "watchfire.v1.ClusterService",
                                       "watchfire.v1.AccessService"};

struct wf_front {
    struct wf_front_options o;
    uv_loop_t loop;
    uv_async_t mail;
    uv_prepare_t before;
    uv_check_t after;
    uv_timer_t beat;
    _Atomic uint64_t beats;
    _Atomic unsigned want;
    _Atomic unsigned grace_ms;
    struct wf_tls *_Atomic new_tls;
    bool draining, drained, serving, closing, closed;

    struct wf_post post;
    struct wf_api *api;
    struct wf_rpc_server *rpc;
    struct wf_http_server *http;
    struct wf_http_handler handler;
    struct wf_conn_proto protos[3];
    struct wf_listener *listener;
    struct wf_trim trim;
};

// --- exchanges -----------------------------------------------------------------------------------

// What is no call is answered at once from begin; its body, if any, is let go.
static void page_data(struct wf_exchange *ex, void *user, const uint8_t *data, size_t len)
{
    (void)user;
    (void)data;
    wf_exchange_consume(ex, len);
}

static void page_nothing(struct wf_exchange *ex, void *user)
{
    (void)ex;
    (void)user;
}

static void page_closed(struct wf_exchange *ex, void *user, int code)
{
    (void)ex;
    (void)user;
    (void)code;
}

static void begin(void *ctx, struct wf_exchange *ex)
{
    struct wf_front *f = ctx;
    if (!wf_rpc_server_begin(f->rpc, ex))
        wf_api_page(f->api, ex);
}

// --- links between nodes -------------------------------------------------------------------------

static int hand_over(struct wf_front *f, struct wf_conn *conn)
{
    struct wf_conn_parcel *parcel = NULL;
    struct wf_err err;
    int rc = wf_conn_detach(conn, &parcel, &err);
    if (rc == WF_OK)
        wf_consensus_deliver(f->o.consensus, parcel);
    return rc;
}

static int raft_open(void *ctx, struct wf_conn *conn)
{
    struct wf_front *f = ctx;
    wf_conn_set_user(conn, f);
    wf_conn_pause(conn);
    if (f->draining)
        return WF_UNAVAILABLE;
    int rc = hand_over(f, conn);
    if (rc != WF_UNAVAILABLE)
        return rc;
    wf_conn_wake(conn); // the end of the handshake is not in the kernel yet
    return WF_OK;
}

static void raft_writable(struct wf_conn *conn, void *user)
{
    int rc = hand_over(user, conn);
    if (rc == WF_UNAVAILABLE)
        wf_conn_wake(conn);
    else if (rc != WF_OK)
        wf_conn_close(conn, false);
}

static void raft_read(struct wf_conn *conn, void *user, const uint8_t *data, size_t len)
{
    (void)conn;
    (void)user;
    (void)data;
    (void)len;
    WF_UNREACHABLE(); // paused
}

static void raft_closed(struct wf_conn *conn, void *user, const struct wf_err *err)
{
    (void)user;
    wf_log(WF_LOG_INFO, "link lost before it was taken over", "address", wf_conn_address(conn),
           "why", err->msg, NULL);
}

static void raft_drain(struct wf_conn *conn, void *user)
{
    (void)user;
    wf_conn_close(conn, false);
}

// --- what was wanted -----------------------------------------------------------------------------

static void set_serving(struct wf_front *f, bool serving)
{
    if (serving == f->serving)
        return;
    f->serving = serving;
    for (size_t i = 0; i < sizeof services / sizeof *services; i++)
        wf_rpc_server_set_health(f->rpc, services[i], serving);
}

static void check_serving(struct wf_front *f)
{
    struct wf_view view;
    f->post.backend.view(f->post.backend.ctx, &view);
    set_serving(f, view.ready);
}

static void on_drained(void *ctx)
{
    struct wf_front *f = ctx;
    f->listener = NULL;
    f->drained = true;
    f->o.drained(f->o.ctx);
}

// The listener ends with its last connection: nothing is left to close.
static void on_listener_drained(void *ctx)
{
    struct wf_front *f = ctx;
    wf_listener_close(f->listener, on_drained, f);
}

static void drain(struct wf_front *f)
{
    f->draining = true;
    wf_rpc_server_drain(f->rpc);
    wf_api_drain(f->api);
    wf_listener_drain(f->listener, f->grace_ms, on_listener_drained, f);
}

static void on_api_closed(void *ctx)
{
    struct wf_front *f = ctx;
    f->api = NULL;
}

static void close_all(struct wf_front *f)
{
    WF_ASSERT(f->drained && !f->closed);
    f->closed = true;
    uv_close((uv_handle_t *)&f->mail, NULL);
    uv_close((uv_handle_t *)&f->before, NULL);
    uv_close((uv_handle_t *)&f->after, NULL);
    uv_close((uv_handle_t *)&f->beat, NULL);
    wf_rpc_server_free(f->rpc);
    wf_http_server_free(f->http);
    wf_api_close(f->api, on_api_closed, f);
}

// The node is stopped but still answers: close when nothing is under way any more.
static void close_when_idle(struct wf_front *f)
{
    if (f->closing && !f->closed && f->post.under_way == 0 && wf_api_idle(f->api))
        close_all(f);
}

static void take_wants(struct wf_front *f)
{
    unsigned want = atomic_exchange(&f->want, 0);
    struct wf_tls *tls = atomic_exchange(&f->new_tls, NULL);
    if (tls && !f->draining)
        wf_listener_set_tls(f->listener, tls);
    if (tls)
        wf_tls_unref(tls);
    if (want & WANT_NOT_SERVING)
        wf_rpc_server_drain(f->rpc); // for good: the node may still be ready for a moment
    if (want & WANT_DRAIN)
        drain(f);
    if (want & WANT_CLOSE)
        f->closing = true;
}

// --- the loop ------------------------------------------------------------------------------------

// Watchers want to hear what is applied; nobody else is woken for it.
static void note_watchers(struct wf_front *f)
{
    bool watched = wf_api_watched(f->api);
    if (watched == atomic_load_explicit(&f->post.watched, memory_order_relaxed))
        return;
    atomic_store_explicit(&f->post.watched, watched, memory_order_release);
    if (watched)
        wf_api_applied(f->api); // what came before the consensus thread could know
}

static void on_mail(uv_async_t *h)
{
    struct wf_front *f = h->data;
    wf_post_take_answers(&f->post);
    wf_api_applied(f->api);
    take_wants(f);
}

static void on_before(uv_prepare_t *h)
{
    struct wf_front *f = h->data;
    note_watchers(f);
    close_when_idle(f);
    wf_post_send_asks(&f->post);
}

static void on_after(uv_check_t *h)
{
    struct wf_front *f = h->data;
    wf_post_send_asks(&f->post);
}

static void on_beat(uv_timer_t *t)
{
    struct wf_front *f = t->data;
    uint64_t n = atomic_fetch_add(&f->beats, 1);
    check_serving(f);
    if (n % (1000 / BEAT_MS) == 0 && !f->draining && f->listener)
        wf_trim_look(&f->trim, wf_listener_connections(f->listener));
}

static void wake(void *ctx)
{
    struct wf_front *f = ctx;
    uv_async_send(&f->mail);
}

static void want(struct wf_front *f, unsigned what)
{
    atomic_fetch_or(&f->want, what);
    wake(f);
}

void wf_front_set_tls(struct wf_front *f, struct wf_tls *tls)
{
    struct wf_tls *old = atomic_exchange(&f->new_tls, wf_tls_ref(tls));
    if (old)
        wf_tls_unref(old);
    wake(f);
}

void wf_front_drain(struct wf_front *f, unsigned grace_ms)
{
    f->grace_ms = grace_ms;
    want(f, WANT_DRAIN);
}

void wf_front_close(struct wf_front *f)
{
    want(f, WANT_CLOSE);
}

void wf_front_not_serving(struct wf_front *f)
{
    want(f, WANT_NOT_SERVING);
}

// --- life ----------------------------------------------------------------------------------------

static void on_refused(void *ctx, const char *address, const char *why)
{
    struct wf_front *f = ctx;
    wf_api_refused_peer(f->api, address, why);
}

static void init_handles(struct wf_front *f)
{
    uv_async_init(&f->loop, &f->mail, on_mail);
    uv_prepare_init(&f->loop, &f->before);
    uv_check_init(&f->loop, &f->after);
    uv_timer_init(&f->loop, &f->beat);
    wf_trim_init(&f->trim, &f->loop);
    f->mail.data = f->before.data = f->after.data = f->beat.data = f;
    uv_prepare_start(&f->before, on_before);
    uv_check_start(&f->after, on_after);
    uv_timer_start(&f->beat, on_beat, BEAT_MS, BEAT_MS);
}

static int open_api(struct wf_front *f, struct wf_err *err)
{
    struct wf_api_options o = {.loop = &f->loop,
                               .backend = &f->post.backend,
                               .state = f->o.state,
                               .metrics = f->o.metrics,
                               .node = f->o.config->node.name,
                               .cluster_name = f->o.config->cluster.name,
                               .scratch_dir = f->o.scratch_dir,
                               .expires = f->o.expires};
    memcpy(o.cluster_id, f->o.cluster_id, sizeof o.cluster_id);
    return wf_api_open(&f->api, &o, err);
}

static int open_listener(struct wf_front *f, struct wf_err *err)
{
    f->protos[0] = (struct wf_conn_proto){.alpn = WF_RAFT_ALPN,
                                          .needs_node = true,
                                          .no_tickets = true,
                                          .open = raft_open,
                                          .read = raft_read,
                                          .writable = raft_writable,
                                          .closed = raft_closed,
                                          .drain = raft_drain,
                                          .ctx = f};
    f->protos[1] = wf_http_server_h2(f->http);
    f->protos[2] = wf_http_server_h1(f->http);
    const struct wf_config_front *front = f->o.config->front;
    unsigned per_address = front ? front->connections_per_address : 0;
    struct wf_listener_options o = {.address = f->o.listen,
                                    .protos = f->protos,
                                    .n_protos = 3,
                                    .metrics = f->o.metrics,
                                    .reuse_port = f->o.share_port,
                                    .bound = f->o.bound,
                                    .per_address_max = per_address,
                                    .on_refused = on_refused,
                                    .ctx = f};
    return wf_listener_open(&f->listener, &f->loop, f->o.tls, &o, err);
}

int wf_front_open(struct wf_front **out, const struct wf_front_options *opts, struct wf_err *err)
{
    struct wf_front *f = calloc(1, sizeof *f);
    if (!f)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    f->o = *opts;
    int rc = wf_post_init(&f->post, wf_consensus_board(opts->consensus),
                          wf_consensus_inbox(opts->consensus), wake, f);
    rc =
        rc == WF_OK ? wf_loop_open(&f->loop, err) : wf_fail(err, (enum wf_code)rc, "out of memory");
    if (rc != WF_OK) {
        wf_post_destroy(&f->post);
        free(f);
        return rc;
    }
    init_handles(f);
    f->handler = (struct wf_http_handler){.ctx = f,
                                          .begin = begin,
                                          .data = page_data,
                                          .end = page_nothing,
                                          .writable = page_nothing,
                                          .closed = page_closed};
    f->http = wf_http_server_new(&f->loop, &f->handler, opts->metrics);
    f->rpc = wf_rpc_server_new(&f->loop, opts->schema, opts->methods, opts->metrics);
    rc =
        f->http && f->rpc ? open_api(f, err) : wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    if (rc == WF_OK) {
        wf_api_serve(f->api, f->rpc);
        f->serving = true; // so that the next is told
        set_serving(f, false);
        rc = open_listener(f, err);
    }
    if (rc != WF_OK) {
        if (!f->api)
            return rc; // out of memory: the process ends, what is open is the kernel's to close
        f->drained = true;
        close_all(f);
        wf_front_run(f);
        wf_front_free(f);
        return rc;
    }
    wf_consensus_add_post(opts->consensus, &f->post);
    *out = f;
    return WF_OK;
}

unsigned wf_front_port(const struct wf_front *f)
{
    return wf_listener_port(f->listener);
}

void wf_front_run(struct wf_front *f)
{
    uv_run(&f->loop, UV_RUN_DEFAULT);
}

void wf_front_free(struct wf_front *f)
{
    if (!f)
        return;
    struct wf_tls *tls = atomic_exchange(&f->new_tls, NULL);
    if (tls)
        wf_tls_unref(tls);
    int rc = uv_loop_close(&f->loop);
    WF_ASSERT(rc == 0);
    wf_post_destroy(&f->post);
    free(f);
}

uint64_t wf_front_beat(struct wf_front *f)
{
    return atomic_load(&f->beats);
}
