// SPDX-License-Identifier: Apache-2.0
#include "state/incident.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "proto/names.h"
#include "proto/time.h"
#include "state/access.h"
#include "state/events.h"
#include "state/refuse.h"
#include "state/roles.h"

uint64_t wf_incident_number(const char *id)
{
    return wf_id_number("INC-", id);
}

uint64_t wf_need_incident(struct wf_op *op, const char *id)
{
    uint64_t n = wf_incident_number(id);

    if (n != 0 && n <= op->s->meta.incidents)
        return n;
    wf_refuse(op, WF_NOT_FOUND, "UNKNOWN_INCIDENT",
              "there is no incident \"%s\": list those there are", wf_arena_cut(op->arena, id, 40));
    op->detail.field = wf_arena_text(op->arena, "incident_id");
    return 0;
}

static V1(Incident) * from_doc(struct wf_db *db, struct wf_arena *a, sqlite3_stmt *q)
{
    size_t len = (size_t)sqlite3_column_bytes(q, 0);
    V1(Incident) *inc =
        watchfire__v1__incident__unpack(&a->allocator, len, sqlite3_column_blob(q, 0));

    if ((inc == NULL || inc->n_roles == 0) && !db->broken) {
        db->broken = true;
        wf_fail(&db->fault, WF_DATA_LOSS, "an incident's row in the state file is damaged");
        return NULL;
    }
    return inc;
}

V1(Incident) * wf_incident_read(struct wf_db *db, struct wf_arena *a, uint64_t number, bool derived)
{
    V1(Incident) *inc = NULL;
    sqlite3_stmt *q =
        wf_db_query(db, "SELECT doc FROM incidents WHERE id = ?", "i", (int64_t)number);

    if (wf_db_next(db, q))
        inc = from_doc(db, a, q);
    wf_db_done(q);
    if (inc != NULL && derived)
        wf_incident_derive(db, a, inc);
    return inc;
}

V1(Incident) * wf_incident_load(struct wf_op *op, const char *id)
{
    uint64_t n = wf_need_incident(op, id);

    if (n == 0)
        return NULL;
    V1(Incident) *inc = wf_incident_read(&op->s->db, op->arena, n, false);
    if (inc == NULL) // the batch fails: see machine.h
        wf_refuse(op, WF_DATA_LOSS, "", "%s cannot be read", id);
    return inc;
}

void wf_incident_derive(struct wf_db *db, struct wf_arena *a, V1(Incident) * inc)
{
    uint64_t number = wf_incident_number(inc->id), seq;
    wf_unix_ms at;

    wf_event_newest(db, number, &seq, &at);
    inc->last_seq = seq;
    inc->updated_at = wf_arena_time(a, at);
    inc->open_tasks =
        (uint32_t)wf_db_int(db, 0, "SELECT count(*) FROM tasks WHERE incident = ? AND closed = 0",
                            "i", (int64_t)number);
}

void wf_incident_store(struct wf_op *op, const V1(Incident) * inc)
{
    V1(Incident) doc = *inc;
    int64_t due = wf_roles_due(inc), number = (int64_t)wf_incident_number(inc->id);

    doc.last_seq = 0;
    doc.updated_at = NULL;
    doc.open_tasks = 0;
    size_t len = watchfire__v1__incident__get_packed_size(&doc);
    uint8_t *bytes = wf_arena_alloc(op->arena, len);
    watchfire__v1__incident__pack(&doc, bytes);
    wf_db_run(&op->s->db,
              "INSERT OR REPLACE INTO incidents VALUES(?, ?, ?, ?, ?, ?, ?, nullif(?, 0),"
              " nullif(?, 0), ?)",
              "isiisiiiib", number, inc->title, (int64_t)inc->severity, (int64_t)inc->state,
              inc->commander, (int64_t)inc->epoch, (int64_t)wf_timestamp_ms(inc->declared_at),
              (int64_t)wf_timestamp_ms(inc->resolved_at), due, bytes, len);
    op->s->due_changed = true;
}

