// SPDX-License-Identifier: Apache-2.0
#include "wan/lateness.h"

#include "check.h"

static void parts_are_right_to_a_fifth(void **state)
{
    (void)state;
    struct wan_lateness l = {0};
    assert_int_equal(wan_lateness_part(&l, 0.5), 0);
    for (uint64_t ns = 1; ns <= 100000; ns++)
        wan_lateness_add(&l, ns);
    assert_in_range(wan_lateness_part(&l, 0.5), 50000, 60000);
    assert_in_range(wan_lateness_part(&l, 0.01), 1000, 1200);
    assert_int_equal(wan_lateness_part(&l, 1), 100000);
    assert_int_equal(l.max_ns, 100000);
}

// Each value alone: never told as less than it is, and as at most a quarter more.
static void every_value_has_its_step(void **state)
{
    (void)state;
    for (uint64_t ns = 0; ns < 1000000000; ns += 1 + ns / 37) {
        struct wan_lateness l = {0};
        wan_lateness_add(&l, ns);
        l.max_ns = UINT64_MAX; // what the step alone says
        assert_in_range(wan_lateness_part(&l, 1), ns, ns + ns / 4);
    }
}

static void hours_are_late_too(void **state)
{
    (void)state;
    struct wan_lateness l = {0};
    wan_lateness_add(&l, 1);
    wan_lateness_add(&l, UINT64_MAX);
    assert_int_equal(l.max_ns, UINT64_MAX);
    assert_int_equal(wan_lateness_part(&l, 0.5), 1);
    assert_true(wan_lateness_part(&l, 1) > 1000000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_right_to_a_fifth),
        cmocka_unit_test(every_value_has_its_step),
        cmocka_unit_test(hours_are_late_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
