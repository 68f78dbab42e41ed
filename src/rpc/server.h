// SPDX-License-Identifier: Apache-2.0
// Turns HTTP exchanges into calls and back: gRPC over HTTP/2, Connect over HTTP/1.1 and HTTP/2,
// plain JSON for curl; grpc.health.v1 and reflection included. One loop thread per server object;
// the method table may be shared.
#ifndef WF_RPC_SERVER_H
#define WF_RPC_SERVER_H

#include "base/metrics.h"
#include "http/exchange.h"
#include "rpc/call.h"

struct wf_rpc_server;

typedef void (*wf_rpc_handler)(void *ctx, struct wf_call *call);

struct wf_rpc_server *wf_rpc_server_new(uv_loop_t *loop, const struct wf_schema *schema,
                                        const struct wf_method_table *methods,
                                        struct wf_metrics *metrics);
// Requires that every exchange it began is over; the loop must run once more to close the timer.
void wf_rpc_server_free(struct wf_rpc_server *s);

// Who answers the methods of a service ("watchfire.v1.LogService"). Health and reflection are
// there.
void wf_rpc_server_handle(struct wf_rpc_server *s, const char *service, wf_rpc_handler fn,
                          void *ctx);

// Every exchange whose path is "/package.Service/Method" for a served service, and all of gRPC's
// content type; false: not ours, the caller answers it (pages, metrics, 404). Takes the exchange
// over with wf_exchange_set_handler().
bool wf_rpc_server_begin(struct wf_rpc_server *s, struct wf_exchange *ex);

// The node stops: health turns to NOT_SERVING for every service. Calls go on.
void wf_rpc_server_drain(struct wf_rpc_server *s);

// What grpc.health.v1 says of a service ("" is the whole server); watchers are told.
void wf_rpc_server_set_health(struct wf_rpc_server *s, const char *service, bool serving);

#endif
