// SPDX-License-Identifier: Apache-2.0
// How a role changes hands: offer and accept, claim and wait, release.
//
// Decided here:
// - The commander offers any role, a holder their own, an admin any. The recipient must be a person
//   who may hold it, and not the holder. One offer per role at a time: a second is refused
//   (OFFER_OPEN) until the first is withdrawn, declined or has lapsed.
// - An offer of a role that does not exist yet makes it: so new groups of operations are formed, by
//   the commander or an admin, at most WF_OPS_GROUPS_MAX.
// - Accepting is the recipient's alone, not even an admin's: nobody gets a role by accident. A
// lapsed
//   offer is refused with when it lapsed, also before a tick has recorded that.
// - Withdrawing is the maker's, the commander's or an admin's.
// - Claiming a vacant role takes it at once, unless it is offered to somebody else. Claiming a held
//   one waits; one claim per role at a time (CLAIM_OPEN). It holds when a tick at or past its time
//   is applied; until that tick the holder may refuse. A claim does not make groups
//   (UNKNOWN_GROUP).
// - Refusing is the holder's, for roles other than command also the commander's, and an admin's.
// - Command is never released, only handed over. Others are released by their holder, the commander
//   or an admin; a claim that was waiting then holds at once.
// - None of this on a resolved incident.
// Whether role_epoch or epoch is past is looked at before who asks: STALE_EPOCH names the holder.
#ifndef WF_STATE_HANDOFF_H
#define WF_STATE_HANDOFF_H

#include "state/machine.h"

void wf_role_offer(struct wf_op *op, const V1(OfferRoleRequest) * r);
void wf_role_accept(struct wf_op *op, const V1(AcceptRoleRequest) * r);
void wf_role_decline(struct wf_op *op, const V1(DeclineRoleRequest) * r);
void wf_role_withdraw(struct wf_op *op, const V1(WithdrawOfferRequest) * r);
void wf_role_claim(struct wf_op *op, const V1(ClaimRoleRequest) * r);
void wf_role_refuse(struct wf_op *op, const V1(RefuseClaimRequest) * r);
void wf_role_release(struct wf_op *op, const V1(ReleaseRoleRequest) * r);

#endif
