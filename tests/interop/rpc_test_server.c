// SPDX-License-Identifier: Apache-2.0
// The test service on the real listener, for clients of other makes. It makes its own certificates
// and prints "listening PORT CA-FILE". On SIGTERM: health says NOT_SERVING, connections drain, exit
// 0.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "http/server.h"
#include "rpc/server.h"
#include "test_service.h"
#include "testcert.h"
#include "tls/listener.h"

enum { GRACE_MS = 10000 };

static struct wf_listener *listener;
static struct wf_http_server *http;
static struct wf_rpc_server *rpc;
static uv_signal_t term;

static void on_begin(void *ctx, struct wf_exchange *ex)
{
    (void)ctx;
    if (!wf_rpc_server_begin(rpc, ex))
        wf_exchange_reply(ex, 404, "text/plain", "no such page\n", 13);
}

static void on_all_closed(void *ctx)
{
    (void)ctx;
    wf_rpc_server_free(rpc);
    wf_http_server_free(http);
}

static void on_drained(void *ctx)
{
    (void)ctx;
    wf_listener_close(listener, on_all_closed, NULL);
}

static void on_signal(uv_signal_t *s, int number)
{
    (void)number;
    uv_close((uv_handle_t *)s, NULL);
    wf_rpc_server_drain(rpc);
    wf_listener_drain(listener, GRACE_MS, on_drained, NULL);
}

static int listen_on(uv_loop_t *loop, struct wf_tls *tls)
{
    struct wf_err err;
    const struct wf_conn_proto protos[] = {wf_http_server_h2(http), wf_http_server_h1(http)};
    const struct wf_listener_options o = {
        .address = "127.0.0.1:0", .protos = protos, .n_protos = 2};

    if (wf_listener_open(&listener, loop, tls, &o, &err) == WF_OK)
        return 0;
    fprintf(stderr, "%s\n", err.msg);
    return -1;
}

int main(void)
{
    static const struct wf_http_handler handler = {.begin = on_begin};
    uv_loop_t loop;

    wf_log_setup(WF_LOG_WARN, WF_LOG_LOGFMT, "");
    uv_loop_init(&loop);
    struct wf_schema *schema = test_schema_new();
    WF_ASSERT(schema != NULL);
    struct wf_method_table *methods = wf_method_table_new(schema);
    WF_ASSERT(methods != NULL);
    rpc = wf_rpc_server_new(&loop, schema, methods, NULL);
    WF_ASSERT(rpc != NULL);
    test_service_handle(rpc);
    struct testcert_dir dir = testcert_new();
    testcert_ca(&dir, "ca");
    testcert_leaf(&dir, "ca", "node", "spiffe://test/node/n1", -3600, 86400);
    struct wf_tls *tls = testcert_load(&dir, "ca", "node", "test");
    http = wf_http_server_new(&loop, &handler, NULL);
    WF_ASSERT(http != NULL);
    if (listen_on(&loop, tls) != 0)
        return 1;
    printf("listening %u %s\n", wf_listener_port(listener), testcert_file(&dir, "ca", ".pem"));
    fflush(stdout);
    uv_signal_init(&loop, &term);
    uv_signal_start(&term, on_signal, SIGTERM);
    signal(SIGPIPE, SIG_IGN);
    uv_run(&loop, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&loop);
    wf_tls_unref(tls);
    testcert_remove(&dir);
    wf_method_table_free(methods);
    wf_schema_free(schema);
    return rc == 0 ? 0 : 1;
}
