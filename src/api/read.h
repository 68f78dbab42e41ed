// SPDX-License-Identifier: Apache-2.0
// Requests that only look. Linearizable: all reads of one turn of the loop share one question to
// the node, whose answer says that the local state is new enough; then they are queried here.
// Stale: at once, with index and age. Front thread.
#ifndef WF_API_READ_H
#define WF_API_READ_H

#include "api/api.h"
#include "api/rules.h"

struct wf_reads;

struct wf_reads *wf_reads_new(void); // NULL: out of memory
void wf_reads_free(struct wf_reads *r);

void wf_read(struct wf_api *api, struct wf_call *call, const struct wf_rule *rule);

// Send the question for the reads that have come in; at the ends of a turn.
void wf_reads_flush(struct wf_api *api);

#endif
