// SPDX-License-Identifier: Apache-2.0
// One node of the cluster: libraft guarded, the log of batches, linearizable reads, membership,
// state images and forwarding to the leader. The same object runs in the daemon and in the
// simulator; clock, randomness, disk and network are handed in (struct wf_env).
//
// Consensus thread only. Callbacks fire from the loop, never inside the call that asked.
#ifndef WF_REPLICATION_NODE_H
#define WF_REPLICATION_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/metrics.h"
#include "base/result.h"
#include "replication/fsm.h"

struct wf_node;
struct wf_log_store; // replication/log_store.h
struct wf_peer_net;  // replication/peer_net.h
struct wf_env; // replication/env.h: monotonic and civil time, random numbers, work off the loop

enum wf_role { WF_STANDBY = 0, WF_VOTER = 1, WF_SPARE = 2 }; // libraft's numbers
enum wf_raft_state { WF_STATE_UNAVAILABLE, WF_STATE_FOLLOWER, WF_STATE_CANDIDATE, WF_STATE_LEADER };

// A member as the replicated raft configuration has it. The configuration's address string carries
// name, region and address together, so that membership has one truth.
struct wf_member {
    uint64_t id;                     // never used twice; a new machine or a lost disk is a new id
    char name[WF_NODE_NAME_MAX + 1]; // as in its certificate
    char region[WF_NODE_NAME_MAX + 1];
    char address[WF_ADDRESS_MAX + 1]; // host:port
    enum wf_role role;
};

struct wf_member_status {
    struct wf_member member;
    bool is_leader;
    bool connected;       // our link to it is up
    int64_t heard_ms_ago; // -1: never, as seen by this node
    uint64_t match_index; // leader only: what it is known to have stored
    uint64_t applied;     // as it last told us
    int64_t lag_bytes;    // leader only
    int image_percent;    // leader only: of a state image on its way to it; -1: there is none
    bool disk_low;        // short of disk, as it last told us
};

struct wf_node_status {
    struct wf_member self;
    enum wf_raft_state state;
    uint64_t term, commit, applied, last_index, first_index, image_index;
    uint64_t leader_id; // 0: none known
    bool change_pending;
    bool disk_low; // nothing new is taken in (DISK_LOW); a follower's guess by what it heard
    bool serving;  // false: fenced (unreadable log, digest that differs), with fence_reason
    char fence_reason[200];
    uint8_t digest[WF_HASH_SIZE];
    unsigned proposals_waiting, entries_in_flight, reads_waiting;
    int64_t catch_up_percent; // -1: not catching up
    unsigned n;
    struct wf_member_status members[WF_MEMBERS_MAX];
};

struct wf_node_options {
    uint64_t id;
    char name[WF_NODE_NAME_MAX + 1];
    uint8_t cluster_id[16];
    unsigned election_timeout_ms;  // base value; 0: default
    unsigned heartbeat_timeout_ms; // 0: default
    const char *image_dir;         // a directory of its own for state images
    uint64_t image_every_bytes;    // of log that make a new image; 0: WF_IMAGE_EVERY_BYTES
    uint64_t log_trailing_bytes;   // kept behind an image; 0: WF_LOG_TRAILING_BYTES
    uint32_t guards;               // 0: all of them; tests take some away (guard.h)
    bool stock;                    // tests: no guard at all
    struct wf_metrics *metrics;    // may be NULL
};

// Called when leadership, membership, applied index or fencing changed.
struct wf_node_events {
    void *ctx;
    void (*on_applied)(void *ctx, uint64_t index);
    void (*on_change)(void *ctx);
    // The node cannot go on (disk error, state that differs, removed from the cluster). The daemon
    // logs why and ends the process; code says which exit code (DATA_LOSS, RESOURCE_EXHAUSTED,
    // FAILED_PRECONDITION with reason REMOVED, ...). It may come from inside libraft: call nothing
    // of the node from here.
    void (*on_fatal)(void *ctx, const struct wf_err *why);
};

// Create and start. The store must be open and hold this node's identity. Everything handed in
// outlives the node. On failure *out is untouched.
int wf_node_start(struct wf_node **out, const struct wf_node_options *opts, struct wf_env *env,
                  struct wf_log_store *store, struct wf_peer_net *net, const struct wf_fsm *fsm,
                  const struct wf_node_events *events, struct wf_err *err);

// Stop: everything pending is answered with WF_UNAVAILABLE, then done(ctx); then the node is freed.
void wf_node_stop(struct wf_node *node, void (*done)(void *ctx), void *ctx);

