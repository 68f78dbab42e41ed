// SPDX-License-Identifier: Apache-2.0
#include "state/apply.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "proto/validate.h"
#include "state/access.h"
#include "state/audit.h"
#include "state/cluster.h"
#include "state/handoff.h"
#include "state/incident.h"
#include "state/notes.h"
#include "state/refuse.h"
#include "state/requests.h"
#include "state/sitrep.h"
#include "state/status.h"
#include "state/tasks.h"
#include "state/tokens.h"

enum { BY_NODE = -1 };

static void tick(struct wf_op *op, const INTERNAL(TickCommand) * c)
{
    (void)c;
    wf_cluster_tick(op);
}

// Every request: its member of the oneof, its method, the least role, its rule.
// clang-format off
#define REQUESTS(X) \
    X(DECLARE_INCIDENT, declare_incident, "/watchfire.v1.IncidentService/DeclareIncident", ROLE_COMMANDER, wf_incident_declare) \
    X(CHANGE_STATE, change_state, "/watchfire.v1.IncidentService/ChangeState", ROLE_RESPONDER, wf_incident_change_state) \
    X(UPDATE_INCIDENT, update_incident, "/watchfire.v1.IncidentService/UpdateIncident", ROLE_RESPONDER, wf_incident_update) \
    X(OFFER_ROLE, offer_role, "/watchfire.v1.IncidentService/OfferRole", ROLE_RESPONDER, wf_role_offer) \
    X(ACCEPT_ROLE, accept_role, "/watchfire.v1.IncidentService/AcceptRole", ROLE_RESPONDER, wf_role_accept) \
    X(DECLINE_ROLE, decline_role, "/watchfire.v1.IncidentService/DeclineRole", ROLE_RESPONDER, wf_role_decline) \
    X(WITHDRAW_OFFER, withdraw_offer, "/watchfire.v1.IncidentService/WithdrawOffer", ROLE_RESPONDER, wf_role_withdraw) \
    X(CLAIM_ROLE, claim_role, "/watchfire.v1.IncidentService/ClaimRole", ROLE_RESPONDER, wf_role_claim) \
    X(REFUSE_CLAIM, refuse_claim, "/watchfire.v1.IncidentService/RefuseClaim", ROLE_RESPONDER, wf_role_refuse) \
    X(RELEASE_ROLE, release_role, "/watchfire.v1.IncidentService/ReleaseRole", ROLE_RESPONDER, wf_role_release) \
    X(POST_SITREP, post_sitrep, "/watchfire.v1.IncidentService/PostSitrep", ROLE_RESPONDER, wf_sitrep_post) \
    X(AMEND_SITREP, amend_sitrep, "/watchfire.v1.IncidentService/AmendSitrep", ROLE_RESPONDER, wf_sitrep_amend) \
    X(POST_STATUS, post_status, "/watchfire.v1.IncidentService/PostStatus", ROLE_RESPONDER, wf_status_post) \
    X(ADD_NOTE, add_note, "/watchfire.v1.IncidentService/AddNote", ROLE_RESPONDER, wf_note_add) \
    X(ADD_LINK, add_link, "/watchfire.v1.IncidentService/AddLink", ROLE_RESPONDER, wf_link_add) \
    X(SET_VENDOR_TICKET, set_vendor_ticket, "/watchfire.v1.IncidentService/SetVendorTicket", ROLE_RESPONDER, wf_ticket_set) \
    X(SET_IMPACT, set_impact, "/watchfire.v1.IncidentService/SetImpact", ROLE_RESPONDER, wf_impact_set) \
    X(ADD_TASK, add_task, "/watchfire.v1.IncidentService/AddTask", ROLE_RESPONDER, wf_task_add) \
    X(UPDATE_TASK, update_task, "/watchfire.v1.IncidentService/UpdateTask", ROLE_RESPONDER, wf_task_update) \
    X(CORRECT_EVENT, correct_event, "/watchfire.v1.IncidentService/CorrectEvent", ROLE_RESPONDER, wf_event_correct) \
    X(CREATE_TOKEN, create_token, "/watchfire.v1.AccessService/CreateToken", ROLE_VIEWER, wf_token_create) \
    X(REVOKE_TOKEN, revoke_token, "/watchfire.v1.AccessService/RevokeToken", ROLE_VIEWER, wf_token_revoke) \
    X(SET_USER, set_user, "/watchfire.v1.AccessService/SetUser", ROLE_ADMIN, wf_user_set) \
    X(REMOVE_USER, remove_user, "/watchfire.v1.AccessService/RemoveUser", ROLE_ADMIN, wf_user_remove) \
    X(TICK, tick, "node/tick", BY_NODE, tick) \
    X(GENESIS, genesis, "node/genesis", BY_NODE, wf_cluster_genesis) \
    X(REFUSALS, refusals, "node/refusals", BY_NODE, wf_audit_refusals) \
    X(TOKEN_USE, token_use, "node/token_use", BY_NODE, wf_token_used) \
    X(MEMBER, member, "node/member", BY_NODE, wf_cluster_member) \
    X(MIGRATE, migrate, "node/migrate", BY_NODE, wf_cluster_migrate)
