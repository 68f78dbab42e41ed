// SPDX-License-Identifier: Apache-2.0
// Deadlines in order of time: a binary heap of entries that their owners embed. Adding and removing
// cost a few comparisons and no memory beyond the heap's array. Sans-I/O; one thread at a time.
#ifndef WF_RPC_DEADLINE_H
#define WF_RPC_DEADLINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"

struct wf_deadline {
    wf_mono_ns at;
    size_t pos; // in the heap, from 1; 0: not in it
};

struct wf_deadlines {
    struct wf_deadline **heap; // from index 1
    size_t n, cap;
};

void wf_deadlines_init(struct wf_deadlines *h);
// Requires that it is empty.
void wf_deadlines_free(struct wf_deadlines *h);

// Returns WF_OK or WF_RESOURCE_EXHAUSTED. Requires that d is in no heap (pos 0).
int wf_deadlines_add(struct wf_deadlines *h, struct wf_deadline *d, wf_mono_ns at);
// Nothing if it is not there.
void wf_deadlines_remove(struct wf_deadlines *h, struct wf_deadline *d);
// The earliest, or NULL.
struct wf_deadline *wf_deadlines_first(const struct wf_deadlines *h);

#endif
