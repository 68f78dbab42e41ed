// SPDX-License-Identifier: Apache-2.0
// The api on a real state and a node of one that is told what to do: calls come in as JSON and are
// answered when the test says so.
#ifndef WF_TESTS_API_WORLD_H
#define WF_TESTS_API_WORLD_H

#include <stdbool.h>

#include "api/api.h"
#include "fake_exchange.h"

struct world {
    uv_loop_t *loop;
    char dir[64];
    struct wf_state *state;
    struct wf_metrics *metrics;
    struct wf_schema *schema;
    struct wf_method_table *methods;
    struct wf_rpc_server *rpc;
    struct wf_api *api;
    // The node.
    struct wf_backend backend;
    struct wf_ask *asks, **end;
    unsigned proposed, reads;
    uint64_t applied;    // what the front is told
    bool full;           // refuse asks
    const char *failing; // answer with this reason
    int failing_code;
    bool beginning, leading, fenced;
    bool leaderless;                     // no leader is known, until a read has been answered
    const struct wf_node_status *status; // what is told of the node, by who set it; NULL: nothing
};

// A cluster whose admin is ricardo, whose certificate every call without a token shows.
struct world *world_new(void);
void world_free(struct world *w);

// Answer what was asked, and what that asks again.
void world_turn(struct world *w);

// POST body to "Service/Method" of watchfire.v1, with a token unless NULL; turn; the exchange is to
// be closed with fake_close(ex, WF_OK).
struct wf_exchange *world_call(struct world *w, const char *method, const char *token,
                               const char *body);
// The same, of which only the answer's text matters; valid until the next. *status may be NULL.
const char *world_text(struct world *w, const char *method, const char *token, const char *body,
                       int *status);
// The value of "key":"..." in an answer, copied.
void world_value(const char *text, const char *key, char *out, size_t size);

#endif
