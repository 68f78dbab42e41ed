// SPDX-License-Identifier: Apache-2.0
#include "state/notes.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "state/events.h"
#include "state/incident.h"
#include "state/refuse.h"

void wf_note_add(struct wf_op *op, const V1(AddNoteRequest) * r)
{
    uint64_t incident = wf_need_incident(op, r->incident_id);

    if (incident == 0 || !wf_need_text(op, "text", r->text, 1, WF_BODY_MAX))
        return;
    V1(NoteAdded) *note = WF_NEW(op->arena, V1(NoteAdded), watchfire__v1__note_added__init);
    V1(Event) *e = WF_NEW(op->arena, V1(Event), watchfire__v1__event__init);
    V1(AddNoteResponse) *answer =
        WF_NEW(op->arena, V1(AddNoteResponse), watchfire__v1__add_note_response__init);
    note->text = r->text;
    e->what_case = WHAT(NOTE);
    e->note = note;
    answer->seq = wf_event_append(op, incident, e);
    answer->at = wf_arena_time(op->arena, op->time);
    op->response = &answer->base;
}

// An address a browser may be sent to.
static bool need_url(struct wf_op *op, const char *url, size_t min)
{
    if (!wf_need_line(op, "url", url, min, WF_URL_MAX))
        return false;
    if (url[0] == '\0' || (strncasecmp(url, "https://", 8) == 0 && url[8] != '\0') ||
        (strncasecmp(url, "http://", 7) == 0 && url[7] != '\0'))
        return true;
    return wf_refuse_field(op, "BAD_URL", "url", 0, "url must begin with https:// or http://");
}

// The list of that kind has room for one more row.
static bool need_room(struct wf_op *op, const char *field, int64_t rows, int max)
{
    if (rows < max)
        return true;
    wf_refuse(op, WF_RESOURCE_EXHAUSTED, "TOO_MANY", "the incident has %d of these, at most %d",
              (int)rows, max);
    op->detail.field = wf_arena_text(op->arena, field);
    op->detail.limit = max;
    return false;
}

static bool link_has_room(struct wf_op *op, uint64_t incident, const char *url)
{
    return need_room(op, "url",
                     wf_db_int(&op->s->db, 0,
                               "SELECT count(*) FROM links WHERE incident = ? AND url <> ?", "is",
                               (int64_t)incident, url),
                     WF_LINKS_MAX);
}

void wf_link_add(struct wf_op *op, const V1(AddLinkRequest) * r)
{
    uint64_t incident = wf_need_incident(op, r->incident_id);

    if (incident == 0 || !need_url(op, r->url, 1) ||
        !wf_need_line(op, "title", r->title, 0, WF_TITLE_MAX) ||
        !link_has_room(op, incident, r->url))
        return;
    V1(Link) *link = WF_NEW(op->arena, V1(Link), watchfire__v1__link__init);
    V1(Event) *e =
        wf_event_new(op, WHAT(LINK), "%s added a link: %s", op->display,
                     r->title[0] != '\0' ? r->title : wf_arena_cut(op->arena, r->url, 300));
    V1(AddLinkResponse) *answer =
        WF_NEW(op->arena, V1(AddLinkResponse), watchfire__v1__add_link_response__init);
    link->url = r->url;
    link->title = r->title;
    link->by = op->actor->name;
    e->link = link;
    answer->seq = wf_event_append(op, incident, e);
    wf_db_run(&op->s->db, "INSERT OR REPLACE INTO links VALUES(?, ?, ?, ?, ?)", "isssi",
              (int64_t)incident, r->url, r->title, op->actor->name, (int64_t)answer->seq);
    op->response = &answer->base;
}

static bool ticket_fits(struct wf_op *op, uint64_t incident, const V1(SetVendorTicketRequest) * r)
{
    return wf_need_line(op, "vendor", r->vendor, 1, WF_NAME_MAX) &&
           wf_need_line(op, "ticket", r->ticket, 1, WF_TICKET_MAX) &&
           wf_need_line(op, "state", r->state, 1, WF_NAME_MAX) && need_url(op, r->url, 0) &&
           need_room(op, "ticket",
                     wf_db_int(&op->s->db, 0,
                               "SELECT count(*) FROM vendor_tickets WHERE incident = ?"
                               " AND NOT (vendor = ? AND ticket = ?)",
                               "iss", (int64_t)incident, r->vendor, r->ticket),
                     WF_VENDOR_TICKETS_MAX);
}

