// SPDX-License-Identifier: Apache-2.0
// Streams, watches and calls on a loop, against real listeners on loopback.
#include "check.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/watchfire.h"
#include "fake_node.h"
#include "watchfire/v1/incident.pb-c.h"
#include "watchfire/v1/log.pb-c.h"

static struct testcert_dir certs;

// A log of last events. Streams give out at most each of them, then fail with
// code; 0 keeps them open, -1 ends them well.
struct log_script {
    struct fake_node *node;
    uint64_t last;
    unsigned each;
    int code;
    size_t padding; // bytes of text in an event
    atomic_int opened;
    _Atomic uint64_t asked_after[16];
    _Atomic uint64_t sent;
};

struct sending {
    struct log_script *script;
    uint64_t seq, until;
    bool blocked;
};

static void send_more(struct wf_call *call, void *user)
{
    struct sending *s = user;
    char text[8192];
    memset(text, 'x', sizeof(text));
    text[s->script->padding] = '\0';
    while (s->seq < s->until) {
        Watchfire__V1__WatchEventsResponse m = WATCHFIRE__V1__WATCH_EVENTS_RESPONSE__INIT;
        Watchfire__V1__Event e = WATCHFIRE__V1__EVENT__INIT;
        e.seq = s->seq + 1;
        e.text = text;
        m.event = &e;
        m.last_seq = s->script->last;
        if (!wf_call_send(call, &m.base))
            return; // on_writable follows
        s->seq++;
        s->script->sent++;
    }
    if (s->script->code < 0) {
        wf_call_finish(call);
    } else if (s->script->code > 0) {
        struct wf_err err;
        wf_fail(&err, (enum wf_code)s->script->code, "that is all");
        wf_call_fail(call, &err, NULL);
    }
}

static void over(struct wf_call *call, void *user)
{
    free(user);
    wf_call_unref(call);
}

static void on_call(void *ctx, struct wf_call *call)
{
    struct log_script *script = ctx;
    int i = atomic_fetch_add(&script->opened, 1);
    if (strcmp(wf_call_method(call)->name, "WatchEvents") != 0) {
        wf_call_set_user(wf_call_ref(call), calloc(1, 1), over); // never answered
        return;
    }
    const Watchfire__V1__WatchEventsRequest *r = (const void *)wf_call_request(call);
    uint64_t after = r->from_now ? script->last : r->after_seq;
    script->asked_after[i % 16] = after;
    struct sending *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    s->script = script;
    s->seq = after;
    s->until =
        script->each && after + script->each < script->last ? after + script->each : script->last;
    wf_call_set_user(wf_call_ref(call), s, over);
    wf_call_on_writable(call, send_more);
    send_more(call, s);
}

static void start(struct log_script *s, uint64_t last, unsigned each, int code)
{
    *s = (struct log_script){.last = last, .each = each, .code = code, .padding = 10};
    s->node = fake_node_start(&certs, on_call, s);
}

static struct wf_client *client_of(uv_loop_t *loop, const char *a, const char *b)
{
    const char *endpoints[] = {a, b};
    struct wf_client_options o;
    wf_client_options_init(&o);
    o.endpoints = endpoints;
    o.n_endpoints = b ? 2 : 1;
    o.ca_file = testcert_file(&certs, "ca", ".pem");
    o.cert_file = testcert_file(&certs, "user", ".pem");
    o.key_file = testcert_file(&certs, "user", ".key");
    o.backoff_ms = 1;
    o.backoff_max_ms = 20;
    struct wf_client *c;
    assert_int_equal(wf_client_new(&c, loop, &o, NULL), WF_CLIENT_OK);
    return c;
}

static struct wf_client_reader *reader_of(struct wf_client *c)
{
    Watchfire__V1__WatchEventsRequest request = WATCHFIRE__V1__WATCH_EVENTS_REQUEST__INIT;
    struct wf_client_reader *r;
    assert_int_equal(wf_client_read_open(&r, c, "/watchfire.v1.LogService/WatchEvents",
                                         &request.base, NULL, NULL),
                     WF_CLIENT_OK);
    return r;
}

