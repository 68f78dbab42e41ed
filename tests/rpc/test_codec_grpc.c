// SPDX-License-Identifier: Apache-2.0
// gRPC as http/exchange.h shows it: each case is a line of grpc/doc/PROTOCOL-HTTP2.md or
// statuscodes.md.
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "rig.h"
#include "rpc/frame.h"
#include "rpc/grpc.h"

typedef Watchfire__Test__V1__EchoRequest EchoRequest;
typedef Watchfire__Test__V1__EchoResponse EchoResponse;

static struct wf_buf echo_frame(const char *text)
{
    EchoRequest q = WATCHFIRE__TEST__V1__ECHO_REQUEST__INIT;
    q.text = (char *)text;
    return rig_frame(&q.base);
}

static EchoResponse *unpack(const struct wf_exchange *ex)
{
    assert_true(ex->body.len >= WF_FRAME_HEAD);
    assert_int_equal(ex->body.data[0], 0);
    return watchfire__test__v1__echo_response__unpack(NULL, ex->body.len - WF_FRAME_HEAD,
                                                      ex->body.data + WF_FRAME_HEAD);
}

static void unary_is_answered_with_message_and_trailers(void **state)
{
    struct rig *r = *state;
    struct wf_exchange *ex = rig_grpc("Echo");
    struct wf_buf q = echo_frame("hällo");

    assert_true(fake_run(r->server, ex, q.data, q.len));
    assert_int_equal(ex->status, 200);
    assert_string_equal(fake_answer(ex, "content-type"), "application/grpc");
    assert_string_equal(fake_answer(ex, "x-test"), "seen");
    assert_true(ex->finished && !ex->ended_with_headers);
    assert_string_equal(fake_trailer(ex, "grpc-status"), "0");
    assert_string_equal(fake_trailer(ex, "grpc-message"), "");
    EchoResponse *a = unpack(ex);
    assert_string_equal(a->text, "hällo");
    watchfire__test__v1__echo_response__free_unpacked(a, NULL);
    assert_int_equal(ex->consumed, q.len);
    fake_close(ex, WF_OK);
    wf_buf_free(&q);
}

static void a_message_may_come_in_any_pieces(void **state)
{
    struct rig *r = *state;
    struct wf_buf q = echo_frame("in pieces");

    for (size_t piece = 1; piece <= q.len; piece++) {
        struct wf_exchange *ex = rig_grpc("Echo");
        assert_true(wf_rpc_server_begin(r->server, ex));
        for (size_t at = 0; at < q.len; at += piece)
            fake_data(ex, q.data + at, q.len - at < piece ? q.len - at : piece);
        assert_int_equal(ex->status, 0); // not before the end of the request
        fake_end(ex);
        EchoResponse *a = unpack(ex);
        assert_string_equal(a->text, "in pieces");
        watchfire__test__v1__echo_response__free_unpacked(a, NULL);
        fake_close(ex, WF_OK);
    }
    wf_buf_free(&q);
}

struct refusal {
    const char *what;
    const char *method;
    const char *header, *value; // an extra header, or NULL
    const char *body;
    size_t len;
    const char *code;
    const char *message; // part of it
};

static const struct refusal refusals[] = {
    {"no message", "Echo", NULL, NULL, "", 0, "12", "one request message"},
    {"two messages", "Echo", NULL, NULL, "\0\0\0\0\0\0\0\0\0\0", 10, "12", "one request message"},
    {"stream without a message", "Count", NULL, NULL, "", 0, "12", "one request message"},
    {"stream of two messages", "Count", NULL, NULL, "\0\0\0\0\0\0\0\0\0\0", 10, "12",
     "one request message"},
    {"cut message", "Echo", NULL, NULL, "\0\0\0\0\5ab", 7, "3", "within a message"},
    {"cut head", "Echo", NULL, NULL, "\0\0\0", 3, "3", "within a message"},
    {"compressed without encoding", "Echo", NULL, NULL, "\1\0\0\0\0", 5, "13", "compressed"},
    {"compressed with identity", "Echo", "grpc-encoding", "identity", "\1\0\0\0\0", 5, "13",
     "compressed"},
    {"unknown encoding", "Echo", "grpc-encoding", "gzip", "\0\0\0\0\0", 5, "12", "identity"},
    {"unknown flag", "Echo", NULL, NULL, "\4\0\0\0\0", 5, "3", "flags"},
    {"oversize", "Echo", NULL, NULL, "\0\0\x20\0\0", 5, "8", "at most 1048576"},
    {"bad proto", "Echo", NULL, NULL, "\0\0\0\0\2\x0a\x09", 7, "3", ""},
    {"bad UTF-8", "Echo", NULL, NULL, "\0\0\0\0\4\x0a\x02\xff\xfe", 9, "3", "text: "},
    {"NUL in a string", "Echo", NULL, NULL,
     "\0\0\0\0\5\x0a\x03"
     "a\0b",
     10, "3", "text: "},
    {"unknown method", "Nothing", NULL, NULL, "\0\0\0\0\0", 5, "12", "Nothing"},
    {"timeout without digits", "Echo", "grpc-timeout", "S", "\0\0\0\0\0", 5, "3", "grpc-timeout"},
    {"timeout of nine digits", "Echo", "grpc-timeout", "123456789S", "\0\0\0\0\0", 5, "3",
     "grpc-timeout"},
    {"timeout without unit", "Echo", "grpc-timeout", "12", "\0\0\0\0\0", 5, "3", "grpc-timeout"},
};

