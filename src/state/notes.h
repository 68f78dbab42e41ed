// SPDX-License-Identifier: Apache-2.0
// What anybody who takes part writes down: notes, links, vendors' tickets, the impact, corrections.
//
// Decided here:
// - Needs the responder role, in any state of the incident: the story goes on after it is resolved.
// - A note is one event and nothing else. Its sentence is empty: the note speaks for itself.
// - The same link again replaces its title; the same ticket of the same vendor its state and
// address,
//   while who opened it stays.
// - A correction names an event of the same incident; corrections can be corrected.
#ifndef WF_STATE_NOTES_H
#define WF_STATE_NOTES_H

#include "state/machine.h"

void wf_note_add(struct wf_op *op, const V1(AddNoteRequest) * r);
void wf_link_add(struct wf_op *op, const V1(AddLinkRequest) * r);
void wf_ticket_set(struct wf_op *op, const V1(SetVendorTicketRequest) * r);
void wf_impact_set(struct wf_op *op, const V1(SetImpactRequest) * r);
void wf_event_correct(struct wf_op *op, const V1(CorrectEventRequest) * r);

#endif
