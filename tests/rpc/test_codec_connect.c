// SPDX-License-Identifier: Apache-2.0
// Connect as http/exchange.h shows it: each case is a line of connectrpc.com/docs/protocol.
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "rig.h"
#include "rpc/base64.h"
#include "rpc/connect.h"
#include "rpc/frame.h"

#define JSON   "application/json"
#define PROTO  "application/proto"
#define STREAM "application/connect+json"

static struct wf_exchange *post(const char *name, const char *type)
{
    char path[128];

    snprintf(path, sizeof path, TEST_PATH "%s", name);
    struct wf_exchange *ex = fake_new("POST", path, 11);
    if (type != NULL)
        fake_header(ex, "content-type", type);
    return ex;
}

static void assert_answer(struct wf_exchange *ex, int status, const char *body)
{
    assert_string_equal(fake_text(ex), body);
    assert_int_equal(ex->status, status);
    assert_true(ex->finished);
    assert_int_equal(ex->n_trailers, 0);
    fake_close(ex, WF_OK);
}

// Before anything else has been answered: no buffer has been used yet.
static void an_empty_message_is_an_empty_body(void **state)
{
    struct rig *r = *state;
    struct wf_exchange *ex = post("Echo", PROTO);

    assert_true(fake_run(r->server, ex, NULL, 0));
    assert_string_equal(fake_answer(ex, "content-length"), "0");
    assert_answer(ex, 200, "");
}

static void unary_json_is_a_bare_body(void **state)
{
    struct rig *r = *state;
    const char *types[] = {JSON, "application/json; charset=utf-8", "Application/JSON",
                           "application/x-www-form-urlencoded"};

    for (size_t i = 0; i < 4; i++) {
        struct wf_exchange *ex = post("Echo", types[i]);
        assert_true(fake_run(r->server, ex, "{\"text\":\"\\u00e9<\"}", 18));
        assert_string_equal(fake_answer(ex, "content-type"), JSON);
        assert_string_equal(fake_answer(ex, "x-test"), "seen");
        assert_answer(ex, 200, "{\"text\":\"\xc3\xa9\\u003c\"}");
    }
}

static void a_form_of_a_browser_is_refused(void **state)
{
    struct rig *r = *state;
    struct wf_exchange *ex = post("Echo", "application/x-www-form-urlencoded");

    fake_header(ex, "origin", "https://evil.example");
    assert_true(fake_run(r->server, ex, "{}", 2));
    assert_int_equal(ex->status, 415);
    fake_close(ex, WF_OK);
}

static void unary_proto_is_a_bare_body(void **state)
{
    struct rig *r = *state;
    Watchfire__Test__V1__EchoRequest q = WATCHFIRE__TEST__V1__ECHO_REQUEST__INIT;

    q.text = (char *)"proto";
    struct wf_buf body = rig_packed(&q.base);
    struct wf_exchange *ex = post("Echo", PROTO);
    assert_true(fake_run(r->server, ex, body.data, body.len));
    assert_string_equal(fake_answer(ex, "content-type"), PROTO);
    assert_int_equal(ex->body.len, body.len);
    assert_memory_equal(ex->body.data, body.data, body.len);
    fake_close(ex, WF_OK);
    wf_buf_free(&body);
}

struct refusal {
    const char *what;
    const char *verb, *target, *type;
    const char *header, *value;
    const char *body;
    int status;
    const char *answer; // part of it
    const char *also;   // a header of the answer that must be there, or NULL
};

