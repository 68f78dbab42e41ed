// SPDX-License-Identifier: Apache-2.0
#include "state/sitrep.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "state/access.h"
#include "state/events.h"
#include "state/incident.h"
#include "state/refuse.h"
#include "state/roles.h"

V1(Sitrep) *
    wf_sitrep_read(struct wf_db *db, struct wf_arena *a, uint64_t incident, uint32_t number)
{
    int64_t seq =
        wf_db_int(db, 0,
                  "SELECT seq FROM sitreps WHERE incident = ?1 AND (?2 = 0 OR number = ?2)"
                  " ORDER BY number DESC, version DESC LIMIT 1",
                  "ii", (int64_t)incident, (int64_t)number);
    V1(Event) *e = seq != 0 ? wf_event_read(db, a, (uint64_t)seq) : NULL;

    return e != NULL && e->what_case == WHAT(SITREP) ? e->sitrep : NULL;
}

// The commander, the scribe or an admin; and the epoch holds.
static bool may_report(struct wf_op *op, const V1(Incident) * inc, uint64_t epoch)
{
    bool by_admin;
    const V1(RoleAssignment) *scribe = wf_role_find(inc, IR_SCRIBE, "");

    if (scribe != NULL && wf_is(op, scribe->holder))
        return wf_need_epoch(op, inc, epoch);
    return wf_need_command(op, inc, epoch, &by_admin);
}

static void put(struct wf_op *op, V1(Incident) * inc, V1(Sitrep) * s)
{
    uint64_t incident = wf_incident_number(inc->id);

    s->at = wf_arena_time(op->arena, op->time);
    s->by = (V1(Actor) *)op->actor;
    V1(Event) *e = s->version == 1
                       ? wf_event_new(op, WHAT(SITREP), "Sitrep %u by %s: %s", s->number,
                                      op->display, wf_arena_cut(op->arena, s->what_is_broken, 300))
                       : wf_event_new(op, WHAT(SITREP), "Sitrep %u amended by %s (version %u): %s",
                                      s->number, op->display, s->version,
                                      wf_arena_cut(op->arena, s->what_is_broken, 300));
    e->sitrep = s;
    wf_db_run(&op->s->db, "INSERT INTO sitreps VALUES(?, ?, ?, ?)", "iiii", (int64_t)incident,
              (int64_t)s->number, (int64_t)s->version, (int64_t)wf_event_append(op, incident, e));
}

static bool sections_fit(struct wf_op *op, const V1(PostSitrepRequest) * r)
{
    return wf_need_text(op, "what_is_broken", r->what_is_broken, 1, WF_BODY_MAX) &&
           wf_need_text(op, "impact", r->impact, 1, WF_BODY_MAX) &&
           wf_need_text(op, "being_done", r->being_done, 1, WF_BODY_MAX) &&
           wf_need_text(op, "who", r->who, 1, WF_BODY_MAX);
}

void wf_sitrep_post(struct wf_op *op, const V1(PostSitrepRequest) * r)
{
    uint32_t minutes = r->next_due_in_min != 0 ? r->next_due_in_min : WF_SITREP_MIN_DEFAULT;
    V1(Incident) *inc = wf_incident_load(op, r->incident_id);

    if (inc == NULL || !sections_fit(op, r) ||
        !wf_need_range(op, "next_due_in_min", minutes, WF_SITREP_MIN_MIN, WF_SITREP_MIN_MAX) ||
        !may_report(op, inc, r->epoch) || !wf_need_open(op, inc, "post a sitrep"))
        return;
    V1(Sitrep) *s = WF_NEW(op->arena, V1(Sitrep), watchfire__v1__sitrep__init);
    s->number = ++inc->last_sitrep;
    s->version = 1;
    s->what_is_broken = r->what_is_broken;
    s->impact = r->impact;
    s->being_done = r->being_done;
    s->who = r->who;
    s->next_due = wf_arena_time(op->arena, op->time + minutes * 60 * 1000LL);
    inc->next_sitrep_due = s->next_due;
    put(op, inc, s);
    wf_incident_store(op, inc);
    V1(PostSitrepResponse) *answer =
        WF_NEW(op->arena, V1(PostSitrepResponse), watchfire__v1__post_sitrep_response__init);
    answer->sitrep = s;
    op->response = &answer->base;
}

// Take a section over if it is given and differs.
static bool take(char **into, char *given)
{
    if (given[0] == '\0' || strcmp(*into, given) == 0)
        return false;
    *into = given;
    return true;
}

static bool amendment_fits(struct wf_op *op, const V1(AmendSitrepRequest) * r)
{
    return wf_need_text(op, "what_is_broken", r->what_is_broken, 0, WF_BODY_MAX) &&
           wf_need_text(op, "impact", r->impact, 0, WF_BODY_MAX) &&
           wf_need_text(op, "being_done", r->being_done, 0, WF_BODY_MAX) &&
           wf_need_text(op, "who", r->who, 0, WF_BODY_MAX);
}

void wf_sitrep_amend(struct wf_op *op, const V1(AmendSitrepRequest) * r)
{
    V1(Incident) *inc = wf_incident_load(op, r->incident_id);

    if (inc == NULL || !amendment_fits(op, r) || !may_report(op, inc, r->epoch))
        return;
    V1(Sitrep) *s = r->number == 0 ? NULL
                                   : wf_sitrep_read(&op->s->db, op->arena,
                                                    wf_incident_number(inc->id), r->number);
    if (s == NULL) {
        wf_refuse(op, WF_NOT_FOUND, "UNKNOWN_SITREP", "%s has no sitrep %u", inc->id, r->number);
        op->detail.field = wf_arena_text(op->arena, "number");
        return;
    }
    bool changed = take(&s->what_is_broken, r->what_is_broken);
    changed = take(&s->impact, r->impact) || changed;
    changed = take(&s->being_done, r->being_done) || changed;
    changed = take(&s->who, r->who) || changed;
    if (!changed) {
        wf_refuse(op, WF_INVALID_ARGUMENT, "NOTHING_TO_CHANGE",
                  "sitrep %u of %s already is as the request wants it", s->number, inc->id);
        return;
    }
    s->version++;
    put(op, inc, s);
    V1(AmendSitrepResponse) *answer =
        WF_NEW(op->arena, V1(AmendSitrepResponse), watchfire__v1__amend_sitrep_response__init);
    answer->sitrep = s;
    op->response = &answer->base;
}
