// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include "base/result.h"
#include "client/policy.h"

static struct wf_policy fresh(bool repeatable)
{
    struct wf_policy p;
    wf_policy_init(&p, 0, 100, 800);
    p.repeatable = repeatable;
    wf_policy_begin(&p);
    return p;
}

static int64_t next(struct wf_policy *p, struct wf_policy_outcome o, unsigned n)
{
    return wf_policy_next(p, &o, n, UINT32_MAX);
}

static const struct wf_policy_outcome UNAVAILABLE = {
    .code = WF_UNAVAILABLE, .reason = "", .answered = true, .processed = true, .leader = -1};
static const struct wf_policy_outcome NOT_SENT = {
    .code = WF_UNAVAILABLE, .reason = "", .processed = false, .leader = -1};

static void a_repeatable_call_goes_round_and_then_pauses(void **state)
{
    (void)state;
    struct wf_policy p = fresh(true);
    assert_int_equal(next(&p, UNAVAILABLE, 3), 0);
    assert_int_equal(p.current, 1);
    wf_policy_begin(&p);
    assert_int_equal(next(&p, UNAVAILABLE, 3), 0);
    assert_int_equal(p.current, 2);
    wf_policy_begin(&p);
    assert_int_equal(next(&p, UNAVAILABLE, 3), 100); // all were asked
    assert_int_equal(p.current, 0);
    assert_int_equal(p.tries, 3);
}

static void pauses_double_up_to_their_bound(void **state)
{
    (void)state;
    struct wf_policy p = fresh(true);
    static const int64_t pauses[] = {100, 200, 400, 800, 800, 800};
    for (int i = 0; i < 6; i++) {
        assert_int_equal(next(&p, UNAVAILABLE, 1), pauses[i]);
        wf_policy_begin(&p);
    }
    // Full jitter: no random bits, next to no pause; but never none.
    assert_int_equal(wf_policy_next(&p, &UNAVAILABLE, 1, 0), 1);
}

static void a_change_without_a_request_id_is_done_once(void **state)
{
    (void)state;
    struct wf_policy p = fresh(false);
    assert_int_equal(next(&p, UNAVAILABLE, 3), -1);
    struct wf_policy_outcome lost = {
        .code = WF_UNAVAILABLE, .reason = "", .processed = true, .leader = -1};
    assert_int_equal(next(&p, lost, 3), -1);
}

static void what_was_certainly_not_done_goes_elsewhere(void **state)
{
    (void)state;
    struct wf_policy p = fresh(false);
    assert_int_equal(next(&p, NOT_SENT, 2), 0);
    assert_int_equal(p.current, 1);
    wf_policy_begin(&p);
    struct wf_policy_outcome o = UNAVAILABLE;
    o.reason = "NO_LEADER";
    assert_true(next(&p, o, 2) > 0);
}

static void a_refusal_stands(void **state)
{
    (void)state;
    static const int codes[] = {WF_INVALID_ARGUMENT,    WF_NOT_FOUND, WF_PERMISSION_DENIED,
                                WF_FAILED_PRECONDITION, WF_ABORTED,   WF_INTERNAL,
                                WF_RESOURCE_EXHAUSTED,  WF_CANCELLED, WF_ALREADY_EXISTS,
                                WF_UNAUTHENTICATED,     WF_DATA_LOSS, WF_UNIMPLEMENTED};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct wf_policy p = fresh(true);
        struct wf_policy_outcome o = UNAVAILABLE;
        o.code = codes[i];
        assert_int_equal(next(&p, o, 3), -1);
    }
    // Somebody has to make room: asking again, or elsewhere, only adds to the load meanwhile.
    struct wf_policy p = fresh(true);
    struct wf_policy_outcome o = UNAVAILABLE;
    o.code = WF_RESOURCE_EXHAUSTED;
    o.reason = "DISK_LOW";
    assert_int_equal(next(&p, o, 3), -1);
}

