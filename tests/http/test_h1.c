// SPDX-License-Identifier: Apache-2.0
#include "check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "pipe.h"

static const char *out(struct pipe *p)
{
    const char *s = wf_buf_cstr(&p->out);
    assert_non_null(s);
    return s;
}

static unsigned count(const char *in, const char *what)
{
    unsigned n = 0;
    for (const char *at = in; (at = strstr(at, what)); at++)
        n++;
    return n;
}

static void answers_and_keeps_the_connection(void **state)
{
    (void)state;
    for (size_t step = 0; step < 3; step++) {
        struct pipe *p = pipe_new(wf_h1_new);
        static const char two[] = "GET /hello?a=b HTTP/1.1\r\nHost: x:1\r\n\r\n"
                                  "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nwxyz";
        pipe_feed(p, two, sizeof two - 1, step);
        assert_int_equal(p->over, 2);
        assert_int_equal(p->last_code, WF_OK);
        assert_string_equal(wf_buf_cstr(&p->log), "GET /hello?a=b x:1\nPOST /echo? x\n");
        assert_int_equal(count(out(p), "HTTP/1.1 200 OK\r\n"), 2);
        assert_non_null(strstr(out(p), "content-length: 5\r\n\r\nhello"));
        assert_non_null(strstr(out(p), "content-length: 4\r\n\r\nwxyz"));
        assert_false(p->closed);
        pipe_free(p);
    }
}

static void chunks_come_and_go(void **state)
{
    static const char request[] =
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n0A\r\n0123456789\r\n0\r\nX-Trailer: 1\r\n\r\n"
        "GET /big?10000 HTTP/1.1\r\nHost: x\r\n\r\n";
    (void)state;
    for (size_t step = 0; step < 4; step++) {
        struct pipe *p = pipe_new(wf_h1_new);
        pipe_feed(p, request, sizeof request - 1, step);
        assert_int_equal(p->over, 2);
        assert_non_null(strstr(out(p), "\r\n\r\nabc0123456789HTTP/1.1"));
        assert_non_null(strstr(out(p), "transfer-encoding: chunked\r\n"));
        assert_memory_equal(p->out.data + p->out.len - 5, "0\r\n\r\n", 5);
        pipe_free(p);
    }
}

