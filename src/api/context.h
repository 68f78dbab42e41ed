// SPDX-License-Identifier: Apache-2.0
// What the files of api/ share: one front thread's context. Not for others.
#ifndef WF_API_CONTEXT_H
#define WF_API_CONTEXT_H

#include "api/api.h"
#include "base/buf.h"
#include "rpc/call.h"
#include "watchfire/v1/access.pb-c.h"

struct wf_api {
    struct wf_api_options o;
    struct wf_state_reader *reader;
    struct wf_identities *identities; // authorize.c
    struct wf_refusals *refusals;     // refusals.c
    struct wf_reads *reads;           // read.c
    struct wf_watches *watches;       // watch.c
    struct wf_buf scratch;            // for one packed message at a time
    bool draining;
    bool verifying;  // one check of the chain at a time
    bool backing_up; // and one backup: each holds a thread of the pool that images need too
    unsigned jobs;   // that use the pool: checks and backups
    unsigned looks;  // at unknown callers again, in this second

    // Request ids for callers that name none: the process's own random prefix and a number.
    char id_prefix[40];
    uint64_t id_next;

    uv_timer_t second;   // fires every second
    uv_prepare_t before; // the two ends of a turn: what was collected
    uv_check_t after;    // goes out together
    int handles;         // open
    void (*closed)(void *ctx);
    void *closed_ctx;

    struct {
        struct wf_metric *refused;      // calls refused for who asks
        struct wf_metric *reads_shared; // reads that shared another's round
        struct wf_metric *slow;         // watches ended as too slow
        struct wf_metric *subscribers;  // watches now
        struct wf_metric *queue_full;
    } m;
};

// End a call with an error, its reason as ErrorDetail, and the leader's address where that helps.
void wf_api_fail(struct wf_api *api, struct wf_call *call, const struct wf_err *err);

// Ask the backend; when it is full or there is no memory (ask NULL) the call is failed, the ask
// freed, and the result is not WF_OK.
int wf_api_ask(struct wf_api *api, struct wf_call *call, struct wf_ask *ask);

// Whether the state here is known to be wrong, so that not even a stale answer is given from it;
// err then says so.
bool wf_api_fenced(const struct wf_api *api, struct wf_err *err);

// The number of the newest event that the reader sees; 0 when there is none.
int wf_api_newest_seq(struct wf_api *api, uint64_t *out, struct wf_err *err);

// The loop's idea of now, monotonic.
wf_mono_ns wf_api_now(const struct wf_api *api);

#endif
