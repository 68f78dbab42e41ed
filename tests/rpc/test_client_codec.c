// SPDX-License-Identifier: Apache-2.0
// The client's half against the server's: what one writes the other reads.
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "rig.h"
#include "rpc/client_codec.h"

struct got {
    struct wf_client_reply reply;
    size_t n;
    char last[256];
};

static void on_message(void *ctx, const uint8_t *data, size_t len)
{
    struct got *g = ctx;
    ProtobufCMessage *m;

    g->n++;
    assert_int_equal(
        wf_client_unpack(&watchfire__test__v1__echo_response__descriptor, data, len, &m, NULL),
        WF_OK);
    snprintf(g->last, sizeof g->last, "%s", ((Watchfire__Test__V1__EchoResponse *)m)->text);
    protobuf_c_message_free_unpacked(m, NULL);
}

// Run a call of the server and give what it answered to the client's half, in pieces.
static void run(struct rig *r, const char *method, const ProtobufCMessage *request, size_t piece,
                struct got *g)
{
    struct wf_client_headers headers;
    struct wf_buf body;
    char path[128];

    snprintf(path, sizeof path, TEST_PATH "%s", method);
    struct wf_exchange *ex = fake_new("POST", path, 20);
    assert_int_equal(wf_client_headers(&headers, 5000000000, "secret"), WF_OK);
    for (size_t i = 0; i < headers.n; i++)
        fake_header(ex, headers.h[i].name, headers.h[i].value);
    assert_string_equal(wf_exchange_header(ex, "authorization"), "Bearer secret");
    assert_string_equal(wf_exchange_header(ex, "grpc-timeout"), "5000000u");
    wf_buf_init(&body, WF_MESSAGE_MAX);
    assert_int_equal(wf_client_put(&body, request), WF_OK);
    assert_true(fake_run(r->server, ex, body.data, body.len));
    wf_client_reply_init(&g->reply, on_message, g);
    wf_client_reply_headers(&g->reply, ex->status, ex->answer, ex->n_answer,
                            ex->ended_with_headers);
    for (size_t at = 0; at < ex->body.len; at += piece) {
        size_t n = ex->body.len - at < piece ? ex->body.len - at : piece;
        assert_int_equal(wf_client_reply_data(&g->reply, ex->body.data + at, n), WF_OK);
    }
    if (ex->n_trailers > 0)
        wf_client_reply_trailers(&g->reply, ex->trailers, ex->n_trailers);
    wf_client_reply_closed(&g->reply, NULL);
    wf_buf_free(&body);
    fake_close(ex, WF_OK);
}

static void a_response_arrives_in_any_pieces(void **state)
{
    Watchfire__Test__V1__EchoRequest q = WATCHFIRE__TEST__V1__ECHO_REQUEST__INIT;

    q.text = (char *)"grüße";
    for (size_t piece = 1; piece < 20; piece++) {
        struct got g = {0};
        run(*state, "Echo", &q.base, piece, &g);
        assert_int_equal(g.reply.err.code, WF_OK);
        assert_int_equal(g.n, 1);
        assert_string_equal(g.last, "grüße");
        wf_client_reply_free(&g.reply);
    }
}

static void an_error_arrives_with_its_detail(void **state)
{
    Watchfire__Test__V1__FailRequest q = WATCHFIRE__TEST__V1__FAIL_REQUEST__INIT;
    struct got g = {0};

    q.code = WF_ABORTED;
    q.message = (char *)"Übergabe\n100%";
    q.holder = (char *)"dana";
    run(*state, "Fail", &q.base, 100, &g);
    assert_int_equal(g.reply.err.code, WF_ABORTED);
    assert_string_equal(g.reply.err.msg, q.message);
    assert_string_equal(g.reply.err.reason, "ASKED_TO");
    assert_non_null(g.reply.detail);
    assert_string_equal(g.reply.detail->holder, "dana");
    wf_client_reply_free(&g.reply);
}

static const struct {
    const char *what;
    int status;
    const char *type, *grpc_status;
    const char *body;
    size_t len;
    bool trailers; // an OK in trailers
    int code;
} strange[] = {
    {"a proxy's 503", 503, "text/html", NULL, "", 0, false, WF_UNAVAILABLE},
    {"a proxy's 404", 404, "text/html", NULL, "<html>", 6, false, WF_UNIMPLEMENTED},
    {"a page", 200, "text/html", NULL, "<html>", 6, false, WF_UNKNOWN},
    {"gRPC-Web", 200, "application/grpc-web", NULL, "", 0, false, WF_UNKNOWN},
    {"no trailers", 200, "application/grpc", NULL, "\0\0\0\0\0", 5, false, WF_UNAVAILABLE},
    {"cut message", 200, "application/grpc", NULL, "\0\0\0\0\5a", 6, true, WF_INTERNAL},
    {"compressed", 200, "application/grpc", NULL, "\1\0\0\0\0", 5, true, WF_INTERNAL},
    {"oversize", 200, "application/grpc", NULL, "\0\x7f\0\0\0", 5, true, WF_RESOURCE_EXHAUSTED},
    {"a status that is none", 200, "application/grpc", "x", "", 0, false, WF_UNKNOWN},
    {"a status of the future", 200, "application/grpc", "99", "", 0, false, WF_UNKNOWN},
};

static void strange_answers_are_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
        struct got g = {0};
        struct wf_header h[] = {{"content-type", strange[i].type},
                                {"grpc-status", strange[i].grpc_status}};
        struct wf_header ok = {"grpc-status", "0"};
        wf_client_reply_init(&g.reply, on_message, &g);
        wf_client_reply_headers(&g.reply, strange[i].status, h, strange[i].grpc_status ? 2 : 1,
                                strange[i].grpc_status != NULL);
        if (strange[i].len > 0)
            wf_client_reply_data(&g.reply, (const uint8_t *)strange[i].body, strange[i].len);
        if (strange[i].trailers)
            wf_client_reply_trailers(&g.reply, &ok, 1);
        if (wf_client_reply_closed(&g.reply, NULL) != strange[i].code)
            fail_msg("%s: %d %s", strange[i].what, g.reply.err.code, g.reply.err.msg);
        assert_string_not_equal(g.reply.err.msg, "");
        wf_client_reply_free(&g.reply);
    }
}

static void the_transport_s_error_counts_without_a_status(void **state)
{
    struct got g = {0};
    struct wf_err err;

    (void)state;
    wf_client_reply_init(&g.reply, on_message, &g);
    wf_fail(&err, WF_UNAVAILABLE, "connection refused");
    assert_int_equal(wf_client_reply_closed(&g.reply, &err), WF_UNAVAILABLE);
    assert_string_equal(g.reply.err.msg, "connection refused");
    wf_client_reply_free(&g.reply);
}

static void a_token_is_one_header(void **state)
{
    struct wf_client_headers h;
    char big[400];

    (void)state;
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    assert_int_equal(wf_client_headers(&h, UINT64_MAX, "a\r\nb"), WF_INVALID_ARGUMENT);
    assert_int_equal(wf_client_headers(&h, UINT64_MAX, big), WF_INVALID_ARGUMENT);
    assert_int_equal(wf_client_headers(&h, UINT64_MAX, NULL), WF_OK);
    assert_int_equal(h.n, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_response_arrives_in_any_pieces),
        cmocka_unit_test(an_error_arrives_with_its_detail),
        cmocka_unit_test(strange_answers_are_errors),
        cmocka_unit_test(the_transport_s_error_counts_without_a_status),
        cmocka_unit_test(a_token_is_one_header),
    };
    return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
