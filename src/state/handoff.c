// SPDX-License-Identifier: Apache-2.0
#include "state/handoff.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "proto/time.h"
#include "state/access.h"
#include "state/incident.h"
#include "state/refuse.h"
#include "state/roles.h"

// The role a request names is one there can be.
static bool need_role_name(struct wf_op *op, int role, const char *group)
{
    if (role == 0)
        return wf_refuse_field(op, "REQUIRED", "role", 0, "role is missing");
    if (role != IR_OPS_LEAD && group[0] != '\0')
        return wf_refuse_field(op, "NOT_A_GROUP_ROLE", "group", 0,
                               "only operations has groups: leave group empty or name OPS_LEAD");
    return wf_need_line(op, "group", group, 0, WF_NAME_MAX);
}

// The open incident a request about a role names, or NULL after refusing.
static V1(Incident) * load(struct wf_op *op, const char *id, int role, const char *group)
{
    V1(Incident) *inc = wf_incident_load(op, id);

    if (inc == NULL || !need_role_name(op, role, group) ||
        !wf_need_open(op, inc, "change its roles"))
        return NULL;
    return inc;
}

static bool is_admin(const struct wf_op *op)
{
    return op->actor->kind != KIND_NODE && op->actor->role == ROLE_ADMIN;
}

static bool need_role_epoch(struct wf_op *op, const V1(Incident) * inc,
                            const V1(RoleAssignment) * role, uint64_t epoch)
{
    if (epoch == 0 || role == NULL || epoch == role->epoch)
        return true;
    return wf_refuse_holder(op, WF_ABORTED, "STALE_EPOCH", role->holder, role->epoch,
                            "epoch %" PRIu64 " of %s of %s is past: %s holds it, epoch %" PRIu64
                            "; look again before you decide",
                            epoch, wf_role_label(op->arena, (int)role->role, role->group), inc->id,
                            role->holder[0] != '\0' ? wf_display_name(op, role->holder) : "nobody",
                            role->epoch);
}

static const char *when(struct wf_op *op, const Google__Protobuf__Timestamp *t)
{
    return wf_rfc3339(wf_timestamp_ms(t), wf_arena_alloc(op->arena, WF_RFC3339_SIZE));
}

static bool lapsed(const struct wf_op *op, const V1(RoleOffer) * offer)
{
    return wf_timestamp_ms(offer->expires_at) <= op->time;
}

static bool refuse_open_offer(struct wf_op *op, const char *label, const V1(RoleOffer) * offer)
{
    return wf_refuse(op, WF_ALREADY_EXISTS, "OFFER_OPEN",
                     "%s is offered to %s until %s: wait for the answer or withdraw that offer",
                     label, wf_display_name(op, offer->to), when(op, offer->expires_at));
}

#define ANSWER_ROLE(op_, role_, type_, init_)                                                      \
    do {                                                                                           \
        type_ *answer_ = WF_NEW((op_)->arena, type_, init_);                                       \
        answer_->role = role_;                                                                     \
        (op_)->response = &answer_->base;                                                          \
    } while (0)

// --- offer --------------------------------------------------------------------------------------

static bool may_offer(struct wf_op *op, const V1(Incident) * inc, const V1(RoleAssignment) * role,
                      const char *label, uint64_t epoch)
{
    if (!wf_need_epoch(op, inc, epoch))
        return false;
    if (wf_is(op, inc->commander) || (role != NULL && wf_is(op, role->holder)) || is_admin(op))
        return true;
    return wf_refuse_holder(op, WF_PERMISSION_DENIED, "NOT_COMMANDER", inc->commander, inc->epoch,
                            "%s commands %s: only they, or who holds %s, can offer it",
                            wf_display_name(op, inc->commander), inc->id, label);
}

