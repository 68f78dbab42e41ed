// SPDX-License-Identifier: Apache-2.0
// The services of watchfire.v1 and the plain pages, on one front thread: who may call what, writes
// as commands through the log, reads behind the fence, streams. One per loop; everything on its
// thread.
#ifndef WF_API_API_H
#define WF_API_API_H

#include <uv.h>

#include "api/backend.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "http/exchange.h"
#include "rpc/server.h"
#include "state/state.h"

struct wf_api;

// All of it outlives the api.
struct wf_api_options {
    uv_loop_t *loop;
    const struct wf_backend *backend;
    const struct wf_state *state; // readers are opened on it
    struct wf_metrics *metrics;
    const char *node;         // name
    const char *cluster_name; // as in certificates
    uint8_t cluster_id[16];
    const char *scratch_dir;     // for the files of backups under way
    wf_unix_ms (*expires)(void); // when the node's certificate ends
};

int wf_api_open(struct wf_api **out, const struct wf_api_options *opts, struct wf_err *err);

// Answer the services of watchfire.v1.
void wf_api_serve(struct wf_api *api, struct wf_rpc_server *rpc);

// Answer what is no call: "/", /healthz, /readyz, /metrics, and 404 for the rest.
void wf_api_page(struct wf_api *api, struct wf_exchange *ex);

// The state has moved on: wake the watchers.
void wf_api_applied(struct wf_api *api);

// Somebody watches, so that wf_api_applied() is of use.
bool wf_api_watched(const struct wf_api *api);

// A peer was turned away before it could call anything: for the audit.
void wf_api_refused_peer(struct wf_api *api, const char *address, const char *why);

// End the streams with UNAVAILABLE, and start no new one.
void wf_api_drain(struct wf_api *api);

// Nothing of a call is still at work on the pool.
bool wf_api_idle(const struct wf_api *api);

// Requires that it is idle, no call is left and no ask is under way. done follows; then the api is
// freed.
void wf_api_close(struct wf_api *api, void (*done)(void *ctx), void *ctx);

#endif
