// SPDX-License-Identifier: Apache-2.0
#include "fake_node.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "http/server.h"
#include "rpc/schema.h"
#include "rpc/server.h"
#include "tls/listener.h"

struct fake_node {
    uv_thread_t thread;
    uv_loop_t loop;
    uv_async_t async;
    uv_mutex_t lock;
    uv_cond_t changed;
    bool ready, stopping;
    void (*run)(void *ctx); // to be called on the thread
    void *run_ctx;
    char address[64];
    void (*fn)(void *ctx, struct wf_call *call);
    void *ctx;
    struct wf_tls *tls;
    struct wf_schema *schema;
    struct wf_method_table *methods;
    struct wf_rpc_server *rpc;
    struct wf_http_server *http;
    struct wf_listener *listener;
};

static void on_begin(void *ctx, struct wf_exchange *ex)
{
    struct fake_node *n = ctx;
    if (!wf_rpc_server_begin(n->rpc, ex))
        wf_exchange_reply(ex, 404, "text/plain", "no", 2);
}

static void on_closed(void *ctx)
{
    struct fake_node *n = ctx;
    wf_http_server_free(n->http);
    wf_rpc_server_free(n->rpc);
    wf_method_table_free(n->methods);
    wf_schema_free(n->schema);
    uv_close((uv_handle_t *)&n->async, NULL);
}

static void on_async(uv_async_t *async)
{
    struct fake_node *n = async->data;
    uv_mutex_lock(&n->lock);
    void (*run)(void *ctx) = n->run;
    void *ctx = n->run_ctx;
    bool stopping = n->stopping;
    n->run = NULL;
    uv_mutex_unlock(&n->lock);
    if (run)
        run(ctx);
    uv_mutex_lock(&n->lock);
    n->ready = true;
    uv_cond_signal(&n->changed);
    uv_mutex_unlock(&n->lock);
    if (stopping)
        wf_listener_close(n->listener, on_closed, n);
}

static void serve(struct fake_node *n)
{
    static const char *const services[] = {"watchfire.v1.IncidentService",
                                           "watchfire.v1.LogService", "watchfire.v1.ClusterService",
                                           "watchfire.v1.AccessService"};
    struct wf_err err;
    struct wf_schema_source source = wf_schema_embedded();
    WF_ASSERT(wf_schema_new(&source, &n->schema, &err) == WF_OK);
    n->methods = wf_method_table_new(n->schema);
    n->rpc = wf_rpc_server_new(&n->loop, n->schema, n->methods, NULL);
    struct wf_http_handler handler = {.ctx = n, .begin = on_begin};
    n->http = wf_http_server_new(&n->loop, &handler, NULL);
    WF_ASSERT(n->methods && n->rpc && n->http);
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
        wf_rpc_server_handle(n->rpc, services[i], n->fn, n->ctx);
    struct wf_conn_proto protos[] = {wf_http_server_h2(n->http), wf_http_server_h1(n->http)};
    struct wf_listener_options o = {.address = "127.0.0.1:0", .protos = protos, .n_protos = 2};
    WF_ASSERT(wf_listener_open(&n->listener, &n->loop, n->tls, &o, &err) == WF_OK);
    snprintf(n->address, sizeof(n->address), "127.0.0.1:%u", wf_listener_port(n->listener));
}

static void node_thread(void *arg)
{
    struct fake_node *n = arg;
    serve(n);
    uv_async_send(&n->async);
    uv_run(&n->loop, UV_RUN_DEFAULT);
    WF_ASSERT(uv_loop_close(&n->loop) == 0);
}

static void wait_ready(struct fake_node *n)
{
    uv_mutex_lock(&n->lock);
    while (!n->ready)
        uv_cond_wait(&n->changed, &n->lock);
    n->ready = false;
    uv_mutex_unlock(&n->lock);
}

struct fake_node *fake_node_start(const struct testcert_dir *certs,
                                  void (*fn)(void *ctx, struct wf_call *call), void *ctx)
{
    struct fake_node *n = calloc(1, sizeof(*n));
    WF_ASSERT(n);
    n->fn = fn;
    n->ctx = ctx;
    n->tls = testcert_load(certs, "ca", "node", "acme");
    WF_ASSERT(uv_loop_init(&n->loop) == 0 && uv_mutex_init(&n->lock) == 0 &&
              uv_cond_init(&n->changed) == 0 && uv_async_init(&n->loop, &n->async, on_async) == 0);
    n->async.data = n;
    WF_ASSERT(uv_thread_create(&n->thread, node_thread, n) == 0);
    wait_ready(n);
    return n;
}

const char *fake_node_address(const struct fake_node *n)
{
    return n->address;
}

void fake_node_do(struct fake_node *n, void (*run)(void *ctx), void *ctx)
{
    uv_mutex_lock(&n->lock);
    n->run = run;
    n->run_ctx = ctx;
    uv_mutex_unlock(&n->lock);
    uv_async_send(&n->async);
    wait_ready(n);
}

void fake_node_stop(struct fake_node *n)
{
    uv_mutex_lock(&n->lock);
    n->stopping = true;
    uv_mutex_unlock(&n->lock);
    uv_async_send(&n->async);
    uv_thread_join(&n->thread);
    wf_tls_unref(n->tls);
    uv_mutex_destroy(&n->lock);
    uv_cond_destroy(&n->changed);
    free(n);
}

struct testcert_dir fake_node_certs(void)
{
    struct testcert_dir d = testcert_new();
    testcert_ca(&d, "ca");
    testcert_leaf(&d, "ca", "node", "spiffe://acme/node/fra-1", -60, 3600);
    testcert_leaf(&d, "ca", "user", "spiffe://acme/user/ricardo", -60, 3600);
    return d;
}