static const struct refusal refusals[] = {
    {"unknown method", "POST", TEST_PATH "Nope", JSON, NULL, NULL, "{}", 404, "Nope", NULL},
    {"no type", "POST", TEST_PATH "Echo", NULL, NULL, NULL, "{}", 415, "content-type",
     "accept-post"},
    {"unknown type", "POST", TEST_PATH "Echo", "text/plain", NULL, NULL, "{}", 415, "content-type",
     "accept-post"},
    {"stream's type for unary", "POST", TEST_PATH "Echo", STREAM, NULL, NULL, "{}", 415, "",
     "accept-post"},
    {"unary's type for stream", "POST", TEST_PATH "Count", JSON, NULL, NULL, "{}", 415, "",
     "accept-post"},
    {"PUT", "PUT", TEST_PATH "Echo", JSON, NULL, NULL, "{}", 405, "POST", "allow"},
    {"OPTIONS", "OPTIONS", TEST_PATH "Echo", NULL, NULL, NULL, "", 405, "POST", "allow"},
    {"GET with side effects", "GET", TEST_PATH "Echo?encoding=json&message=%7B%7D", NULL, NULL,
     NULL, "", 405, "POST", "allow"},
    {"GET of a stream", "GET", TEST_PATH "Count?encoding=json&message=%7B%7D", NULL, NULL, NULL, "",
     405, "POST", "allow"},
    {"GET without a message", "GET", TEST_PATH "Read", NULL, NULL, NULL, "", 400,
     "invalid_argument", NULL},
    {"GET without an encoding", "GET", TEST_PATH "Read?message=%7B%7D", NULL, NULL, NULL, "", 400,
     "encoding", NULL},
    {"GET compressed", "GET", TEST_PATH "Read?encoding=json&message=%7B%7D&compression=gzip", NULL,
     NULL, NULL, "", 501, "identity", "accept-encoding"},
    {"GET of another version", "GET", TEST_PATH "Read?encoding=json&message=%7B%7D&connect=v2",
     NULL, NULL, NULL, "", 400, "v1", NULL},
    {"GET with bad base64", "GET", TEST_PATH "Read?encoding=json&message=%25&base64=1", NULL, NULL,
     NULL, "", 400, "base64", NULL},
    {"GET with a bad escape", "GET", TEST_PATH "Read?encoding=json&message=%7", NULL, NULL, NULL,
     "", 400, "escape", NULL},
    {"compressed", "POST", TEST_PATH "Echo", JSON, "content-encoding", "gzip", "{}", 501,
     "supported encodings are identity", "accept-encoding"},
    {"another version", "POST", TEST_PATH "Echo", JSON, "connect-protocol-version", "2", "{}", 400,
     "version", NULL},
    {"timeout of eleven digits", "POST", TEST_PATH "Echo", JSON, "connect-timeout-ms",
     "12345678901", "{}", 400, "10 digits", NULL},
    {"timeout that is none", "POST", TEST_PATH "Echo", JSON, "connect-timeout-ms", "1s", "{}", 400,
     "10 digits", NULL},
    {"empty JSON", "POST", TEST_PATH "Echo", JSON, NULL, NULL, "", 400, "send at least {}", NULL},
    {"broken JSON", "POST", TEST_PATH "Echo", JSON, NULL, NULL, "{", 400, "JSON, line 1", NULL},
    {"two values", "POST", TEST_PATH "Echo", JSON, NULL, NULL, "{} {}", 400, "JSON, line 1", NULL},
    {"unknown field", "POST", TEST_PATH "Echo", JSON, NULL, NULL, "{\"kinds\":{\"wat\":1}}", 400,
     "kinds.wat: there is no such field", NULL},
    {"bad proto", "POST", TEST_PATH "Echo", PROTO, NULL, NULL, "\x0a\x09", 400, "invalid_argument",
     NULL},
};

static void refusals_are_json(void **state)
{
    struct rig *r = *state;

    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *c = &refusals[i];
        struct wf_exchange *ex = fake_new(c->verb, c->target, 11);
        if (c->type != NULL)
            fake_header(ex, "content-type", c->type);
        if (c->header != NULL)
            fake_header(ex, c->header, c->value);
        assert_true(fake_run(r->server, ex, c->body, strlen(c->body)));
        if (ex->status != c->status || strstr(fake_text(ex), c->answer) == NULL)
            fail_msg("%s: %d %s", c->what, ex->status, fake_text(ex));
        assert_string_equal(fake_answer(ex, "content-type"), JSON);
        assert_memory_equal(ex->body.data, "{\"code\":\"", 9);
        assert_true(ex->finished);
        if (c->also != NULL)
            assert_string_not_equal(fake_answer(ex, c->also), "");
        fake_close(ex, WF_OK);
    }
}

static void every_code_has_its_http_status(void **state)
{
    static const struct {
        int status;
        const char *name;
    } table[WF_CODE_MAX_] = {{200, "ok"},
                             {499, "canceled"},
                             {500, "unknown"},
                             {400, "invalid_argument"},
                             {504, "deadline_exceeded"},
                             {404, "not_found"},
                             {409, "already_exists"},
                             {403, "permission_denied"},
                             {429, "resource_exhausted"},
                             {400, "failed_precondition"},
                             {409, "aborted"},
                             {400, "out_of_range"},
                             {501, "unimplemented"},
                             {500, "internal"},
                             {503, "unavailable"},
                             {500, "data_loss"},
                             {401, "unauthenticated"}};
    struct rig *r = *state;
    char body[64], answer[128];

    for (int code = 1; code < WF_CODE_MAX_; code++) {
        snprintf(body, sizeof body, "{\"code\":%d,\"message\":\"\\\"no\\\"\"}", code);
        struct wf_exchange *ex = post("Fail", JSON);
        assert_true(fake_run(r->server, ex, body, strlen(body)));
        snprintf(answer, sizeof answer, "{\"code\":\"%s\",\"message\":\"\\\"no\\\"\"}",
                 table[code].name);
        assert_string_equal(fake_answer(ex, "content-type"), JSON);
        assert_answer(ex, table[code].status, answer);
    }
}

