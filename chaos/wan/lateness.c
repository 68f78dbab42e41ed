// SPDX-License-Identifier: Apache-2.0
#include "wan/lateness.h"

#include <stddef.h>

// Step 4 e + q holds what is below (4 + q + 1) 2^(e - 2); below 4 ns all is step 0 to 3.
static size_t step_of(uint64_t ns)
{
    if (ns < 4)
        return ns;
    unsigned e = 63 - (unsigned)__builtin_clzll(ns);
    size_t step = (size_t)(e - 1) * 4 + (ns >> (e - 2) & 3);
    return step < WAN_LATENESS_STEPS ? step : WAN_LATENESS_STEPS - 1;
}

static uint64_t top_of(size_t step)
{
    if (step < 4)
        return step;
    return ((5 + step % 4) << (step / 4 - 1)) - 1;
}

void wan_lateness_add(struct wan_lateness *l, uint64_t ns)
{
    l->count[step_of(ns)]++;
    l->n++;
    if (ns > l->max_ns)
        l->max_ns = ns;
}

uint64_t wan_lateness_part(const struct wan_lateness *l, double part)
{
    uint64_t seen = 0;
    for (size_t i = 0; i < WAN_LATENESS_STEPS; i++) {
        seen += l->count[i];
        if (l->n && (double)seen >= part * (double)l->n)
            return top_of(i) < l->max_ns ? top_of(i) : l->max_ns;
    }
    return 0;
}
