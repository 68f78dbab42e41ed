// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include "base/result.h"
#include "rpc/deadline.h"

enum { N = 500 };

static void the_earliest_is_first_whatever_goes(void **state)
{
    static struct wf_deadline d[N];
    struct wf_deadlines h;
    uint64_t x = 7, last = 0;
    size_t left = 0;

    (void)state;
    wf_deadlines_init(&h);
    for (size_t i = 0; i < N; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        assert_int_equal(wf_deadlines_add(&h, &d[i], x >> 54), WF_OK); // many are equal
    }
    for (size_t i = 0; i < N; i += 3)
        wf_deadlines_remove(&h, &d[i]);
    wf_deadlines_remove(&h, &d[0]); // a second time: nothing
    for (struct wf_deadline *first; (first = wf_deadlines_first(&h)) != NULL; left++) {
        assert_true(first->at >= last);
        assert_true((size_t)(first - d) % 3 != 0);
        last = first->at;
        wf_deadlines_remove(&h, first);
        assert_int_equal(first->pos, 0);
    }
    assert_int_equal(left, N - (N + 2) / 3);
    wf_deadlines_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_earliest_is_first_whatever_goes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
