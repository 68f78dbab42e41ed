// SPDX-License-Identifier: Apache-2.0
#include "wan/net.h"

#include <string.h>

#include "check.h"
#include "ip_packet.h"

static const wf_mono_ns MS = 1000000;
static struct wan_net net;
static unsigned told[WAN_FATE_MAX_];

static void count_fate(void *ctx, wf_mono_ns now, const struct wan_packet *p, enum wan_fate fate)
{
    (void)now;
    assert_ptr_equal(ctx, &net);
    assert_true(p->from < 3 && p->to < 3);
    told[fate]++;
}

static int begin(void **state)
{
    (void)state;
    struct wan_topology t;
    if (wan_topology_load(&t, "flat:20:3", NULL) != WF_OK)
        return -1;
    memset(told, 0, sizeof told);
    int rc = wan_net_init(&net, &t, 1, NULL);
    net.on_fate = count_fate;
    net.ctx = &net;
    return rc;
}

static int finish(void **state)
{
    (void)state;
    wan_net_free(&net);
    return 0;
}

static void put(wf_mono_ns now, unsigned from, unsigned to, size_t len)
{
    wan_net_take(&net, now, from, ip_packet(wan_net_room(&net), IP_UDP, from, to, len));
}

// How many packets come out now; each must be for region to, whole, and of a length not below the
// one before it when ordered.
static unsigned take_out(wf_mono_ns now, unsigned to, bool ordered)
{
    unsigned n = 0;
    size_t last = 0;
    const struct wan_packet *p;
    while ((p = wan_net_due(&net, now))) {
        assert_int_equal(p->to, to);
        assert_true(p->corrupt || ip_payload_ok(p->data, p->len));
        assert_true(!ordered || p->len >= last);
        last = p->len;
        n++;
    }
    return n;
}

static void a_packet_arrives_when_it_is_due(void **state)
{
    (void)state;
    wf_mono_ns at;
    assert_false(wan_net_next(&net, &at));
    put(5 * MS, 0, 1, 10);
    assert_true(wan_net_next(&net, &at));
    assert_int_equal(at, 15 * MS);
    assert_null(wan_net_due(&net, 15 * MS - 1));
    const struct wan_packet *p = wan_net_due(&net, 15 * MS + 2000);
    assert_non_null(p);
    assert_int_equal(p->from, 0);
    assert_int_equal(p->to, 1);
    uint8_t want[100];
    assert_int_equal(p->len, ip_packet(want, IP_UDP, 0, 1, 10));
    assert_memory_equal(p->data, want, p->len);
    assert_null(wan_net_due(&net, 99 * MS));
    assert_int_equal(net.lateness.max_ns, 2000);
    assert_int_equal(told[WAN_DELIVERED], 1);
}

static void what_is_for_nobody_is_counted(void **state)
{
    (void)state;
    put(0, 0, 7, 10);
    put(0, 0, 0, 10);
    memset(wan_net_room(&net), 0x60, 40);
    wan_net_take(&net, 0, 0, 40);
    assert_int_equal(net.stray, 3);
    assert_null(wan_net_due(&net, 99 * MS));
}

static void a_cut_is_one_way_and_catches_what_is_under_way(void **state)
{
    (void)state;
    put(0, 0, 1, 10);
    net.link[0][1].cut = true;
    put(MS, 0, 1, 10);
    put(MS, 1, 0, 10);
    assert_int_equal(take_out(99 * MS, 0, true), 1);
    assert_int_equal(told[WAN_CUT], 2);
    assert_int_equal(net.link[0][1].under_way, 0);
}

static void a_dark_region_neither_speaks_nor_hears(void **state)
{
    (void)state;
    wan_net_dark(&net, 1, true);
    net.link[0][2].cut = true;
    put(0, 0, 1, 10);
    put(0, 1, 0, 10);
    put(0, 1, 2, 10);
    put(0, 2, 0, 10);
    assert_int_equal(take_out(99 * MS, 0, true), 1);
    wan_net_dark(&net, 1, false);
    put(99 * MS, 0, 1, 10);
    put(99 * MS, 0, 2, 10); // the cut has outlived the dark
    assert_int_equal(take_out(200 * MS, 1, true), 1);
}

static void a_clog_holds_back_and_lets_go_in_order(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++)
        put(i, 0, 1, i);
    wan_net_clog(&net, 0, 1, true, 50);
    for (unsigned i = 50; i < 100; i++)
        put(i, 0, 1, i);
    put(100, 0, 2, 1);
    assert_int_equal(take_out(50 * MS, 2, true), 1);
    assert_int_equal(net.held[0][1].n, 100);
    wan_net_clog(&net, 0, 1, false, 50 * MS);
    assert_int_equal(take_out(50 * MS, 1, true), 100);
    assert_int_equal(net.held[0][1].n, 0);
    put(50 * MS, 0, 1, 1);
    assert_int_equal(take_out(60 * MS, 1, true), 1);
}

