// SPDX-License-Identifier: Apache-2.0
// What guard*.c share. Nobody else includes it.
#ifndef WF_REPLICATION_GUARD_INTERNAL_H
#define WF_REPLICATION_GUARD_INTERNAL_H

#include "replication/guard.h"
#include "replication/raft_access.h"

#define ON(g, b) wf_guard_on((g), WF_GUARD_BIT_##b)

// Something that libraft waits for: a disk operation at the store, or a completion that must not
// run inside the call that asked for it.
enum guard_op_kind { GUARD_APPEND, GUARD_TRUNCATE, GUARD_SNAPSHOT, GUARD_SEND, GUARD_SNAPSHOT_GET };

struct guard_op {
    struct wf_guard *guard;
    struct guard_op *prev, *next; // in the guard's list
    enum guard_op_kind kind;
    int status; // GUARD_SEND: what libraft is told
    bool install;
    struct wf_manifest manifest; // GUARD_SNAPSHOT: ours until it is the guard's
    union {
        struct {
            struct raft_io_append *req;
            raft_io_append_cb cb;
        } append;
        struct {
            struct raft_io_snapshot_put *req;
            raft_io_snapshot_put_cb cb;
            struct raft_buffer *bufs; // the snapshot's
        } put;
        struct {
            struct raft_io_send *req;
            raft_io_send_cb cb;
        } send;
        struct {
            struct raft_io_snapshot_get *req;
            raft_io_snapshot_get_cb cb;
        } get;
    };
};

struct guard_list {
    struct guard_op *head, *tail;
};

struct wf_guard {
    struct raft raft;
    struct raft_io io;
    struct wf_env *env;
    struct wf_log_store *store;
    struct wf_peer_net *net;
    struct wf_guard_events events;
    uint64_t id;
    uint32_t guards;

    raft_io_tick_cb tick;
    raft_io_recv_cb recv;
    struct wf_timer timer;
    unsigned depth;     // calls into libraft on the stack
    bool started, dead; // dead: on_fatal was called
    bool stopping;

    // --- disk
    struct guard_list disk;     // asked of the store, in order
    struct guard_list deferred; // completed when libraft is off the stack
    uint64_t term;              // as stored
    uint64_t next_index;        // of the next append: libraft does not say
    unsigned appends_pending;
    unsigned cut_wait; // B11: writes that were pending at the last truncation
    unsigned works_pending;
    bool installing;
    struct guard_op
        *stored; // an install whose manifest is stored and whose image is being taken in
    struct wf_manifest manifest; // our copy of what is stored

    // --- follower
    uint64_t match_term, match; // B1: up to where we are known to hold what match_term's leader has

    // --- leader
    struct raft_barrier barrier;
    uint64_t barrier_term;  // of the barrier we submitted; 0: none
    uint64_t barrier_index; // B2
    bool barrier_applied;

    uint64_t b32_term; // B32: the true term of a snapshot being installed over a stale log; else 0

    void (*stop_cb)(void *ctx);
    void *stop_ctx;
    raft_io_close_cb close_cb;
};

// guard.c: bracket every entry into libraft.
void guard_enter(struct wf_guard *g);
void guard_leave(struct wf_guard *g);
int guard_fail_stop(struct wf_guard *g, const struct wf_err *err, int raft_code);
bool guard_busy(const struct wf_guard *g); // B7
struct guard_op *guard_op_new(struct wf_guard *g, enum guard_op_kind kind, struct guard_list *list);
void guard_op_unlink(struct guard_op *op, struct guard_list *list);
void guard_drain(struct wf_guard *g);

// guard_disk.c
int guard_load(struct raft_io *io, raft_term *term, raft_id *vote, struct raft_snapshot **snapshot,
               raft_index *start, struct raft_entry *entries[], size_t *n);
int guard_set_term(struct raft_io *io, raft_term term);
int guard_set_vote(struct raft_io *io, raft_id id);
int guard_append(struct raft_io *io, struct raft_io_append *req, const struct raft_entry entries[],
                 unsigned n, raft_io_append_cb cb);
int guard_truncate(struct raft_io *io, raft_index index);
int guard_snapshot_put(struct raft_io *io, unsigned trailing, struct raft_io_snapshot_put *req,
                       const struct raft_snapshot *snapshot, raft_io_snapshot_put_cb cb);
int guard_snapshot_get(struct raft_io *io, struct raft_io_snapshot_get *req,
                       raft_io_snapshot_get_cb cb);
void guard_op_abandon(struct guard_op *op); // the store is gone: tell libraft that it failed
struct raft_snapshot *guard_make_snapshot(const struct wf_manifest *m);

// guard_send.c
int guard_send(struct raft_io *io, struct raft_io_send *req, const struct raft_message *message,
               raft_io_send_cb cb);

// guard_vote.c: ticks, votes, terms
void guard_before_tick(struct wf_guard *g);
void guard_before_vote(struct wf_guard *g);
bool guard_vote_admissible(struct wf_guard *g, const struct wf_msg_vote *vote);
int guard_sole_voter_at_load(struct wf_guard *g, struct wf_log_state *state,
                             struct wf_bytes configuration, struct wf_err *err);

// guard_commit.c: the leader's commit arithmetic
void guard_receive_result(struct wf_guard *g, uint64_t from, struct raft_message *message);
void guard_recheck_commit(struct wf_guard *g);
// The highest index that a majority of voters holds, if matches[n] were theirs. Pure.
uint64_t guard_quorum_index(uint64_t *matches, unsigned n);

#endif
