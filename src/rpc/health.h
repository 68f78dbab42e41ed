// SPDX-License-Identifier: Apache-2.0
// grpc.health.v1: what the server says of itself and its services, and who watches it. Loop thread.
#ifndef WF_RPC_HEALTH_H
#define WF_RPC_HEALTH_H

#include <stdbool.h>

#include "rpc/call.h"

struct wf_health;

struct wf_health *wf_health_new(void);
// Requires that no watcher is left.
void wf_health_free(struct wf_health *h);

// The handler of grpc.health.v1.Health; ctx is the struct wf_health.
void wf_health_call(void *ctx, struct wf_call *call);

// Set what is said of a service ("" is the whole server, serving from the start); watchers are
// told. At most WF_HEALTH_SERVICES_MAX names; more are ignored.
void wf_health_set(struct wf_health *h, const char *service, bool serving);

// Nothing serves any more, whatever is set afterwards.
void wf_health_drain(struct wf_health *h);

#endif
