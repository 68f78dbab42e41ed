// SPDX-License-Identifier: Apache-2.0
// The consensus thread: a loop with the node, the state's writer and the links to the other nodes.
// Opened and started on the main thread, then run on one of its own; everything else comes to it by
// post.
#ifndef WF_DAEMON_CONSENSUS_H
#define WF_DAEMON_CONSENSUS_H

#include "base/metrics.h"
#include "daemon/config.h"
#include "daemon/post.h"
#include "replication/log_store.h"
#include "state/state.h"
#include "tls/conn.h"

struct wf_consensus;

struct wf_consensus_options {
    const struct wf_config *config;
    struct wf_state *state;
    struct wf_tls *tls;
    struct wf_metrics *metrics;
    const char *log_dir;   // where the log store is
    const char *image_dir; // state images
    const char *state_dir;
    // On the consensus thread. fatal: the node cannot go on. stepped_down, stopped: what was wanted
    // is done.
    void (*fatal)(void *ctx, const struct wf_err *why);
    void (*stepped_down)(void *ctx);
    void (*stopped)(void *ctx);
    void *ctx;
};

// Open the loop and the log store. Everything in opts outlives it.
int wf_consensus_open(struct wf_consensus **out, const struct wf_consensus_options *opts,
                      struct wf_err *err);
const struct wf_node_identity *wf_consensus_identity(const struct wf_consensus *c);
struct wf_board *wf_consensus_board(struct wf_consensus *c);
struct wf_mailbox *wf_consensus_inbox(struct wf_consensus *c);
// Before it runs.
void wf_consensus_add_post(struct wf_consensus *c, struct wf_post *post);
// Start the node.
int wf_consensus_start(struct wf_consensus *c, struct wf_err *err);
// The thread's life: until stop and close were wanted and are done.
void wf_consensus_run(struct wf_consensus *c);
// After it ran, or when it never was started.
void wf_consensus_free(struct wf_consensus *c);

// From any thread. A link that arrived; its parcel changes hands.
void wf_consensus_deliver(struct wf_consensus *c, struct wf_conn_parcel *parcel);
void wf_consensus_set_tls(struct wf_consensus *c, struct wf_tls *tls);
// The node is asked to stop: it hands leadership over, then stepped_down.
void wf_consensus_step_down(struct wf_consensus *c);
// Answer everything that is under way, then stopped.
void wf_consensus_stop(struct wf_consensus *c);
// Close what is left, and let run return.
void wf_consensus_close(struct wf_consensus *c);

// Ticks as long as the loop turns, for the watchdog.
uint64_t wf_consensus_beat(struct wf_consensus *c);

#endif
