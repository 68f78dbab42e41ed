// SPDX-License-Identifier: Apache-2.0
// The HTTP/2 server against nghttp2's own client session, and against frames made by hand.
#include "check.h"
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "pipe.h"

// --- a client ---

struct client {
    struct pipe *p;
    nghttp2_session *ng;
    int status;      // the last
    unsigned closed; // streams
    uint32_t error;  // of the last that closed
    struct wf_buf body, headers;
    unsigned goaways;
    uint32_t goaway_error;
    int32_t last_id;
    char debug[64];
    bool no_consume;
    const uint8_t *upload;
    size_t left;
    bool upload_end;
};

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                     size_t nlen, const uint8_t *value, size_t vlen, uint8_t flags, void *user)
{
    struct client *c = user;
    (void)ng, (void)frame, (void)flags;
    if (nlen == 7 && memcmp(name, ":status", 7) == 0)
        c->status = atoi((const char *)value);
    wf_buf_printf(&c->headers, "%.*s: %.*s\n", (int)nlen, name, (int)vlen, value);
    return 0;
}

static int on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
                   void *user)
{
    struct client *c = user;
    (void)flags;
    wf_buf_append(&c->body, data, len);
    if (!c->no_consume)
        nghttp2_session_consume(ng, id, len);
    return 0;
}

static int on_close(nghttp2_session *ng, int32_t id, uint32_t error, void *user)
{
    struct client *c = user;
    (void)ng, (void)id;
    c->closed++;
    c->error = error;
    return 0;
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    struct client *c = user;
    (void)ng;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        c->goaways++;
        c->goaway_error = frame->goaway.error_code;
        c->last_id = frame->goaway.last_stream_id;
        snprintf(c->debug, sizeof c->debug, "%.*s", (int)frame->goaway.opaque_data_len,
                 (const char *)frame->goaway.opaque_data);
    }
    return 0;
}