static bool may_be_offered(struct wf_op *op, const V1(Incident) * inc,
                           const V1(RoleAssignment) * role, const V1(OfferRoleRequest) * r,
                           const char *label)
{
    size_t groups = 0;

    if (role != NULL && strcmp(role->holder, r->to) == 0)
        return wf_refuse_holder(op, WF_FAILED_PRECONDITION, "ALREADY_HOLDER", role->holder,
                                role->epoch, "%s holds %s already", wf_display_name(op, r->to),
                                label);
    if (role != NULL && role->offer != NULL && !lapsed(op, role->offer))
        return refuse_open_offer(op, label, role->offer);
    for (size_t i = 0; i < inc->n_roles; i++)
        groups += inc->roles[i]->role == IR_OPS_LEAD && inc->roles[i]->group[0] != '\0';
    if (role == NULL && r->group[0] != '\0' && groups >= WF_OPS_GROUPS_MAX)
        return wf_refuse_field(op, "TOO_MANY", "group", WF_OPS_GROUPS_MAX,
                               "%s has %zu groups of operations, at most %d", inc->id, groups,
                               WF_OPS_GROUPS_MAX);
    return true;
}

void wf_role_offer(struct wf_op *op, const V1(OfferRoleRequest) * r)
{
    uint32_t seconds = r->expires_in_s != 0 ? r->expires_in_s : WF_OFFER_S_DEFAULT;
    V1(Incident) *inc = load(op, r->incident_id, (int)r->role, r->group);

    if (inc == NULL)
        return;
    const char *label = wf_role_label(op->arena, (int)r->role, r->group);
    V1(RoleAssignment) *role = wf_role_find(inc, (int)r->role, r->group);
    if (!wf_need_line(op, "to", r->to, 1, WF_USER_NAME_MAX) ||
        !wf_need_range(op, "expires_in_s", seconds, WF_OFFER_S_MIN, WF_OFFER_S_MAX) ||
        !may_offer(op, inc, role, label, r->epoch) || !may_be_offered(op, inc, role, r, label) ||
        !wf_need_recipient(op, "to", r->to, (int)r->role))
        return;
    if (role == NULL)
        role = wf_role_add(op, inc, (int)r->role, r->group);
    if (role->offer != NULL)
        wf_role_lapse(op, inc, role);
    V1(RoleOffer) *offer = WF_NEW(op->arena, V1(RoleOffer), watchfire__v1__role_offer__init);
    offer->to = r->to;
    offer->by = op->actor->name;
    offer->expires_at = wf_arena_time(op->arena, op->time + seconds * 1000LL);
    role->offer = offer;
    wf_role_event(op, inc, role, ACT_OFFERED, role->holder, r->to, "");
    wf_incident_store(op, inc);
    ANSWER_ROLE(op, role, V1(OfferRoleResponse), watchfire__v1__offer_role_response__init);
}

// --- answers to an offer ------------------------------------------------------------------------

static wf_unix_ms lapsed_at(struct wf_op *op, const V1(Incident) * inc, int role, const char *group)
{
    return wf_db_int(&op->s->db, 0,
                     "SELECT at FROM lapsed WHERE incident = ? AND role = ? AND ops_group = ?"
                     " AND recipient = ?",
                     "iiss", (int64_t)wf_incident_number(inc->id), (int64_t)role, group,
                     op->actor->name);
}

