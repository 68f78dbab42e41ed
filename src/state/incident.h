// SPDX-License-Identifier: Apache-2.0
// An incident: its facts, its states and the edges between them.
//
// Decided here:
// - Declaring needs the commander role; the first responder (the caller if none is named) must be a
//   person known to the cluster with at least that role, and is commander from the first event on.
// - Legal edges: investigating -> confirmed | major | resolved, confirmed -> major | resolved,
//   major -> confirmed | resolved, resolved -> investigating. The commander decides, or an admin,
//   and then the event says by_admin.
// - Resolving settles what is open: offers are withdrawn, claims refused, no sitrep is due any
// more.
//   A resolved incident takes notes, links, tickets, tasks, impact, corrections of its facts,
//   amended sitreps, and status posts that look back; no change of a role until it is reopened.
// - Declaring and reopening make a sitrep due in an hour.
// - Facts may be corrected in any state; a correction that changes nothing is refused.
// - last_seq, updated_at and open_tasks are not stored: they are read off the log and the tasks, so
//   that a note costs one row.
#ifndef WF_STATE_INCIDENT_H
#define WF_STATE_INCIDENT_H

#include "state/machine.h"

// "INC-42" as a number; 0 for anything else.
uint64_t wf_incident_number(const char *id);

// The number of an incident that exists, or 0 after refusing (UNKNOWN_INCIDENT).
uint64_t wf_need_incident(struct wf_op *op, const char *id);

// The incident with that id, in the arena, for change; or NULL after refusing. Nothing derived is
// set.
V1(Incident) * wf_incident_load(struct wf_op *op, const char *id);

// The same by number, without refusing: NULL when there is none. *derived: also set what is
// derived.
V1(Incident) *
    wf_incident_read(struct wf_db *db, struct wf_arena *a, uint64_t number, bool derived);

// Write it back.
void wf_incident_store(struct wf_op *op, const V1(Incident) * inc);

// Set what is derived, as after everything this command did.
void wf_incident_derive(struct wf_db *db, struct wf_arena *a, V1(Incident) * inc);

// The answer that carries an incident as it stands now.
#define WF_ANSWER_INCIDENT(op_, inc_, type_, init_)                                                \
    do {                                                                                           \
        type_ *answer_ = WF_NEW((op_)->arena, type_, init_);                                       \
        wf_incident_derive(&(op_)->s->db, (op_)->arena, inc_);                                     \
        answer_->incident = inc_;                                                                  \
        (op_)->response = &answer_->base;                                                          \
    } while (0)

// The incident is not resolved; doing says what was tried ("change a role").
bool wf_need_open(struct wf_op *op, const V1(Incident) * inc, const char *doing);

// The epoch that the caller believes in is 0 or the present one (STALE_EPOCH).
bool wf_need_epoch(struct wf_op *op, const V1(Incident) * inc, uint64_t epoch);

// The caller commands the incident, or is an admin (then *by_admin); and the epoch holds.
bool wf_need_command(struct wf_op *op, const V1(Incident) * inc, uint64_t epoch, bool *by_admin);

// The caller is that person.
bool wf_is(const struct wf_op *op, const char *user);

void wf_incident_declare(struct wf_op *op, const V1(DeclareIncidentRequest) * r);
void wf_incident_change_state(struct wf_op *op, const V1(ChangeStateRequest) * r);
void wf_incident_update(struct wf_op *op, const V1(UpdateIncidentRequest) * r);

#endif
