// SPDX-License-Identifier: Apache-2.0
// grpc.reflection.v1 and v1alpha: a client asks what there is and gets the descriptors. Loop
// thread.
#ifndef WF_RPC_REFLECTION_H
#define WF_RPC_REFLECTION_H

#include <stdbool.h>

#include "rpc/call.h"
#include "rpc/schema.h"

struct wf_rpc_server;

// What the handler needs to know; the owner embeds it. serves tells whether a service is listed.
struct wf_reflection {
    const struct wf_schema *schema;
    bool (*serves)(const struct wf_rpc_server *s, const char *service);
    const struct wf_rpc_server *server;
};

// The handler of both services; ctx is the struct wf_reflection.
void wf_reflection_call(void *ctx, struct wf_call *call);

#endif