bool wf_is(const struct wf_op *op, const char *user)
{
    return op->actor->kind == KIND_USER && user[0] != '\0' && strcmp(op->actor->name, user) == 0;
}

bool wf_need_open(struct wf_op *op, const V1(Incident) * inc, const char *doing)
{
    if (inc->state != STATE_RESOLVED)
        return true;
    return wf_refuse(op, WF_FAILED_PRECONDITION, "INCIDENT_RESOLVED",
                     "%s is resolved: reopen it to %s", inc->id, doing);
}

bool wf_need_epoch(struct wf_op *op, const V1(Incident) * inc, uint64_t epoch)
{
    if (epoch == 0 || epoch == inc->epoch)
        return true;
    return wf_refuse_holder(op, WF_ABORTED, "STALE_EPOCH", inc->commander, inc->epoch,
                            "command epoch %" PRIu64
                            " of %s is past: %s commands it, epoch %" PRIu64
                            "; look again before you decide",
                            epoch, inc->id, wf_display_name(op, inc->commander), inc->epoch);
}

bool wf_need_command(struct wf_op *op, const V1(Incident) * inc, uint64_t epoch, bool *by_admin)
{
    *by_admin = false;
    if (!wf_need_epoch(op, inc, epoch))
        return false;
    if (wf_is(op, inc->commander))
        return wf_need_role(op, ROLE_COMMANDER);
    if (op->actor->kind != KIND_NODE && op->actor->role == ROLE_ADMIN) {
        *by_admin = true;
        return true;
    }
    return wf_refuse_holder(op, WF_PERMISSION_DENIED, "NOT_COMMANDER", inc->commander, inc->epoch,
                            "%s commands %s: ask them, or claim the command if they are gone",
                            wf_display_name(op, inc->commander), inc->id);
}

// --- declare ------------------------------------------------------------------------------------

static bool facts_fit(struct wf_op *op, const V1(DeclareIncidentRequest) * r)
{
    return wf_need_line(op, "title", r->title, 1, WF_TITLE_MAX) &&
           wf_need_names(op, "services", r->services, r->n_services) &&
           wf_need_names(op, "component_groups", r->component_groups, r->n_component_groups);
}

static V1(Incident) *
    new_incident(struct wf_op *op, const V1(DeclareIncidentRequest) * r, const char *commander)
{
    V1(Incident) *inc = WF_NEW(op->arena, V1(Incident), watchfire__v1__incident__init);

    inc->id = wf_arena_printf(op->arena, "INC-%" PRIu64, ++op->s->meta.incidents);
    inc->title = r->title;
    inc->severity = r->severity != 0 ? r->severity : WATCHFIRE__V1__SEVERITY__SEVERITY_SEV3;
    inc->state = STATE_INVESTIGATING;
    inc->services = r->services;
    inc->n_services = r->n_services;
    inc->component_groups = r->component_groups;
    inc->n_component_groups = r->n_component_groups;
    inc->declared_at = wf_arena_time(op->arena, op->time);
    inc->declared_by = (V1(Actor) *)op->actor;
    inc->next_sitrep_due = wf_arena_time(op->arena, op->time + WF_SITREP_MIN_DEFAULT * 60 * 1000LL);
    wf_role_give(op, inc, wf_role_add(op, inc, IR_COMMANDER, ""), commander);
    return inc;
}

void wf_incident_declare(struct wf_op *op, const V1(DeclareIncidentRequest) * r)
{
    const char *commander = r->first_responder[0] != '\0' ? r->first_responder : op->actor->name;

    if (!facts_fit(op, r))
        return;
    if (r->first_responder[0] == '\0' && op->actor->kind != KIND_USER) {
        wf_refuse_field(op, "NOT_A_PERSON", "first_responder", 0,
                        "a program cannot command an incident: name the first responder");
        return;
    }
    if (!wf_need_recipient(op, "first_responder", commander, IR_COMMANDER))
        return;
    V1(Incident) *inc = new_incident(op, r, commander);
    uint64_t number = op->s->meta.incidents;
    V1(Event) *e = wf_event_new(
        op, WHAT(DECLARED), "%s declared %s: %s (%s)", op->display, inc->id, inc->title,
        wf_enum_name(&watchfire__v1__severity__descriptor, (int)inc->severity));
    e->declared = inc;
    wf_event_append(op, number, e);
    wf_role_event(op, inc, inc->roles[0], ACT_TAKEN, "", commander, "declared");
    wf_incident_store(op, inc);
    WF_ANSWER_INCIDENT(op, inc, V1(DeclareIncidentResponse),
                       watchfire__v1__declare_incident_response__init);
}