// The crafted requests of smuggling: each ends the connection with an error, and what follows it in
// the same bytes is never read as a request.
static void crafted_requests_are_refused(void **state)
{
    static const char *const crafted[] = {
        "GET /a HTTP/1.1\nHost: x\n\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3 "
        "junk\r\nabc\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
        "chunked\r\n\r\n3;ext=1\r\nabc\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcde\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: a\rY: b\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: "
        "9\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\nabcde",
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: "
        "chunked\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc",
        "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "GET /a\r\n\r\n",
        "GET /a HTTP/9.9\r\nHost: x\r\n\r\n",
        "GET /a HTTP/1.1\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\nabc",
        "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        "NONSENSE /a HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http:///hello HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://a?b HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET hello HTTP/1.1\r\nHost: x\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"};
    (void)state;
    for (size_t i = 0; i < 2 * sizeof crafted / sizeof crafted[0]; i++) {
        struct pipe *p = pipe_new(wf_h1_new);
        p->silent = true;
        pipe_feed(p, crafted[i / 2], strlen(crafted[i / 2]), i % 2);
        if (!p->closed)
            fail_msg("still open after: %s", crafted[i / 2]);
        pipe_puts(p, "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(count(out(p), "HTTP/1.1 4"), 1);
        assert_non_null(strstr(out(p), "connection: close\r\n"));
        assert_null(strstr(wf_buf_cstr(&p->log), "smuggled"));
        assert_in_range(p->begun, 0, 1);
        pipe_free(p);
    }
}

static void targets_take_three_forms(void **state)
{
    struct pipe *p = pipe_new(wf_h1_new);
    (void)state;
    pipe_puts(p, "GET http://other:1/hello?x HTTP/1.1\r\nHost: x\r\n\r\n");
    pipe_puts(p, "GET https://o/hello HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_string_equal(wf_buf_cstr(&p->log), "GET /hello?x other:1\nGET /hello? o\n");
    pipe_puts(p, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_non_null(strstr(out(p), "404"));
    assert_true(p->closed && p->graceful);
    pipe_free(p);
}

static void large_heads_are_cut_off(void **state)
{
    static char big[WF_HEADERS_MAX + 100];
    struct pipe *p = pipe_new(wf_h1_new);
    (void)state;
    memset(big, 'a', sizeof big);
    pipe_puts(p, "GET / HTTP/1.1\r\nHost: x\r\nX: ");
    pipe_feed(p, big, sizeof big, 1000);
    assert_non_null(strstr(out(p), "HTTP/1.1 431 "));
    assert_true(p->closed);
    pipe_free(p);
    p = pipe_new(wf_h1_new);
    pipe_puts(p, "GET /");
    pipe_feed(p, big, sizeof big, 1000);
    assert_non_null(strstr(out(p), "HTTP/1.1 414 "));
    pipe_free(p);
    p = pipe_new(wf_h1_new); // many small fields
    pipe_puts(p, "GET / HTTP/1.1\r\nHost: x\r\n");
    for (int i = 0; i < 200; i++)
        pipe_puts(p, "a: b\r\n");
    pipe_puts(p, "\r\n");
    assert_non_null(strstr(out(p), "HTTP/1.1 431 "));
    pipe_free(p);
}

static void http10_closes_unless_asked(void **state)
{
    struct pipe *p = pipe_new(wf_h1_new);
    (void)state;
    pipe_puts(p, "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_non_null(strstr(out(p), "connection: keep-alive\r\n"));
    assert_false(p->closed);
    pipe_puts(p, "GET /big?10 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_null(strstr(out(p), "transfer-encoding"));
    assert_true(p->closed && p->graceful); // the end of the body
    pipe_free(p);
    p = pipe_new(wf_h1_new);
    pipe_puts(p, "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_non_null(strstr(out(p), "connection: close\r\n"));
    assert_true(p->closed && p->graceful);
    pipe_free(p);
}

static void head_has_no_body(void **state)
{
    struct pipe *p = pipe_new(wf_h1_new);
    (void)state;
    pipe_puts(p,
              "HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\nHEAD /big?100 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(p->over, 2);
    assert_non_null(strstr(out(p), "content-length: 5\r\n"));
    assert_null(strstr(out(p), "hello"));
    assert_memory_equal(p->out.data + p->out.len - 4, "\r\n\r\n", 4);
    pipe_free(p);
}

static void expectations(void **state)
{
    struct pipe *p = pipe_new(wf_h1_new);
    (void)state;
    pipe_puts(
        p, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    assert_string_equal(out(p), "HTTP/1.1 100 Continue\r\n\r\n");
    pipe_puts(p, "abc");
    assert_non_null(strstr(out(p), "HTTP/1.1 200 OK"));
    // A handler that says no at once is not followed by a body.
    wf_buf_reset(&p->out);
    pipe_puts(
        p, "POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    assert_null(strstr(out(p), "100 Continue"));
    assert_non_null(strstr(out(p), "HTTP/1.1 403 "));
    assert_true(p->closed && p->graceful);
    pipe_free(p);
    p = pipe_new(wf_h1_new);
    pipe_puts(p, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: miracles\r\n\r\n");
    assert_non_null(strstr(out(p), "HTTP/1.1 417 "));
    pipe_free(p);
}

static void slow_clients_are_dropped(void **state)
{
    struct pipe *p = pipe_new(wf_h1_new);
    (void)state;
    p->shared.times.request_head = 1000;
    p->shared.times.request_body = 2000;
    p->shared.times.h1_idle = 500;
    pipe_pass(p, 900); // nothing at all: the head's time
    assert_false(p->closed);
    pipe_puts(p, "GET /hello HTTP/1.1\r\nX:");
    for (int i = 0; i < 9; i++) { // a byte now and then does not help
        pipe_pass(p, 100);
        pipe_puts(p, "a");
    }
    assert_false(p->closed);
    pipe_pass(p, 200);
    assert_non_null(strstr(out(p), "HTTP/1.1 408 "));
    assert_true(p->closed);
    pipe_free(p);

    p = pipe_new(wf_h1_new);
    p->shared.times.request_body = 2000;
    pipe_puts(p, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n");
    pipe_pass(p, 1900);
    pipe_puts(p, "abcdefghij"); // ten bytes are ten milliseconds
    assert_false(p->closed);
    pipe_pass(p, 200);
    assert_non_null(strstr(out(p), "HTTP/1.1 408 "));
    assert_int_equal(p->over, 1);
    pipe_free(p);

    p = pipe_new(wf_h1_new);
    p->shared.times.h1_idle = 500;
    pipe_puts(p, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    pipe_pass(p, 600);
    assert_true(p->closed && p->graceful);
    pipe_free(p);
}

static void a_reader_that_reads_nothing_is_dropped(void **state)
{
    struct pipe *p = pipe_new(wf_h1_new);
    (void)state;
    p->room = 1;
    p->shared.times.keepalive = 500;
    p->shared.times.keepalive_wait = 500;
    pipe_puts(p, "GET /big?100000 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(p->over, 0);
    assert_true(p->out.len < 80000); // the handler was held back
    pipe_pass(p, 900);
    assert_false(p->closed);
    pipe_pass(p, 300);
    assert_true(p->closed && !p->graceful);
    pipe_free(p);
}

static void flow_control_pauses_the_reading(void **state)
{
    static char piece[WF_STREAM_WINDOW];
    struct pipe *p = pipe_new(wf_h1_new);
    (void)state;
    p->hold = true;
    p->room = 1024 * 1024;
    pipe_puts(p, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 400000\r\n\r\n");
    pipe_feed(p, piece, sizeof piece, 4096);
    assert_true(p->paused);
    assert_int_equal(p->held, WF_STREAM_WINDOW);
    p->hold = false;
    wf_exchange_consume(p->last, p->held);
    pipe_run(p);
    assert_false(p->paused);
    pipe_feed(p, piece, 400000 - sizeof piece, 4096);
    assert_int_equal(p->over, 1);
    pipe_free(p);
}

static void pipelined_requests_wait_in_bounds(void **state)
{
    static const char next[] = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
    struct pipe *p = pipe_new(wf_h1_new);
    (void)state;
    pipe_puts(p, "GET /silent HTTP/1.1\r\nHost: x\r\n\r\n");
    unsigned sent = 0;
    while (!p->paused && sent < 100000) {
        pipe_feed(p, next, sizeof next - 1, 0);
        sent++;
    }
    assert_true(p->paused);
    assert_int_equal(p->begun, 1);
    wf_exchange_reply(p->last, 200, "text/plain", "x", 1);
    pipe_run(p);
    assert_false(p->paused);
    assert_int_equal(p->begun, sent + 1);
    assert_int_equal(p->over, sent + 1);
    pipe_free(p);
}

static void drain_finishes_what_is_under_way(void **state)
{
    struct pipe *p = pipe_new(wf_h1_new);
    (void)state;
    p->session->ops->drain(p->session); // idle
    assert_true(p->closed && p->graceful);
    pipe_free(p);
    p = pipe_new(wf_h1_new);
    pipe_puts(p, "GET /silent HTTP/1.1\r\nHost: x\r\n\r\n");
    p->session->ops->drain(p->session);
    assert_int_equal(p->drained, 1);
    assert_false(p->closed);
    wf_exchange_reply(p->last, 200, "text/plain", "x", 1);
    pipe_run(p);
    assert_non_null(strstr(out(p), "connection: close\r\n"));
    assert_true(p->closed && p->graceful);
    assert_int_equal(p->last_code, WF_OK);
    pipe_free(p);
}

static void a_lost_connection_cancels(void **state)
{
    struct pipe *p = pipe_new(wf_h1_new);
    (void)state;
    pipe_puts(p, "GET /silent HTTP/1.1\r\nHost: x\r\n\r\n");
    p->session->ops->eof(p->session); // may still wait for the answer
    assert_false(p->closed);
    wf_exchange_respond(p->last, 200, NULL, 0, false);
    p->session->ops->eof(p->session); // a stream nobody listens to
    assert_true(p->closed);
    pipe_free(p);
}

static void header_injection_ends_the_exchange(void **state)
{
    const struct wf_header bad[] = {
        {"x-a", "b\r\nset-cookie: c"}, {"x a", "b"}, {":status", "1"}, {"X-Upper", "b"}};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct pipe *p = pipe_new(wf_h1_new);
        pipe_puts(p, "GET /silent HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(wf_exchange_respond(p->last, 200, &bad[i], 1, false), WF_INVALID_ARGUMENT);
        assert_true(p->closed && !p->graceful);
        assert_int_equal(p->out.len, 0);
        pipe_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_and_keeps_the_connection),
        cmocka_unit_test(chunks_come_and_go),
        cmocka_unit_test(crafted_requests_are_refused),
        cmocka_unit_test(targets_take_three_forms),
        cmocka_unit_test(large_heads_are_cut_off),
        cmocka_unit_test(http10_closes_unless_asked),
        cmocka_unit_test(head_has_no_body),
        cmocka_unit_test(expectations),
        cmocka_unit_test(slow_clients_are_dropped),
        cmocka_unit_test(a_reader_that_reads_nothing_is_dropped),
        cmocka_unit_test(flow_control_pauses_the_reading),
        cmocka_unit_test(pipelined_requests_wait_in_bounds),
        cmocka_unit_test(drain_finishes_what_is_under_way),
        cmocka_unit_test(a_lost_connection_cancels),
        cmocka_unit_test(header_injection_ends_the_exchange),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
