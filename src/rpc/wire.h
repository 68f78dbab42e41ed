// SPDX-License-Identifier: Apache-2.0
// The top-level fields of a packed message one by one, without decoding it. Pure functions, any
// thread.
#ifndef WF_RPC_WIRE_H
#define WF_RPC_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wf_wire {
    const uint8_t *p;
    const uint8_t *end;
};

struct wf_wire_field {
    unsigned number;
    const uint8_t *start; // its tag
    const uint8_t *data;  // NULL for a varint
    size_t len;
    uint64_t value; // of a varint
};

// The next field; w->p is behind it then. False at the end, and at what is malformed.
bool wf_wire_next(struct wf_wire *w, struct wf_wire_field *f);

#endif
