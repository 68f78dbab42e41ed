// SPDX-License-Identifier: Apache-2.0
// Every method with the least role it needs and the way it is answered: the one table that says who
// may do what. Immutable; any thread.
#ifndef WF_API_RULES_H
#define WF_API_RULES_H

#include "rpc/call.h"
#include "state/state.h"

struct wf_api;

enum wf_rule_kind {
    WF_RULE_WRITE,  // becomes a command
    WF_RULE_READ,   // behind the fence, unless stale is asked for
    WF_RULE_LOCAL,  // a query on what is here
    WF_RULE_HANDLER // answered by its own function
};

struct wf_rule {
    const char *path;
    int role; // watchfire.v1.Role; UNSPECIFIED: anybody who can be told
    enum wf_rule_kind kind;
    int command_case; // of Command.request, for a write
    bool settle;      // a write that is answered only when this node has applied it too
    // What the role does not say: whether this caller may ask this. NULL: nothing more.
    int (*allow)(const struct wf_principal *who, const ProtobufCMessage *request,
                 struct wf_err *err);
    // For WF_RULE_HANDLER. who is valid during the call.
    void (*handle)(struct wf_api *api, struct wf_call *call, const struct wf_principal *who);
};

// NULL for a path that has none.
const struct wf_rule *wf_rule_find(const char *path);
const struct wf_rule *wf_rule_at(size_t i); // NULL past the end

// May a caller of role do what least demands? INGEST may do nothing of this.
bool wf_role_suffices(int role, int least);

// The handlers. incident.c
void wf_check_draft(struct wf_api *api, struct wf_call *call, const struct wf_principal *who);
// log.c
void wf_watch_events(struct wf_api *api, struct wf_call *call, const struct wf_principal *who);
void wf_verify_log(struct wf_api *api, struct wf_call *call, const struct wf_principal *who);
void wf_export_log(struct wf_api *api, struct wf_call *call, const struct wf_principal *who);
// cluster.c
void wf_get_status(struct wf_api *api, struct wf_call *call, const struct wf_principal *who);
void wf_add_member(struct wf_api *api, struct wf_call *call, const struct wf_principal *who);
void wf_assign_member(struct wf_api *api, struct wf_call *call, const struct wf_principal *who);
void wf_remove_member(struct wf_api *api, struct wf_call *call, const struct wf_principal *who);
void wf_transfer(struct wf_api *api, struct wf_call *call, const struct wf_principal *who);
void wf_take_snapshot(struct wf_api *api, struct wf_call *call, const struct wf_principal *who);
// backup.c
void wf_backup(struct wf_api *api, struct wf_call *call, const struct wf_principal *who);
// access.c
void wf_who_am_i(struct wf_api *api, struct wf_call *call, const struct wf_principal *who);
void wf_create_token(struct wf_api *api, struct wf_call *call, const struct wf_principal *who);
int wf_allow_list_tokens(const struct wf_principal *who, const ProtobufCMessage *request,
                         struct wf_err *err);
int wf_allow_create_token(const struct wf_principal *who, const ProtobufCMessage *request,
                          struct wf_err *err);

#endif