// There is an offer to the caller that has not lapsed.
static bool need_offer(struct wf_op *op, const V1(Incident) * inc, const V1(RoleAssignment) * role,
                       int which, const char *group)
{
    const V1(RoleOffer) *offer = role != NULL ? role->offer : NULL;
    const char *label = wf_role_label(op->arena, which, group);
    const char *holder = role != NULL ? role->holder : "";
    const char *gives = *holder ? holder : inc->commander;
    bool mine = offer != NULL && wf_is(op, offer->to);
    wf_unix_ms at = mine && lapsed(op, offer) ? wf_timestamp_ms(offer->expires_at) : 0;
    char text[WF_RFC3339_SIZE];

    if (mine && at == 0)
        return true;
    if (!mine)
        at = lapsed_at(op, inc, which, group);
    if (at != 0)
        return wf_refuse_holder(op, WF_FAILED_PRECONDITION, "OFFER_LAPSED", holder,
                                role != NULL ? role->epoch : 0,
                                "the offer of %s of %s to you lapsed at %s: ask for a new one",
                                label, inc->id, wf_rfc3339(at, text));
    if (offer != NULL && !lapsed(op, offer))
        return wf_refuse_holder(op, WF_FAILED_PRECONDITION, "NO_OFFER", holder, role->epoch,
                                "%s of %s is offered to %s, not to you: ask %s", label, inc->id,
                                wf_display_name(op, offer->to), wf_display_name(op, gives));
    if (role != NULL && wf_is(op, holder))
        return wf_refuse_holder(op, WF_FAILED_PRECONDITION, "NO_OFFER", holder, role->epoch,
                                "%s of %s is not offered to you: you hold it", label, inc->id);
    return wf_refuse_holder(op, WF_FAILED_PRECONDITION, "NO_OFFER", holder,
                            role != NULL ? role->epoch : 0,
                            "%s of %s is not offered to you: ask %s to offer it", label, inc->id,
                            wf_display_name(op, gives));
}

void wf_role_accept(struct wf_op *op, const V1(AcceptRoleRequest) * r)
{
    V1(Incident) *inc = load(op, r->incident_id, (int)r->role, r->group);

    if (inc == NULL)
        return;
    V1(RoleAssignment) *role = wf_role_find(inc, (int)r->role, r->group);
    if (!need_role_epoch(op, inc, role, r->role_epoch) ||
        !need_offer(op, inc, role, (int)r->role, r->group) ||
        !wf_need_recipient(op, "role", op->actor->name, (int)r->role))
        return;
    const char *from = role->holder;
    wf_role_give(op, inc, role, op->actor->name);
    wf_role_event(op, inc, role, ACT_ACCEPTED, from, op->actor->name, "");
    wf_incident_store(op, inc);
    ANSWER_ROLE(op, role, V1(AcceptRoleResponse), watchfire__v1__accept_role_response__init);
}

void wf_role_decline(struct wf_op *op, const V1(DeclineRoleRequest) * r)
{
    V1(Incident) *inc = load(op, r->incident_id, (int)r->role, r->group);

    if (inc == NULL || !wf_need_text(op, "reason", r->reason, 0, WF_BODY_MAX))
        return;
    V1(RoleAssignment) *role = wf_role_find(inc, (int)r->role, r->group);
    if (!need_offer(op, inc, role, (int)r->role, r->group))
        return;
    role->offer = NULL;
    wf_role_event(op, inc, role, ACT_DECLINED, "", op->actor->name, r->reason);
    wf_role_tidy(inc);
    wf_incident_store(op, inc);
    ANSWER_ROLE(op, role, V1(DeclineRoleResponse), watchfire__v1__decline_role_response__init);
}

void wf_role_withdraw(struct wf_op *op, const V1(WithdrawOfferRequest) * r)
{
    V1(Incident) *inc = load(op, r->incident_id, (int)r->role, r->group);

    if (inc == NULL)
        return;
    V1(RoleAssignment) *role = wf_role_find(inc, (int)r->role, r->group);
    const V1(RoleOffer) *offer = role != NULL ? role->offer : NULL;
    const char *label = wf_role_label(op->arena, (int)r->role, r->group);
    if (offer == NULL || lapsed(op, offer)) {
        wf_refuse(op, WF_FAILED_PRECONDITION, "NO_OFFER",
                  "%s of %s is offered to nobody: there is no offer to withdraw", label, inc->id);
        return;
    }
    if (!wf_is(op, offer->by) && !wf_is(op, inc->commander) && !is_admin(op)) {
        wf_refuse_holder(op, WF_PERMISSION_DENIED, "NOT_COMMANDER", inc->commander, inc->epoch,
                         "%s offered %s and %s commands %s: only they can withdraw the offer",
                         wf_display_name(op, offer->by), label, wf_display_name(op, inc->commander),
                         inc->id);
        return;
    }
    role->offer = NULL;
    wf_role_event(op, inc, role, ACT_WITHDRAWN, "", offer->to, "");
    wf_role_tidy(inc);
    wf_incident_store(op, inc);
    ANSWER_ROLE(op, role, V1(WithdrawOfferResponse), watchfire__v1__withdraw_offer_response__init);
}

