// SPDX-License-Identifier: Apache-2.0
// Encoded messages that wait for one peer, in lanes: the next byte to leave is always of the most
// urgent lane that has any. One thread at a time.
#ifndef WF_REPLICATION_LANES_H
#define WF_REPLICATION_LANES_H

#include "base/buf.h"
#include "replication/wire.h"

struct wf_lane_frame;

struct wf_lanes {
    struct {
        struct wf_lane_frame *head, **tail;
        size_t bytes;
    } lane[WF_LANES];
    size_t bytes; // of all
};

void wf_lanes_init(struct wf_lanes *l);
void wf_lanes_clear(struct wf_lanes *l);

// Encode and queue. WF_RESOURCE_EXHAUSTED: full (WF_PEER_QUEUE_MAX, half of it for the bulk lane),
// too large for a frame, or out of memory; nothing is queued then.
int wf_lanes_put(struct wf_lanes *l, const struct wf_msg *msg);

// Move whole frames to out as long as it then holds at most max bytes; at least one if out is
// empty. Returns how many. A frame that out has no memory for stays.
unsigned wf_lanes_take(struct wf_lanes *l, struct wf_buf *out, size_t max);

#endif
