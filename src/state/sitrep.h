// SPDX-License-Identifier: Apache-2.0
// Situation reports, numbered per incident, versioned by amendment, kept for ever.
//
// Decided here:
// - Posting and amending is the commander's, the scribe's or an admin's. A new one needs an open
//   incident; an old one may be amended after it is resolved.
// - All four sections are required, so that no report leaves a question open.
// - Posting sets when the next is due; amending does not.
// - An amendment takes over what it leaves empty; one that changes nothing is refused.
#ifndef WF_STATE_SITREP_H
#define WF_STATE_SITREP_H

#include "state/machine.h"

// The newest version of sitrep number (0: of the newest) in the arena, or NULL.
V1(Sitrep) *
    wf_sitrep_read(struct wf_db *db, struct wf_arena *a, uint64_t incident, uint32_t number);

void wf_sitrep_post(struct wf_op *op, const V1(PostSitrepRequest) * r);
void wf_sitrep_amend(struct wf_op *op, const V1(AmendSitrepRequest) * r);

#endif
