// SPDX-License-Identifier: Apache-2.0
#include "daemon/disk_watch.h"

#include "base/limits.h"
#include "check.h"

static const wf_mono_ns MS = 1000000;

static void a_slow_disk_is_left_alone(void **state)
{
    struct wf_disk_watch w = {0};
    (void)state;
    for (wf_mono_ns t = 1; t < 100; t++)
        assert_false(wf_disk_watch_look(&w, t * 50 * MS, (WF_DISK_HUNG_MS - 1) * MS, true));
    assert_false(w.hung);
}

static void a_leader_whose_disk_hangs_hands_over_until_it_succeeds(void **state)
{
    struct wf_disk_watch w = {0};
    wf_mono_ns hung = WF_DISK_HUNG_MS * MS;
    (void)state;
    assert_true(wf_disk_watch_look(&w, 5000 * MS, hung, true));
    assert_false(wf_disk_watch_look(&w, 5050 * MS, hung, true)); // under way
    assert_true(wf_disk_watch_look(&w, 6000 * MS, hung, true));  // it failed: again
    wf_disk_watch_handed(&w, 6100 * MS);
    assert_false(wf_disk_watch_look(&w, 7000 * MS, hung, false));
}

static void leadership_does_not_go_round_where_all_disks_hang(void **state)
{
    struct wf_disk_watch w = {0};
    wf_mono_ns hung = WF_DISK_HUNG_MS * MS, given = 1000 * MS;
    (void)state;
    assert_true(wf_disk_watch_look(&w, given, hung, true));
    wf_disk_watch_handed(&w, given);
    assert_false(wf_disk_watch_look(&w, given + 1, 0, false)); // it answers, and hangs again
    assert_false(w.hung);
    assert_false(wf_disk_watch_look(&w, given + (WF_DISK_REST_MS - 1) * MS, hung, true));
    assert_true(wf_disk_watch_look(&w, given + WF_DISK_REST_MS * MS, hung, true));
}

static void a_follower_only_says_so(void **state)
{
    struct wf_disk_watch w = {0};
    (void)state;
    assert_false(wf_disk_watch_look(&w, 9000 * MS, 9000 * MS, false));
    assert_true(w.hung);
    assert_false(wf_disk_watch_look(&w, 9050 * MS, 0, false));
    assert_false(w.hung);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slow_disk_is_left_alone),
        cmocka_unit_test(a_leader_whose_disk_hangs_hands_over_until_it_succeeds),
        cmocka_unit_test(leadership_does_not_go_round_where_all_disks_hang),
        cmocka_unit_test(a_follower_only_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