// clang-format on

// The rules take their own message type: one trampoline each.
#define TRAMPOLINE(name_, field_, method_, role_, rule_)                                           \
    static void run_##field_(struct wf_op *op)                                                     \
    {                                                                                              \
        rule_(op, op->cmd->field_);                                                                \
    }
REQUESTS(TRAMPOLINE)

struct rule {
    const char *method;
    int role;
    void (*run)(struct wf_op *op);
};

static const struct rule *find_rule(const INTERNAL(Command) * cmd)
{
#define RULE(name_, field_, method_, role_, rule_)                                                 \
    [REQUEST(name_)] = {method_, role_, run_##field_},
    static const struct rule rules[] = {REQUESTS(RULE)};
    unsigned i = (unsigned)cmd->request_case;

    return i < sizeof rules / sizeof rules[0] && rules[i].run != NULL ? &rules[i] : NULL;
}

const char *wf_method_of(const INTERNAL(Command) * cmd)
{
    const struct rule *r = find_rule(cmd);

    return r != NULL ? r->method : "";
}

// What the request is about, for the audit: its incident, else its token or user.
static const char *target_of(const INTERNAL(Command) * cmd)
{
    switch (cmd->request_case) {
    case REQUEST(REVOKE_TOKEN):
        return cmd->revoke_token->id;
    case REQUEST(SET_USER):
        return cmd->set_user->user != NULL ? cmd->set_user->user->name : "";
    case REQUEST(REMOVE_USER):
        return cmd->remove_user->name;
    case REQUEST(CREATE_TOKEN):
        return cmd->create_token->request != NULL ? cmd->create_token->request->owner : "";
    default:
        break;
    }
    const ProtobufCMessage *m = (const ProtobufCMessage *)cmd->add_note; // any member of the oneof
    const ProtobufCFieldDescriptor *f =
        protobuf_c_message_descriptor_get_field_by_name(m->descriptor, "incident_id");
    return f != NULL ? *(char *const *)((const char *)m + f->offset) : "";
}

static bool may_ask(struct wf_op *op, const struct rule *rule)
{
    bool node = op->actor->kind == KIND_NODE;

    if (rule->role == BY_NODE)
        return node || wf_refuse(op, WF_PERMISSION_DENIED, "NODES_ONLY", "only nodes do this");
    if (op->actor->kind == KIND_NONE || op->actor->name[0] == '\0')
        return wf_refuse(op, WF_UNAUTHENTICATED, "NO_ACTOR", "the command names no caller");
    return wf_need_role(op, rule->role);
}

static void run(struct wf_op *op, const struct rule *rule)
{
    uint64_t seq = op->s->meta.last_seq;

    if (may_ask(op, rule))
        rule->run(op);
    WF_ASSERT(op->result.code == WF_OK || op->s->meta.last_seq == seq || op->s->db.broken);
    if (op->result.code != WF_OK)
        wf_audit_refused(op, target_of(op->cmd));
}

// --- results ------------------------------------------------------------------------------------

static int no_memory(struct wf_err *err)
{
    return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory for the results of a batch");
}

static int put_result(struct wf_op *op, struct wf_err *err)
{
    struct wf_state *s = op->s;
    size_t len;

    if (op->response != NULL && op->result.code == WF_OK) {
        len = protobuf_c_message_get_packed_size(op->response);
        op->result.response.data = wf_arena_alloc(op->arena, len);
        op->result.response.len = len;
        protobuf_c_message_pack(op->response, op->result.response.data);
    }
    len = protobuf_c_message_get_packed_size(&op->result.base);
    uint8_t *at = wf_buf_reserve(&s->results, len);
    if (at == NULL)
        return no_memory(err);
    protobuf_c_message_pack(&op->result.base, at);
    wf_buf_commit(&s->results, len);
    return WF_OK;
}

static int put_known(struct wf_state *s, struct wf_state_bytes known, struct wf_err *err)
{
    return wf_buf_append(&s->results, known.data, known.len) == WF_OK ? WF_OK : no_memory(err);
}

// --- the command --------------------------------------------------------------------------------

// A request of a newer program is an unknown field of Command.
static bool from_newer(const INTERNAL(Command) * cmd)
{
    return cmd->request_case == WATCHFIRE__INTERNAL__V1__COMMAND__REQUEST__NOT_SET &&
           cmd->base.n_unknown_fields > 0;
}

static void begin(struct wf_op *op, struct wf_state *s, wf_unix_ms time)
{
    static const INTERNAL(Command) nothing = WATCHFIRE__INTERNAL__V1__COMMAND__INIT;
    static const V1(Actor) nobody = WATCHFIRE__V1__ACTOR__INIT;

    memset(op, 0, sizeof *op);
    op->s = s;
    op->arena = &s->arena;
    op->time = time;
    op->cmd = &nothing;
    op->actor = &nobody;
    op->display = "";
    watchfire__internal__v1__result__init(&op->result);
    watchfire__v1__error_detail__init(&op->detail);
    wf_arena_reset(op->arena);
}

static void refuse_malformed(struct wf_op *op, const struct wf_err *why)
{
    char path[160];
    const char *dot = strchr(wf_proto_err_field(why, path, sizeof path), '.');

    // The path begins with the member of the oneof, which a client knows nothing of.
    wf_refuse_field(op, why->reason, dot != NULL ? dot + 1 : path, 0, "%s",
                    dot != NULL ? why->msg + (dot + 1 - path) : why->msg);
}

static bool callers_fit(struct wf_op *op)
{
    return wf_need_line(op, "actor.name", op->actor->name, 0, WF_USER_NAME_MAX) &&
           wf_need_line(op, "display_name", op->cmd->display_name, 0, WF_NAME_MAX);
}

static int unpack(struct wf_op *op, struct wf_state_bytes command, struct wf_err *err)
{
    const ProtobufCMessageDescriptor *d = &watchfire__internal__v1__command__descriptor;
    struct wf_err why;

    if (wf_proto_check(d, command.data, command.len, WF_COMMAND_MAX, &why) != WF_OK) {
        refuse_malformed(op, &why);
        return WF_OK;
    }
    op->cmd = (INTERNAL(Command) *)protobuf_c_message_unpack(d, &op->arena->allocator, command.len,
                                                             command.data);
    WF_ASSERT(op->cmd != NULL); // it was checked, and the arena does not fail
    if (from_newer(op->cmd))
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "COMMAND_NEWER",
                              "the log has a command this program does not know: install a newer "
                              "watchfired");
    if (op->cmd->actor != NULL)
        op->actor = op->cmd->actor;
    op->display = op->cmd->display_name[0] != '\0' ? op->cmd->display_name : op->actor->name;
    return WF_OK;
}

int wf_apply_command(struct wf_state *s, wf_unix_ms time, struct wf_state_bytes command,
                     struct wf_err *err)
{
    struct wf_op op;
    struct wf_state_bytes known = {NULL, 0};

    begin(&op, s, time);
    int rc = unpack(&op, command, err);
    if (rc != WF_OK)
        return rc;
    const struct rule *rule = find_rule(op.cmd);
    if (op.result.code != WF_OK || !callers_fit(&op))
        return put_result(&op, err);
    if (rule == NULL) {
        wf_refuse(&op, WF_INVALID_ARGUMENT, "REQUIRED", "the command asks for nothing");
        return put_result(&op, err);
    }
    if (wf_requests_recall(&op, &known))
        return known.data != NULL ? put_known(s, known, err) : put_result(&op, err);
    run(&op, rule);
    size_t at = s->results.len;
    rc = put_result(&op, err);
    if (rc == WF_OK)
        wf_requests_remember(&op, s->results.data + at, s->results.len - at);
    return rc;
}