static void a_clog_holds_a_bounded_number_of_bytes(void **state)
{
    (void)state;
    wan_net_clog(&net, 0, 1, true, 0);
    enum { FULL = WAN_MTU - 28, MOST = WAN_LINK_BYTES_MAX / WAN_MTU };
    for (unsigned i = 0; i < MOST + 10; i++)
        put(0, 0, 1, FULL);
    assert_int_equal(take_out(99 * MS, 1, true), 0);
    assert_int_equal(net.held[0][1].n, MOST);
    assert_int_equal(told[WAN_NO_ROOM], 10);
    wan_net_clog(&net, 0, 1, false, 99 * MS);
    assert_int_equal(take_out(99 * MS, 1, true), MOST);
}

// Every packet's memory comes back, whatever its fate: many times more than there are go through.
static void the_store_of_packets_is_bounded_and_never_leaks(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * WAN_PACKETS_MAX; i++)
        put(0, i % 3, (i + 1) % 3, 0);
    assert_int_equal(net.heap.n, WAN_PACKETS_MAX + 1);
    assert_int_equal(told[WAN_NO_ROOM], WAN_PACKETS_MAX - 1);
    while (wan_net_due(&net, 99 * MS))
        ;
    net.rules.rule[0][1] = (struct wan_rules){
        .loss = 0.1, .duplicate = 0.5, .reorder = 0.1, .corrupt = 0.3, .jitter_us = 1000};
    for (unsigned i = 0; i < 4 * WAN_PACKETS_MAX; i++) {
        wf_mono_ns now = (99 + i) * MS;
        if (i % 1000 == 0)
            wan_net_clog(&net, 0, 1, i % 3000 == 0, now);
        net.link[0][1].cut = i % 100 == 7;
        put(now, 0, 1, 20);
        take_out(now, 1, false);
    }
    wan_net_reset(&net, 0);
    take_out(UINT64_MAX, 1, false);
    assert_int_equal(net.heap.n, 0);
    for (unsigned i = 0; i < WAN_PACKETS_MAX + 1; i++)
        put(0, i % 3, (i + 1) % 3, 0);
    assert_int_equal(net.heap.n, WAN_PACKETS_MAX + 1);
}

static void a_duplicate_is_told_and_whole(void **state)
{
    (void)state;
    net.rules.rule[0][1].duplicate = 1;
    put(0, 0, 1, 30);
    const struct wan_packet *p = wan_net_due(&net, 10 * MS);
    assert_non_null(p);
    bool first = p->copy;
    p = wan_net_due(&net, 10 * MS);
    assert_non_null(p);
    assert_true(p->copy != first);
    assert_true(ip_payload_ok(p->data, p->len));
    assert_null(wan_net_due(&net, 10 * MS));
    assert_int_equal(told[WAN_DELIVERED], 2);
}

static void corruption_keeps_the_ip_header(void **state)
{
    (void)state;
    net.rules.rule[0][1].corrupt = 1;
    for (unsigned i = 0; i < 100; i++) {
        put(0, 0, 1, 30);
        const struct wan_packet *p = wan_net_due(&net, 10 * MS);
        assert_non_null(p);
        assert_true(p->corrupt && ip_header_ok(p->data));
        uint8_t whole[100];
        size_t len = ip_packet(whole, IP_UDP, 0, 1, 30);
        assert_memory_not_equal(p->data, whole, len);
    }
}

static void reset_brings_the_beginning_back(void **state)
{
    (void)state;
    net.rules.rule[0][1] = (struct wan_rules){.loss = 1};
    net.link[1][0].cut = true;
    wan_net_dark(&net, 2, true);
    wan_net_clog(&net, 1, 2, true, 0);
    wan_net_reset(&net, MS);
    assert_memory_equal(&net.rules, &net.topology.matrix, sizeof net.rules);
    for (unsigned a = 0; a < 3; a++)
        for (unsigned b = 0; b < 3; b++)
            assert_false(wan_link_blocked(&net.link[a][b]) || net.link[a][b].clogged);
}

static void one_seed_is_one_network(void **state)
{
    (void)state;
    uint64_t sums[2] = {0};
    for (int run = 0; run < 2; run++) {
        finish(NULL);
        begin(NULL);
        net.rules.rule[0][1] = (struct wan_rules){.loss = 0.3, .jitter_us = 9000, .reorder = 0.2};
        for (unsigned i = 0; i < 500; i++)
            put(i * MS, 0, 1, i);
        const struct wan_packet *p;
        for (wf_mono_ns now = 0; now < 600 * MS; now += MS)
            while ((p = wan_net_due(&net, now)))
                sums[run] = sums[run] * 31 + p->len + now;
    }
    assert_int_equal(sums[0], sums[1]);
}

int main(void)
{
#define ON_NET(test) cmocka_unit_test_setup_teardown(test, begin, finish)
    const struct CMUnitTest tests[] = {
        ON_NET(a_packet_arrives_when_it_is_due),
        ON_NET(what_is_for_nobody_is_counted),
        ON_NET(a_cut_is_one_way_and_catches_what_is_under_way),
        ON_NET(a_dark_region_neither_speaks_nor_hears),
        ON_NET(a_clog_holds_back_and_lets_go_in_order),
        ON_NET(a_clog_holds_a_bounded_number_of_bytes),
        ON_NET(the_store_of_packets_is_bounded_and_never_leaks),
        ON_NET(a_duplicate_is_told_and_whole),
        ON_NET(corruption_keeps_the_ip_header),
        ON_NET(reset_brings_the_beginning_back),
        ON_NET(one_seed_is_one_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
