// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include <stdlib.h>

#include "proto/time.h"

static void there_and_back(void **state)
{
    static const wf_unix_ms times[] = {
        0, 1, 999, 1000, -1, -999, -1000, 1341026280000, 253402300799999, -62135596800000};
    Google__Protobuf__Timestamp t;

    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        wf_timestamp_init(&t, times[i]);
        assert_true(t.nanos >= 0 && t.nanos <= 999999999);
        assert_true(wf_timestamp_ms(&t) == times[i]);
    }
    wf_timestamp_init(&t, -1);
    assert_true(t.seconds == -1);
    assert_int_equal(t.nanos, 999000000);
}

static void out_of_range_is_bounded(void **state)
{
    Google__Protobuf__Timestamp t = GOOGLE__PROTOBUF__TIMESTAMP__INIT;

    (void)state;
    assert_true(wf_timestamp_ms(NULL) == 0);
    t.seconds = INT64_MAX;
    assert_true(wf_timestamp_ms(&t) == 253402300799000);
    t.seconds = INT64_MIN;
    t.nanos = -5;
    assert_true(wf_timestamp_ms(&t) == -62135596800000);
    t.nanos = INT32_MAX;
    assert_true(wf_timestamp_ms(&t) == -62135596800000 + 999);
}

static void allocated(void **state)
{
    Google__Protobuf__Timestamp *t = wf_timestamp_new(1500);

    (void)state;
    assert_non_null(t);
    assert_true(t->seconds == 1);
    google__protobuf__timestamp__free_unpacked(t, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(out_of_range_is_bounded),
        cmocka_unit_test(allocated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
