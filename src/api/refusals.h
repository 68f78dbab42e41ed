// SPDX-License-Identifier: Apache-2.0
// What this node has to tell the record about its callers: calls it refused, and tokens that were
// used. Collected on the front thread, proposed once a second. Refusals past
// WF_AUDIT_REFUSALS_PER_SECOND are counted into those alike.
#ifndef WF_API_REFUSALS_H
#define WF_API_REFUSALS_H

#include "api/api.h"

struct wf_refusals;

struct wf_refusals *wf_refusals_new(void); // NULL: out of memory
void wf_refusals_free(struct wf_refusals *r);

// A call was refused for who asks. who is NULL when that could not be told.
void wf_refused(struct wf_api *api, const struct wf_principal *who, const char *method,
                const char *target, const struct wf_err *why);

// A token was used: told to the record when that was last done more than an hour ago.
void wf_note_token_use(struct wf_api *api, const struct wf_principal *who);

// Propose what has collected; every second.
void wf_refusals_flush(struct wf_api *api);

#endif
