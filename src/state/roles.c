// SPDX-License-Identifier: Apache-2.0
#include "state/roles.h"

#include <string.h>

#include "base/assert.h"
#include "proto/time.h"
#include "state/access.h"
#include "state/events.h"
#include "state/incident.h"

const char *wf_role_label(struct wf_arena *a, int role, const char *group)
{
    switch (role) {
    case IR_COMMANDER:
        return "IC";
    case IR_COMMUNICATIONS:
        return "Comms";
    case IR_SCRIBE:
        return "Scribe";
    case IR_LIAISON:
        return "Liaison";
    default:
        WF_ASSERT(role == IR_OPS_LEAD);
        return group[0] == '\0' ? "Ops" : wf_arena_printf(a, "Ops (%s)", group);
    }
}

V1(RoleAssignment) * wf_role_find(const V1(Incident) * inc, int role, const char *group)
{
    for (size_t i = 0; i < inc->n_roles; i++)
        if ((int)inc->roles[i]->role == role && strcmp(inc->roles[i]->group, group) == 0)
            return inc->roles[i];
    return NULL;
}

V1(RoleAssignment) * wf_role_add(struct wf_op *op, V1(Incident) * inc, int role, const char *group)
{
    V1(RoleAssignment) *r =
        WF_NEW(op->arena, V1(RoleAssignment), watchfire__v1__role_assignment__init);

    WF_ASSERT(wf_role_find(inc, role, group) == NULL);
    r->role = (V1(IncidentRole))role;
    r->group = wf_arena_text(op->arena, group);
    inc->roles = wf_arena_grow(op->arena, inc->roles, inc->n_roles, r);
    inc->n_roles++;
    return r;
}

void wf_role_tidy(V1(Incident) * inc)
{
    size_t kept = 0;

    for (size_t i = 0; i < inc->n_roles; i++) {
        const V1(RoleAssignment) *r = inc->roles[i];
        if (r->epoch != 0 || r->offer != NULL || r->claim != NULL)
            inc->roles[kept++] = inc->roles[i];
    }
    WF_ASSERT(kept > 0);
    inc->n_roles = kept;
}

void wf_role_give(struct wf_op *op, V1(Incident) * inc, V1(RoleAssignment) * role,
                  const char *holder)
{
    WF_ASSERT(holder[0] != '\0' || role->role != IR_COMMANDER);
    role->holder = wf_arena_text(op->arena, holder);
    role->epoch++;
    role->since = wf_arena_time(op->arena, op->time);
    role->offer = NULL;
    role->claim = NULL;
    if (role->role == IR_COMMANDER) {
        inc->commander = role->holder;
        inc->epoch = role->epoch;
    }
    wf_db_run(&op->s->db, "DELETE FROM lapsed WHERE incident = ? AND role = ? AND ops_group = ?",
              "iis", (int64_t)wf_incident_number(inc->id), (int64_t)role->role, role->group);
}

// The sentence for a timeline. who is whom it concerns, by display name.
static V1(Event) * role_sentence(struct wf_op *op, const char *label, int action, const char *who,
                                 const char *from)
{
    switch (action) {
    case ACT_OFFERED:
        return wf_event_new(op, WHAT(ROLE), "%s offered %s to %s", op->display, label, who);
    case ACT_ACCEPTED:
        return wf_event_new(op, WHAT(ROLE), "%s accepted %s%s%s", who, label,
                            from[0] != '\0' ? " from " : "", from);
    case ACT_DECLINED:
        return wf_event_new(op, WHAT(ROLE), "%s declined %s", who, label);
    case ACT_WITHDRAWN:
        return wf_event_new(op, WHAT(ROLE), "The offer of %s to %s was withdrawn by %s", label, who,
                            op->display);
    case ACT_EXPIRED:
        return wf_event_new(op, WHAT(ROLE), "The offer of %s to %s lapsed", label, who);
    case ACT_CLAIMED:
        return wf_event_new(op, WHAT(ROLE), "%s claims %s", who, label);
    case ACT_REFUSED:
        return wf_event_new(op, WHAT(ROLE), "The claim of %s on %s was refused by %s", who, label,
                            op->display);
    case ACT_TAKEN:
        return wf_event_new(op, WHAT(ROLE), "%s took %s", who, label);
    default:
        WF_ASSERT(action == ACT_RELEASED);
        return wf_event_new(op, WHAT(ROLE), "%s gave up %s", from, label);
    }
}

