// SPDX-License-Identifier: Apache-2.0
#include "wan/random.h"

uint64_t wan_random_next(struct wan_random *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

uint64_t wan_random_below(struct wan_random *r, uint64_t n)
{
    return n ? wan_random_next(r) % n : 0;
}

bool wan_random_chance(struct wan_random *r, double p)
{
    return p > 0 && (double)(wan_random_next(r) >> 11) * 0x1p-53 < p;
}
