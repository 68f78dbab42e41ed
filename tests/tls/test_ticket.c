// SPDX-License-Identifier: Apache-2.0
#include "tls/ticket.h"

#include "base/limits.h"
#include "check.h"

static void keys_turn_by_time(void **state)
{
    const wf_mono_ns life = (wf_mono_ns)WF_TICKET_MS * 1000000;
    struct wf_ticket_keys *k = wf_ticket_keys_new(1000);
    (void)state;
    assert_non_null(k);
    assert_int_equal(wf_ticket_keys_turn(k, 1000 + life - 1), 0);
    assert_int_equal(wf_ticket_keys_turn(k, 1000 + life), 1);
    assert_int_equal(wf_ticket_keys_turn(k, 1000 + life), 0);
    // After a long silence nothing sealed before may be opened.
    assert_int_equal(wf_ticket_keys_turn(k, 1000 + 50 * life), 2);
    assert_int_equal(wf_ticket_keys_turn(k, 1000 + 50 * life), 0);
    wf_ticket_keys_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(keys_turn_by_time)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