static void a_stream_is_read_to_its_end(void **state)
{
    (void)state;
    struct log_script a;
    start(&a, 1000, 0, -1);
    struct wf_client *c = client_of(NULL, fake_node_address(a.node), NULL);
    struct wf_client_reader *r = reader_of(c);
    struct wf_client_error err = WF_CLIENT_ERROR_INIT;
    ProtobufCMessage *m;
    uint64_t n = 0;
    while (wf_client_read(r, &m, 0, &err) == WF_CLIENT_OK && m) {
        assert_int_equal(((Watchfire__V1__WatchEventsResponse *)m)->event->seq, ++n);
        protobuf_c_message_free_unpacked(m, NULL);
    }
    assert_int_equal(err.code, WF_CLIENT_OK);
    assert_int_equal(n, 1000);
    assert_int_equal(wf_client_read(r, &m, 0, &err), WF_CLIENT_OK); // and stays at its end
    assert_null(m);
    wf_client_read_close(r);
    wf_client_free(c);
    fake_node_stop(a.node);
}

static void a_stream_that_fails_says_why(void **state)
{
    (void)state;
    struct log_script a;
    start(&a, 3, 0, WF_ABORTED);
    struct wf_client *c = client_of(NULL, fake_node_address(a.node), NULL);
    struct wf_client_reader *r = reader_of(c);
    struct wf_client_error err = WF_CLIENT_ERROR_INIT;
    ProtobufCMessage *m;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(wf_client_read(r, &m, 0, &err), WF_CLIENT_OK);
        protobuf_c_message_free_unpacked(m, NULL);
    }
    assert_int_equal(wf_client_read(r, &m, 0, &err), WF_CLIENT_ABORTED);
    assert_string_equal(err.message, "that is all");
    wf_client_error_clear(&err);
    wf_client_read_close(r);
    wf_client_free(c);
    fake_node_stop(a.node);
}

static void a_reader_that_waits_holds_the_server_back(void **state)
{
    (void)state;
    struct log_script a;
    enum { EVENTS = 4000 };
    start(&a, EVENTS, 0, -1);
    a.padding = 4000; // 16 MB: more than all windows and buffers together
    struct wf_client *c = client_of(NULL, fake_node_address(a.node), NULL);
    struct wf_client_reader *r = reader_of(c);
    ProtobufCMessage *m;
    assert_int_equal(wf_client_read(r, &m, 0, NULL), WF_CLIENT_OK);
    protobuf_c_message_free_unpacked(m, NULL);
    assert_true(a.sent < EVENTS / 2);
    int n = 1;
    while (wf_client_read(r, &m, 0, NULL) == WF_CLIENT_OK && m) {
        n++;
        protobuf_c_message_free_unpacked(m, NULL);
    }
    assert_int_equal(n, EVENTS);
    wf_client_read_close(r);
    wf_client_free(c);
    fake_node_stop(a.node);
}

static void a_read_may_give_up_waiting(void **state)
{
    (void)state;
    struct log_script a;
    start(&a, 1, 0, 0); // stays open
    struct wf_client *c = client_of(NULL, fake_node_address(a.node), NULL);
    struct wf_client_reader *r = reader_of(c);
    ProtobufCMessage *m;
    assert_int_equal(wf_client_read(r, &m, 0, NULL), WF_CLIENT_OK);
    protobuf_c_message_free_unpacked(m, NULL);
    assert_int_equal(wf_client_read(r, &m, 20, NULL), WF_CLIENT_DEADLINE_EXCEEDED);
    assert_null(m);
    wf_client_read_close(r); // while it is open
    wf_client_free(c);
    fake_node_stop(a.node);
}