static void an_unknown_outcome_is_asked_again_with_its_id(void **state)
{
    (void)state;
    struct wf_policy_outcome o = UNAVAILABLE;
    o.code = WF_ABORTED;
    o.reason = "UNKNOWN_OUTCOME";
    struct wf_policy p = fresh(true);
    assert_int_equal(next(&p, o, 3), 0);
    p = fresh(false);
    assert_int_equal(next(&p, o, 3), -1);
}

// Nothing was done, so that also a change without an id is asked again, of the same node.
static void a_leader_that_has_just_begun_is_given_a_moment(void **state)
{
    (void)state;
    static const char *const reasons[] = {"NOT_ESTABLISHED", "TRANSFER_PENDING", "NO_MAJORITY",
                                          "NOT_ANSWERING"};
    for (int i = 0; i < 4; i++) {
        struct wf_policy p = fresh(false);
        struct wf_policy_outcome o = UNAVAILABLE;
        o.code = i == 0 ? WF_UNAVAILABLE : WF_FAILED_PRECONDITION;
        o.reason = reasons[i];
        int64_t waited = 0, pause;
        while ((pause = next(&p, o, 3)) > 0) {
            waited += pause;
            assert_int_equal(p.current, 0);
            wf_policy_begin(&p);
        }
        assert_in_range(waited, WF_POLICY_PATIENCE_MS, WF_POLICY_PATIENCE_MS + 800);
    }
    struct wf_policy p = fresh(false);
    struct wf_policy_outcome o = UNAVAILABLE;
    o.code = WF_FAILED_PRECONDITION;
    o.reason = "CHANGE_PENDING"; // may take minutes
    assert_int_equal(next(&p, o, 3), -1);
    p.once = true;
    o.reason = "NOT_ANSWERING";
    assert_int_equal(next(&p, o, 3), -1);
}

static void a_leader_hint_is_followed_once_a_round(void **state)
{
    (void)state;
    struct wf_policy p = fresh(true);
    struct wf_policy_outcome o = UNAVAILABLE;
    o.leader = 2;
    assert_int_equal(next(&p, o, 3), 0);
    assert_int_equal(p.current, 2);
    wf_policy_begin(&p);
    o.leader = 0; // they point at each other
    assert_int_equal(next(&p, o, 3), 0);
    assert_int_equal(p.current, 1);
    wf_policy_begin(&p);
    o.leader = 2;
    assert_true(next(&p, o, 3) > 0);
    assert_int_equal(p.current, 2);
}

static void mistrust_is_not_waited_out(void **state)
{
    (void)state;
    struct wf_policy p = fresh(true);
    struct wf_policy_outcome o = NOT_SENT;
    o.code = WF_UNAUTHENTICATED;
    assert_int_equal(next(&p, o, 2), 0);
    wf_policy_begin(&p);
    assert_int_equal(next(&p, o, 2), -1);
}

static void once_is_once(void **state)
{
    (void)state;
    struct wf_policy p = fresh(true);
    p.once = true;
    assert_int_equal(next(&p, NOT_SENT, 3), -1);
}

static void sixty_four_nodes_are_a_round(void **state)
{
    (void)state;
    struct wf_policy p = fresh(true);
    for (int i = 0; i < 63; i++) {
        assert_int_equal(next(&p, NOT_SENT, 64), 0);
        wf_policy_begin(&p);
    }
    assert_true(next(&p, NOT_SENT, 64) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_repeatable_call_goes_round_and_then_pauses),
        cmocka_unit_test(pauses_double_up_to_their_bound),
        cmocka_unit_test(a_change_without_a_request_id_is_done_once),
        cmocka_unit_test(what_was_certainly_not_done_goes_elsewhere),
        cmocka_unit_test(a_refusal_stands),
        cmocka_unit_test(an_unknown_outcome_is_asked_again_with_its_id),
        cmocka_unit_test(a_leader_that_has_just_begun_is_given_a_moment),
        cmocka_unit_test(a_leader_hint_is_followed_once_a_round),
        cmocka_unit_test(mistrust_is_not_waited_out),
        cmocka_unit_test(once_is_once),
        cmocka_unit_test(sixty_four_nodes_are_a_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
