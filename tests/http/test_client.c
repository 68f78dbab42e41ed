// SPDX-License-Identifier: Apache-2.0
// The HTTP/2 client and the server over TLS on loopback.
#include "http/client.h"

#include "check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "pipe.h"
#include "testcert.h"
#include "tls/listener.h"

static struct testcert_dir dir;
static uv_loop_t loop;

struct world {
    struct pipe p; // the server's handler
    struct wf_tls *server_tls, *client_tls;
    struct wf_http_server *server;
    struct wf_listener *listener;
    char address[32];
    struct wf_http_client *client;
    bool opened, closed, done;
    struct wf_err err;
};

static void on_open(void *ctx)
{
    ((struct world *)ctx)->opened = true;
}

static void on_closed(void *ctx, const struct wf_err *err)
{
    struct world *w = ctx;
    w->closed = true;
    w->err = *err;
    w->client = NULL;
}

static void set_done(void *ctx)
{
    *(bool *)ctx = true;
}

static void run_until(const bool *flag)
{
    while (!*flag && uv_run(&loop, UV_RUN_ONCE))
        continue;
    assert_true(*flag);
}

static const struct wf_http_client_events client_events = {on_open, on_closed};

static void open_world(struct world *w, const char *client_cert)
{
    *w = (struct world){0};
    struct wf_http_handler handler = pipe_handler(&w->p);
    w->server_tls = testcert_load(&dir, "ca", "node", "prod");
    w->client_tls = testcert_load(&dir, "ca", client_cert, NULL);
    w->server = wf_http_server_new(&loop, &handler, NULL);
    const struct wf_conn_proto protos[] = {wf_http_server_h2(w->server),
                                           wf_http_server_h1(w->server)};
    const struct wf_listener_options o = {
        .address = "127.0.0.1:0", .protos = protos, .n_protos = 2};
    assert_int_equal(wf_listener_open(&w->listener, &loop, w->server_tls, &o, NULL), WF_OK);
    snprintf(w->address, sizeof w->address, "127.0.0.1:%u", wf_listener_port(w->listener));
    w->client = wf_http_client_dial(&loop, w->client_tls, w->address, &client_events, w);
    assert_non_null(w->client);
    run_until(client_cert && strcmp(client_cert, "foreign") == 0 ? &w->closed : &w->opened);
}

static void close_world(struct world *w)
{
    if (w->client)
        wf_http_client_close(w->client);
    w->done = false;
    wf_listener_close(w->listener, set_done, &w->done);
    run_until(&w->done);
    if (!w->closed)
        run_until(&w->closed);
    wf_http_server_free(w->server);
    uv_run(&loop, UV_RUN_DEFAULT);
    wf_tls_unref(w->server_tls);
    wf_tls_unref(w->client_tls);
    pipe_forget(&w->p);
}

struct call {
    struct wf_http_request *r;
    int status;
    bool end, trailers, closed, processed, hold;
    size_t got;
    char text[200];
    struct wf_err err;
};

static void on_headers(void *ctx, int status, const struct wf_header *h, size_t n, bool end)
{
    struct call *c = ctx;
    (void)h, (void)n;
    c->status = status;
    c->end = end;
}

static void on_data(void *ctx, const uint8_t *data, size_t len)
{
    struct call *c = ctx;
    if (c->got + len < sizeof c->text)
        memcpy(c->text + c->got, data, len);
    c->got += len;
    if (!c->hold)
        wf_http_request_consume(c->r, len);
}

static void on_trailers(void *ctx, const struct wf_header *h, size_t n)
{
    struct call *c = ctx;
    c->trailers = n == 2 && strcmp(h[0].name, "grpc-status") == 0;
}

static void on_call_closed(void *ctx, const struct wf_err *err, bool processed)
{
    struct call *c = ctx;
    c->closed = true;
    c->processed = processed;
    c->err = *err;
}

static const struct wf_http_response_events call_events = {on_headers, on_data, on_trailers,
                                                           on_call_closed};

static void start(struct world *w, struct call *c, const char *path, const void *body, size_t len)
{
    const struct wf_header h = {"x-a", "b"};
    c->r = wf_http_client_request(w->client, len > 0 ? "POST" : "GET", path, &h, 1, body, len,
                                  &call_events, c);
    assert_non_null(c->r);
}

static void asks_and_hears(void **state)
{
    struct world w;
    struct call hello = {0}, trailers = {0}, none = {0}, echo = {0}, big = {0};
    (void)state;
    open_world(&w, "user");
    char *blob = calloc(1, 3000000);
    start(&w, &hello, "/hello", NULL, 0);
    start(&w, &trailers, "/trailers", NULL, 0);
    start(&w, &none, "/none", NULL, 0);
    start(&w, &echo, "/echo", blob, 3000000);
    start(&w, &big, "/big?5000000", NULL, 0);
    run_until(&hello.closed);
    run_until(&trailers.closed);
    run_until(&none.closed);
    run_until(&echo.closed);
    run_until(&big.closed);
    assert_int_equal(hello.err.code, WF_OK);
    assert_int_equal(hello.status, 200);
    assert_string_equal(hello.text, "hello");
    assert_true(trailers.trailers && !trailers.end && trailers.processed);
    assert_int_equal(none.status, 404);
    assert_int_equal(echo.got, 3000000);
    assert_int_equal(big.got, 5000000);
    free(blob);
    close_world(&w);
    assert_int_equal(w.err.code, WF_CANCELLED);
}