static void an_error_has_details(void **state)
{
    struct rig *r = *state;
    const char *body = "{\"code\":10,\"message\":\"é\",\"holder\":\"dana\"}";
    struct wf_exchange *ex = post("Fail", JSON);

    assert_true(fake_run(r->server, ex, body, strlen(body)));
    assert_answer(ex, 409,
                  "{\"code\":\"aborted\",\"message\":\"é\",\"details\":[{\"type\":"
                  "\"watchfire.v1.ErrorDetail\",\"value\":\"CghBU0tFRF9UTyIEZGFuYQ\",\"debug\":"
                  "{\"reason\":\"ASKED_TO\",\"holder\":\"dana\"}}]}");
    ex = post("Echo", JSON); // a refusal of this layer has reason and field
    assert_true(fake_run(r->server, ex, "{\"kinds\":{\"colour\":\"BLUE\"}}", 27));
    assert_non_null(strstr(fake_text(ex), "\"debug\":{\"reason\":\"UNKNOWN_ENUM\",\"field\":"
                                          "\"kinds.colour\"}"));
    fake_close(ex, WF_OK);
}

static void get_takes_its_message_from_the_query(void **state)
{
    static const char *const targets[] = {
        "Read?encoding=json&message=%7B%22text%22%3A%22a+b%22%7D",
        "Read?message=%7b%22text%22%3a%22a%20b%22%7d&encoding=json&connect=v1",
        "Read?base64=1&encoding=json&message=eyJ0ZXh0IjoiYSBiIn0",
        "Read?base64=1&encoding=json&message=eyJ0ZXh0IjoiYSBiIn0=&unknown=1",
        "Read?base64=1&encoding=json&message=eyJ0ZXh0IjoiYSBiIn0%3D&compression=identity",
    };
    struct rig *r = *state;
    char path[200];

    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        snprintf(path, sizeof path, TEST_PATH "%s", targets[i]);
        struct wf_exchange *ex = fake_new("GET", path, 11);
        assert_true(fake_run(r->server, ex, NULL, 0));
        assert_string_equal(fake_answer(ex, "content-type"), JSON);
        assert_answer(ex, 200, "{\"text\":\"a b\"}");
    }
    struct wf_exchange *ex =
        fake_new("GET", TEST_PATH "Read?encoding=proto&base64=1&message=CgFh", 20);
    assert_true(fake_run(r->server, ex, NULL, 0));
    assert_string_equal(fake_answer(ex, "content-type"), PROTO);
    assert_answer(ex, 200,
                  "\x0a\x01"
                  "a");
}

static void bodies_have_a_limit(void **state)
{
    struct rig *r = *state;
    static char big[WF_MESSAGE_MAX + 1];

    memset(big, ' ', sizeof big);
    struct wf_exchange *ex = post("Echo", JSON);
    assert_true(fake_run(r->server, ex, big, WF_JSON_MAX + 1));
    assert_int_equal(ex->status, 429);
    assert_non_null(strstr(fake_text(ex), "resource_exhausted"));
    assert_int_equal(ex->consumed, WF_JSON_MAX + 1);
    fake_close(ex, WF_OK);
    ex = post("Echo", PROTO);
    assert_true(fake_run(r->server, ex, big, WF_MESSAGE_MAX + 1));
    assert_int_equal(ex->status, 429);
    fake_close(ex, WF_OK);
    memcpy(big, "{\"text\":\"x\"}", 12); // at the limit it is taken
    ex = post("Echo", JSON);
    assert_true(fake_run(r->server, ex, big, WF_JSON_MAX));
    assert_answer(ex, 200, "{\"text\":\"x\"}");
}

// --- streams ------------------------------------------------------------------------------------

// The i-th envelope's flags and text.
static const char *envelope(const struct wf_exchange *ex, size_t i, int *flags)
{
    static char text[512];
    const uint8_t *p = ex->body.data, *end = p + ex->body.len;

    while (p < end) {
        size_t len = (size_t)p[3] << 8 | p[4];
        *flags = p[0];
        snprintf(text, sizeof text, "%.*s", (int)len, (const char *)p + 5);
        if (i-- == 0)
            return text;
        p += 5 + len;
    }
    return "none";
}

static struct wf_exchange *run_stream(struct rig *r, const char *method, const char *body)
{
    uint8_t frame[512];
    struct wf_exchange *ex = post(method, STREAM);

    wf_frame_head(frame, 0, strlen(body));
    memcpy(frame + 5, body, strlen(body));
    assert_true(fake_run(r->server, ex, frame, 5 + strlen(body)));
    assert_int_equal(ex->status, 200);
    assert_string_equal(fake_answer(ex, "content-type"), STREAM);
    assert_true(ex->finished);
    return ex;
}

