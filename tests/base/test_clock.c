// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include "base/result.h"
#include "check.h"

static void formats_what_the_field_writes(void **state)
{
    (void)state;
    char s[WF_RFC3339_SIZE];
    assert_string_equal(wf_rfc3339(1341026280000, s), "2012-06-30T03:18:00Z");
    assert_string_equal(wf_rfc3339(0, s), "1970-01-01T00:00:00Z");
    assert_string_equal(wf_rfc3339(-1, s), "1969-12-31T23:59:59.999Z");
    assert_string_equal(wf_rfc3339(951782400007, s), "2000-02-29T00:00:00.007Z");
    assert_string_equal(wf_rfc3339(INT64_MAX, s), "9999-12-31T23:59:59.999Z");
    assert_string_equal(wf_rfc3339(INT64_MIN, s), "0001-01-01T00:00:00Z");
}

static void parses_offsets_and_fractions(void **state)
{
    (void)state;
    wf_unix_ms t;
    assert_int_equal(wf_rfc3339_parse("2012-06-30T03:18:00Z", &t), WF_OK);
    assert_int_equal(t, 1341026280000);
    assert_int_equal(wf_rfc3339_parse("2012-06-30T05:18:00.5+02:00", &t), WF_OK);
    assert_int_equal(t, 1341026280500);
    // PagerDuty's own example, without a colon in the offset.
    assert_int_equal(wf_rfc3339_parse("2015-07-17T08:42:58.315+0000", &t), WF_OK);
    assert_int_equal(t, 1437122578315);
    assert_int_equal(wf_rfc3339_parse("2016-12-31T23:59:60Z", &t), WF_OK);
    assert_int_equal(t, 1483228799999);
}

static void refuses_what_is_no_time(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "2012",
        "2012-13-01T00:00:00Z",
        "2012-02-30T00:00:00Z",
        "2011-02-29T00:00:00Z",
        "2012-06-30T24:00:00Z",
        "2012-06-30T03:18:00",
        "2012-06-30T03:18:00.Z",
        "2012-06-30T03:18:00Zjunk",
        "2012-06-30T03:18:00+25:00",
        "0000-01-01T00:00:00Z",
        "2012-06-30 03:18",
        "2012-06-30T03:18:61Z",
    };
    wf_unix_ms t = 7;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(wf_rfc3339_parse(bad[i], &t), WF_INVALID_ARGUMENT);
    assert_int_equal(t, 7);
}

static void every_day_of_four_centuries_comes_back(void **state)
{
    (void)state;
    char s[WF_RFC3339_SIZE];
    for (int64_t day = -146097; day <= 146097; day += 13) {
        wf_unix_ms t = day * 86400000 + 12345678, back;
        assert_int_equal(wf_rfc3339_parse(wf_rfc3339(t, s), &back), WF_OK);
        assert_int_equal(back, t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_what_the_field_writes),
        cmocka_unit_test(parses_offsets_and_fractions),
        cmocka_unit_test(refuses_what_is_no_time),
        cmocka_unit_test(every_day_of_four_centuries_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
