// SPDX-License-Identifier: Apache-2.0
#include "base/metrics.h"

#include <string.h>

#include "base/result.h"
#include "check.h"

static double seven(void *ctx)
{
    (void)ctx;
    return 7;
}

static void writes_openmetrics_text(void **state)
{
    (void)state;
    struct wf_metrics *m = wf_metrics_new();
    struct wf_metric *a = wf_counter(m, "wf_calls", "code=\"0\"", "Calls.");
    wf_gauge_fn(m, "wf_up", "", "Up.", seven, NULL);
    struct wf_metric *b = wf_counter(m, "wf_calls", "code=\"5\"", "Calls.");
    struct wf_metric *h = wf_histogram(m, "wf_sync_seconds", "", "Sync.", 0.5, 1);
    assert_ptr_equal(wf_counter(m, "wf_calls", "code=\"0\"", "Calls."), a);
    wf_metric_add(a, 2);
    wf_metric_add(b, 1);
    wf_metric_observe(h, 0.25);
    wf_metric_observe(h, 0.75);
    wf_metric_observe(h, 9);
    struct wf_buf out;
    wf_buf_init(&out, 4096);
    assert_int_equal(wf_metrics_write(m, &out), WF_OK);
    assert_string_equal(wf_buf_cstr(&out),
                        "# TYPE wf_calls counter\n# HELP wf_calls Calls.\n"
                        "wf_calls_total{code=\"0\"} 2\nwf_calls_total{code=\"5\"} 1\n"
                        "# TYPE wf_up gauge\n# HELP wf_up Up.\nwf_up 7\n"
                        "# TYPE wf_sync_seconds histogram\n# HELP wf_sync_seconds Sync.\n"
                        "wf_sync_seconds_bucket{le=\"0.5\"} 1\nwf_sync_seconds_bucket{le=\"1\"} 2\n"
                        "wf_sync_seconds_bucket{le=\"+Inf\"} 3\n"
                        "wf_sync_seconds_sum 10\nwf_sync_seconds_count 3\n# EOF\n");
    wf_buf_free(&out);
    wf_metrics_free(m);
}

static void counting_on_nothing_is_harmless(void **state)
{
    (void)state;
    wf_metric_add(NULL, 1);
    wf_metric_set(NULL, 1);
    wf_metric_observe(NULL, 1);
    assert_int_equal(wf_metric_count(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_openmetrics_text),
        cmocka_unit_test(counting_on_nothing_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