// --- watches -------------------------------------------------------------------------------------

struct seen {
    struct wf_client *client;
    struct wf_client_watch *watch;
    uint64_t next, stop_at;
    int interruptions, code;
    bool closed;
};

static void on_event(void *ctx, const Watchfire__V1__Event *event)
{
    struct seen *s = ctx;
    assert_int_equal(event->seq, s->next); // each once, in order
    s->next++;
    if (event->seq == s->stop_at) {
        wf_client_watch_cancel(s->watch);
        wf_client_stop(s->client);
    }
}

static void on_interrupted(void *ctx, const struct wf_client_error *err)
{
    struct seen *s = ctx;
    assert_int_not_equal(err->code, WF_CLIENT_OK);
    s->interruptions++;
}

static void on_closed(void *ctx, const struct wf_client_error *err)
{
    struct seen *s = ctx;
    s->closed = true;
    s->code = err->code;
    wf_client_stop(s->client);
}

static const struct wf_client_watch_events watch_events = {on_event, on_interrupted, on_closed};

static void a_watch_resumes_where_it_was(void **state)
{
    (void)state;
    struct log_script a;
    start(&a, 10, 4, WF_UNAVAILABLE); // breaks off after every fourth
    struct wf_client *c = client_of(NULL, fake_node_address(a.node), NULL);
    struct seen s = {.client = c, .next = 3, .stop_at = 10};
    struct wf_client_watch_options o = {.after_seq = 2};
    s.watch = wf_client_watch_open(c, &o, &watch_events, &s);
    assert_non_null(s.watch);
    wf_client_run(c);
    assert_int_equal(s.next, 11);
    assert_int_equal(s.interruptions, 1);
    assert_int_equal(a.asked_after[0], 2);
    assert_int_equal(a.asked_after[1], 6);
    assert_false(s.closed);
    wf_client_free(c);
    fake_node_stop(a.node);
}

static void stop_node(void *arg)
{
    struct log_script *s = arg;
    fake_node_stop(s->node);
}

static void a_watch_moves_to_another_node(void **state)
{
    (void)state;
    struct log_script a, b;
    start(&a, 5, 0, 0);
    start(&b, 9, 0, 0);
    struct wf_client *c = client_of(NULL, fake_node_address(a.node), fake_node_address(b.node));
    struct seen s = {.client = c, .next = 1, .stop_at = 9};
    struct wf_client_watch_options o = {0};
    s.watch = wf_client_watch_open(c, &o, &watch_events, &s);
    uv_thread_t killer;
    struct wf_client_reader *r = reader_of(c); // runs the loop until the first node has talked
    ProtobufCMessage *m;
    assert_int_equal(wf_client_read(r, &m, 0, NULL), WF_CLIENT_OK);
    protobuf_c_message_free_unpacked(m, NULL);
    wf_client_read_close(r);
    assert_int_equal(uv_thread_create(&killer, stop_node, &a), 0);
    wf_client_run(c);
    uv_thread_join(&killer);
    assert_int_equal(s.next, 10);
    assert_true(b.asked_after[0] <= 5);
    wf_client_free(c);
    fake_node_stop(b.node);
}

static void a_watch_that_is_refused_ends(void **state)
{
    (void)state;
    struct log_script a;
    start(&a, 0, 0, WF_PERMISSION_DENIED);
    struct wf_client *c = client_of(NULL, fake_node_address(a.node), NULL);
    struct seen s = {.client = c, .next = 1};
    struct wf_client_watch_options o = {.incident_id = "INC-1"};
    s.watch = wf_client_watch_open(c, &o, &watch_events, &s);
    wf_client_run(c);
    assert_true(s.closed);
    assert_int_equal(s.code, WF_CLIENT_PERMISSION_DENIED);
    assert_int_equal(a.opened, 1);
    wf_client_free(c);
    fake_node_stop(a.node);
}

// --- on a loop of the caller's -------------------------------------------------------------------

