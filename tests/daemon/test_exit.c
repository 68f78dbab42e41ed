// SPDX-License-Identifier: Apache-2.0
#include "daemon/exit.h"

#include <stdio.h>

#include "check.h"

static int exit_of(enum wf_code code, const char *reason)
{
    struct wf_err err = {.code = code};
    snprintf(err.reason, sizeof err.reason, "%s", reason);
    return wf_exit_of(&err);
}

static void reasons_go_before_codes(void **state)
{
    (void)state;
    assert_int_equal(exit_of(WF_FAILED_PRECONDITION, "ADDRESS_IN_USE"), WF_EXIT_PORT_IN_USE);
    assert_int_equal(exit_of(WF_RESOURCE_EXHAUSTED, "DISK_FULL"), WF_EXIT_DISK_FULL);
    assert_int_equal(exit_of(WF_FAILED_PRECONDITION, "REMOVED"), WF_EXIT_REMOVED);
    assert_int_equal(exit_of(WF_FAILED_PRECONDITION, "SCHEMA_NEWER"), WF_EXIT_REFUSED);
    assert_int_equal(exit_of(WF_FAILED_PRECONDITION, "IN_USE"), WF_EXIT_DIR_LOCKED);
    assert_int_equal(exit_of(WF_DATA_LOSS, ""), WF_EXIT_LOG_UNREADABLE);
    assert_int_equal(exit_of(WF_PERMISSION_DENIED, ""), WF_EXIT_PERMISSIONS);
    assert_int_equal(exit_of(WF_INTERNAL, "WHATEVER"), WF_EXIT_INTERNAL);
}

static void codes_are_distinct(void **state)
{
    (void)state;
#define CODE(name, code, text) code,
    static const int codes[] = {WF_EXITS(CODE)};
#undef CODE
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        assert_in_range(codes[i], 0, 125); // above are the shell's and signals'
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(codes[i], codes[j]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reasons_go_before_codes),
        cmocka_unit_test(codes_are_distinct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
