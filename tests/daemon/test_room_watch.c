// SPDX-License-Identifier: Apache-2.0
#include "daemon/room_watch.h"

#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "check.h"

static void see(struct wf_room_watch *w, uint64_t bytes)
{
    wf_room_watch_seen(w, WF_OK, bytes, NULL);
}

static void it_is_short_below_the_mark_until_there_is_more_than_a_little_room(void **state)
{
    struct wf_metrics *metrics = wf_metrics_new();
    struct wf_room_watch w;
    (void)state;
    wf_room_watch_init(&w, NULL, "/data", metrics);
    see(&w, WF_DISK_LOW);
    assert_false(w.low);
    see(&w, WF_DISK_LOW - 1);
    assert_true(w.low);
    see(&w, WF_DISK_LOW);
    see(&w, WF_DISK_LOW_END - 1);
    assert_true(w.low);
    see(&w, WF_DISK_LOW_END);
    assert_false(w.low);
    see(&w, WF_DISK_LOW); // it does not flap
    assert_false(w.low);
    wf_metrics_free(metrics);
}

static void what_cannot_be_looked_at_changes_nothing(void **state)
{
    struct wf_metrics *metrics = wf_metrics_new();
    struct wf_room_watch w;
    struct wf_err err = {.msg = "gone"};
    (void)state;
    wf_room_watch_init(&w, NULL, "/data", metrics);
    see(&w, 0);
    wf_room_watch_seen(&w, WF_UNAVAILABLE, UINT64_MAX, &err);
    assert_true(w.low);
    assert_true(w.failed);
    see(&w, UINT64_MAX);
    assert_false(w.low);
    assert_false(w.failed);
    wf_metrics_free(metrics);
}

static void on_beat(uv_timer_t *t)
{
    struct wf_room_watch *w = t->data;
    wf_room_watch_look(w);
    if (w->looked && !w->running)
        uv_close((uv_handle_t *)t, NULL);
}

static void it_looks_at_the_directory_on_the_pool(void **state)
{
    struct wf_metrics *metrics = wf_metrics_new();
    struct wf_room_watch w;
    uv_loop_t loop;
    uv_timer_t beat = {.data = &w};
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    wf_room_watch_init(&w, &loop, "/no/such/directory", metrics);
    uv_timer_init(&loop, &beat);
    uv_timer_start(&beat, on_beat, 0, 1);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(w.failed);
    assert_int_equal(w.err.code, WF_NOT_FOUND);
    wf_room_watch_init(&w, &loop, "/tmp", metrics);
    uv_timer_init(&loop, &beat);
    uv_timer_start(&beat, on_beat, 0, 1);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_false(w.failed);
    assert_true(w.bytes > 0);
    assert_int_equal(uv_loop_close(&loop), 0);
    wf_metrics_free(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_short_below_the_mark_until_there_is_more_than_a_little_room),
        cmocka_unit_test(what_cannot_be_looked_at_changes_nothing),
        cmocka_unit_test(it_looks_at_the_directory_on_the_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