static void many_at_once_up_to_the_limit(void **state)
{
    struct world w;
    struct call calls[WF_STREAMS_MAX];
    (void)state;
    open_world(&w, NULL);
    memset(calls, 0, sizeof calls);
    struct call first = {0};
    start(&w, &first, "/hello", NULL, 0);
    run_until(&first.closed); // the server's settings are known
    for (int i = 0; i < WF_STREAMS_MAX; i++)
        start(&w, &calls[i], "/hello", NULL, 0);
    assert_null(
        wf_http_client_request(w.client, "GET", "/hello", NULL, 0, NULL, 0, &call_events, &first));
    for (int i = 0; i < WF_STREAMS_MAX; i++) {
        run_until(&calls[i].closed);
        assert_string_equal(calls[i].text, "hello");
    }
    close_world(&w);
}

static void flow_control_holds_the_server(void **state)
{
    struct world w;
    struct call big = {.hold = true}, other = {0};
    (void)state;
    open_world(&w, NULL);
    start(&w, &big, "/big?2000000", NULL, 0);
    while (big.got < WF_STREAM_WINDOW)
        uv_run(&loop, UV_RUN_ONCE);
    start(&w, &other, "/hello", NULL, 0); // is not held up
    run_until(&other.closed);
    assert_int_equal(big.got, WF_STREAM_WINDOW);
    big.hold = false;
    wf_http_request_consume(big.r, big.got);
    run_until(&big.closed);
    assert_int_equal(big.got, 2000000);
    close_world(&w);
}

static void cancel_is_final(void **state)
{
    struct world w;
    struct call silent = {0}, unsent = {0}, after = {0};
    (void)state;
    open_world(&w, NULL);
    start(&w, &silent, "/silent", NULL, 0);
    while (w.p.begun == 0)
        uv_run(&loop, UV_RUN_ONCE);
    wf_http_request_cancel(silent.r);
    start(&w, &unsent, "/silent", NULL, 0);
    wf_http_request_cancel(unsent.r); // in the same turn
    start(&w, &after, "/hello", NULL, 0);
    run_until(&after.closed);
    assert_int_equal(w.p.begun, w.p.over);
    assert_false(silent.closed || unsent.closed);
    close_world(&w);
    assert_false(silent.closed || unsent.closed);
}

static void drain_lets_calls_finish(void **state)
{
    struct world w;
    struct call silent = {0};
    (void)state;
    open_world(&w, NULL);
    start(&w, &silent, "/silent", NULL, 0);
    while (w.p.begun == 0)
        uv_run(&loop, UV_RUN_ONCE);
    wf_listener_drain(w.listener, 5000, set_done, &w.done);
    while (!wf_http_client_draining(w.client))
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(w.p.drained, 1);
    assert_null(
        wf_http_client_request(w.client, "GET", "/hello", NULL, 0, NULL, 0, &call_events, &silent));
    wf_exchange_reply(w.p.last, 200, "text/plain", "late", 4);
    run_until(&silent.closed);
    assert_int_equal(silent.err.code, WF_OK);
    assert_string_equal(silent.text, "late");
    run_until(&w.closed);
    run_until(&w.done);
    close_world(&w);
}

static void a_server_that_dies_is_told(void **state)
{
    struct world w;
    struct call silent = {0};
    (void)state;
    open_world(&w, NULL);
    start(&w, &silent, "/silent", NULL, 0);
    while (w.p.begun == 0)
        uv_run(&loop, UV_RUN_ONCE);
    wf_listener_close(w.listener, set_done, &w.done);
    run_until(&silent.closed);
    assert_int_equal(silent.err.code, WF_UNAVAILABLE);
    assert_true(silent.processed); // as far as anybody knows
    assert_int_equal(w.p.last_code, WF_CANCELLED);
    run_until(&w.closed);
    run_until(&w.done);
    wf_http_server_free(w.server);
    uv_run(&loop, UV_RUN_DEFAULT);
    wf_tls_unref(w.server_tls);
    wf_tls_unref(w.client_tls);
    pipe_forget(&w.p);
}

static void a_refused_certificate_is_told(void **state)
{
    struct world w;
    (void)state;
    open_world(&w, "foreign");
    assert_int_equal(w.err.code, WF_UNAUTHENTICATED);
    assert_non_null(strstr(w.err.msg, "refused our certificate"));
    close_world(&w);
}

static int set_up(void **state)
{
    (void)state;
    dir = testcert_new();
    testcert_ca(&dir, "ca");
    testcert_leaf(&dir, "ca", "node", "spiffe://prod/node/fra-1", -3600, 86400);
    testcert_leaf(&dir, "ca", "user", "spiffe://prod/user/jo", -3600, 86400);
    testcert_leaf(&dir, "ca", "foreign", "spiffe://stage/user/jo", -3600, 86400);
    return uv_loop_init(&loop);
}

static int tear_down(void **state)
{
    (void)state;
    testcert_remove(&dir);
    return uv_loop_close(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_and_hears),
        cmocka_unit_test(many_at_once_up_to_the_limit),
        cmocka_unit_test(flow_control_holds_the_server),
        cmocka_unit_test(cancel_is_final),
        cmocka_unit_test(drain_lets_calls_finish),
        cmocka_unit_test(a_server_that_dies_is_told),
        cmocka_unit_test(a_refused_certificate_is_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
