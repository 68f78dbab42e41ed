// SPDX-License-Identifier: Apache-2.0
// Users and their roles.
//
// Decided here:
// - A name stands for one user or one service, never both; its kind does not change.
// - Setting and removing users is an admin's. The last admin can be neither demoted nor removed
//   (LAST_ADMIN), so that the cluster can always be administered.
// - Removing revokes the tokens, and those made with them. Roles in incidents stay under the name
// (see state/roles.h).
// - At most WF_USERS_MAX names.
#ifndef WF_STATE_ACCESS_H
#define WF_STATE_ACCESS_H

#include "state/machine.h"

struct wf_user_row {
    char name[64];
    char display_name[121];
    int kind;
    int role;
};

// The user of that name; false when there is none.
bool wf_user_find(struct wf_db *db, const char *name, struct wf_user_row *out);

// What announcements call a user: display name or name; "" for "". In the arena.
const char *wf_display_name(struct wf_op *op, const char *name);

// Whether that user may hold a role of an incident.
bool wf_may_hold(struct wf_op *op, const char *name, int incident_role);

// The same, refusing: UNKNOWN_USER, NOT_A_PERSON, RECIPIENT_ROLE.
bool wf_need_recipient(struct wf_op *op, const char *field, const char *name, int incident_role);

// "ricardo", as in certificates: 1 to 63 lower-case letters, digits, "-", "_", ".".
bool wf_need_user_name(struct wf_op *op, const char *field, const char *name);

// Write a user and the event and audit entry of it; for SetUser and for genesis.
void wf_user_put(struct wf_op *op, const V1(User) * u);

void wf_user_set(struct wf_op *op, const V1(SetUserRequest) * r);
void wf_user_remove(struct wf_op *op, const V1(RemoveUserRequest) * r);

// The event (of the cluster) and the audit entry for a change of access.
void wf_access_event(struct wf_op *op, const char *object, const char *name, const char *action,
                     int role, const char *sentence);

#endif
