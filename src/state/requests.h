// SPDX-License-Identifier: Apache-2.0
// The memory of request ids: a retry is answered with the first result and does nothing.
//
// Decided here:
// - An id belongs to the caller who used it: two callers may choose the same.
// - Whatever a command came to is remembered, a refusal too, except that the caller lacked the
// right:
//   the same id may be used again once an admin has given it.
// - Remembered for WF_DEDUP_MS, at least the newest WF_DEDUP_KEPT and at most the newest
//   WF_DEDUP_MAX. Ids that the front made up are not remembered at all: nobody can repeat them.
// - A retry that made a token is refused (SECRET_GONE): the secret cannot be given out again.
// - Ids that have expired are dropped by ticks, once an hour.
#ifndef WF_STATE_REQUESTS_H
#define WF_STATE_REQUESTS_H

#include "state/machine.h"

// What is known of the command's request id. Returns true when it is answered: either *known (in
// the arena) is the packed first result, or the command was refused (REQUEST_ID_REUSED,
// SECRET_GONE, TOO_LONG).
bool wf_requests_recall(struct wf_op *op, struct wf_state_bytes *known);

// Remember the packed result of the command at hand, if it is one to be remembered.
void wf_requests_remember(struct wf_op *op, const uint8_t *result, size_t len);

// Drop what has expired, at most WF_EXPIRE_STEP.
void wf_requests_expire(struct wf_state *s, wf_unix_ms now);

// When a tick should next do that; INT64_MAX: nothing is remembered.
wf_unix_ms wf_requests_due(const struct wf_state *s);

// After opening or installing: find the oldest again.
void wf_requests_load(struct wf_state *s);

#endif
