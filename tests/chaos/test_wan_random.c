// SPDX-License-Identifier: Apache-2.0
#include "wan/random.h"

#include "check.h"

static void is_splitmix64(void **state)
{
    (void)state;
    struct wan_random r = {1234567}; // the reference implementation's first numbers from this seed
    assert_true(wan_random_next(&r) == 6457827717110365317u);
    assert_true(wan_random_next(&r) == 3203168211198807973u);
}

static void chances_come_true_as_often_as_they_say(void **state)
{
    (void)state;
    enum { N = 100000 };
    struct wan_random r = {1};
    unsigned n = 0, small = 0;
    for (int i = 0; i < N; i++) {
        n += wan_random_chance(&r, 0.3);
        assert_true(wan_random_chance(&r, 1));
        uint64_t die = wan_random_below(&r, 6);
        assert_in_range(die, 0, 5);
        small += die == 0;
    }
    assert_in_range(n, 0.29 * N, 0.31 * N);
    assert_in_range(small, N / 6.5, N / 5.5);
    assert_int_equal(wan_random_below(&r, 0), 0);
}

static void no_chance_throws_no_dice(void **state)
{
    (void)state;
    struct wan_random r = {99};
    assert_false(wan_random_chance(&r, 0));
    assert_int_equal(r.state, 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_splitmix64),
        cmocka_unit_test(chances_come_true_as_often_as_they_say),
        cmocka_unit_test(no_chance_throws_no_dice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
