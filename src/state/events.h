// SPDX-License-Identifier: Apache-2.0
// The log of events: append-only and hash-chained. hash(n) = SHA-256(hash(n-1) || canonical(n)),
// where the canonical bytes are the packed Event without its hash and hash(0) is 32 zero bytes.
#ifndef WF_STATE_EVENTS_H
#define WF_STATE_EVENTS_H

#include "state/machine.h"

// Append *e, whose `what`, text and announcement the caller has set; seq, time, actor, incident,
// request id are filled in here. incident is 0 for what concerns the cluster. Returns its seq,
// which also becomes the command's.
uint64_t wf_event_append(struct wf_op *op, uint64_t incident, V1(Event) * e);

// An event of the arena to fill in, with its sentence.
V1(Event) * wf_event_new(struct wf_op *op, int what, const char *fmt, ...)
                __attribute__((format(printf, 3, 4)));

// Event seq, unpacked into the arena with its hash, or NULL.
V1(Event) * wf_event_read(struct wf_db *db, struct wf_arena *a, uint64_t seq);

// Seq and time of the newest event of an incident; 0 when it has none.
void wf_event_newest(struct wf_db *db, uint64_t incident, uint64_t *seq, wf_unix_ms *at);

// The sentence a timeline shows: announcement, text, or for a note what it says.
const char *wf_event_line(const V1(Event) * e);

// Recompute the chain over all events and compare every column. *broken_seq: the first that does
// not fit, or 0; head: the last hash that does.
void wf_events_verify(struct wf_db *db, struct wf_arena *a, uint64_t *events, uint64_t *broken_seq,
                      uint8_t head[WF_HASH_SIZE]);

#endif
