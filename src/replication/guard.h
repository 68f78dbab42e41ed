// SPDX-License-Identifier: Apache-2.0
// libraft 0.15 made safe: our raft_io over a log store and a peer net, with a guard for every known
// fault of the library between the two. docs/libraft.md tells what each guard is for and what
// happens without it; the numbers B and M are that page's.
//
// The node above calls libraft through here alone, so that every entry into the library is followed
// by the same settling: deferred send completions, the own-term barrier, the check for a dead
// library.
//
// Consensus thread only.
#ifndef WF_REPLICATION_GUARD_H
#define WF_REPLICATION_GUARD_H

#include <raft.h>
#include <stdbool.h>
#include <stdint.h>

#include "replication/env.h"
#include "replication/log_store.h"
#include "replication/peer_net.h"
#include "replication/wire.h"

// Each guard that can be taken away is a bit, so that a test can do so: X(name, what it keeps from
// happening). The others (B3, B4, B6, B12, B19, B26) are the way this layer is built.
#define WF_GUARDS(X)                                                                               \
    X(B1, "acknowledging entries that the leader does not have")                                   \
    X(B2, "committing entries of an earlier term by counting")                                     \
    X(B5, "nothing committing while a follower is one round trip behind")                          \
    X(B7, "candidacy while entries or a snapshot are being written")                               \
    X(B8, "a second vote in one term for the target of a transfer")                                \
    X(B11, "an entry re-appended while its cut predecessor is being written")                      \
    X(B13, "a transfer to a follower that is not yet up to date")                                  \
    X(B14, "the best log never learning of the highest term")                                      \
    X(B15, "entries below a compacted prefix")                                                     \
    X(B16, "a full snapshot after one failed send")                                                \
    X(B17, "backing off one entry per heartbeat")                                                  \
    X(B18, "appends without a size limit")                                                         \
    X(B27, "a library that has given up silently")                                                 \
    X(B28, "retrying a failed image at every entry")                                               \
    X(B32, "taking a stale longer log for one that has the snapshot")                              \
    X(B33, "a vanished leader believed in until our own timer runs out")                           \
    X(B35, "a transfer of an earlier term that keeps a new leader from writing")                   \
    X(M1, "the last membership in the log taken for committed after a start")                      \
    X(M2, "rolling back to a membership that was compacted away")                                  \
    X(M3, "an uncommitted membership inside a snapshot")                                           \
    X(M4, "an uncommitted index that outlives a snapshot install")                                 \
    X(M5, "a membership change before this term has committed")                                    \
    X(M6, "a sole voter leading without a term of its own")                                        \
    X(M7, "promoting a server that is behind or silent")                                           \
    X(M8, "an election blocked by a voter that does not know it is one")                           \
    X(M9, "a membership whose majority is not there")                                              \
    X(M10, "shrinking below three voters")                                                         \
    X(M11, "a transfer and a membership change at once")                                           \
    X(M12, "a leader that demotes or removes itself")                                              \
    X(M13, "a candidate that deposes leaders for ever")

enum wf_guard_bit {
#define WF_GUARD_BIT(name, what) WF_GUARD_BIT_##name,
    WF_GUARDS(WF_GUARD_BIT)
#undef WF_GUARD_BIT
        WF_GUARD_COUNT
};
#define WF_GUARD_ALL          ((1u << WF_GUARD_COUNT) - 1)
#define WF_GUARD_OFF(mask, b) ((mask) & ~(1u << WF_GUARD_BIT_##b))

struct wf_guard;

struct wf_guard_options {
    uint64_t id;
    const char *name;
    unsigned election_timeout_ms, heartbeat_timeout_ms;
    uint32_t guards; // WF_GUARD_ALL but in tests
};

// What the node is told; always outside libraft, but for have_image.
struct wf_guard_events {
    void *ctx;
    // After every entry into libraft: role, indexes or membership may have changed.
    void (*on_settled)(void *ctx);
    // The node cannot go on. Called once.
    void (*on_fatal)(void *ctx, const struct wf_err *why);
    // libraft wants the follower to have this snapshot: ship the image first, then send_install.
    void (*on_ship)(void *ctx, uint64_t to, const struct wf_manifest *manifest);
    // Is the image that this manifest names here, whole and verified?
    bool (*have_image)(void *ctx, const struct wf_manifest *manifest);
    // The snapshot of another node is stored in place of our log: take its image into the state,
    // and say so with wf_guard_installed, now or later. Until then libraft applies nothing.
    void (*on_install)(void *ctx, const struct wf_manifest *manifest);
};

// Load the store and start libraft with it. Everything handed in outlives the guard. fsm is
// libraft's (its data is the node's).
int wf_guard_start(struct wf_guard **out, const struct wf_guard_options *opts, struct wf_env *env,
                   struct wf_log_store *store, struct wf_peer_net *net, struct raft_fsm *fsm,
                   const struct wf_guard_events *events, struct wf_err *err);

// Stop libraft and close the store; every callback that is owed fires first. Then done, and the
// guard is gone.
void wf_guard_stop(struct wf_guard *g, void (*done)(void *ctx), void *ctx);

// For raft_access.h. The pointer is good while the guard lives.
struct raft *wf_guard_raft(struct wf_guard *g);
bool wf_guard_on(const struct wf_guard *g, enum wf_guard_bit bit);
uint64_t wf_guard_now_ms(const struct wf_guard *g);
// The newest stored snapshot's manifest; index 0 when there is none.
const struct wf_manifest *wf_guard_manifest(const struct wf_guard *g);

// This node leads and has applied an entry of its own term: its commit index is current (B2, M5).
bool wf_guard_established(const struct wf_guard *g);

// A raft message (WF_MSG_VOTE to WF_MSG_TIMEOUT_NOW) from a peer.
void wf_guard_receive(struct wf_guard *g, uint64_t from, const struct wf_msg *msg);

// libraft's calls, settled afterwards. buf is malloc'd and passes to libraft on success. They
// return libraft's code; the callbacks run inside libraft and may only take notes (B19).
int wf_guard_apply(struct wf_guard *g, struct raft_apply *req, struct raft_buffer *buf,
                   raft_apply_cb cb);
int wf_guard_add(struct wf_guard *g, struct raft_change *req, uint64_t id, const char *address,
                 raft_change_cb cb);
int wf_guard_assign(struct wf_guard *g, struct raft_change *req, uint64_t id, int role,
                    raft_change_cb cb);
int wf_guard_remove(struct wf_guard *g, struct raft_change *req, uint64_t id, raft_change_cb cb);
int wf_guard_transfer(struct wf_guard *g, struct raft_transfer *req, uint64_t id,
                      raft_transfer_cb cb);

// The image has arrived at the peer: let the snapshot message follow.
void wf_guard_send_install(struct wf_guard *g, uint64_t to, const struct wf_manifest *manifest);

// The image that on_install spoke of is the state now: libraft goes on from there. Once for each.
void wf_guard_installed(struct wf_guard *g);

// Take a snapshot at the next applied entry, or no longer; and how many entries to keep behind it.
void wf_guard_snapshot_at_next(struct wf_guard *g, bool wanted);
void wf_guard_set_trailing(struct wf_guard *g, uint64_t entries);

// The leader is believed dead: let this follower's election timer fire at its next tick. Only
// liveness is touched; what the others vote is up to them.
void wf_guard_hasten(struct wf_guard *g);

// Stop at once with this error, as after a failed write.
void wf_guard_fatal(struct wf_guard *g, const struct wf_err *why);

#endif
