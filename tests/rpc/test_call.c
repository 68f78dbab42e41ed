// SPDX-License-Identifier: Apache-2.0
// The life of a call: deadlines, cancel, references, slow readers, drain.
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "rig.h"
#include "rpc/call_internal.h"
#include "rpc/frame.h"

static void run_loop_until(const bool *done)
{
    while (!*done)
        uv_run(uv_default_loop(), UV_RUN_ONCE);
}

// A tick keeps the loop turning while the server's own timer is unreferenced.
static void on_tick(uv_timer_t *t)
{
    (void)t;
}

static struct wf_exchange *sleeper(struct rig *r, unsigned ms, const char *timeout)
{
    Watchfire__Test__V1__SleepRequest q = WATCHFIRE__TEST__V1__SLEEP_REQUEST__INIT;
    struct wf_exchange *ex = rig_grpc("Sleep");

    q.ms = ms;
    struct wf_buf body = rig_frame(&q.base);
    if (timeout != NULL)
        fake_header(ex, "grpc-timeout", timeout);
    assert_true(fake_run(r->server, ex, body.data, body.len));
    wf_buf_free(&body);
    return ex;
}

static void a_deadline_ends_a_call(void **state)
{
    struct rig *r = *state;
    uv_timer_t tick;
    unsigned before = test_service_given_up();

    uv_timer_init(uv_default_loop(), &tick);
    uv_timer_start(&tick, on_tick, 1, 1);
    struct wf_exchange *late = sleeper(r, 0, "40m");
    struct wf_exchange *early = sleeper(r, 0, "5m");
    struct wf_exchange *past = sleeper(r, 0, "0n");
    run_loop_until(&past->finished);
    run_loop_until(&early->finished);
    assert_false(late->finished);
    run_loop_until(&late->finished);
    struct wf_exchange *all[] = {late, early, past};
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(fake_answer(all[i], "grpc-status"), "4");
        fake_close(all[i], WF_OK);
    }
    assert_int_equal(test_service_given_up(), before + 3);
    uv_timer_stop(&tick);
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

