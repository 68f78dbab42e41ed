// SPDX-License-Identifier: Apache-2.0
#include "ip_packet.h"

#include <string.h>

// RFC 1071, over n bytes from an even place on.
static uint32_t sum(uint32_t s, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        s += i % 2 ? p[i] : (uint32_t)p[i] << 8;
    return s;
}

static uint16_t fold(uint32_t s)
{
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return (uint16_t)s;
}

// The transport's sum, with the pseudo header but for ICMP.
static uint16_t payload_sum(const uint8_t *p, size_t len)
{
    uint32_t s = 0;
    if (p[9] != IP_ICMP)
        s = sum((uint32_t)p[9] + (uint32_t)(len - IP_HEADER), p + 12, 8);
    return fold(sum(s, p + IP_HEADER, len - IP_HEADER));
}

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

size_t ip_packet(uint8_t *out, unsigned protocol, unsigned from, unsigned to, size_t len)
{
    size_t header = protocol == IP_TCP ? 20 : 8, total = IP_HEADER + header + len;
    size_t check = protocol == IP_TCP ? 16 : protocol == IP_UDP ? 6 : 2;
    uint8_t *t = out + IP_HEADER;
    memset(out, 0, IP_HEADER + header);
    out[0] = 0x45;
    put16(out + 2, (unsigned)total);
    out[8] = 64;
    out[9] = (uint8_t)protocol;
    memcpy(out + 12, (uint8_t[]){10, 77, 0, (uint8_t)(from + 1), 10, 77, 0, (uint8_t)(to + 1)}, 8);
    put16(out + 10, (uint16_t)~fold(sum(0, out, IP_HEADER)));
    if (protocol != IP_ICMP) {
        put16(t, 1000);
        put16(t + 2, 2000);
    }
    if (protocol == IP_TCP)
        t[12] = 5 << 4;
    if (protocol == IP_UDP)
        put16(t + 4, (unsigned)(header + len));
    for (size_t i = 0; i < len; i++)
        t[header + i] = (uint8_t)i;
    put16(t + check, (uint16_t)~payload_sum(out, total));
    return total;
}

bool ip_header_ok(const uint8_t *p)
{
    return fold(sum(0, p, IP_HEADER)) == 0xffff;
}

bool ip_payload_ok(const uint8_t *p, size_t len)
{
    return payload_sum(p, len) == 0xffff;
}
