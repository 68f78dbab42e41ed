// SPDX-License-Identifier: Apache-2.0
#include "wan/rules.h"

#include "check.h"

static void every_key_is_set_and_shown(void **state)
{
    (void)state;
    struct wan_rules r = {0};
    static const char *const all[] = {"delay_us=40000", "jitter_us=5000", "rate_kbit=64",
                                      "queue_ms=5000",  "loss=0.1",       "burst=0.01:0.2:0.9",
                                      "duplicate=1",    "reorder=0.25",   "corrupt=1e-3"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_int_equal(wan_rules_set(&r, all[i], NULL), WF_OK);
    struct wf_buf b;
    wf_buf_init(&b, 1000);
    wan_rules_json(&r, &b);
    assert_string_equal(wf_buf_cstr(&b),
                        "\"delay_us\":40000,\"jitter_us\":5000,\"rate_kbit\":64,\"queue_ms\":5000,"
                        "\"loss\":0.1,\"duplicate\":1,\"reorder\":0.25,\"corrupt\":0.001,"
                        "\"burst\":[0.01,0.2,0.9]");
    wf_buf_free(&b);
}

static void what_is_no_rule_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "=",
                                      "delay_us",
                                      "delay_us=",
                                      "delay_us=-1",
                                      "delay_us=+1",
                                      "delay_us= 1",
                                      "delay_us=1.5",
                                      "delay_us=60000001",
                                      "delay_us=99999999999999999999",
                                      "delay=1",
                                      "loss=",
                                      "loss=1.01",
                                      "loss=-0.1",
                                      "loss=nan",
                                      "loss=inf",
                                      "loss=0.1x",
                                      "burst=0.1",
                                      "burst=0.1:1",
                                      "burst=1:1:1:1",
                                      "burst=0.1:0:1",
                                      "burst=a:b:c",
                                      "LOSS=0.1",
                                      "losss=0.1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct wan_rules r = {.delay_us = 7}, before = r;
        struct wf_err err = {0};
        if (wan_rules_set(&r, bad[i], &err) != WF_INVALID_ARGUMENT)
            fail_msg("%s was not refused", bad[i]);
        assert_memory_equal(&r, &before, sizeof r);
        assert_true(err.msg[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_set_and_shown),
        cmocka_unit_test(what_is_no_rule_is_refused_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