static void an_answer_in_time_leaves_no_timer_behind(void **state)
{
    struct rig *r = *state;
    uv_timer_t tick;

    uv_timer_init(uv_default_loop(), &tick);
    uv_timer_start(&tick, on_tick, 1, 1);
    struct wf_exchange *ex = sleeper(r, 2, "1S");
    run_loop_until(&ex->finished);
    assert_string_equal(fake_trailer(ex, "grpc-status"), "0");
    fake_close(ex, WF_OK);
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

static void a_unary_call_always_has_a_deadline(void **state)
{
    static const struct {
        const char *asked;
        uint64_t ms;
    } cases[] = {{NULL, WF_DEADLINE_DEFAULT_MS}, {"9H", WF_DEADLINE_MAX_MS}, {"2S", 2000}};
    struct rig *r = *state;

    for (size_t i = 0; i < 3; i++) {
        wf_mono_ns now = wf_clock_mono_ns();
        struct wf_exchange *ex = sleeper(r, 0, cases[i].asked);
        uint64_t left = test_service_sleeper()->deadline.at - now;
        assert_true(left >= cases[i].ms * 1000000);
        assert_true(left < cases[i].ms * 1000000 + 60 * 1000000000ull);
        fake_close(ex, WF_CANCELLED);
    }
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

static void a_cancelled_call_takes_no_answer(void **state)
{
    struct rig *r = *state;
    Watchfire__Test__V1__SleepResponse a = WATCHFIRE__TEST__V1__SLEEP_RESPONSE__INIT;
    struct wf_err err;
    unsigned before = test_service_given_up();
    struct wf_exchange *ex = sleeper(r, 0, NULL);
    struct wf_call *call = wf_call_ref(test_service_sleeper());

    assert_string_equal(wf_call_metadata(call, "te"), "trailers");
    assert_string_equal(wf_call_peer(call)->name, "ricardo");
    fake_close(ex, WF_CANCELLED);
    assert_int_equal(test_service_given_up(), before + 1);
    assert_true(wf_call_over(call));
    assert_null(wf_call_metadata(call, "te")); // gone with the client
    assert_string_equal(wf_call_peer(call)->name, "ricardo");
    assert_non_null(wf_call_request(call)); // still the holder's
    wf_call_reply(call, &a.base);
    wf_fail(&err, WF_INTERNAL, "late");
    wf_call_fail(call, &err, NULL);
    wf_call_unref(call);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

static void a_request_cut_off_is_forgotten(void **state)
{
    struct rig *r = *state;
    struct wf_exchange *ex = rig_grpc("Echo");

    assert_true(wf_rpc_server_begin(r->server, ex));
    fake_data(ex, "\0\0\0\0\x40 half of it", 16);
    fake_close(ex, WF_CANCELLED);
    ex = fake_new("POST", TEST_PATH "Echo", 11);
    fake_header(ex, "content-type", "application/json");
    assert_true(wf_rpc_server_begin(r->server, ex));
    fake_data(ex, "{\"te", 4);
    fake_close(ex, WF_UNAVAILABLE);
}

static void requests_coming_in_have_a_limit_together(void **state)
{
    enum { PIECE = 1000000, CALLS = WF_REQUEST_BYTES_MAX / PIECE };
    static struct wf_exchange *calls[CALLS + 1];
    static uint8_t piece[PIECE];
    struct rig *r = *state;

    wf_frame_head(piece, 0, WF_MESSAGE_MAX);
    for (size_t i = 0; i <= CALLS; i++) {
        calls[i] = rig_grpc("Echo");
        assert_true(wf_rpc_server_begin(r->server, calls[i]));
        fake_data(calls[i], piece, sizeof piece);
        assert_int_equal(calls[i]->finished, i == CALLS);
    }
    assert_string_equal(fake_answer(calls[CALLS], "grpc-status"), "8");
    for (size_t i = 0; i <= CALLS; i++)
        fake_close(calls[i], WF_CANCELLED);
}

static size_t count_frames(const struct wf_exchange *ex)
{
    size_t n = 0;

    for (size_t at = 0; at < ex->body.len; n++)
        at += 5 + ((size_t)ex->body.data[at + 3] << 8 | ex->body.data[at + 4]);
    return n;
}

static void a_slow_reader_holds_its_stream_back(void **state)
{
    struct rig *r = *state;
    Watchfire__Test__V1__CountRequest q = WATCHFIRE__TEST__V1__COUNT_REQUEST__INIT;
    struct wf_exchange *ex = rig_grpc("Count");

    q.count = 10;
    struct wf_buf body = rig_frame(&q.base);
    ex->queued = WF_STREAM_QUEUE_MAX;
    assert_true(fake_run(r->server, ex, body.data, body.len));
    assert_int_equal(ex->body.len, 0);
    ex->handler->writable(ex, ex->user); // still full
    assert_int_equal(ex->body.len, 0);
    ex->queued = 0;
    ex->handler->writable(ex, ex->user);
    assert_int_equal(count_frames(ex), 10);
    assert_string_equal(fake_trailer(ex, "grpc-status"), "0");
    fake_close(ex, WF_OK);
    wf_buf_free(&body);
}

static void a_stream_has_no_deadline_unless_asked(void **state)
{
    struct rig *r = *state;
    Watchfire__Test__V1__CountRequest q = WATCHFIRE__TEST__V1__COUNT_REQUEST__INIT;
    struct wf_exchange *ex = rig_grpc("Count");
    uv_timer_t tick;

    uv_timer_init(uv_default_loop(), &tick);
    uv_timer_start(&tick, on_tick, 1, 1);
    q.count = 1;
    struct wf_buf body = rig_frame(&q.base);
    ex->queued = WF_STREAM_QUEUE_MAX;
    fake_header(ex, "grpc-timeout", "3m");
    assert_true(fake_run(r->server, ex, body.data, body.len));
    run_loop_until(&ex->finished);
    assert_string_equal(fake_answer(ex, "grpc-status"), "4");
    fake_close(ex, WF_OK);
    wf_buf_free(&body);
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

static void an_answer_too_large_says_so(void **state)
{
    struct rig *r = *state;
    Watchfire__Test__V1__EchoRequest q = WATCHFIRE__TEST__V1__ECHO_REQUEST__INIT;

    q.response_size = WF_RESPONSE_MAX + 1;
    struct wf_buf body = rig_frame(&q.base);
    struct wf_exchange *ex = rig_grpc("Echo");
    assert_true(fake_run(r->server, ex, body.data, body.len));
    assert_string_equal(fake_answer(ex, "grpc-status"), "8");
    fake_close(ex, WF_OK);
    wf_buf_free(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deadline_ends_a_call),
        cmocka_unit_test(an_answer_in_time_leaves_no_timer_behind),
        cmocka_unit_test(a_unary_call_always_has_a_deadline),
        cmocka_unit_test(a_cancelled_call_takes_no_answer),
        cmocka_unit_test(a_request_cut_off_is_forgotten),
        cmocka_unit_test(requests_coming_in_have_a_limit_together),
        cmocka_unit_test(a_slow_reader_holds_its_stream_back),
        cmocka_unit_test(a_stream_has_no_deadline_unless_asked),
        cmocka_unit_test(an_answer_too_large_says_so),
    };
    return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
