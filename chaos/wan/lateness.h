// SPDX-License-Identifier: Apache-2.0
// How late packets were given to their region, after the time planned for them: what the WAN itself
// adds. A histogram with four steps to each power of two. A plain value.
#ifndef WAN_LATENESS_H
#define WAN_LATENESS_H

#include <stdint.h>

enum { WAN_LATENESS_STEPS = 160 };

struct wan_lateness {
    uint64_t count[WAN_LATENESS_STEPS], n, max_ns;
};

void wan_lateness_add(struct wan_lateness *l, uint64_t ns);

// The part (0 to 1) of packets that were at most this late, in nanoseconds, rounded up to a step.
uint64_t wan_lateness_part(const struct wan_lateness *l, double part);

#endif
