// SPDX-License-Identifier: Apache-2.0
// Looking into IPv4 packets that a kernel has made: never trusted to be whole.
#ifndef WAN_PACKET_H
#define WAN_PACKET_H

#include <stddef.h>
#include <stdint.h>

#include "wan/random.h"

// Region k (from 0) has the address 10.77.0.(k + 1).
#define WAN_ADDRESS(k) (0x0a4d0001u + (k))

// The region a packet is for, or -1: not IPv4, not complete, or for somebody else.
int wan_packet_region(const uint8_t *data, size_t len, unsigned regions);

struct wan_flow {
    const char *protocol;        // "tcp", "udp", "icmp", "ip"
    unsigned from_port, to_port; // 0 when there are none: ICMP, and fragments but the first
};

struct wan_flow wan_packet_flow(const uint8_t *data, size_t len);

// Damage what comes after the IP header. Every second time one to three bits flip, which the
// checksums of TCP, UDP and ICMP nearly always see; otherwise two different 16-bit words of the
// payload change places, which those checksums never see, and TLS must. A payload without two
// different words has a bit flipped. Leaves a packet without a payload as it is.
void wan_packet_corrupt(uint8_t *data, size_t len, struct wan_random *dice);

#endif
