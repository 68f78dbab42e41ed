// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include <string.h>

#include "rpc/bump.h"

static void memory_is_aligned_and_apart(void **state)
{
    struct wf_bump a;
    uint8_t *last = NULL;

    (void)state;
    wf_bump_init(&a, 1024 * 1024);
    for (size_t n = 0; n < 300; n++) {
        uint8_t *p = wf_bump_alloc(&a, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        memset(p, (int)n, n);
        if (n > 1)
            assert_int_equal(last[n - 2], (uint8_t)(n - 1));
        last = p;
    }
    assert_string_equal(wf_bump_strndup(&a, "abcdef", 3), "abc");
    wf_bump_free(&a);
}

static void there_is_no_more_than_max(void **state)
{
    struct wf_bump a;
    size_t got = 0;

    (void)state;
    wf_bump_init(&a, 100000);
    while (wf_bump_alloc(&a, 1000) != NULL)
        got += 1000;
    assert_true(got > 80000 && got <= 100000 + WF_BUMP_FIRST);
    assert_null(wf_bump_alloc(&a, SIZE_MAX));
    assert_null(wf_bump_calloc(&a, SIZE_MAX / 2, 3));
    wf_bump_free(&a);
    assert_non_null(wf_bump_alloc(&a, 50000)); // usable again
    wf_bump_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_aligned_and_apart),
        cmocka_unit_test(there_is_no_more_than_max),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