static void refusals_are_trailers_only(void **state)
{
    struct rig *r = *state;

    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *c = &refusals[i];
        struct wf_exchange *ex = rig_grpc(c->method);
        if (c->header != NULL)
            fake_header(ex, c->header, c->value);
        assert_true(fake_run(r->server, ex, c->body, c->len));
        if (strcmp(fake_answer(ex, "grpc-status"), c->code) != 0 ||
            strstr(fake_answer(ex, "grpc-message"), c->message) == NULL)
            fail_msg("%s: status %s, %s", c->what, fake_answer(ex, "grpc-status"),
                     fake_answer(ex, "grpc-message"));
        assert_int_equal(ex->status, 200);
        assert_true(ex->ended_with_headers);
        assert_int_equal(ex->body.len, 0);
        if (strcmp(c->code, "12") == 0 && c->header != NULL)
            assert_string_equal(fake_answer(ex, "grpc-accept-encoding"), "identity");
        fake_close(ex, WF_OK);
    }
}

static void an_error_carries_utf8_and_details(void **state)
{
    struct rig *r = *state;
    Watchfire__Test__V1__FailRequest q = WATCHFIRE__TEST__V1__FAIL_REQUEST__INIT;
    struct wf_detail d;
    struct wf_buf scratch;

    q.code = WF_ABORTED;
    q.message = (char *)"Übergabe 100% läuft\n→ später";
    q.holder = (char *)"ricardo";
    struct wf_buf body = rig_frame(&q.base);
    struct wf_exchange *ex = rig_grpc("Fail");
    assert_true(fake_run(r->server, ex, body.data, body.len));
    assert_string_equal(fake_answer(ex, "grpc-status"), "10");
    assert_string_equal(fake_answer(ex, "grpc-message"),
                        "%C3%9Cbergabe 100%25 l%C3%A4uft%0A%E2%86%92 sp%C3%A4ter");
    wf_buf_init(&scratch, 65536);
    assert_true(wf_grpc_details_find(fake_answer(ex, "grpc-status-details-bin"),
                                     "watchfire.v1.ErrorDetail", &scratch, &d));
    assert_non_null(memmem(d.data, d.len, "ricardo", 7));
    assert_false(wf_grpc_details_find(fake_answer(ex, "grpc-status-details-bin"),
                                      "watchfire.v1.Other", &scratch, &d));
    wf_buf_free(&scratch);
    wf_buf_free(&body);
    fake_close(ex, WF_OK);
}

static void a_stream_ends_with_its_error_in_trailers(void **state)
{
    struct rig *r = *state;
    Watchfire__Test__V1__FailRequest q = WATCHFIRE__TEST__V1__FAIL_REQUEST__INIT;

    q.code = WF_DATA_LOSS;
    q.message = (char *)"half-way";
    q.after = 3;
    struct wf_buf body = rig_frame(&q.base);
    struct wf_exchange *ex = rig_grpc("FailStream");
    assert_true(fake_run(r->server, ex, body.data, body.len));
    assert_string_equal(fake_answer(ex, "grpc-status"), "");
    assert_string_equal(fake_trailer(ex, "grpc-status"), "15");
    assert_string_equal(fake_trailer(ex, "grpc-message"), "half-way");
    assert_true(ex->body.len > 3 * WF_FRAME_HEAD);
    wf_buf_free(&body);
    fake_close(ex, WF_OK);
}

static void gRPC_is_known_by_its_content_type(void **state)
{
    static const struct {
        const char *type;
        bool ours;
    } types[] = {{"application/grpc", true},
                 {"application/grpc+proto", true},
                 {"application/grpc; charset=utf-8", true},
                 {"application/grpc-web", false},
                 {"application/grpc-web+proto", false},
                 {"application/grpc+thrift", false},
                 {"text/html", false}};
    struct rig *r = *state;
    struct wf_buf q = echo_frame("x");

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct wf_exchange *ex = fake_new("POST", TEST_PATH "Echo", 20);
        fake_header(ex, "content-type", types[i].type);
        assert_true(fake_run(r->server, ex, q.data, q.len));
        assert_int_equal(ex->status, types[i].ours ? 200 : 415);
        fake_close(ex, WF_OK);
    }
    wf_buf_free(&q);
}