// The outcome of a proposal. err is NULL when it was committed and applied: index is its entry's
// and result the state machine's answer (valid during the call). Otherwise err->reason tells
//   QUEUE_FULL      nothing happened; try later (RESOURCE_EXHAUSTED)
//   NO_LEADER       nothing happened; no leader known (UNAVAILABLE)
//   UNKNOWN_OUTCOME leadership, a link or the answer was lost on the way: it may or may not have
//                   been committed (UNAVAILABLE); retrying is safe only with a request id in the
//                   command
//   TOO_LONG        nothing happened (INVALID_ARGUMENT)
//   FENCED          nothing happened: the leader's own state is in doubt (UNAVAILABLE)
//   DISK_LOW        nothing happened: no majority of the voters has room on its disk, or the leader
//                   has none and nobody better can lead (RESOURCE_EXHAUSTED)
//   STOPPING        nothing happened: this node is going down (UNAVAILABLE)
typedef void (*wf_propose_cb)(void *ctx, const struct wf_err *err, uint64_t index,
                              struct wf_bytes result);

// All that is asked of a node, from here on, is answered through its cb, once and from the loop.
// Each call returns WF_OK, or WF_RESOURCE_EXHAUSTED when there was no memory to note the question
// in: then nothing happened and no cb comes.

// Propose a command (copied; at most WF_COMMAND_MAX). On a follower it is forwarded to the leader.
int wf_node_propose(struct wf_node *node, struct wf_bytes command, wf_propose_cb cb, void *ctx);
// The same, for the few words of the cluster itself: never DISK_LOW while this node leads.
int wf_node_propose_own(struct wf_node *node, struct wf_bytes command, wf_propose_cb cb, void *ctx);

// Whether this node is short of disk (WF_DISK_LOW). The others are told; one that leads hands over
// to a voter that is not, and refuses proposals with DISK_LOW where that does not help.
void wf_node_set_disk_low(struct wf_node *node, bool low);

// A linearizable read: cb gets an index such that the local state has applied it and every write
// acknowledged anywhere before this call is at or below it. All reads of a turn share one round.
// Otherwise err->reason is QUEUE_FULL (RESOURCE_EXHAUSTED), NO_LEADER, BEHIND (this node does not
// catch up), FENCED or STOPPING (all UNAVAILABLE).
typedef void (*wf_read_cb)(void *ctx, const struct wf_err *err, uint64_t index);
int wf_node_read(struct wf_node *node, wf_read_cb cb, void *ctx);

// Milliseconds since this node last knew that its state was current (it was in touch with a leader
// and had applied what the leader had committed); -1: never. The age of a stale read.
int64_t wf_node_age_ms(const struct wf_node *node);

void wf_node_status(const struct wf_node *node, struct wf_node_status *out);
// "leader", "follower", "candidate", "starting"; "fenced" whatever raft says, when it does not
// serve.
const char *wf_node_state_name(const struct wf_node_status *status);

// Membership and leadership, on the leader; elsewhere WF_FAILED_PRECONDITION with reason
// NOT_LEADER. One change at a time (CHANGE_PENDING). Each refusal says which rule stands against
// it (docs/libraft.md): TRANSFER_PENDING, NOT_ESTABLISHED, TOO_FEW_VOTERS, NO_MAJORITY,
// NOT_ANSWERING, NOT_CAUGHT_UP, IS_LEADER, NO_TARGET, NOT_A_VOTER, TRANSFER_FAILED, IMAGE_PENDING;
// and UNKNOWN_OUTCOME, after which one looks before repeating.
typedef void (*wf_change_cb)(void *ctx, const struct wf_err *err);
// As SPARE; the leader chooses the id. *id is set at once when the call is accepted.
int wf_node_add(struct wf_node *node, const char *name, const char *region, const char *address,
                wf_change_cb cb, void *ctx);
int wf_node_assign(struct wf_node *node, const char *name, enum wf_role role, wf_change_cb cb,
                   void *ctx);
int wf_node_remove(struct wf_node *node, const char *name, wf_change_cb cb, void *ctx);
// To the named voter, or the best one if name is "".
int wf_node_transfer(struct wf_node *node, const char *name, wf_change_cb cb, void *ctx);
// Make a state image now. cb comes when it is stored, or soon with an error: a follower of an idle
// cluster begins none (NOTHING_NEW).
int wf_node_image(struct wf_node *node, wf_change_cb cb, void *ctx);

// Somebody else (gossip) believes that this peer is down. When it is our leader, our election timer
// fires when it is our turn, at once for the first of the voters that are left; whether that makes
// a new leader is for the votes.
void wf_node_suspect(struct wf_node *node, uint64_t id);

// Accept a link that arrived for us: peer is the node name of its certificate. The node takes it
// over or closes it.
struct wf_link;
void wf_node_accept(struct wf_node *node, struct wf_link *link, const char *peer);

#endif
