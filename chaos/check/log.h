// SPDX-License-Identifier: Apache-2.0
// The final log of one node, with ways to look into it. Points into the history, which must stay.
#ifndef CHECK_LOG_H
#define CHECK_LOG_H

#include "check/history.h"

struct log_found {
    const struct event *first;
    uint32_t n;
};

struct log {
    const struct history *h;
    const struct final *final;
    const struct event *events; // as recorded
    size_t n;
    const struct event **by_seq;
    struct log_found *notes;    // by text
    struct log_found *requests; // by request: the first event, and how many of that kind
};

// Requires a final state that is not gone.
void log_open(struct log *l, const struct history *h, const struct final *f);
void log_close(struct log *l);

// The event with that place, or NULL.
const struct event *log_at(const struct log *l, uint64_t seq);

// The place of the operation's event: what its answer said, or what the log has under its text or
// request. NULL when it has none.
const struct event *log_event_of(const struct log *l, const struct operation *op);

// How many events of its own kind the log has of the operation; *first is set when there is one. By
// text for a note, by request for everything else.
uint32_t log_count(const struct log *l, const struct operation *op, const struct event **first);

// The kind of event that an operation makes.
enum event_kind log_kind_of(enum op_kind kind);

#endif
