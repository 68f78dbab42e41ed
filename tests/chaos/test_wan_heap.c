// SPDX-License-Identifier: Apache-2.0
#include "wan/heap.h"

#include "check.h"
#include "wan/random.h"

static void comes_out_by_time_then_by_order(void **state)
{
    (void)state;
    enum { N = 1000 };
    struct wan_heap h;
    struct wan_random dice = {7};
    assert_int_equal(wan_heap_init(&h, N, NULL), WF_OK);
    assert_null(wan_heap_first(&h));
    wf_mono_ns at[N];
    for (uint32_t i = 0; i < N; i++) {
        at[i] = wan_random_below(&dice, 50); // many at the same time
        wan_heap_push(&h, at[i], i);
    }
    uint32_t last = wan_heap_pop(&h);
    for (int i = 1; i < N; i++) {
        wf_mono_ns due = wan_heap_first(&h)->at;
        uint32_t v = wan_heap_pop(&h);
        assert_int_equal(at[v], due);
        assert_true(at[v] > at[last] || (at[v] == at[last] && v > last));
        last = v;
    }
    assert_null(wan_heap_first(&h));
    wan_heap_free(&h);
}

static void pushes_between_pops(void **state)
{
    (void)state;
    struct wan_heap h;
    assert_int_equal(wan_heap_init(&h, 3, NULL), WF_OK);
    wan_heap_push(&h, 30, 3);
    wan_heap_push(&h, 10, 1);
    assert_int_equal(wan_heap_pop(&h), 1);
    wan_heap_push(&h, 20, 2);
    wan_heap_push(&h, 5, 0);
    assert_int_equal(wan_heap_pop(&h), 0);
    assert_int_equal(wan_heap_pop(&h), 2);
    assert_int_equal(wan_heap_pop(&h), 3);
    wan_heap_free(&h);
}

static void contracts(void **state)
{
    (void)state;
    struct wan_heap h;
    assert_int_equal(wan_heap_init(&h, 1, NULL), WF_OK);
    expect_abort(wan_heap_pop(&h));
    wan_heap_push(&h, 1, 1);
    expect_abort((wan_heap_push(&h, 1, 1), 0));
    wan_heap_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_out_by_time_then_by_order),
        cmocka_unit_test(pushes_between_pops),
        cmocka_unit_test(contracts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
