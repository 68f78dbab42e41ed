// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include "proto/names.h"
#include "watchfire/v1/incident.pb-c.h"

#define STATE    (&watchfire__v1__incident_state__descriptor)
#define SEVERITY (&watchfire__v1__severity__descriptor)

static void values_have_short_names(void **state)
{
    (void)state;
    assert_string_equal(wf_enum_name(STATE, 3), "MAJOR");
    assert_string_equal(wf_enum_name(SEVERITY, 1), "SEV1");
    assert_string_equal(wf_enum_name(STATE, 0), "UNSPECIFIED");
    assert_string_equal(wf_enum_name(STATE, 77), "UNKNOWN");
}

static void names_are_read_leniently(void **state)
{
    (void)state;
    assert_int_equal(wf_enum_value(STATE, "MAJOR"), 3);
    assert_int_equal(wf_enum_value(STATE, "major"), 3);
    assert_int_equal(wf_enum_value(STATE, "INCIDENT_STATE_MAJOR"), 3);
    assert_int_equal(wf_enum_value(STATE, "incident-state-major"), 3);
    assert_int_equal(wf_enum_value(&watchfire__v1__incident_role__descriptor, "ops-lead"), 2);
    assert_int_equal(wf_enum_value(STATE, "majo"), -1);
    assert_int_equal(wf_enum_value(STATE, "majors"), -1);
    assert_int_equal(wf_enum_value(STATE, ""), -1);
}

static void ids_are_read_strictly(void **state)
{
    static const char *const wrong[] = {
        "INC-", "INC-0", "INC-042", "inc-42", "INC-4x", "INC-1234567890123456", "42", ""};
    (void)state;
    assert_int_equal(wf_id_number("INC-", "INC-42"), 42);
    assert_int_equal(wf_id_number("tok-", "tok-123456789012345"), 123456789012345);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(wf_id_number("INC-", wrong[i]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_have_short_names),
        cmocka_unit_test(names_are_read_leniently),
        cmocka_unit_test(ids_are_read_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
