// SPDX-License-Identifier: Apache-2.0
// The dice: SplitMix64 (Steele, Lea, Flood 2014). The owner embeds it; one thread.
#ifndef WAN_RANDOM_H
#define WAN_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct wan_random {
    uint64_t state; // any seed is a good one
};

uint64_t wan_random_next(struct wan_random *r);
// Evenly from 0 to n - 1; 0 when n is 0. (The bias of 2^-64 n is nobody's concern here.)
uint64_t wan_random_below(struct wan_random *r, uint64_t n);
// True with probability p. Throws no dice when p is 0.
bool wan_random_chance(struct wan_random *r, double p);

#endif
