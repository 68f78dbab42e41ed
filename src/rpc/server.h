// SPDX-License-Identifier: Apache-2.0
// Turns HTTP exchanges into calls and back: gRPC over HTTP/2, Connect over HTTP/1.1 and HTTP/2, plain
// JSON for curl; grpc.health.v1 and reflection included. One loop thread per server object; the method
// table may be shared.
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
void wf_rpc_server_free(struct wf_rpc_server *s);

// Who answers the methods of a service ("watchfire.v1.LogService"). Health and reflection are there.
void wf_rpc_server_handle(struct wf_rpc_server *s, const char *service, wf_rpc_handler fn, void *ctx);

// Every exchange whose path is "/package.Service/Method" for a served service; false: not ours, the
// caller answers it (pages, metrics, 404).
bool wf_rpc_server_begin(struct wf_rpc_server *s, struct wf_exchange *ex);
// The other callbacks of struct wf_http_handler for an exchange that begin took.
extern const struct wf_http_handler wf_rpc_exchange_handler;

// What grpc.health.v1 says of a service ("" is the whole server); watchers are told.
void wf_rpc_server_set_health(struct wf_rpc_server *s, const char *service, bool serving);

#endif
