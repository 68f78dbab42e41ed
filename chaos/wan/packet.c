// SPDX-License-Identifier: Apache-2.0
#include "wan/packet.h"

#include <stdbool.h>
#include <string.h>

enum { IP_MIN = 20, ICMP = 1, TCP = 6, UDP = 17, ICMP_HEADER = 8, TCP_MIN = 20, UDP_HEADER = 8 };

static unsigned be16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

// The length of the IP header, or 0 when this is no complete one.
static size_t ip_header(const uint8_t *data, size_t len)
{
    if (len < IP_MIN || data[0] >> 4 != 4)
        return 0;
    size_t n = (size_t)(data[0] & 15) * 4;
    return n >= IP_MIN && n <= len ? n : 0;
}

int wan_packet_region(const uint8_t *data, size_t len, unsigned regions)
{
    if (ip_header(data, len) == 0)
        return -1;
    uint32_t to = (uint32_t)be16(data + 16) << 16 | be16(data + 18);
    uint32_t k = to - WAN_ADDRESS(0);
    return k < regions ? (int)k : -1;
}

static bool later_fragment(const uint8_t *data)
{
    return (be16(data + 6) & 0x1fff) != 0;
}

struct wan_flow wan_packet_flow(const uint8_t *data, size_t len)
{
    struct wan_flow flow = {.protocol = "ip"};
    size_t header = ip_header(data, len);
    if (header == 0)
        return flow;
    if (data[9] == ICMP)
        flow.protocol = "icmp";
    if (data[9] != TCP && data[9] != UDP)
        return flow;
    flow.protocol = data[9] == TCP ? "tcp" : "udp";
    if (!later_fragment(data) && header + 4 <= len) {
        flow.from_port = be16(data + header);
        flow.to_port = be16(data + header + 2);
    }
    return flow;
}

// Where the transport's payload begins. It is an even number of bytes after the IP header, so that
// words of the payload are words of the checksum.
static size_t payload(const uint8_t *data, size_t len, size_t header)
{
    size_t n = header;
    if (later_fragment(data))
        return n;
    if (data[9] == TCP && header + TCP_MIN <= len)
        n += (size_t)(data[header + 12] >> 4) * 4;
    else if (data[9] == TCP)
        n = len;
    else if (data[9] == UDP)
        n += UDP_HEADER;
    else if (data[9] == ICMP)
        n += ICMP_HEADER;
    return n;
}

// Swap a word at random with the next one that differs. False when all are the same.
static bool swap_words(uint8_t *p, size_t words, struct wan_random *dice)
{
    size_t a = wan_random_below(dice, words);
    for (size_t i = 1; i < words; i++) {
        size_t b = (a + i) % words;
        if (memcmp(p + 2 * a, p + 2 * b, 2) != 0) {
            uint8_t word[2];
            memcpy(word, p + 2 * a, 2);
            memcpy(p + 2 * a, p + 2 * b, 2);
            memcpy(p + 2 * b, word, 2);
            return true;
        }
    }
    return false;
}

void wan_packet_corrupt(uint8_t *data, size_t len, struct wan_random *dice)
{
    size_t header = ip_header(data, len);
    if (header == 0 || header == len)
        return;
    size_t start = payload(data, len, header);
    if (start < len && wan_random_below(dice, 2) == 0 &&
        swap_words(data + start, (len - start) / 2, dice))
        return;
    // Different bits of one byte, so that none is flipped back.
    static const uint8_t flips[] = {0x01, 0x80, 0x11, 0x42, 0x29, 0xa2};
    data[header + wan_random_below(dice, len - header)] ^=
        flips[wan_random_below(dice, sizeof flips)];
}