static void a_stream_ends_with_its_end(void **state)
{
    struct rig *r = *state;
    int flags;

    struct wf_exchange *ex = run_stream(r, "Count", "{\"count\":2}");
    assert_string_equal(envelope(ex, 0, &flags), "{\"number\":1}");
    assert_int_equal(flags, 0);
    assert_string_equal(envelope(ex, 1, &flags), "{\"number\":2}");
    assert_string_equal(envelope(ex, 2, &flags), "{}");
    assert_int_equal(flags, WF_FRAME_END_STREAM);
    assert_string_equal(envelope(ex, 3, &flags), "none");
    fake_close(ex, WF_OK);
    ex = run_stream(r, "Count", "{}");
    assert_string_equal(envelope(ex, 0, &flags), "{}");
    assert_int_equal(flags, WF_FRAME_END_STREAM);
    fake_close(ex, WF_OK);
}

static void a_stream_s_error_is_in_its_end(void **state)
{
    struct rig *r = *state;
    int flags;

    struct wf_exchange *ex =
        run_stream(r, "FailStream", "{\"after\":1,\"code\":8,\"message\":\"full\"}");
    assert_string_equal(envelope(ex, 0, &flags), "{\"number\":1}");
    assert_string_equal(envelope(ex, 1, &flags),
                        "{\"error\":{\"code\":\"resource_exhausted\",\"message\":\"full\"}}");
    assert_int_equal(flags, WF_FRAME_END_STREAM);
    fake_close(ex, WF_OK);
    ex = run_stream(r, "Count", "{\"nope\":1}");
    assert_non_null(strstr(envelope(ex, 0, &flags), "nope: there is no such field"));
    assert_int_equal(flags, WF_FRAME_END_STREAM);
    fake_close(ex, WF_OK);
}

static void a_stream_takes_one_message(void **state)
{
    static const struct {
        const char *body;
        size_t len;
        const char *code;
    } cases[] = {{"", 0, "unimplemented"},
                 {"\0\0\0\0\2{}\0\0\0\0\2{}", 14, "unimplemented"},
                 {"\1\0\0\0\2{}", 7, "internal"},
                 {"\2\0\0\0\2{}", 7, "invalid_argument"},
                 {"\0\0\0\0\3{}", 7, "invalid_argument"},
                 {"\0\0\x20\0\0", 5, "resource_exhausted"}};
    struct rig *r = *state;
    int flags;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wf_exchange *ex = post("Count", STREAM);
        assert_true(fake_run(r->server, ex, cases[i].body, cases[i].len));
        assert_int_equal(ex->status, 200);
        assert_non_null(strstr(envelope(ex, 0, &flags), cases[i].code));
        assert_int_equal(flags, WF_FRAME_END_STREAM);
        fake_close(ex, WF_OK);
    }
    struct wf_exchange *ex = post("Count", STREAM);
    fake_header(ex, "connect-content-encoding", "br");
    assert_true(fake_run(r->server, ex, "\0\0\0\0\2{}", 7));
    assert_non_null(strstr(envelope(ex, 0, &flags), "identity"));
    fake_close(ex, WF_OK);
}

static void both_directions_need_http2(void **state)
{
    struct rig *r = *state;
    struct wf_exchange *ex = post("Chat", STREAM);

    assert_true(fake_run(r->server, ex, NULL, 0));
    assert_int_equal(ex->status, 505);
    fake_close(ex, WF_OK);
    ex = fake_new("POST", TEST_PATH "Chat", 20);
    fake_header(ex, "content-type", STREAM);
    assert_true(wf_rpc_server_begin(r->server, ex));
    fake_data(ex, "\0\0\0\0\x0c{\"text\":\"a\"}", 17);
    assert_int_equal(ex->body.len, 17); // answered before the request ends
    fake_end(ex);
    assert_int_equal(ex->body.len, 17 + 7);
    assert_true(ex->finished);
    fake_close(ex, WF_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_message_is_an_empty_body),
        cmocka_unit_test(unary_json_is_a_bare_body),
        cmocka_unit_test(a_form_of_a_browser_is_refused),
        cmocka_unit_test(unary_proto_is_a_bare_body),
        cmocka_unit_test(refusals_are_json),
        cmocka_unit_test(every_code_has_its_http_status),
        cmocka_unit_test(an_error_has_details),
        cmocka_unit_test(get_takes_its_message_from_the_query),
        cmocka_unit_test(bodies_have_a_limit),
        cmocka_unit_test(a_stream_ends_with_its_end),
        cmocka_unit_test(a_stream_s_error_is_in_its_end),
        cmocka_unit_test(a_stream_takes_one_message),
        cmocka_unit_test(both_directions_need_http2),
    };
    return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
