// SPDX-License-Identifier: Apache-2.0
// A server whose handler does nothing: what TLS and HTTP themselves cost. It makes its own
// certificates and prints "listening PORT CA-FILE". Ends, drained, on SIGTERM or SIGINT.
//   GET /            "hello"
//   POST /echo       the body
//   GET /big?N       N bytes
//   POST /grpc       a 5-byte frame and trailers, as a unary gRPC answer has them
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/log.h"
#include "http/server.h"
#include "testcert.h"
#include "tls/listener.h"

struct request {
    struct wf_buf body;
    size_t left; // of a big answer
};

static void on_begin(void *ctx, struct wf_exchange *ex)
{
    struct request *r = calloc(1, sizeof *r);
    (void)ctx;
    WF_ASSERT(r != NULL);
    wf_buf_init(&r->body, 64 * 1024 * 1024);
    wf_exchange_set_user(ex, r);
}

static void on_data(struct wf_exchange *ex, void *user, const uint8_t *data, size_t len)
{
    struct request *r = user;
    wf_buf_append(&r->body, data, len);
    wf_exchange_consume(ex, len);
}

static void send_big(struct wf_exchange *ex, struct request *r)
{
    static const uint8_t piece[16384];
    while (r->left > 0 && wf_exchange_queued(ex) < 128 * 1024) {
        size_t n = r->left < sizeof piece ? r->left : sizeof piece;
        if (wf_exchange_write(ex, piece, n) != WF_OK)
            return;
        r->left -= n;
    }
    if (r->left == 0)
        wf_exchange_finish(ex, NULL, 0);
}

static void on_end(struct wf_exchange *ex, void *user)
{
    struct request *r = user;
    const char *path = wf_exchange_path(ex);
    if (strcmp(path, "/grpc") == 0) {
        const struct wf_header h = {"content-type", "application/grpc"}, t = {"grpc-status", "0"};
        static const uint8_t frame[] = {0, 0, 0, 0, 2, 8, 1};
        if (wf_exchange_respond(ex, 200, &h, 1, false) == WF_OK &&
            wf_exchange_write(ex, frame, sizeof frame) == WF_OK)
            wf_exchange_finish(ex, &t, 1);
    } else if (strcmp(path, "/echo") == 0) {
        wf_exchange_reply(ex, 200, "application/octet-stream", r->body.data, r->body.len);
    } else if (strcmp(path, "/big") == 0) {
        r->left = strtoul(wf_exchange_query(ex), NULL, 10);
        if (wf_exchange_respond(ex, 200, NULL, 0, false) == WF_OK)
            send_big(ex, r);
    } else {
        wf_exchange_reply(ex, 200, "text/plain", "hello\n", 6);
    }
}

static void on_writable(struct wf_exchange *ex, void *user)
{
    struct request *r = user;
    if (r->left > 0)
        send_big(ex, r);
}

static void on_closed(struct wf_exchange *ex, void *user, int code)
{
    struct request *r = user;
    (void)ex, (void)code;
    wf_buf_free(&r->body);
    free(r);
}

static struct wf_listener *listener;
static struct wf_http_server *server;
static uv_signal_t term, interrupt;

static void on_all_closed(void *ctx)
{
    (void)ctx;
    wf_http_server_free(server);
}

static void on_drained(void *ctx)
{
    (void)ctx;
    wf_listener_close(listener, on_all_closed, NULL);
}

static void on_signal(uv_signal_t *s, int number)
{
    (void)s, (void)number;
    uv_close((uv_handle_t *)&term, NULL);
    uv_close((uv_handle_t *)&interrupt, NULL);
    wf_listener_drain(listener, 5000, on_drained, NULL);
}

int main(int argc, char **argv)
{
    static const struct wf_http_handler handler = {.begin = on_begin,
                                                   .data = on_data,
                                                   .end = on_end,
                                                   .writable = on_writable,
                                                   .closed = on_closed};
    struct wf_err err = {0};
    uv_loop_t loop;
    if (argc > 1 && strcmp(argv[1], "-v") == 0)
        wf_log_setup(WF_LOG_DEBUG, WF_LOG_LOGFMT, "");
    uv_loop_init(&loop);
    struct testcert_dir dir = testcert_new();
    testcert_ca(&dir, "ca");
    testcert_leaf(&dir, "ca", "node", "spiffe://bench/node/n1", -3600, 86400);
    testcert_leaf(&dir, "ca", "user", "spiffe://bench/user/u1", -3600, 86400);
    struct wf_tls *tls = testcert_load(&dir, "ca", "node", "bench");
    server = wf_http_server_new(&loop, &handler, NULL);
    const struct wf_conn_proto protos[] = {wf_http_server_h2(server), wf_http_server_h1(server)};
    const struct wf_listener_options o = {
        .address = "127.0.0.1:0", .protos = protos, .n_protos = 2};
    if (wf_listener_open(&listener, &loop, tls, &o, &err) != WF_OK) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    printf("listening %u %s\n", wf_listener_port(listener), testcert_file(&dir, "ca", ".pem"));
    fflush(stdout);
    uv_signal_init(&loop, &term);
    uv_signal_init(&loop, &interrupt);
    uv_signal_start(&term, on_signal, SIGTERM);
    uv_signal_start(&interrupt, on_signal, SIGINT);
    uv_run(&loop, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&loop);
    wf_tls_unref(tls);
    testcert_remove(&dir);
    return rc == 0 ? 0 : 1;
}
