// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "grpc/health/v1/health.pb-c.h"
#include "rig.h"

enum { SERVING = 1, NOT_SERVING = 2, SERVICE_UNKNOWN = 3 };

static struct wf_exchange *ask(struct rig *r, const char *method, const char *service)
{
    Grpc__Health__V1__HealthCheckRequest q = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    char path[64];

    snprintf(path, sizeof path, "/grpc.health.v1.Health/%s", method);
    struct wf_exchange *ex = fake_new("POST", path, 20);
    fake_header(ex, "content-type", "application/grpc");
    q.service = (char *)service;
    struct wf_buf body = rig_frame(&q.base);
    assert_true(fake_run(r->server, ex, body.data, body.len));
    wf_buf_free(&body);
    return ex;
}

// The statuses sent so far, as digits.
static const char *statuses(const struct wf_exchange *ex)
{
    static char text[32];
    size_t n = 0;

    for (size_t at = 0; at + 5 <= ex->body.len; at += 5 + ex->body.data[at + 4])
        text[n++] = (char)('0' + ex->body.data[at + 6]);
    text[n] = '\0';
    return text;
}

static void check_tells_what_was_set(void **state)
{
    struct rig *r = *state;
    struct wf_exchange *ex = ask(r, "Check", "");

    assert_string_equal(statuses(ex), "1");
    fake_close(ex, WF_OK);
    ex = ask(r, "Check", "watchfire.test.v1.TestService"); // served, so serving
    assert_string_equal(statuses(ex), "1");
    fake_close(ex, WF_OK);
    ex = ask(r, "Check", "nobody");
    assert_string_equal(fake_answer(ex, "grpc-status"), "5");
    fake_close(ex, WF_OK);
    wf_rpc_server_set_health(r->server, "watchfire.leader", false);
    ex = ask(r, "Check", "watchfire.leader");
    assert_string_equal(statuses(ex), "2");
    fake_close(ex, WF_OK);
}

static void watch_tells_each_change_once(void **state)
{
    struct rig *r = *state;
    struct wf_exchange *ex = ask(r, "Watch", "later");

    assert_string_equal(statuses(ex), "3");
    wf_rpc_server_set_health(r->server, "later", false);
    wf_rpc_server_set_health(r->server, "later", true);
    wf_rpc_server_set_health(r->server, "later", true);
    wf_rpc_server_set_health(r->server, "other", true);
    assert_string_equal(statuses(ex), "321");
    assert_false(ex->finished);
    ex->queued = WF_STREAM_QUEUE_MAX; // a slow reader gets the newest when it reads again
    wf_rpc_server_set_health(r->server, "later", false);
    wf_rpc_server_set_health(r->server, "later", true);
    wf_rpc_server_set_health(r->server, "later", false);
    assert_string_equal(statuses(ex), "321");
    ex->queued = 0;
    ex->handler->writable(ex, ex->user);
    assert_string_equal(statuses(ex), "3212");
    fake_close(ex, WF_CANCELLED);
    wf_rpc_server_set_health(r->server, "later", true); // nobody listens
}

static void watchers_are_independent(void **state)
{
    struct rig *r = *state;
    struct wf_exchange *ex[3];

    for (size_t i = 0; i < 3; i++)
        ex[i] = ask(r, "Watch", "three");
    fake_close(ex[1], WF_CANCELLED);
    wf_rpc_server_set_health(r->server, "three", true);
    assert_string_equal(statuses(ex[0]), "31");
    assert_string_equal(statuses(ex[2]), "31");
    fake_close(ex[0], WF_CANCELLED);
    fake_close(ex[2], WF_CANCELLED);
}

static void a_drain_turns_all_and_ends_watches(void **state)
{
    struct rig *r = *state;
    struct wf_exchange *ex = ask(r, "Watch", "");

    wf_rpc_server_drain(r->server);
    assert_string_equal(statuses(ex), "12");
    wf_rpc_server_set_health(r->server, "", true); // too late
    assert_string_equal(statuses(ex), "12");
    ex->handler->drain(ex, ex->user);
    assert_string_equal(fake_trailer(ex, "grpc-status"), "14");
    fake_close(ex, WF_OK);
    Grpc__Health__V1__HealthCheckRequest q = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    struct wf_buf body = rig_frame(&q.base);
    ex = fake_new("POST", "/grpc.health.v1.Health/Watch", 20);
    fake_header(ex, "content-type", "application/grpc");
    ex->draining = true; // one that comes late on a connection that drains
    assert_true(fake_run(r->server, ex, body.data, body.len));
    assert_string_equal(statuses(ex), "2");
    assert_string_equal(fake_trailer(ex, "grpc-status"), "14");
    fake_close(ex, WF_OK);
    wf_buf_free(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_tells_what_was_set),
        cmocka_unit_test(watch_tells_each_change_once),
        cmocka_unit_test(watchers_are_independent),
        cmocka_unit_test(a_drain_turns_all_and_ends_watches),
    };
    return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
