// SPDX-License-Identifier: Apache-2.0
// The audit: every change of access or of the cluster, and every refusal for lack of a right.
//
// Changes are kept for ever (they are also events). Refusals are at most WF_AUDIT_REFUSALS_MAX: the
// oldest fall out. A refused command is recorded by apply itself when the refusal was about rights:
// PERMISSION_DENIED, UNAUTHENTICATED, NOT_COMMANDER, STALE_EPOCH. Calls that nodes refused before
// they became commands come in RefusalsCommand, at most WF_REFUSALS_BATCH_MAX at a time.
#ifndef WF_STATE_AUDIT_H
#define WF_STATE_AUDIT_H

#include "state/machine.h"

// A change that was made, by the caller, as event seq.
void wf_audit_change(struct wf_op *op, const char *target, const char *message, uint64_t seq);

// The refusal that op ended with, if it is one to be recorded.
void wf_audit_refused(struct wf_op *op, const char *target);

// Refusals that a node reports.
void wf_audit_refusals(struct wf_op *op, const INTERNAL(RefusalsCommand) * r);

#endif
