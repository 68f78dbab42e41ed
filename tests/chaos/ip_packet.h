// SPDX-License-Identifier: Apache-2.0
// IPv4 packets between regions, made as a kernel makes them, for the WAN's tests.
#ifndef TESTS_CHAOS_IP_PACKET_H
#define TESTS_CHAOS_IP_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IP_HEADER = 20, IP_UDP = 17, IP_TCP = 6, IP_ICMP = 1 };

// A packet with len bytes behind the transport's header (UDP 8, TCP 20, ICMP 8), 0, 1, 2 ... each,
// from port 1000 to 2000, with right checksums. Returns its length; out holds 40 + len.
size_t ip_packet(uint8_t *out, unsigned protocol, unsigned from, unsigned to, size_t len);

// Whether both checksums are right.
bool ip_header_ok(const uint8_t *p);
bool ip_payload_ok(const uint8_t *p, size_t len);

#endif
