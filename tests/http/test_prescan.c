// SPDX-License-Identifier: Apache-2.0
#include "http/prescan.h"

#include "check.h"
#include <stdlib.h>
#include <string.h>

static enum wf_prescan_state scan(const char *text, size_t *len)
{
    struct wf_prescan p = {0};
    enum wf_prescan_state state = WF_PRESCAN_MORE;
    // Byte by byte: the answer must not depend on how it came.
    for (size_t n = 1; n <= strlen(text) && state == WF_PRESCAN_MORE; n++)
        state = wf_prescan(&p, (const uint8_t *)text, n);
    struct wf_prescan whole = {0};
    assert_int_equal(wf_prescan(&whole, (const uint8_t *)text, strlen(text)), state);
    assert_int_equal(whole.at, p.at);
    *len = p.at;
    return state;
}

static void finds_the_end_of_a_head(void **state)
{
    size_t len;
    (void)state;
    assert_int_equal(scan("GET / HTTP/1.1\r\nHost: a\r\n\r\nbody", &len), WF_PRESCAN_DONE);
    assert_int_equal(len, 27);
    assert_int_equal(scan("\r\nGET / HTTP/1.0\r\n\r\n", &len), WF_PRESCAN_DONE);
    assert_int_equal(len, 20);
    assert_int_equal(scan("GET / HTTP/1.1\r\nHost: a\r\n", &len), WF_PRESCAN_MORE);
    assert_int_equal(scan("GET / HTTP/1.1\r", &len), WF_PRESCAN_MORE);
}

static void lone_line_ends_and_folds_are_bad(void **state)
{
    static const char *const bad[] = {"GET / HTTP/1.1\nHost: a\n\n",
                                      "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
                                      "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
                                      "GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n",
                                      "GET / HTTP/1.1\r\nX: a\r\n\tb\r\n\r\n",
                                      "GET / HTTP/1.1\r\nX: a\x01\r\n\r\n",
                                      "GET / HTTP/1.1\r\r\n",
                                      " GET / HTTP/1.1\r\n\r\n",
                                      "\n"};
    size_t len;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(scan(bad[i], &len), WF_PRESCAN_BAD);
    struct wf_prescan p = {0};
    assert_int_equal(wf_prescan(&p, (const uint8_t *)"GET /\0", 6), WF_PRESCAN_BAD);
    assert_non_null(strstr(p.why, "control character"));
}

static void trailers_may_be_empty(void **state)
{
    struct wf_prescan p = {.trailers = true};
    (void)state;
    assert_int_equal(wf_prescan(&p, (const uint8_t *)"\r\nGET", 5), WF_PRESCAN_DONE);
    assert_int_equal(p.at, 2);
    p = (struct wf_prescan){.trailers = true};
    assert_int_equal(wf_prescan(&p, (const uint8_t *)"a: b\r\n\r\n", 8), WF_PRESCAN_DONE);
    assert_int_equal(wf_prescan_trailers("a: b\r\n\r\n", 8, NULL), WF_OK);
    assert_int_equal(wf_prescan_trailers("a b\r\n\r\n", 7, NULL), WF_INVALID_ARGUMENT);
    assert_int_equal(wf_prescan_trailers("Content-Length: 1\r\n\r\n", 21, NULL),
                     WF_INVALID_ARGUMENT);
}

static int check(const char *head)
{
    struct wf_err err = {0};
    int rc = wf_prescan_request(head, strlen(head), &err);
    assert_int_equal(rc == WF_OK, err.msg[0] == 0);
    return rc;
}

static void grammar_of_a_request(void **state)
{
    static const char *const good[] = {
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "POST /x?y=z HTTP/1.1\r\nhost:a:7411\r\nContent-Length: 10\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: [::1]:1\r\nTransfer-Encoding: Chunked\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost:\r\nX-Empty:\r\n\r\n",
        "GET http://a/b HTTP/1.1\r\nHost: a\r\nX: \xc3\xa9\r\n\r\n"};
    static const char *const bad[] = {
        "GET / HTTP/1.1\r\n\r\n",                       // no Host
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", // two
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET /\r\n\r\n", // HTTP/0.9
        "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET / HTTP/9.9\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / http/1.1\r\nHost: a\r\n\r\n",
        "G\tT / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\n: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nnothing\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "P / HTTP/1.1\r\nHost:\r\nTransfer-Encoding:chunked\r\nTransfer-Encoding:chunked\r\n\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (check(good[i]) != WF_OK)
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (check(bad[i]) != WF_INVALID_ARGUMENT)
            fail_msg("taken: %s", bad[i]);
}

static void takes_a_head_apart(void **state)
{
    char head[] = "\r\nPOST /p?q HTTP/1.1\r\nHost: a\r\nX-Y:  b c \t\r\nEmpty:\r\n\r\n";
    struct wf_head h;
    struct wf_header f[8];
    (void)state;
    wf_head_split(head, sizeof head - 1, &h, f, 8);
    assert_string_equal(h.method, "POST");
    assert_string_equal(h.target, "/p?q");
    assert_int_equal(h.version, 11);
    assert_int_equal(h.n, 3);
    assert_string_equal(f[0].name, "host");
    assert_string_equal(f[1].name, "x-y");
    assert_string_equal(f[1].value, "b c");
    assert_string_equal(f[2].name, "empty");
    assert_string_equal(f[2].value, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_end_of_a_head),
        cmocka_unit_test(lone_line_ends_and_folds_are_bad),
        cmocka_unit_test(trailers_may_be_empty),
        cmocka_unit_test(grammar_of_a_request),
        cmocka_unit_test(takes_a_head_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
