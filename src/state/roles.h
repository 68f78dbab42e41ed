// SPDX-License-Identifier: Apache-2.0
// The roles of an incident as registers: holder, epoch, an open offer, a waiting claim. What
// happens to them when somebody asks is in state/handoff.h.
//
// Decided here:
// - The epoch rises by one with every change of holder, vacating included; 0 for a role that was
// only
//   ever offered, which is forgotten when the offer ends without a holder.
// - A change of holder ends the offer and the claim on that role: both spoke about the old holder.
// - Holders are people (users, not services) known to the cluster, with at least the responder
// role;
//   for command, the commander role. One person may hold several roles.
// - A person who loses access stays holder by name, so that there is always exactly one commander;
//   they can do nothing any more, and others claim the role.
#ifndef WF_STATE_ROLES_H
#define WF_STATE_ROLES_H

#include "state/machine.h"

// "IC", "Comms", "Scribe", "Liaison", "Ops", "Ops (database)"; in the arena.
const char *wf_role_label(struct wf_arena *a, int role, const char *group);

// The role of the incident, or NULL when it was never held or offered.
V1(RoleAssignment) * wf_role_find(const V1(Incident) * inc, int role, const char *group);

// A new, vacant one at the end of the list.
V1(RoleAssignment) * wf_role_add(struct wf_op *op, V1(Incident) * inc, int role, const char *group);

// Forget a role that has neither holder, history, offer nor claim.
void wf_role_tidy(V1(Incident) * inc);

// It changes hands now; holder "" vacates it. Ends its offer and claim. Writes no event.
// Requires holder != "" for the commander.
void wf_role_give(struct wf_op *op, V1(Incident) * inc, V1(RoleAssignment) * role,
                  const char *holder);

// Append the event of what happened to it; announced when it changed hands to somebody.
void wf_role_event(struct wf_op *op, const V1(Incident) * inc, V1(RoleAssignment) * role,
                   int action, const char *from, const char *to, const char *reason);

// End every open offer and claim of the incident, on the record.
void wf_roles_settle(struct wf_op *op, V1(Incident) * inc, const char *why);

// When the first of its offers lapses or claims holds; 0: none is open.
wf_unix_ms wf_roles_due(const V1(Incident) * inc);

// What has fallen due at op->time: offers lapse, claims hold. Returns whether anything had.
bool wf_roles_fall_due(struct wf_op *op, V1(Incident) * inc);

// Offer off, remembered as lapsed, on the record.
void wf_role_lapse(struct wf_op *op, const V1(Incident) * inc, V1(RoleAssignment) * role);

#endif
