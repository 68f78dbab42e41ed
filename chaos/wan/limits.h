// SPDX-License-Identifier: Apache-2.0
// Every limit of the WAN, with its reason.
#ifndef WAN_LIMITS_H
#define WAN_LIMITS_H

#define WAN_REGIONS_MAX                                                                            \
    16                  // three times the largest cluster we describe; the tables are squares of it
#define WAN_NAME_MAX 15 // a region's name is part of a namespace's name and of every trace line
// What a device carries: below an Ethernet's 1500, as behind a tunnel, so that nobody relies on it.
#define WAN_MTU 1400
// Packets under way at once, 90 MiB when all are full: a gigabit for 0.7 s. Past it the tail is
// dropped and counted, as in a router.
#define WAN_PACKETS_MAX 65536
// Bytes under way (or held by a clog) from one region to another: 200 Mbit/s over the longest
// one-way delay we have, 170 ms, with room to spare; one clogged link cannot take every packet.
#define WAN_LINK_BYTES_MAX (8 * 1024 * 1024)
#define WAN_DELAY_US_MAX   60000000  // a minute: beyond every timer of the product
#define WAN_RATE_KBIT_MAX  100000000 // 100 Gbit/s: more than this machine moves
#define WAN_QUEUE_MS_MAX   60000     // a minute, like the delay
// A reordered packet comes late by up to a quarter of the delay, and at least by up to this.
#define WAN_REORDER_US_MIN 1000

#define WAN_LINE_MAX    1024         // a command: all keys of one link are 300 bytes
#define WAN_WORDS_MAX   16           // of a command: link FROM TO and every key once
#define WAN_FILE_MAX    (256 * 1024) // a topology's file: 240 links, a line each, with comments
#define WAN_ANSWER_MAX  (256 * 1024) // show and stats of 240 links
#define WAN_CLIENTS_MAX 16           // connections to the control socket
// Packets read from one device before the others get their turn: a tenth of a millisecond's work.
#define WAN_BATCH 64
// Packets a device holds for us while we are not running: 30 ms of a gigabit.
#define WAN_DEVICE_QUEUE 3000
// The trace is written in blocks of this size, and after a second: a write costs some 20 us.
#define WAN_TRACE_BLOCK (64 * 1024)
#define WAN_TRACE_LINE  256 // longest line of it

#endif
