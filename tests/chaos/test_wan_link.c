// SPDX-License-Identifier: Apache-2.0
#include "wan/link.h"

#include "check.h"
#include "wan/limits.h"

enum { N = 20000, BYTES = 100 };
static const wf_mono_ns MS = 1000000;

// Send N packets a millisecond apart; each arrives before the next is sent when the delay is short.
// Returns how many went on their way.
static unsigned send_many(struct wan_link *l, const struct wan_rules *r)
{
    struct wan_random dice = {1};
    unsigned sent = 0;
    for (unsigned i = 0; i < N; i++) {
        struct wan_plan p = wan_link_take(l, r, i * MS, BYTES, &dice);
        if (p.fate != WAN_DELIVERED)
            continue;
        sent++;
        for (unsigned c = 0; c < p.copies; c++)
            wan_link_end(l, BYTES, WAN_DELIVERED);
    }
    return sent;
}

static void assert_about(uint64_t got, double want)
{
    if ((double)got < 0.9 * want || (double)got > 1.1 * want)
        fail_msg("%llu is not about %.0f", (unsigned long long)got, want);
}

static void a_delay_is_exact(void **state)
{
    (void)state;
    struct wan_link l = {0};
    struct wan_rules r = {.delay_us = 40000};
    struct wan_random dice = {1};
    struct wan_plan p = wan_link_take(&l, &r, 5 * MS, BYTES, &dice);
    assert_int_equal(p.fate, WAN_DELIVERED);
    assert_int_equal(p.copies, 1);
    assert_int_equal(p.at[0], 45 * MS);
    assert_false(p.corrupt);
    assert_int_equal(l.under_way, BYTES);
    wan_link_end(&l, BYTES, WAN_DELIVERED);
    assert_int_equal(l.under_way, 0);
    assert_int_equal(l.count.bytes, BYTES);
}

static void jitter_spreads_and_keeps_the_order(void **state)
{
    (void)state;
    struct wan_link l = {0};
    struct wan_rules r = {.delay_us = 1000, .jitter_us = 5000};
    struct wan_random dice = {1};
    wf_mono_ns last = 0, least = UINT64_MAX, most = 0;
    for (unsigned i = 0; i < 1000; i++) {
        wf_mono_ns now = i * 2 * MS;
        struct wan_plan p = wan_link_take(&l, &r, now, BYTES, &dice);
        assert_true(p.at[0] >= last);
        last = p.at[0];
        least = last - now < least ? last - now : least;
        most = last - now > most ? last - now : most;
    }
    assert_in_range(least, MS, 2 * MS);
    assert_in_range(most, 5 * MS, 6 * MS);
}

static void reordered_packets_are_overtaken(void **state)
{
    (void)state;
    struct wan_link l = {0};
    struct wan_rules r = {.delay_us = 40000, .reorder = 0.1};
    struct wan_random dice = {1};
    wf_mono_ns last = 0;
    unsigned overtaken = 0;
    for (unsigned i = 0; i < 10000; i++) {
        struct wan_plan p = wan_link_take(&l, &r, i * MS, BYTES, &dice);
        assert_in_range(p.at[0] - i * MS, 40 * MS, 50 * MS);
        overtaken += p.at[0] < last;
        last = p.at[0] > last ? p.at[0] : last;
        wan_link_end(&l, BYTES, WAN_DELIVERED);
    }
    assert_about(l.count.reordered, 1000);
    assert_true(overtaken > 2000); // each late packet is passed by several
}

static void loses_its_part(void **state)
{
    (void)state;
    struct wan_link l = {0};
    assert_about(send_many(&l, &(struct wan_rules){.loss = 0.25}), 0.75 * N);
    assert_about(l.count.fate[WAN_LOST], 0.25 * N);
    assert_int_equal(l.count.taken, N);
    assert_int_equal(l.count.fate[WAN_LOST] + l.count.fate[WAN_DELIVERED], N);
    assert_int_equal(send_many(&l, &(struct wan_rules){.loss = 1}), 0);
}

