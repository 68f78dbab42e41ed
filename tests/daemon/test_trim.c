// SPDX-License-Identifier: Apache-2.0
#include "daemon/trim.h"

#include "check.h"

static void when_a_crowd_has_left(void **state)
{
    struct wf_trim t = {0};
    (void)state;
    for (unsigned n = 0; n <= 10000; n += 1000)
        assert_false(wf_trim_due(&t, n));
    assert_false(wf_trim_due(&t, 10000));
    assert_false(wf_trim_due(&t, 6000));
    assert_false(wf_trim_due(&t, 6000)); // most are here
    assert_false(wf_trim_due(&t, 3000)); // they are still leaving
    assert_false(wf_trim_due(&t, 10));
    assert_true(wf_trim_due(&t, 10));
    assert_false(wf_trim_due(&t, 10)); // once
}

static void a_few_are_no_crowd(void **state)
{
    struct wf_trim t = {0};
    (void)state;
    assert_false(wf_trim_due(&t, 900));
    assert_false(wf_trim_due(&t, 0));
    assert_false(wf_trim_due(&t, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(when_a_crowd_has_left),
        cmocka_unit_test(a_few_are_no_crowd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
