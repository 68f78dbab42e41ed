// SPDX-License-Identifier: Apache-2.0
// Three real nodes whose disks are said to be short of room.
#include "check.h"

#include <string.h>

#include "trio.h"

static void status_of(struct trio *c, unsigned i, struct wf_node_status *out)
{
    wf_node_status(c->s[i].node, out);
}

static bool refuses(struct trio *c)
{
    struct wf_node_status status;
    int l = trio_leader(c);
    if (l < 0)
        return false;
    status_of(c, (unsigned)l, &status);
    return status.disk_low;
}

static void set_low(struct trio *c, unsigned i, bool low)
{
    wf_node_set_disk_low(c->s[i].node, low);
}

// What a leader that is elected anew was told before, all are told of within a second.
static void await_refusal(struct trio *c, bool refusing)
{
    trio_deadline(c);
    while (trio_leader(c) < 0 || refuses(c) != refusing)
        trio_turn(c);
}

// Until all of them, followers too, say so or not.
static void await_all_say(struct trio *c, bool refusing)
{
    struct wf_node_status status;
    trio_deadline(c);
    for (unsigned i = 0; i < TRIO;) {
        status_of(c, i, &status);
        if (status.disk_low == refusing)
            i++;
        else
            trio_turn(c);
    }
}

// Until node i has heard that node of is short, or has room.
static void await_told(struct trio *c, unsigned i, unsigned of, bool low)
{
    struct wf_node_status status;
    trio_deadline(c);
    for (;;) {
        status_of(c, i, &status);
        for (unsigned k = 0; k < status.n; k++)
            if (status.members[k].member.id == of + 1 && status.members[k].disk_low == low)
                return;
        trio_turn(c);
    }
}

static void assert_refused(struct trio *c, unsigned i)
{
    assert_int_equal(trio_propose(c, i, 1), 0);
    assert_int_equal(c->err.code, WF_RESOURCE_EXHAUSTED);
    assert_string_equal(c->err.reason, "DISK_LOW");
}

static void assert_reads(struct trio *c, unsigned i)
{
    trio_deadline(c);
    c->waiting++;
    wf_node_read(c->s[i].node, trio_on_read, c);
    while (c->waiting > 0)
        trio_turn(c);
    assert_true(c->read_index >= c->highest);
}

// --- the tests -----------------------------------------------------------------------------------

static void a_leader_short_of_disk_hands_over_and_writes_go_on(void **state)
{
    struct trio *c = *state;
    unsigned l = trio_await_leader(c);
    trio_propose_surely(c, l, 20);
    set_low(c, l, true);
    trio_deadline(c);
    while (trio_leader(c) < 0 || trio_leader(c) == (int)l)
        trio_turn(c);
    trio_propose_surely(c, l, 50);
    assert_false(refuses(c));
    assert_int_not_equal(trio_leader(c), l);
    trio_await_even(c);
}

static void it_goes_to_the_one_that_has_room(void **state)
{
    struct trio *c = *state;
    unsigned l = trio_await_leader(c), low = l == 0, other = TRIO - l - low;
    trio_propose_surely(c, l, 20);
    set_low(c, low, true); // of two that are level the first one would be taken
    await_told(c, l, low, true);
    trio_await_even(c);
    set_low(c, l, true);
    trio_deadline(c);
    while (trio_leader(c) != (int)other)
        trio_turn(c);
}

static void one_follower_short_of_disk_stops_no_writes(void **state)
{
    struct trio *c = *state;
    unsigned l = trio_await_leader(c), low = (l + 1) % TRIO;
    set_low(c, low, true);
    await_told(c, l, low, true);
    trio_propose_surely(c, l, 50);
    trio_propose_surely(c, low, 50);
    assert_false(refuses(c));
    trio_await_even(c);
}

static void on_own(void *ctx, const struct wf_err *err, uint64_t index, struct wf_bytes result)
{
    struct trio *c = ctx;
    (void)result;
    assert_null(err);
    c->waiting--;
    c->acked++;
    c->highest = index;
}