// Who opened it: the first to record it.
static char *opener(struct wf_op *op, uint64_t incident, const V1(SetVendorTicketRequest) * r)
{
    char *by = op->actor->name;
    sqlite3_stmt *q = wf_db_query(
        &op->s->db,
        "SELECT opened_by FROM vendor_tickets WHERE incident = ? AND vendor = ? AND ticket = ?",
        "iss", (int64_t)incident, r->vendor, r->ticket);

    if (wf_db_next(&op->s->db, q))
        by = wf_arena_text(op->arena, wf_db_text(q, 0));
    wf_db_done(q);
    return by;
}

void wf_ticket_set(struct wf_op *op, const V1(SetVendorTicketRequest) * r)
{
    uint64_t incident = wf_need_incident(op, r->incident_id);

    if (incident == 0 || !ticket_fits(op, incident, r))
        return;
    V1(VendorTicket) *t = WF_NEW(op->arena, V1(VendorTicket), watchfire__v1__vendor_ticket__init);
    V1(Event) *e = wf_event_new(op, WHAT(VENDOR_TICKET), "%s: ticket %s with %s is %s", op->display,
                                r->ticket, r->vendor, r->state);
    V1(SetVendorTicketResponse) *answer = WF_NEW(op->arena, V1(SetVendorTicketResponse),
                                                 watchfire__v1__set_vendor_ticket_response__init);
    t->vendor = r->vendor;
    t->ticket = r->ticket;
    t->state = r->state;
    t->url = r->url;
    t->by = opener(op, incident, r);
    t->at = wf_arena_time(op->arena, op->time);
    e->vendor_ticket = t;
    wf_event_append(op, incident, e);
    wf_db_run(&op->s->db, "INSERT OR REPLACE INTO vendor_tickets VALUES(?, ?, ?, ?, ?, ?, ?)",
              "isssssi", (int64_t)incident, t->vendor, t->ticket, t->state, t->url, t->by,
              op->time);
    answer->ticket = t;
    op->response = &answer->base;
}

void wf_impact_set(struct wf_op *op, const V1(SetImpactRequest) * r)
{
    V1(Incident) *inc = wf_incident_load(op, r->incident_id);

    if (inc == NULL)
        return;
    V1(ImpactSet) *impact = WF_NEW(op->arena, V1(ImpactSet), watchfire__v1__impact_set__init);
    V1(Event) *e = wf_event_new(op, WHAT(IMPACT), "%s: %u support tickets, %u customers affected",
                                op->display, r->support_tickets, r->customers_affected);
    impact->support_tickets = inc->support_tickets = r->support_tickets;
    impact->customers_affected = inc->customers_affected = r->customers_affected;
    e->impact = impact;
    wf_event_append(op, wf_incident_number(inc->id), e);
    wf_incident_store(op, inc);
    WF_ANSWER_INCIDENT(op, inc, V1(SetImpactResponse), watchfire__v1__set_impact_response__init);
}

void wf_event_correct(struct wf_op *op, const V1(CorrectEventRequest) * r)
{
    uint64_t incident = wf_need_incident(op, r->incident_id);

    if (incident == 0 || !wf_need_text(op, "text", r->text, 1, WF_BODY_MAX))
        return;
    if (r->seq > INT64_MAX || wf_db_int(&op->s->db, -1, "SELECT incident FROM events WHERE seq = ?",
                                        "i", (int64_t)r->seq) != (int64_t)incident) {
        wf_refuse(op, WF_NOT_FOUND, "UNKNOWN_EVENT", "%s has no event %" PRIu64, r->incident_id,
                  r->seq);
        op->detail.field = wf_arena_text(op->arena, "seq");
        return;
    }
    V1(Correction) *c = WF_NEW(op->arena, V1(Correction), watchfire__v1__correction__init);
    V1(Event) *e = wf_event_new(op, WHAT(CORRECTION), "%s corrected event %" PRIu64 ": %s",
                                op->display, r->seq, wf_arena_cut(op->arena, r->text, 300));
    V1(CorrectEventResponse) *answer =
        WF_NEW(op->arena, V1(CorrectEventResponse), watchfire__v1__correct_event_response__init);
    c->seq = r->seq;
    c->text = r->text;
    e->correction = c;
    answer->seq = wf_event_append(op, incident, e);
    op->response = &answer->base;
}
