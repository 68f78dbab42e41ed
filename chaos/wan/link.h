// SPDX-License-Identifier: Apache-2.0
// One direction between two regions: what becomes of a packet. Time, size and dice in, a plan out;
// it holds no packets itself. The owner embeds it; one thread.
#ifndef WAN_LINK_H
#define WAN_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "wan/random.h"
#include "wan/rules.h"

enum wan_fate {
    WAN_DELIVERED,
    WAN_LOST,
    WAN_LOST_IN_BURST,
    WAN_QUEUE_FULL, // would have waited longer than queue_ms for the rate
    WAN_NO_ROOM,    // WAN_LINK_BYTES_MAX or WAN_PACKETS_MAX
    WAN_CUT,
    WAN_FATE_MAX_,
};

// "delivered", "lost", "burst", "queue", "room", "cut".
const char *wan_fate_name(enum wan_fate fate);

struct wan_counters {
    uint64_t
        fate[WAN_FATE_MAX_]; // every packet, and every second copy, is in one of them in the end
    uint64_t taken, duplicated, reordered, corrupted;
    uint64_t bytes; // delivered
};

struct wan_link {
    bool cut;     // nothing passes
    bool dark;    // one of its regions is dark: nothing passes either
    bool clogged; // nothing arrives until unclogged
    bool in_burst;
    wf_mono_ns free_at; // when the last bit queued for the rate has left
    wf_mono_ns last_at; // the latest arrival planned in order
    uint64_t under_way; // bytes, those held by a clog included
    struct wan_counters count;
};

struct wan_plan {
    enum wan_fate fate; // WAN_DELIVERED: it goes on its way
    unsigned copies;    // 1 or 2 then
    wf_mono_ns at[2];
    bool corrupt; // bits of the first copy are to be damaged
};

// Nothing passes.
bool wan_link_blocked(const struct wan_link *l);

// A packet comes in. Counts it, and its bytes (for each copy) as under way.
struct wan_plan wan_link_take(struct wan_link *l, const struct wan_rules *r, wf_mono_ns now,
                              size_t bytes, struct wan_random *dice);

// A copy ends: it arrives (WAN_DELIVERED), or is lost on the way after all. Requires that it was
// under way.
void wan_link_end(struct wan_link *l, size_t bytes, enum wan_fate fate);

#endif