static void with_a_majority_short_reads_go_on_and_writes_wait_for_room(void **state)
{
    struct trio *c = *state;
    unsigned l = trio_await_leader(c);
    trio_propose_surely(c, l, 20);
    set_low(c, (l + 1) % TRIO, true);
    set_low(c, (l + 2) % TRIO, true);
    await_refusal(c, true);
    trio_await_even(c);
    uint64_t before = c->s[l].fsm.now.commands;
    for (unsigned i = 0; i < TRIO; i++) {
        assert_refused(c, i);
        assert_reads(c, i);
    }
    assert_int_equal(c->s[l].fsm.now.commands, before);
    await_all_say(c, true);
    // The cluster's own few words are taken in.
    trio_deadline(c);
    c->waiting++;
    wf_node_propose_own(c->s[l].node, (struct wf_bytes){(const uint8_t *)"own", 3}, on_own, c);
    while (c->waiting > 0)
        trio_turn(c);
    set_low(c, (l + 1) % TRIO, false);
    await_refusal(c, false);
    await_all_say(c, false);
    trio_propose_surely(c, l, 50);
    trio_await_even(c);
}

static void where_nobody_better_can_lead_the_leader_stays_and_refuses(void **state)
{
    struct trio *c = *state;
    unsigned l = trio_await_leader(c);
    trio_propose_surely(c, l, 20);
    for (unsigned i = 1; i < TRIO; i++) {
        set_low(c, (l + i) % TRIO, true);
        await_told(c, l, (l + i) % TRIO, true);
    }
    set_low(c, l, true);
    await_refusal(c, true);
    assert_refused(c, l);
    assert_int_equal(trio_leader(c), l);
    assert_reads(c, (l + 1) % TRIO);
}

static bool serves(struct trio *c, unsigned i)
{
    struct wf_node_status status;
    status_of(c, i, &status);
    return status.serving;
}

// One of the others is fenced, and one is gone: there is a majority, and no better leader.
static void a_leader_alone_refuses_until_another_one_can_lead(void **state)
{
    struct trio *c = *state;
    unsigned l = trio_await_leader(c), fenced = (l + 1) % TRIO, gone = (l + 2) % TRIO;
    trio_propose_surely(c, l, 50);
    trio_await_even(c);
    struct list_fsm *fsm = &c->s[fenced].fsm;
    atomic_store(&fsm->hold, true);
    fsm->now.hash[0] ^= 1;
    trio_deadline(c);
    while (serves(c, fenced) || atomic_load(&fsm->takes) == 0)
        trio_propose_surely(c, l, 5);
    trio_stop(c, gone);
    set_low(c, l, true);
    await_refusal(c, true);
    assert_refused(c, l);
    assert_int_equal(trio_leader(c), l);
    atomic_store(&fsm->hold, false);
    trio_deadline(c);
    while (trio_leader(c) != (int)fenced)
        trio_turn(c);
    trio_propose_surely(c, l, 20);
}

// It may have ended over a disk that is full, and waits for room.
static void the_last_word_of_one_that_is_gone_counts(void **state)
{
    struct trio *c = *state;
    unsigned l = trio_await_leader(c), gone = (l + 1) % TRIO, other = (l + 2) % TRIO;
    trio_propose_surely(c, l, 20);
    set_low(c, gone, true);
    await_told(c, l, gone, true);
    trio_stop(c, gone);
    trio_propose_surely(c, l, 20);
    set_low(c, other, true);
    await_refusal(c, true);
    assert_refused(c, l);
    trio_start(c, gone); // it has been given room meanwhile
    await_refusal(c, false);
    trio_propose_surely(c, other, 20);
    trio_await_even(c);
}

static void what_is_due_waits_for_room(void **state)
{
    struct trio *c = *state;
    unsigned l = trio_await_leader(c);
    trio_propose_surely(c, l, 20);
    for (unsigned i = 0; i < TRIO; i++)
        set_low(c, i, true);
    await_refusal(c, true);
    trio_await_even(c);
    for (unsigned i = 0; i < TRIO; i++)
        c->s[i].fsm.due = 1;
    uint64_t before = c->s[l].fsm.now.commands;
    for (int reads = 0; reads < 20; reads++) // rounds of messages, so turns of the clock
        assert_reads(c, l);
    assert_int_equal(c->s[l].fsm.now.commands, before);
    for (unsigned i = 0; i < TRIO; i++)
        set_low(c, i, false);
    trio_deadline(c);
    while (c->s[l].fsm.now.commands == before)
        trio_turn(c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, trio_setup, trio_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_leader_short_of_disk_hands_over_and_writes_go_on),
        TEST(it_goes_to_the_one_that_has_room),
        TEST(one_follower_short_of_disk_stops_no_writes),
        TEST(with_a_majority_short_reads_go_on_and_writes_wait_for_room),
        TEST(where_nobody_better_can_lead_the_leader_stays_and_refuses),
        TEST(a_leader_alone_refuses_until_another_one_can_lead),
        TEST(the_last_word_of_one_that_is_gone_counts),
        TEST(what_is_due_waits_for_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