// --- states -------------------------------------------------------------------------------------

static const struct {
    int from, to;
    const char *announcement;
    const char *done; // "Ricardo <done> INC-1"
} edges[] = {
    {STATE_INVESTIGATING, STATE_CONFIRMED, "@all: Incident Confirmed", "confirmed"},
    {STATE_INVESTIGATING, STATE_MAJOR, "@all: Major Incident", "escalated"},
    {STATE_INVESTIGATING, STATE_RESOLVED, "@all: Incident Resolved", "resolved"},
    {STATE_CONFIRMED, STATE_MAJOR, "@all: Major Incident", "escalated"},
    {STATE_CONFIRMED, STATE_RESOLVED, "@all: Incident Resolved", "resolved"},
    {STATE_MAJOR, STATE_CONFIRMED, "@all: Incident Downgraded", "downgraded"},
    {STATE_MAJOR, STATE_RESOLVED, "@all: Incident Resolved", "resolved"},
    {STATE_RESOLVED, STATE_INVESTIGATING, "@all: Incident Reopened", "reopened"},
};
enum { N_EDGES = sizeof edges / sizeof edges[0] };

static const char *state_name(int state)
{
    return wf_enum_name(&watchfire__v1__incident_state__descriptor, state);
}

// Index of the edge, or -1 after refusing with the edges there are.
static int find_edge(struct wf_op *op, const V1(Incident) * inc, int to)
{
    char ways[128] = "";

    for (int i = 0; i < N_EDGES; i++) {
        if (edges[i].from != (int)inc->state)
            continue;
        if (edges[i].to == to)
            return i;
        strcat(ways, ways[0] != '\0' ? " or " : "");
        strcat(ways, state_name(edges[i].to));
    }
    WF_ASSERT(strlen(ways) < sizeof ways);
    wf_refuse(op, WF_FAILED_PRECONDITION, "ILLEGAL_EDGE",
              "%s is %s: from there it goes to %s, not %s", inc->id, state_name((int)inc->state),
              ways, state_name(to));
    op->detail.field = wf_arena_text(op->arena, "to");
    return -1;
}

static void enter(struct wf_op *op, V1(Incident) * inc, int to)
{
    bool was_over = inc->state == STATE_RESOLVED;

    inc->state = (V1(IncidentState))to;
    if (to == STATE_RESOLVED) {
        inc->resolved_at = wf_arena_time(op->arena, op->time);
        inc->next_sitrep_due = NULL;
        wf_roles_settle(op, inc, "the incident was resolved");
    } else if (was_over) {
        inc->resolved_at = NULL;
        inc->next_sitrep_due =
            wf_arena_time(op->arena, op->time + WF_SITREP_MIN_DEFAULT * 60 * 1000LL);
    }
}

