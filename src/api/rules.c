// SPDX-License-Identifier: Apache-2.0
#include "api/rules.h"

#include <stdlib.h>
#include <string.h>

#include "watchfire/internal/v1/command.pb-c.h"

// clang-format off
// To declare needs COMMANDER; the rest needs RESPONDER, and the state machine looks at who holds which
// role of the incident.
#define RULES(X) \
    /* service, method, least role, kind, what it becomes or who answers it, further rule */ \
    X(Incident, DeclareIncident,  COMMANDER, WRITE, DECLARE_INCIDENT, NULL) \
    X(Incident, ChangeState,      RESPONDER, WRITE, CHANGE_STATE, NULL) \
    X(Incident, UpdateIncident,   RESPONDER, WRITE, UPDATE_INCIDENT, NULL) \
    X(Incident, OfferRole,        RESPONDER, WRITE, OFFER_ROLE, NULL) \
    X(Incident, AcceptRole,       RESPONDER, WRITE, ACCEPT_ROLE, NULL) \
    X(Incident, DeclineRole,      RESPONDER, WRITE, DECLINE_ROLE, NULL) \
    X(Incident, WithdrawOffer,    RESPONDER, WRITE, WITHDRAW_OFFER, NULL) \
    X(Incident, ClaimRole,        RESPONDER, WRITE, CLAIM_ROLE, NULL) \
    X(Incident, RefuseClaim,      RESPONDER, WRITE, REFUSE_CLAIM, NULL) \
    X(Incident, ReleaseRole,      RESPONDER, WRITE, RELEASE_ROLE, NULL) \
    X(Incident, PostSitrep,       RESPONDER, WRITE, POST_SITREP, NULL) \
    X(Incident, AmendSitrep,      RESPONDER, WRITE, AMEND_SITREP, NULL) \
    X(Incident, PostStatus,       RESPONDER, WRITE, POST_STATUS, NULL) \
    X(Incident, CheckDraft,       VIEWER,    HANDLER, wf_check_draft, NULL) \
    X(Incident, AddNote,          RESPONDER, WRITE, ADD_NOTE, NULL) \
    X(Incident, AddLink,          RESPONDER, WRITE, ADD_LINK, NULL) \
    X(Incident, SetVendorTicket,  RESPONDER, WRITE, SET_VENDOR_TICKET, NULL) \
    X(Incident, SetImpact,        RESPONDER, WRITE, SET_IMPACT, NULL) \
    X(Incident, AddTask,          RESPONDER, WRITE, ADD_TASK, NULL) \
    X(Incident, UpdateTask,       RESPONDER, WRITE, UPDATE_TASK, NULL) \
    X(Incident, CorrectEvent,     RESPONDER, WRITE, CORRECT_EVENT, NULL) \
    X(Incident, GetIncident,      VIEWER,    READ, 0, NULL) \
    X(Incident, ListIncidents,    VIEWER,    READ, 0, NULL) \
    X(Incident, GetBrief,         VIEWER,    READ, 0, NULL) \
    X(Incident, ListSitreps,      VIEWER,    READ, 0, NULL) \
    X(Incident, ListStatusPosts,  VIEWER,    READ, 0, NULL) \
    X(Log, ListEvents,            VIEWER,    READ, 0, NULL) \
    X(Log, WatchEvents,           VIEWER,    HANDLER, wf_watch_events, NULL) \
    X(Log, Search,                VIEWER,    LOCAL, 0, NULL) \
    X(Log, VerifyLog,             VIEWER,    HANDLER, wf_verify_log, NULL) \
    X(Log, ExportLog,             VIEWER,    HANDLER, wf_export_log, NULL) \
    X(Cluster, GetStatus,         VIEWER,    HANDLER, wf_get_status, NULL) \
    X(Cluster, AddMember,         ADMIN,     HANDLER, wf_add_member, NULL) \
    X(Cluster, AssignMember,      ADMIN,     HANDLER, wf_assign_member, NULL) \
    X(Cluster, RemoveMember,      ADMIN,     HANDLER, wf_remove_member, NULL) \
    X(Cluster, TransferLeadership, ADMIN,    HANDLER, wf_transfer, NULL) \
    X(Cluster, TakeSnapshot,      ADMIN,     HANDLER, wf_take_snapshot, NULL) \
    X(Cluster, Backup,            ADMIN,     HANDLER, wf_backup, NULL) \
    X(Access, WhoAmI,             UNSPECIFIED, HANDLER, wf_who_am_i, NULL) \
    X(Access, CreateToken,        VIEWER,    HANDLER, wf_create_token, wf_allow_create_token) \
    X(Access, ListTokens,         VIEWER,    READ, 0, wf_allow_list_tokens) \
    X(Access, RevokeToken,        VIEWER,    WRITE, REVOKE_TOKEN, NULL) \
    X(Access, SetUser,            ADMIN,     WRITE, SET_USER, NULL) \
    X(Access, ListUsers,          ADMIN,     READ, 0, NULL) \
    X(Access, RemoveUser,         ADMIN,     WRITE, REMOVE_USER, NULL) \
    X(Access, ListAudit,          ADMIN,     READ, 0, NULL)

#define COMMAND(name) WATCHFIRE__INTERNAL__V1__COMMAND__REQUEST_##name
#define WRITE_(what) .command_case = COMMAND(what)
#define READ_(what) .command_case = what
#define LOCAL_(what) .command_case = what
#define HANDLER_(what) .handle = what
// A change of access counts at once where it was made.
#define SETTLE_Incident false
#define SETTLE_Log false
#define SETTLE_Cluster false
#define SETTLE_Access true
#define ROW(service, method, least, how, what, further) \
    {.path = "/watchfire.v1." #service "Service/" #method, \
     .role = WATCHFIRE__V1__ROLE__ROLE_##least, .kind = WF_RULE_##how, how##_(what), \
     .allow = further, .settle = SETTLE_##service},
// clang-format on

static const struct wf_rule rules[] = {RULES(ROW)};
enum { N_RULES = sizeof rules / sizeof *rules };

const struct wf_rule *wf_rule_at(size_t i)
{
    return i < N_RULES ? &rules[i] : NULL;
}

const struct wf_rule *wf_rule_find(const char *path)
{
    // Calls come in runs of one method: the last one found is most often the one asked for.
    static _Thread_local size_t last;
    if (strcmp(rules[last].path, path) == 0)
        return &rules[last];
    for (size_t i = 0; i < N_RULES; i++)
        if (strcmp(rules[i].path, path) == 0)
            return &rules[last = i];
    return NULL;
}

bool wf_role_suffices(int role, int least)
{
    if (least == WATCHFIRE__V1__ROLE__ROLE_UNSPECIFIED)
        return true;
    return role != WATCHFIRE__V1__ROLE__ROLE_INGEST && role >= least;
}
