// SPDX-License-Identifier: Apache-2.0
#include "wan/packet.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "ip_packet.h"

static void a_packet_finds_its_region(void **state)
{
    (void)state;
    uint8_t p[200];
    size_t len = ip_packet(p, IP_UDP, 0, 2, 10);
    assert_int_equal(wan_packet_region(p, len, 3), 2);
    assert_int_equal(wan_packet_region(p, len, 2), -1); // there is no such region
    assert_int_equal(wan_packet_region(p, 19, 3), -1);
    p[16] = 224;
    assert_int_equal(wan_packet_region(p, len, 3), -1);
    len = ip_packet(p, IP_UDP, 0, 2, 10);
    p[0] = 0x60;
    assert_int_equal(wan_packet_region(p, len, 3), -1);
    p[0] = 0x4f; // options beyond the end
    assert_int_equal(wan_packet_region(p, len, 3), -1);
}

static void a_flow_is_protocol_and_ports(void **state)
{
    (void)state;
    uint8_t p[200];
    size_t len = ip_packet(p, IP_TCP, 0, 1, 10);
    struct wan_flow f = wan_packet_flow(p, len);
    assert_string_equal(f.protocol, "tcp");
    assert_int_equal(f.from_port, 1000);
    assert_int_equal(f.to_port, 2000);
    p[7] = 1; // a later fragment has data where the ports were
    f = wan_packet_flow(p, len);
    assert_string_equal(f.protocol, "tcp");
    assert_int_equal(f.to_port, 0);
    len = ip_packet(p, IP_ICMP, 0, 1, 10);
    assert_string_equal(wan_packet_flow(p, len).protocol, "icmp");
    p[9] = 47;
    assert_string_equal(wan_packet_flow(p, len).protocol, "ip");
    len = ip_packet(p, IP_UDP, 0, 1, 10);
    f = wan_packet_flow(p, IP_HEADER + 3); // cut off
    assert_string_equal(f.protocol, "udp");
    assert_int_equal(f.from_port, 0);
    assert_string_equal(wan_packet_flow(p, 3).protocol, "ip");
}

// Of many corruptions: the packet always changes, the IP header never; about half are seen by the
// checksum.
static void corruption_is_seen_by_the_checksum_half_the_time(void **state)
{
    (void)state;
    enum { N = 2000 };
    static const unsigned protocols[] = {IP_TCP, IP_UDP, IP_ICMP};
    struct wan_random dice = {3};
    for (int k = 0; k < 3; k++) {
        unsigned quiet = 0;
        for (int i = 0; i < N; i++) {
            uint8_t p[300], before[300];
            size_t len = ip_packet(p, protocols[k], 0, 1, 101); // odd: the last byte has no partner
            assert_true(ip_header_ok(p) && ip_payload_ok(p, len));
            memcpy(before, p, len);
            wan_packet_corrupt(p, len, &dice);
            assert_memory_not_equal(p, before, len);
            assert_memory_equal(p, before, IP_HEADER);
            quiet += ip_payload_ok(p, len);
        }
        assert_in_range(quiet, N * 4 / 10, N * 6 / 10);
    }
}

static void a_payload_of_equal_words_is_damaged_too(void **state)
{
    (void)state;
    struct wan_random dice = {3};
    for (int i = 0; i < 200; i++) {
        uint8_t p[100], before[100];
        size_t len = ip_packet(p, IP_UDP, 0, 1, 20);
        memset(p + 28, 7, 20);
        memcpy(before, p, len);
        wan_packet_corrupt(p, len, &dice);
        assert_memory_not_equal(p, before, len);
    }
}

// Whatever a packet says about its own lengths, nothing outside it is touched (ASan watches the
// rest).
static void lengths_that_lie_are_not_believed(void **state)
{
    (void)state;
    struct wan_random dice = {3};
    for (int i = 0; i < 20000; i++) {
        size_t len = wan_random_below(&dice, 64);
        uint8_t *p = malloc(len ? len : 1);
        assert_non_null(p);
        for (size_t b = 0; b < len; b++)
            p[b] = (uint8_t)wan_random_next(&dice);
        if (len > 9) {
            p[0] = (uint8_t)(0x40 | (p[0] & 15));
            p[6] = p[7] = 0; // no fragment: its transport's header is looked at
            p[9] = (uint8_t[]){IP_TCP, IP_UDP, IP_ICMP, 50}[i % 4];
        }
        wan_packet_corrupt(p, len, &dice);
        wan_packet_flow(p, len);
        assert_in_range(wan_packet_region(p, len, 3) + 1, 0, 3);
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_finds_its_region),
        cmocka_unit_test(a_flow_is_protocol_and_ports),
        cmocka_unit_test(corruption_is_seen_by_the_checksum_half_the_time),
        cmocka_unit_test(a_payload_of_equal_words_is_damaged_too),
        cmocka_unit_test(lengths_that_lie_are_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