// --- claims -------------------------------------------------------------------------------------

static bool may_claim(struct wf_op *op, const V1(Incident) * inc, const V1(RoleAssignment) * role,
                      const V1(ClaimRoleRequest) * r, const char *label)
{
    bool vacant = role == NULL || role->holder[0] == '\0';

    if (role == NULL && r->group[0] != '\0')
        return wf_refuse(op, WF_NOT_FOUND, "UNKNOWN_GROUP",
                         "%s has no group \"%s\": its commander makes one by offering it", inc->id,
                         r->group);
    if (role == NULL)
        return true;
    if (wf_is(op, role->holder))
        return wf_refuse_holder(op, WF_FAILED_PRECONDITION, "ALREADY_HOLDER", role->holder,
                                role->epoch, "you hold %s of %s already", label, inc->id);
    if (role->claim != NULL)
        return wf_refuse(
            op, WF_ALREADY_EXISTS, "CLAIM_OPEN", "%s claims %s of %s already, valid at %s",
            wf_display_name(op, role->claim->by), label, inc->id, when(op, role->claim->valid_at));
    if (vacant && role->offer != NULL && !lapsed(op, role->offer) && !wf_is(op, role->offer->to))
        return refuse_open_offer(op, label, role->offer);
    return vacant || wf_need_text(op, "reason", r->reason, 1, WF_REASON_MAX);
}

static void wait_for(struct wf_op *op, V1(Incident) * inc, V1(RoleAssignment) * role,
                     const V1(ClaimRoleRequest) * r, uint32_t seconds)
{
    V1(RoleClaim) *claim = WF_NEW(op->arena, V1(RoleClaim), watchfire__v1__role_claim__init);

    claim->by = op->actor->name;
    claim->reason = r->reason;
    claim->valid_at = wf_arena_time(op->arena, op->time + seconds * 1000LL);
    role->claim = claim;
    wf_role_event(op, inc, role, ACT_CLAIMED, role->holder, op->actor->name, r->reason);
}

void wf_role_claim(struct wf_op *op, const V1(ClaimRoleRequest) * r)
{
    uint32_t seconds = r->wait_s != 0 ? r->wait_s : WF_CLAIM_S_DEFAULT;
    V1(Incident) *inc = load(op, r->incident_id, (int)r->role, r->group);

    if (inc == NULL)
        return;
    V1(RoleAssignment) *role = wf_role_find(inc, (int)r->role, r->group);
    const char *label = wf_role_label(op->arena, (int)r->role, r->group);
    if (!wf_need_text(op, "reason", r->reason, 0, WF_REASON_MAX) ||
        !wf_need_range(op, "wait_s", seconds, WF_CLAIM_S_MIN, WF_CLAIM_S_MAX) ||
        !need_role_epoch(op, inc, role, r->role_epoch) || !may_claim(op, inc, role, r, label) ||
        !wf_need_recipient(op, "role", op->actor->name, (int)r->role))
        return;
    if (role == NULL)
        role = wf_role_add(op, inc, (int)r->role, r->group);
    if (role->holder[0] == '\0') {
        wf_role_give(op, inc, role, op->actor->name);
        wf_role_event(op, inc, role, ACT_TAKEN, "", op->actor->name, r->reason);
    } else {
        wait_for(op, inc, role, r, seconds);
    }
    wf_incident_store(op, inc);
    ANSWER_ROLE(op, role, V1(ClaimRoleResponse), watchfire__v1__claim_role_response__init);
}

