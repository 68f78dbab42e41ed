// SPDX-License-Identifier: Apache-2.0
// A forwarded proposal that arrives twice is written once.
#include "check.h"

#include "replication/node_internal.h"

static void each_number_counts_once(void **state)
{
    struct peer p = {0};

    (void)state;
    assert_true(forward_fresh(&p, 7, 1000));
    assert_false(forward_fresh(&p, 7, 1000));
    assert_true(forward_fresh(&p, 7, 1001));
    assert_true(forward_fresh(&p, 7, 1004));
    assert_false(forward_fresh(&p, 7, 1001));
    assert_true(forward_fresh(&p, 7, 1003)); // overtaken on the way
    assert_true(forward_fresh(&p, 7, 1002));
    assert_false(forward_fresh(&p, 7, 1003));
}

static void what_is_too_old_to_be_told_apart_is_refused(void **state)
{
    struct peer p = {0};

    (void)state;
    assert_true(forward_fresh(&p, 7, 1000));
    assert_true(forward_fresh(&p, 7, 1063));
    assert_false(forward_fresh(&p, 7, 1000)); // the last that is remembered
    assert_true(forward_fresh(&p, 7, 1001));
    assert_true(forward_fresh(&p, 7, 2000)); // a long jump forgets all before
    assert_false(forward_fresh(&p, 7, 1500));
    assert_false(forward_fresh(&p, 7, 2000));
    assert_true(forward_fresh(&p, 7, 1999));
}

// A link that comes up again says nothing about the numbers: only another process counts anew.
static void a_new_process_counts_anew_and_the_old_one_is_over(void **state)
{
    struct peer p = {0};

    (void)state;
    assert_true(forward_fresh(&p, 7, 1000));
    assert_true(forward_fresh(&p, 8, 10)); // its clock went back
    assert_false(forward_fresh(&p, 8, 10));
    assert_false(forward_fresh(&p, 7, 1001));
    assert_true(forward_fresh(&p, 8, 11));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_number_counts_once),
        cmocka_unit_test(what_is_too_old_to_be_told_apart_is_refused),
        cmocka_unit_test(a_new_process_counts_anew_and_the_old_one_is_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
