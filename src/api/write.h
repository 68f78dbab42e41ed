// SPDX-License-Identifier: Apache-2.0
// Requests that change something: a command through the log, and its result as the answer. Front
// thread.
#ifndef WF_API_WRITE_H
#define WF_API_WRITE_H

#include "api/api.h"
#include "api/rules.h"

// Propose the call's request as a command and answer with its result.
void wf_write(struct wf_api *api, struct wf_call *call, const struct wf_rule *rule,
              const struct wf_principal *who);

// The same with another message in the command's oneof (what the front adds to the request), and a
// say in the answer: finish gets the packed response and ends the call; extra is handed to it and
// freed with free() afterwards.
struct wf_write_extra {
    const ProtobufCMessage *body;
    void (*finish)(struct wf_api *api, struct wf_call *call, struct wf_bytes response, void *extra);
    void *extra;
};
void wf_write_with(struct wf_api *api, struct wf_call *call, const struct wf_rule *rule,
                   const struct wf_principal *who, const struct wf_write_extra *x);

// A command of the node itself. NULL when out of memory or too large.
struct wf_ask *wf_command_by_node(struct wf_api *api, int request_case, const void *request,
                                  void (*done)(struct wf_ask *), void *user);

#endif
