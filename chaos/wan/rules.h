// SPDX-License-Identifier: Apache-2.0
// What one direction of a link does to packets. A plain value.
#ifndef WAN_RULES_H
#define WAN_RULES_H

#include <stdint.h>

#include "base/buf.h"
#include "base/result.h"

struct wan_rules {
    uint64_t delay_us;
    uint64_t jitter_us; // added to the delay, evenly from 0 to this; packets stay in order
    uint64_t rate_kbit; // 0: unlimited
    uint64_t queue_ms;  // a packet that would wait longer than this for the rate is dropped
    double loss;
    // Gilbert and Elliott: the chance per packet to fall into a burst, to come out of it, and the
    // loss while in it.
    double burst_enter, burst_leave, burst_loss;
    double duplicate;
    double reorder; // packets that come late, so that others overtake them
    double corrupt;
};

// Apply "key=value"; the keys are the names above, and burst=ENTER:LEAVE:LOSS. Returns WF_OK or
// WF_INVALID_ARGUMENT with *err filled and *r unchanged.
int wan_rules_set(struct wan_rules *r, const char *assignment, struct wf_err *err);

// The rules as members of a JSON object, "\"delay_us\":40000,...", appended to out.
void wan_rules_json(const struct wan_rules *r, struct wf_buf *out);

#endif
