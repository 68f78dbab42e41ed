// SPDX-License-Identifier: Apache-2.0
// A time heap: what is due first comes out first, and of what is due at the same time, what went in
// first. Of fixed capacity. The owner embeds it; one thread.
#ifndef WAN_HEAP_H
#define WAN_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/result.h"

struct wan_heap_item {
    wf_mono_ns at;
    uint64_t order;
    uint32_t value;
};

struct wan_heap {
    struct wan_heap_item *items;
    size_t n, cap;
    uint64_t order;
};

// Returns WF_OK or WF_RESOURCE_EXHAUSTED (out of memory).
int wan_heap_init(struct wan_heap *h, size_t cap, struct wf_err *err);
void wan_heap_free(struct wan_heap *h);

// Requires n < cap.
void wan_heap_push(struct wan_heap *h, wf_mono_ns at, uint32_t value);

// The first item, or NULL; valid until the next push or pop.
const struct wan_heap_item *wan_heap_first(const struct wan_heap *h);

// Take the first item out and return its value. Requires n > 0.
uint32_t wan_heap_pop(struct wan_heap *h);

#endif