void wf_role_event(struct wf_op *op, const V1(Incident) * inc, V1(RoleAssignment) * role,
                   int action, const char *from, const char *to, const char *reason)
{
    const char *label = wf_role_label(op->arena, (int)role->role, role->group);
    const char *who = wf_display_name(op, to);
    V1(RoleChanged) *c = WF_NEW(op->arena, V1(RoleChanged), watchfire__v1__role_changed__init);
    V1(Event) *e = role_sentence(op, label, action, who, wf_display_name(op, from));

    c->action = (V1(RoleAction))action;
    c->role = role;
    c->from = (char *)from;
    c->to = (char *)to;
    c->reason = (char *)reason;
    e->role = c;
    if (action == ACT_ACCEPTED || action == ACT_TAKEN)
        e->announcement = wf_arena_printf(op->arena, "@all: %s -> %s", label, who);
    wf_event_append(op, wf_incident_number(inc->id), e);
}

void wf_roles_settle(struct wf_op *op, V1(Incident) * inc, const char *why)
{
    for (size_t i = 0; i < inc->n_roles; i++) {
        V1(RoleAssignment) *r = inc->roles[i];
        const V1(RoleOffer) *offer = r->offer;
        const V1(RoleClaim) *claim = r->claim;
        r->offer = NULL;
        if (offer != NULL)
            wf_role_event(op, inc, r, ACT_WITHDRAWN, "", offer->to, why);
        r->claim = NULL;
        if (claim != NULL)
            wf_role_event(op, inc, r, ACT_REFUSED, "", claim->by, why);
    }
    wf_role_tidy(inc);
}

wf_unix_ms wf_roles_due(const V1(Incident) * inc)
{
    wf_unix_ms due = 0;

    for (size_t i = 0; i < inc->n_roles; i++) {
        const V1(RoleAssignment) *r = inc->roles[i];
        wf_unix_ms at = r->offer != NULL ? wf_timestamp_ms(r->offer->expires_at) : 0;
        if (at != 0 && (due == 0 || at < due))
            due = at;
        at = r->claim != NULL ? wf_timestamp_ms(r->claim->valid_at) : 0;
        if (at != 0 && (due == 0 || at < due))
            due = at;
    }
    return due;
}

void wf_role_lapse(struct wf_op *op, const V1(Incident) * inc, V1(RoleAssignment) * role)
{
    const V1(RoleOffer) *offer = role->offer;

    WF_ASSERT(offer != NULL);
    wf_db_run(&op->s->db, "INSERT OR REPLACE INTO lapsed VALUES(?, ?, ?, ?, ?)", "iissi",
              (int64_t)wf_incident_number(inc->id), (int64_t)role->role, role->group, offer->to,
              (int64_t)wf_timestamp_ms(offer->expires_at));
    role->offer = NULL;
    wf_role_event(op, inc, role, ACT_EXPIRED, "", offer->to, "");
}

// The wait is over: the role is the claimant's, if they still may hold it.
static void claim_holds(struct wf_op *op, V1(Incident) * inc, V1(RoleAssignment) * role)
{
    const V1(RoleClaim) *claim = role->claim;
    const char *from = role->holder;

    if (wf_may_hold(op, claim->by, (int)role->role)) {
        wf_role_give(op, inc, role, claim->by);
        wf_role_event(op, inc, role, ACT_TAKEN, from, claim->by, claim->reason);
        return;
    }
    role->claim = NULL;
    wf_role_event(op, inc, role, ACT_REFUSED, "", claim->by, "may not hold this role any more");
}

bool wf_roles_fall_due(struct wf_op *op, V1(Incident) * inc)
{
    bool any = false;

    for (size_t i = 0; i < inc->n_roles; i++) {
        V1(RoleAssignment) *r = inc->roles[i];
        if (r->offer != NULL && wf_timestamp_ms(r->offer->expires_at) <= op->time) {
            wf_role_lapse(op, inc, r);
            any = true;
        }
        if (r->claim != NULL && wf_timestamp_ms(r->claim->valid_at) <= op->time) {
            claim_holds(op, inc, r);
            any = true;
        }
    }
    wf_role_tidy(inc);
    return any;
}