static void client_init(struct client *c)
{
    nghttp2_session_callbacks *cb;
    nghttp2_option *option;
    const nghttp2_settings_entry none = {NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
    *c = (struct client){.p = pipe_new(wf_h2_new)};
    wf_buf_init(&c->body, 64 * 1024 * 1024);
    wf_buf_init(&c->headers, 1024 * 1024);
    nghttp2_session_callbacks_new(&cb);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_option_new(&option);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_max_send_header_block_length(option, 1024 * 1024);
    nghttp2_session_client_new2(&c->ng, cb, c, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(cb);
    nghttp2_submit_settings(c->ng, 0, &none, 1);
}

static void client_free(struct client *c)
{
    nghttp2_session_del(c->ng);
    wf_buf_free(&c->body);
    wf_buf_free(&c->headers);
    pipe_free(c->p);
}

// To and fro until both are silent.
static void talk(struct client *c)
{
    struct pipe *p = c->p;
    for (int i = 0; i < 10000; i++) {
        const uint8_t *data;
        ssize_t n = nghttp2_session_mem_send(c->ng, &data);
        assert_true(n >= 0);
        if (n > 0 && !p->closed && !p->paused)
            pipe_feed(p, data, (size_t)n, 0);
        pipe_run(p);
        if (p->out.len > 0) {
            assert_int_equal(nghttp2_session_mem_recv(c->ng, p->out.data, p->out.len), p->out.len);
            wf_buf_reset(&p->out);
            p->wake = true;
        } else if (n == 0)
            return;
    }
    fail_msg("they do not come to an end");
}

static ssize_t on_upload(nghttp2_session *ng, int32_t id, uint8_t *buf, size_t length,
                         uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct client *c = user;
    (void)ng, (void)id, (void)source;
    size_t n = c->left < length ? c->left : length;
    if (n == 0 && !c->upload_end)
        return NGHTTP2_ERR_DEFERRED;
    memset(buf, 'u', n);
    c->left -= n;
    if (c->left == 0 && c->upload_end)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

#define NV(name, value)                                                                            \
    {                                                                                              \
        (uint8_t *)(name), (uint8_t *)(value), strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE   \
    }

static int32_t ask(struct client *c, const char *method, const char *path)
{
    const nghttp2_nv nv[] = {NV(":method", method), NV(":scheme", "https"), NV(":authority", "x:1"),
                             NV(":path", path), NV("x-a", "b")};
    const nghttp2_data_provider upload = {.read_callback = on_upload};
    return nghttp2_submit_request(c->ng, NULL, nv, 5, strcmp(method, "POST") == 0 ? &upload : NULL,
                                  NULL);
}

// --- tests ---

static void answers(void **state)
{
    struct client c;
    (void)state;
    client_init(&c);
    ask(&c, "GET", "/hello?a=b");
    talk(&c);
    assert_int_equal(c.status, 200);
    assert_int_equal(c.closed, 1);
    assert_memory_equal(c.body.data, "hello", 5);
    assert_string_equal(wf_buf_cstr(&c.p->log), "GET /hello?a=b x:1\n");
    assert_int_equal(c.p->last_code, WF_OK);
    c.left = 100000;
    c.upload_end = true;
    wf_buf_reset(&c.body);
    ask(&c, "POST", "/echo");
    talk(&c);
    assert_int_equal(c.body.len, 100000);
    ask(&c, "HEAD", "/hello");
    talk(&c);
    assert_int_equal(c.closed, 3);
    assert_int_equal(c.body.len, 100000);
    client_free(&c);
}

static void trailers_follow(void **state)
{
    struct client c;
    (void)state;
    client_init(&c);
    ask(&c, "GET", "/trailers");
    talk(&c);
    assert_non_null(strstr(wf_buf_cstr(&c.headers), "x-test: 1\ngrpc-status: 0\nx-end: yes\n"));
    assert_memory_equal(c.body.data, "abc", 3);
    assert_int_equal(c.closed, 1);
    assert_int_equal(c.error, NGHTTP2_NO_ERROR);
    client_free(&c);
}

static void a_slow_reader_holds_the_handler_back(void **state)
{
    struct client c;
    (void)state;
    client_init(&c);
    c.no_consume = true;
    int32_t id = ask(&c, "GET", "/big?3000000");
    talk(&c);
    assert_int_equal(c.body.len, 65535); // the client's window
    assert_int_equal(c.p->over, 0);
    c.no_consume = false;
    ask(&c, "GET", "/trailers"); // others have room only on the connection: none
    for (int i = 0; i < 100 && c.closed < 2; i++) {
        nghttp2_session_consume(c.ng, id, i == 0 ? 65535 : 0);
        talk(&c);
    }
    assert_int_equal(c.body.len, 3000003);
    assert_int_equal(c.p->over, 2);
    assert_true(c.p->writables > 10);
    client_free(&c);
}

static void uploads_wait_for_the_handler(void **state)
{
    struct client c;
    (void)state;
    client_init(&c);
    c.p->hold = true;
    c.left = 2000000;
    c.upload_end = true;
    ask(&c, "POST", "/echo");
    talk(&c);
    assert_int_equal(c.p->held, WF_STREAM_WINDOW);
    c.p->hold = false;
    size_t held = c.p->held;
    wf_exchange_consume(c.p->last, held);
    talk(&c);
    assert_int_equal(c.body.len, 2000000);
    client_free(&c);
}

static void huge_headers_get_431(void **state)
{
    struct client c;
    char big[8000];
    (void)state;
    client_init(&c);
    memset(big, 'a', sizeof big - 1);
    big[sizeof big - 1] = 0;
    const nghttp2_nv nv[] = {NV(":method", "GET"),  NV(":scheme", "https"), NV(":authority", "x"),
                             NV(":path", "/hello"), NV("x-1", big),         NV("x-2", big),
                             NV("x-3", big)};
    nghttp2_submit_request(c.ng, NULL, nv, 7, NULL, NULL);
    talk(&c);
    assert_int_equal(c.status, 431);
    assert_int_equal(c.p->begun, 0);
    ask(&c, "GET", "/hello"); // the connection lives
    talk(&c);
    assert_int_equal(c.status, 200);
    client_free(&c);
}

// A few bytes of HPACK that unfold to megabytes.
static void a_header_bomb_ends_the_connection(void **state)
{
    struct client c;
    char big[3900];
    (void)state;
    client_init(&c);
    memset(big, 'a', sizeof big - 1);
    big[sizeof big - 1] = 0;
    nghttp2_nv nv[64] = {NV(":method", "GET"), NV(":scheme", "https"), NV(":authority", "x"),
                         NV(":path", "/hello")};
    for (int i = 4; i < 64; i++)
        nv[i] = (nghttp2_nv)NV("x", big);
    nghttp2_submit_request(c.ng, NULL, nv, 64, NULL, NULL);
    talk(&c);
    assert_int_equal(c.goaway_error, NGHTTP2_ENHANCE_YOUR_CALM);
    assert_true(c.p->closed);
    client_free(&c);
}

static void rapid_reset_is_stopped(void **state)
{
    struct client c;
    (void)state;
    client_init(&c);
    talk(&c);
    for (int i = 0; i < 5000 && !c.p->closed; i++) {
        int32_t id = ask(&c, "GET", "/silent");
        talk(&c);
        nghttp2_submit_rst_stream(c.ng, 0, id, NGHTTP2_CANCEL);
        talk(&c);
    }
    assert_true(c.p->closed);
    assert_in_range(c.p->begun, WF_RESET_BURST, WF_RESET_BURST + 10);
    assert_int_equal(c.p->begun, c.p->over);
    client_free(&c);
}

static void floods_are_stopped(void **state)
{
    struct client c;
    (void)state;
    client_init(&c);
    for (int i = 0; i < 2 * WF_CONTROL_BURST && !c.p->closed; i++) {
        const nghttp2_settings_entry e = {NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
        nghttp2_submit_settings(c.ng, 0, &e, 1);
        talk(&c);
    }
    assert_int_equal(c.goaway_error, NGHTTP2_ENHANCE_YOUR_CALM);
    assert_true(c.p->closed);
    client_free(&c);
    // With output stuck, acknowledgements must not pile up either.
    client_init(&c);
    talk(&c);
    c.p->room = 0;
    static const uint8_t ping[17] = {0, 0, 8, 6};
    for (int i = 0; i < 20000; i++)
        pipe_feed(c.p, ping, sizeof ping, 0);
    assert_int_equal(c.p->out.len, 0);
    pipe_pass(c.p, 2 * WF_LINGER_MS); // it does not take the goodbye
    assert_true(c.p->closed && !c.p->graceful);
    client_free(&c);
}

static void pings_keep_a_distance(void **state)
{
    struct client c;
    (void)state;
    client_init(&c);
    for (int i = 0; i < 10; i++) { // polite
        nghttp2_submit_ping(c.ng, 0, NULL);
        talk(&c);
        c.p->now += WF_PING_MIN_MS;
    }
    for (int i = 0; i < 10; i++) { // with requests between
        nghttp2_submit_ping(c.ng, 0, NULL);
        ask(&c, "GET", "/hello");
        talk(&c);
    }
    assert_int_equal(c.goaways, 0);
    for (int i = 0; i < WF_PING_STRIKES + 2; i++) {
        nghttp2_submit_ping(c.ng, 0, NULL);
        talk(&c);
    }
    assert_int_equal(c.goaway_error, NGHTTP2_ENHANCE_YOUR_CALM);
    assert_string_equal(c.debug, "too_many_pings");
    assert_true(c.p->closed && c.p->graceful);
    client_free(&c);
}

static void cancel_reaches_the_handler(void **state)
{
    struct client c;
    (void)state;
    client_init(&c);
    int32_t id = ask(&c, "GET", "/silent");
    talk(&c);
    assert_int_equal(c.p->over, 0);
    nghttp2_submit_rst_stream(c.ng, 0, id, NGHTTP2_CANCEL);
    talk(&c);
    assert_int_equal(c.p->over, 1);
    assert_int_equal(c.p->last_code, WF_CANCELLED);
    // And ours the client.
    ask(&c, "GET", "/silent");
    talk(&c);
    wf_exchange_reset(c.p->last);
    assert_int_equal(wf_exchange_respond(c.p->last, 200, NULL, 0, true), WF_UNAVAILABLE);
    talk(&c);
    assert_int_equal(c.error, NGHTTP2_INTERNAL_ERROR);
    assert_int_equal(c.p->last_code, WF_INTERNAL);
    client_free(&c);
}

static void an_early_answer_stops_the_upload(void **state)
{
    struct client c;
    (void)state;
    client_init(&c);
    c.left = 100; // and no end
    ask(&c, "POST", "/early");
    talk(&c);
    assert_int_equal(c.status, 403);
    assert_int_equal(c.closed, 1);
    assert_int_equal(c.error, NGHTTP2_NO_ERROR);
    assert_int_equal(c.p->last_code, WF_OK);
    client_free(&c);
}

static void half_closed_streams_are_bounded(void **state)
{
    struct client c;
    (void)state;
    client_init(&c);
    talk(&c);
    for (int i = 0; i < 3 * WF_STREAMS_MAX; i++)
        ask(&c, "POST", "/echo"); // none of them ends
    talk(&c);
    assert_int_equal(c.p->begun, WF_STREAMS_MAX);
    c.p->shared.times.keepalive = 1000;
    c.p->shared.times.keepalive_wait = 1000;
    pipe_pass(c.p, 5000); // and nobody answers the ping
    assert_true(c.p->closed && !c.p->graceful);
    client_free(&c);
}

static void drain_has_two_steps(void **state)
{
    struct client c;
    (void)state;
    client_init(&c);
    ask(&c, "GET", "/silent");
    talk(&c);
    c.p->session->ops->drain(c.p->session);
    assert_int_equal(c.p->drained, 1);
    pipe_run(c.p);
    assert_int_equal(nghttp2_session_mem_recv(c.ng, c.p->out.data, c.p->out.len), c.p->out.len);
    wf_buf_reset(&c.p->out);
    assert_int_equal(c.goaways, 1);
    assert_int_equal(c.last_id, 0x7fffffff);
    talk(&c); // the ping's answer brings the second
    assert_int_equal(c.goaways, 2);
    assert_int_equal(c.last_id, 1);
    assert_false(c.p->closed);
    wf_exchange_reply(c.p->last, 200, "text/plain", "x", 1);
    talk(&c);
    assert_int_equal(c.status, 200);
    assert_int_equal(c.p->last_code, WF_OK);
    assert_true(c.p->closed && c.p->graceful);
    client_free(&c);
}

static void silence_is_noticed(void **state)
{
    struct client c;
    (void)state;
    client_init(&c);
    talk(&c);
    c.p->shared.times.h2_idle = 1000;
    pipe_pass(c.p, 900);
    assert_false(c.p->closed);
    pipe_pass(c.p, 500);
    assert_true(c.p->closed && c.p->graceful);
    client_free(&c);
    // Not even a preface.
    client_init(&c);
    pipe_run(c.p);
    pipe_pass(c.p, WF_REQUEST_HEAD_MS + 100);
    assert_true(c.p->closed && !c.p->graceful);
    client_free(&c);
    // A connection grows old.
    client_init(&c);
    c.p->session->max_age = 1000;
    ask(&c, "GET", "/silent");
    talk(&c);
    pipe_pass(c.p, 1500);
    assert_true(c.p->session->draining);
    client_free(&c);
}

static void nonsense_ends_the_connection(void **state)
{
    struct client c;
    (void)state;
    client_init(&c);
    pipe_puts(c.p, "GET / HTTP/1.1\r\nHost: x\r\n\r\n and more so that the preface is complete");
    assert_true(c.p->closed);
    client_free(&c);
    client_init(&c);
    talk(&c);
    pipe_feed(c.p, "\xff\xff\xff\x00\x00\x00\x00\x00\x01", 9, 1);
    talk(&c);
    assert_true(c.p->closed);
    client_free(&c);
}

static void too_much_buffered_is_refused_retryably(void **state)
{
    struct client c;
    (void)state;
    client_init(&c);
    c.no_consume = true;
    // Answers of 200 kB that the client does not read, until the connection holds too many.
    for (int i = 0; i < 40; i++) {
        c.left = 200000;
        c.upload_end = true;
        ask(&c, "POST", "/echo");
        talk(&c);
    }
    assert_in_range(c.p->begun, 15, 30);
    assert_int_equal(c.error, NGHTTP2_REFUSED_STREAM);
    client_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(trailers_follow),
        cmocka_unit_test(a_slow_reader_holds_the_handler_back),
        cmocka_unit_test(uploads_wait_for_the_handler),
        cmocka_unit_test(huge_headers_get_431),
        cmocka_unit_test(a_header_bomb_ends_the_connection),
        cmocka_unit_test(rapid_reset_is_stopped),
        cmocka_unit_test(floods_are_stopped),
        cmocka_unit_test(pings_keep_a_distance),
        cmocka_unit_test(cancel_reaches_the_handler),
        cmocka_unit_test(an_early_answer_stops_the_upload),
        cmocka_unit_test(half_closed_streams_are_bounded),
        cmocka_unit_test(drain_has_two_steps),
        cmocka_unit_test(silence_is_noticed),
        cmocka_unit_test(nonsense_ends_the_connection),
        cmocka_unit_test(too_much_buffered_is_refused_retryably),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