void wf_role_refuse(struct wf_op *op, const V1(RefuseClaimRequest) * r)
{
    V1(Incident) *inc = load(op, r->incident_id, (int)r->role, r->group);

    if (inc == NULL)
        return;
    V1(RoleAssignment) *role = wf_role_find(inc, (int)r->role, r->group);
    const V1(RoleClaim) *claim = role != NULL ? role->claim : NULL;
    const char *label = wf_role_label(op->arena, (int)r->role, r->group);
    if (claim == NULL) {
        wf_refuse_holder(op, WF_FAILED_PRECONDITION, "NO_CLAIM", role != NULL ? role->holder : "",
                         role != NULL ? role->epoch : 0, "nobody claims %s of %s", label, inc->id);
        return;
    }
    bool commander = r->role != IR_COMMANDER && wf_is(op, inc->commander);
    if (!wf_is(op, role->holder) && !commander && !is_admin(op)) {
        wf_refuse_holder(op, WF_PERMISSION_DENIED, "NOT_HOLDER", role->holder, role->epoch,
                         "%s holds %s of %s: only they can refuse the claim",
                         wf_display_name(op, role->holder), label, inc->id);
        return;
    }
    role->claim = NULL;
    wf_role_event(op, inc, role, ACT_REFUSED, role->holder, claim->by, "");
    wf_incident_store(op, inc);
    ANSWER_ROLE(op, role, V1(RefuseClaimResponse), watchfire__v1__refuse_claim_response__init);
}

// --- release ------------------------------------------------------------------------------------

static bool may_release(struct wf_op *op, const V1(Incident) * inc, const V1(RoleAssignment) * role,
                        const V1(ReleaseRoleRequest) * r, const char *label)
{
    if (r->role == IR_COMMANDER)
        return wf_refuse_holder(op, WF_FAILED_PRECONDITION, "COMMAND_NEVER_VACANT", inc->commander,
                                inc->epoch,
                                "the command of %s is never vacant: offer it to somebody", inc->id);
    if (role == NULL || role->holder[0] == '\0')
        return wf_refuse(op, WF_FAILED_PRECONDITION, "NOT_HELD", "nobody holds %s of %s", label,
                         inc->id);
    if (!wf_need_epoch(op, inc, r->epoch))
        return false;
    if (wf_is(op, role->holder) || wf_is(op, inc->commander) || is_admin(op))
        return true;
    return wf_refuse_holder(op, WF_PERMISSION_DENIED, "NOT_HOLDER", role->holder, role->epoch,
                            "%s holds %s of %s: only they or its commander, %s, can release it",
                            wf_display_name(op, role->holder), label, inc->id,
                            wf_display_name(op, inc->commander));
}

void wf_role_release(struct wf_op *op, const V1(ReleaseRoleRequest) * r)
{
    V1(Incident) *inc = load(op, r->incident_id, (int)r->role, r->group);

    if (inc == NULL)
        return;
    V1(RoleAssignment) *role = wf_role_find(inc, (int)r->role, r->group);
    const char *label = wf_role_label(op->arena, (int)r->role, r->group);
    if (!may_release(op, inc, role, r, label))
        return;
    const V1(RoleOffer) *offer = role->offer;
    const V1(RoleClaim) *claim = role->claim;
    const char *from = role->holder;
    wf_role_give(op, inc, role, "");
    wf_role_event(op, inc, role, ACT_RELEASED, from, "", "");
    if (claim != NULL && wf_may_hold(op, claim->by, (int)r->role)) {
        wf_role_give(op, inc, role, claim->by);
        wf_role_event(op, inc, role, ACT_TAKEN, "", claim->by, claim->reason);
    } else {
        role->offer = (V1(RoleOffer) *)offer; // who was to have it may still take it
    }
    wf_incident_store(op, inc);
    ANSWER_ROLE(op, role, V1(ReleaseRoleResponse), watchfire__v1__release_role_response__init);
}