static void bursts_lose_together(void **state)
{
    (void)state;
    struct wan_link l = {0};
    struct wan_random dice = {1};
    struct wan_rules r = {.burst_enter = 0.01, .burst_leave = 0.1, .burst_loss = 1};
    unsigned lost = 0, runs = 0;
    for (bool before = false, gone; lost + runs < 10 * N; before = gone) {
        gone = wan_link_take(&l, &r, 0, 1, &dice).fate == WAN_LOST_IN_BURST;
        if (!gone)
            wan_link_end(&l, 1, WAN_DELIVERED);
        lost += gone;
        runs += gone && !before;
    }
    assert_about(lost, 10.0 * runs);          // a burst is 1 / leave packets long
    assert_about(l.count.taken, 11.0 * lost); // and takes enter / (enter + leave) of all
    r.burst_enter = 0;                        // switched off while in one
    l.in_burst = true;
    assert_int_equal(wan_link_take(&l, &r, 0, 1, &dice).fate, WAN_DELIVERED);
}

static void duplicates_and_corrupts_their_part(void **state)
{
    (void)state;
    struct wan_link l = {0};
    send_many(&l, &(struct wan_rules){.duplicate = 0.3, .corrupt = 0.2});
    assert_about(l.count.duplicated, 0.3 * N);
    assert_about(l.count.corrupted, 0.2 * N);
    assert_int_equal(l.count.fate[WAN_DELIVERED], N + l.count.duplicated);
    assert_int_equal(l.under_way, 0);
}

// 800 kbit/s and packets of 100 bytes: one a millisecond.
static void a_rate_spaces_packets_and_its_queue_drops_the_tail(void **state)
{
    (void)state;
    struct wan_link l = {0};
    struct wan_rules r = {.rate_kbit = 800, .queue_ms = 5};
    struct wan_random dice = {1};
    for (unsigned i = 0; i < 6; i++) {
        struct wan_plan p = wan_link_take(&l, &r, 0, BYTES, &dice);
        assert_int_equal(p.fate, WAN_DELIVERED);
        assert_int_equal(p.at[0], (i + 1) * MS);
    }
    assert_int_equal(wan_link_take(&l, &r, 0, BYTES, &dice).fate, WAN_QUEUE_FULL);
    struct wan_plan p = wan_link_take(&l, &r, 1 * MS, BYTES, &dice);
    assert_int_equal(p.fate, WAN_DELIVERED);
    assert_int_equal(p.at[0], 7 * MS);
    assert_int_equal(l.count.fate[WAN_QUEUE_FULL], 1);
}

static void nothing_passes_a_cut_or_the_dark(void **state)
{
    (void)state;
    struct wan_link l = {.cut = true};
    assert_int_equal(send_many(&l, &(struct wan_rules){0}), 0);
    l.cut = false;
    l.dark = true;
    assert_int_equal(send_many(&l, &(struct wan_rules){0}), 0);
    l.dark = false;
    assert_int_equal(send_many(&l, &(struct wan_rules){0}), N);
    assert_int_equal(l.count.fate[WAN_CUT], 2 * N);
}

static void holds_no_more_than_its_bytes(void **state)
{
    (void)state;
    struct wan_link l = {0};
    struct wan_rules r = {.delay_us = 1000000, .duplicate = 1};
    struct wan_random dice = {1};
    while (wan_link_take(&l, &r, 0, WAN_MTU, &dice).fate == WAN_DELIVERED)
        assert_true(l.under_way <= WAN_LINK_BYTES_MAX);
    assert_int_equal(l.count.fate[WAN_NO_ROOM], 1);
    assert_in_range(l.under_way, WAN_LINK_BYTES_MAX - WAN_MTU, WAN_LINK_BYTES_MAX);
    wan_link_end(&l, WAN_MTU, WAN_DELIVERED);
    assert_int_equal(wan_link_take(&l, &r, 0, WAN_MTU, &dice).fate, WAN_DELIVERED);
}

static void contracts(void **state)
{
    (void)state;
    struct wan_link l = {0};
    expect_abort((wan_link_end(&l, 1, WAN_DELIVERED), 0));
    expect_abort(wan_fate_name(WAN_FATE_MAX_));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_delay_is_exact),
        cmocka_unit_test(jitter_spreads_and_keeps_the_order),
        cmocka_unit_test(reordered_packets_are_overtaken),
        cmocka_unit_test(loses_its_part),
        cmocka_unit_test(bursts_lose_together),
        cmocka_unit_test(duplicates_and_corrupts_their_part),
        cmocka_unit_test(a_rate_spaces_packets_and_its_queue_drops_the_tail),
        cmocka_unit_test(nothing_passes_a_cut_or_the_dark),
        cmocka_unit_test(holds_no_more_than_its_bytes),
        cmocka_unit_test(contracts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
