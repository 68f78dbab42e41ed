// SPDX-License-Identifier: Apache-2.0
#include "state/status.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "proto/names.h"
#include "state/draft.h"
#include "state/events.h"
#include "state/incident.h"
#include "state/refuse.h"
#include "state/roles.h"

static bool may_post(struct wf_op *op, const V1(Incident) * inc, uint64_t epoch)
{
    const V1(RoleAssignment) *comms = wf_role_find(inc, IR_COMMUNICATIONS, "");
    bool admin = op->actor->kind != KIND_NODE && op->actor->role == ROLE_ADMIN;

    if (!wf_need_epoch(op, inc, epoch))
        return false;
    if ((comms != NULL && wf_is(op, comms->holder)) || wf_is(op, inc->commander) || admin)
        return true;
    return wf_refuse_holder(op, WF_PERMISSION_DENIED, "NOT_COMMANDER", inc->commander, inc->epoch,
                            "status posts are communications' or the commander's: ask %s",
                            comms != NULL && comms->holder[0] != '\0' ? comms->holder
                                                                      : inc->commander);
}

static bool kind_fits(struct wf_op *op, const V1(Incident) * inc, int kind)
{
    bool over = inc->state == STATE_RESOLVED;

    if (kind == 0)
        return wf_refuse_field(op, "REQUIRED", "kind", 0, "kind is missing");
    if (kind == POST_RESOLVED && !over)
        return wf_refuse(op, WF_FAILED_PRECONDITION, "NOT_RESOLVED",
                         "%s is %s: resolve it before telling customers so", inc->id,
                         wf_enum_name(&watchfire__v1__incident_state__descriptor, (int)inc->state));
    if ((kind == POST_INVESTIGATING || kind == POST_ISSUE) && over)
        return wf_refuse(op, WF_FAILED_PRECONDITION, "INCIDENT_RESOLVED",
                         "%s is resolved: post an UPDATE, or reopen it", inc->id);
    return true;
}

// The check's findings as messages of the arena.
static size_t findings(struct wf_op *op, const char *body, V1(DraftFinding) * **out)
{
    struct wf_draft_finding found[WF_DRAFT_FINDINGS_MAX];
    size_t n = wf_draft_check(body, found);

    *out = wf_arena_alloc(op->arena, (n + 1) * sizeof **out);
    for (size_t i = 0; i < n; i++)
        (*out)[i] = wf_draft_message(op->arena, body, &found[i]);
    return n;
}

static bool draft_fits(struct wf_op *op, const V1(PostStatusRequest) * r, V1(StatusPost) * post)
{
    V1(DraftFinding) * *list;
    size_t n = findings(op, r->body, &list);

    if (n == 0 || r->override_findings) {
        post->overridden = list;
        post->n_overridden = n;
        return true;
    }
    wf_refuse(op, WF_FAILED_PRECONDITION, "DRAFT_FINDINGS",
              "the draft has %zu passage%s the practice advises against, first: \"%s\": rewrite "
              "it, or override what was found",
              n, n == 1 ? "" : "s", wf_arena_cut(op->arena, list[0]->text, 80));
    op->detail.field = wf_arena_text(op->arena, "body");
    op->detail.findings = list;
    op->detail.n_findings = n;
    return false;
}

static void fill(struct wf_op *op, const V1(Incident) * inc, const V1(PostStatusRequest) * r,
                 V1(StatusPost) * post)
{
    bool own = r->n_component_groups > 0;

    post->number = 1 + (uint32_t)wf_db_int(
                           &op->s->db, 0, "SELECT max(number) FROM status_posts WHERE incident = ?",
                           "i", (int64_t)wf_incident_number(inc->id));
    post->kind = r->kind;
    post->body = r->body;
    post->component_groups = own ? r->component_groups : inc->component_groups;
    post->n_component_groups = own ? r->n_component_groups : inc->n_component_groups;
    post->at = wf_arena_time(op->arena, op->time);
    post->by = (V1(Actor) *)op->actor;
}

void wf_status_post(struct wf_op *op, const V1(PostStatusRequest) * r)
{
    V1(Incident) *inc = wf_incident_load(op, r->incident_id);
    V1(StatusPost) *post = WF_NEW(op->arena, V1(StatusPost), watchfire__v1__status_post__init);

    if (inc == NULL || !wf_need_text(op, "body", r->body, 1, WF_BODY_MAX) ||
        !wf_need_names(op, "component_groups", r->component_groups, r->n_component_groups) ||
        !may_post(op, inc, r->epoch) || !kind_fits(op, inc, (int)r->kind) ||
        !draft_fits(op, r, post))
        return;
    uint64_t incident = wf_incident_number(inc->id);
    fill(op, inc, r, post);
    V1(Event) *e =
        wf_event_new(op, WHAT(STATUS), "Status post %u (%s) by %s: %s", post->number,
                     wf_enum_name(&watchfire__v1__status_kind__descriptor, (int)post->kind),
                     op->display, wf_arena_cut(op->arena, post->body, 300));
    e->status = post;
    wf_db_run(&op->s->db, "INSERT INTO status_posts VALUES(?, ?, ?)", "iii", (int64_t)incident,
              (int64_t)post->number, (int64_t)wf_event_append(op, incident, e));
    V1(PostStatusResponse) *answer =
        WF_NEW(op->arena, V1(PostStatusResponse), watchfire__v1__post_status_response__init);
    answer->post = post;
    op->response = &answer->base;
}