void wf_incident_change_state(struct wf_op *op, const V1(ChangeStateRequest) * r)
{
    bool by_admin;
    V1(Incident) *inc = wf_incident_load(op, r->incident_id);

    if (inc == NULL || !wf_need_text(op, "reason", r->reason, 0, WF_BODY_MAX) ||
        !wf_need_command(op, inc, r->epoch, &by_admin))
        return;
    int edge = find_edge(op, inc, (int)r->to);
    if (edge < 0)
        return;
    V1(StateChanged) *change =
        WF_NEW(op->arena, V1(StateChanged), watchfire__v1__state_changed__init);
    change->from = inc->state;
    change->to = r->to;
    change->reason = r->reason;
    change->by_admin = by_admin;
    V1(Event) *e = wf_event_new(op, WHAT(STATE_CHANGED), "%s %s %s%s%s", op->display,
                                edges[edge].done, inc->id, r->reason[0] != '\0' ? ": " : "",
                                wf_arena_cut(op->arena, r->reason, 300));
    e->state_changed = change;
    e->announcement = (char *)edges[edge].announcement;
    wf_event_append(op, wf_incident_number(inc->id), e);
    enter(op, inc, (int)r->to);
    wf_incident_store(op, inc);
    WF_ANSWER_INCIDENT(op, inc, V1(ChangeStateResponse),
                       watchfire__v1__change_state_response__init);
}

// --- facts --------------------------------------------------------------------------------------

static bool same_names(char **a, size_t n, char **b, size_t m)
{
    for (size_t i = 0; n == m && i < n; i++)
        if (strcmp(a[i], b[i]) != 0)
            return false;
    return n == m;
}

static bool update_fits(struct wf_op *op, const V1(UpdateIncidentRequest) * r)
{
    if (!wf_need_line(op, "title", r->title, 0, WF_TITLE_MAX))
        return false;
    if (r->services != NULL &&
        !wf_need_names(op, "services", r->services->names, r->services->n_names))
        return false;
    return r->component_groups == NULL ||
           wf_need_names(op, "component_groups", r->component_groups->names,
                         r->component_groups->n_names);
}

// Take the request's facts over; returns what changed, as words for the sentence.
static const char *take_facts(struct wf_op *op, V1(Incident) * inc,
                              const V1(UpdateIncidentRequest) * r)
{
    const V1(NameList) *s = r->services, *g = r->component_groups;
    const char *what = "";

    if (r->title[0] != '\0' && strcmp(r->title, inc->title) != 0) {
        inc->title = r->title;
        what = wf_arena_printf(op->arena, "title: %s", r->title);
    }
    if (r->severity != 0 && r->severity != inc->severity) {
        inc->severity = r->severity;
        what =
            wf_arena_printf(op->arena, "%s%sseverity: %s", what, what[0] != '\0' ? ", " : "",
                            wf_enum_name(&watchfire__v1__severity__descriptor, (int)r->severity));
    }
    if (s != NULL && !same_names(s->names, s->n_names, inc->services, inc->n_services)) {
        inc->services = s->names;
        inc->n_services = s->n_names;
        what = wf_arena_printf(op->arena, "%s%sservices", what, what[0] != '\0' ? ", " : "");
    }
    if (g != NULL &&
        !same_names(g->names, g->n_names, inc->component_groups, inc->n_component_groups)) {
        inc->component_groups = g->names;
        inc->n_component_groups = g->n_names;
        what =
            wf_arena_printf(op->arena, "%s%scomponent groups", what, what[0] != '\0' ? ", " : "");
    }
    return what;
}

void wf_incident_update(struct wf_op *op, const V1(UpdateIncidentRequest) * r)
{
    bool by_admin;
    V1(Incident) *inc = wf_incident_load(op, r->incident_id);

    if (inc == NULL || !update_fits(op, r) || !wf_need_command(op, inc, r->epoch, &by_admin))
        return;
    const char *what = take_facts(op, inc, r);
    if (what[0] == '\0') {
        wf_refuse(op, WF_INVALID_ARGUMENT, "NOTHING_TO_CHANGE",
                  "%s already is as the request wants it", inc->id);
        return;
    }
    V1(Event) *e = wf_event_new(op, WHAT(UPDATED), "%s%s corrected %s: %s", op->display,
                                by_admin ? " (admin)" : "", inc->id, what);
    e->updated = inc;
    wf_event_append(op, wf_incident_number(inc->id), e);
    wf_incident_store(op, inc);
    WF_ANSWER_INCIDENT(op, inc, V1(UpdateIncidentResponse),
                       watchfire__v1__update_incident_response__init);
}
