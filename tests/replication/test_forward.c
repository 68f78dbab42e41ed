// SPDX-License-Identifier: Apache-2.0
// A forwarded proposal that arrives twice is written once.
#include "check.h"

#include "replication/node_internal.h"

static void each_number_counts_once(void **state)
{
    struct peer p = {0};

    (void)state;
    assert_true(forward_fresh(&p, 1000));
    assert_false(forward_fresh(&p, 1000));
    assert_true(forward_fresh(&p, 1001));
    assert_true(forward_fresh(&p, 1004));
    assert_false(forward_fresh(&p, 1001));
    assert_true(forward_fresh(&p, 1003)); // overtaken on the way
    assert_true(forward_fresh(&p, 1002));
    assert_false(forward_fresh(&p, 1003));
}

static void what_is_too_old_to_be_told_apart_is_refused(void **state)
{
    struct peer p = {0};

    (void)state;
    assert_true(forward_fresh(&p, 1000));
    assert_true(forward_fresh(&p, 1063));
    assert_false(forward_fresh(&p, 1000)); // the last that is remembered
    assert_true(forward_fresh(&p, 1001));
    assert_true(forward_fresh(&p, 2000)); // a long jump forgets all before
    assert_false(forward_fresh(&p, 1500));
    assert_false(forward_fresh(&p, 2000));
    assert_true(forward_fresh(&p, 1999));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_number_counts_once),
        cmocka_unit_test(what_is_too_old_to_be_told_apart_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