struct started {
    struct wf_client *client;
    struct wf_client_request *requests[8];
    int cancelled, done;
};

static void on_cancelled(void *ctx, ProtobufCMessage *response, const struct wf_client_error *err)
{
    struct started *s = ctx;
    assert_null(response);
    assert_int_equal(err->code, WF_CLIENT_CANCELLED);
    s->cancelled++;
}

static void never(void *ctx, ProtobufCMessage *response, const struct wf_client_error *err)
{
    (void)ctx;
    (void)response;
    (void)err;
    fail_msg("a cancelled call has told its owner");
}

static void on_time(uv_timer_t *timer)
{
    struct started *s = timer->data;
    wf_client_request_cancel(s->requests[0]);
    wf_client_free(s->client);
    s->done++;
    uv_close((uv_handle_t *)timer, NULL);
}

static void a_client_on_a_loop_leaves_nothing_behind(void **state)
{
    (void)state;
    struct log_script a;
    start(&a, 0, 0, 0);
    uv_loop_t loop;
    uv_timer_t timer;
    assert_int_equal(uv_loop_init(&loop), 0);
    struct started s = {.client = client_of(&loop, fake_node_address(a.node), NULL)};
    Watchfire__V1__AddNoteRequest request = WATCHFIRE__V1__ADD_NOTE_REQUEST__INIT;
    for (int i = 0; i < 8; i++) {
        s.requests[i] = wf_client_start(s.client, "/watchfire.v1.IncidentService/AddNote",
                                        &request.base, NULL, i == 0 ? never : on_cancelled, &s);
        assert_non_null(s.requests[i]);
    }
    assert_int_equal(uv_timer_init(&loop, &timer), 0);
    timer.data = &s;
    assert_int_equal(uv_timer_start(&timer, on_time, 200, 0), 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(s.cancelled, 7);
    assert_int_equal(s.done, 1);
    assert_int_equal(uv_loop_close(&loop), 0);
    fake_node_stop(a.node);
}

static void free_it(void *ctx, ProtobufCMessage *response, const struct wf_client_error *err)
{
    struct started *s = ctx;
    assert_null(response);
    assert_int_equal(err->code, s->done ? WF_CLIENT_CANCELLED : WF_CLIENT_UNAVAILABLE);
    if (s->done++ == 0)
        wf_client_free(s->client);
}

static void a_client_may_be_freed_by_whom_it_tells(void **state)
{
    (void)state;
    struct log_script gone;
    start(&gone, 0, 0, 0);
    char address[64];
    snprintf(address, sizeof(address), "%s", fake_node_address(gone.node));
    fake_node_stop(gone.node);
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    struct started s = {.client = client_of(&loop, address, NULL)};
    Watchfire__V1__AddNoteRequest request = WATCHFIRE__V1__ADD_NOTE_REQUEST__INIT;
    struct wf_client_call_options once = {.once = true};
    for (int i = 0; i < 5; i++) // all wait for the same connection
        assert_non_null(wf_client_start(s.client, "/watchfire.v1.IncidentService/AddNote",
                                        &request.base, &once, free_it, &s));
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(s.done, 5);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static int set_up(void **state)
{
    (void)state;
    certs = fake_node_certs();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    testcert_remove(&certs);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_is_read_to_its_end),
        cmocka_unit_test(a_stream_that_fails_says_why),
        cmocka_unit_test(a_reader_that_waits_holds_the_server_back),
        cmocka_unit_test(a_read_may_give_up_waiting),
        cmocka_unit_test(a_watch_resumes_where_it_was),
        cmocka_unit_test(a_watch_moves_to_another_node),
        cmocka_unit_test(a_watch_that_is_refused_ends),
        cmocka_unit_test(a_client_on_a_loop_leaves_nothing_behind),
        cmocka_unit_test(a_client_may_be_freed_by_whom_it_tells),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
