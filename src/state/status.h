// SPDX-License-Identifier: Apache-2.0
// Posts to the status site.
//
// Decided here:
// - Posting is communications', the commander's or an admin's.
// - INVESTIGATING and ISSUE need an open incident, RESOLVED a resolved one; UPDATE always goes, so
//   that customers can be told more after the end.
// - A draft that the check (state/draft.h) objects to is refused with its findings, unless
// overridden;
//   the findings then stay on the record with the post.
// - Without component groups the post has those of the incident.
#ifndef WF_STATE_STATUS_H
#define WF_STATE_STATUS_H

#include "state/machine.h"

void wf_status_post(struct wf_op *op, const V1(PostStatusRequest) * r);

#endif