static void gRPC_needs_http2(void **state)
{
    struct rig *r = *state;
    struct wf_exchange *ex = fake_new("POST", TEST_PATH "Echo", 11);

    fake_header(ex, "content-type", "application/grpc");
    assert_true(fake_run(r->server, ex, "\0\0\0\0\0", 5));
    assert_int_equal(ex->status, 505);
    fake_close(ex, WF_OK);
}

static void an_unknown_service_is_unimplemented(void **state)
{
    struct rig *r = *state;
    struct wf_exchange *ex = fake_new("POST", "/no.such.Service/Do", 20);

    fake_header(ex, "content-type", "application/grpc+proto");
    assert_true(fake_run(r->server, ex, "\0\0\0\0\0", 5));
    assert_string_equal(fake_answer(ex, "grpc-status"), "12");
    assert_true(ex->ended_with_headers);
    fake_close(ex, WF_OK);
    ex = fake_new("GET", "/metrics", 20);
    assert_false(fake_run(r->server, ex, NULL, 0));
    fake_close(ex, WF_OK);
}

static void gRPC_may_carry_json(void **state)
{
    struct rig *r = *state;
    struct wf_exchange *ex = fake_new("POST", TEST_PATH "Echo", 20);

    fake_header(ex, "content-type", "application/grpc+json");
    assert_true(fake_run(r->server, ex, "\0\0\0\0\x0e{\"text\":\"abc\"}", 19));
    assert_string_equal(fake_answer(ex, "content-type"), "application/grpc+json");
    assert_memory_equal(ex->body.data, "\0\0\0\0\x0e{\"text\":\"abc\"}", 19);
    fake_close(ex, WF_OK);
}

static void timeouts_are_read_and_written(void **state)
{
    static const struct {
        const char *text;
        int rc;
        uint64_t ns;
    } cases[] = {{"1H", 0, 3600000000000},
                 {"2M", 0, 120000000000},
                 {"3S", 0, 3000000000},
                 {"250m", 0, 250000000},
                 {"7u", 0, 7000},
                 {"9n", 0, 9},
                 {"99999999H", 0, UINT64_MAX},
                 {"0S", 0, 0},
                 {"", WF_INVALID_ARGUMENT, 0},
                 {"1", WF_INVALID_ARGUMENT, 0},
                 {"1s", WF_INVALID_ARGUMENT, 0},
                 {"-1S", WF_INVALID_ARGUMENT, 0},
                 {"1 S", WF_INVALID_ARGUMENT, 0},
                 {"1SS", WF_INVALID_ARGUMENT, 0},
                 {"123456789n", WF_INVALID_ARGUMENT, 0}};
    char text[WF_GRPC_TIMEOUT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t ns = 0;
        assert_int_equal(wf_grpc_timeout_parse(cases[i].text, &ns), cases[i].rc);
        if (cases[i].rc == 0)
            assert_true(ns == cases[i].ns);
    }
    assert_string_equal(wf_grpc_timeout_format(5000000000, text), "5000000u");
    assert_string_equal(wf_grpc_timeout_format(1, text), "1n");
    assert_string_equal(wf_grpc_timeout_format(UINT64_MAX, text), "5124095H");
    for (uint64_t ns = 1; ns < UINT64_MAX / 7; ns *= 7) {
        uint64_t back;
        assert_int_equal(wf_grpc_timeout_parse(wf_grpc_timeout_format(ns, text), &back), 0);
        assert_true(back <= ns && back >= ns - ns / 100000);
    }
}

static void messages_survive_percent_encoding(void **state)
{
    struct wf_buf b;
    char text[64];

    (void)state;
    wf_buf_init(&b, 1024);
    assert_int_equal(wf_grpc_message_put(&b, "a b%~\x7f\t\xc3\xa9"), WF_OK);
    assert_string_equal(wf_buf_cstr(&b), "a b%25~%7F%09%C3%A9");
    snprintf(text, sizeof text, "%s", wf_buf_cstr(&b));
    wf_grpc_message_decode(text);
    assert_string_equal(text, "a b%~\x7f\t\xc3\xa9");
    snprintf(text, sizeof text, "%s", "100%, %zz %4 %ff!");
    wf_grpc_message_decode(text);
    assert_string_equal(text, "100%, %zz %4 ?!");
    wf_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unary_is_answered_with_message_and_trailers),
        cmocka_unit_test(a_message_may_come_in_any_pieces),
        cmocka_unit_test(refusals_are_trailers_only),
        cmocka_unit_test(an_error_carries_utf8_and_details),
        cmocka_unit_test(a_stream_ends_with_its_error_in_trailers),
        cmocka_unit_test(gRPC_is_known_by_its_content_type),
        cmocka_unit_test(gRPC_needs_http2),
        cmocka_unit_test(an_unknown_service_is_unimplemented),
        cmocka_unit_test(gRPC_may_carry_json),
        cmocka_unit_test(timeouts_are_read_and_written),
        cmocka_unit_test(messages_survive_percent_encoding),
    };
    return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
