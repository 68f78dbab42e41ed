// SPDX-License-Identifier: Apache-2.0
// A front thread: a loop with the listener, HTTP, calls and their handlers, and a reader of the
// state. Opened on the main thread, then run on one of its own.
#ifndef WF_DAEMON_FRONT_H
#define WF_DAEMON_FRONT_H

#include "base/metrics.h"
#include "daemon/config.h"
#include "daemon/consensus.h"
#include "rpc/method.h"
#include "tls/tls.h"

struct wf_front;

struct wf_front_options {
    const struct wf_config *config;
    const char *listen; // "host:port"; the others share the port that the first one got
    bool share_port;
    struct wf_consensus *consensus;
    const struct wf_state *state;
    const struct wf_schema *schema;
    const struct wf_method_table *methods;
    int bound; // the listener's (tls/listener.h); 0: none
    struct wf_tls *tls;
    struct wf_metrics *metrics;
    const uint8_t *cluster_id;
    const char *scratch_dir;
    wf_unix_ms (*expires)(void);
    // On the front's thread: what was wanted is done.
    void (*drained)(void *ctx);
    void *ctx;
};

// Bind the port and set everything up. Everything in opts outlives it. A port in use:
// FAILED_PRECONDITION with reason ADDRESS_IN_USE.
int wf_front_open(struct wf_front **out, const struct wf_front_options *opts, struct wf_err *err);
unsigned wf_front_port(const struct wf_front *f);
// The thread's life: until drain and close were wanted and are done.
void wf_front_run(struct wf_front *f);
// After it ran.
void wf_front_free(struct wf_front *f);

// From any thread.
void wf_front_set_tls(struct wf_front *f, struct wf_tls *tls);
// No new connections and streams, calls under way may end, health says NOT_SERVING; then drained.
void wf_front_drain(struct wf_front *f, unsigned grace_ms);
// Close what is left, and let run return. Requires that it is drained, and that the consensus
// thread has answered everything.
void wf_front_close(struct wf_front *f);
// Say at once that the node does not serve.
void wf_front_not_serving(struct wf_front *f);

uint64_t wf_front_beat(struct wf_front *f);

#endif
