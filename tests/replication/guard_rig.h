// SPDX-License-Identifier: Apache-2.0
// One guard layer with libraft in it, and nothing real around it: the test holds the clock, decides
// when a write completes, and reads what would have been sent.
#ifndef WF_TESTS_GUARD_RIG_H
#define WF_TESTS_GUARD_RIG_H

#include "replication/guard_internal.h"

enum { RIG_LOG_MAX = 64, RIG_SENT_MAX = 256, RIG_ELECTION_MS = 300, RIG_HEARTBEAT_MS = 50 };

struct rig_sent {
    uint64_t to;
    struct wf_msg msg; // its arrays and bytes are not kept
};

struct rig {
    struct wf_env env;
    struct wf_log_store store;
    struct wf_peer_net net;
    struct raft_fsm fsm;
    struct wf_guard *guard;
    uint64_t now_ms;
    struct wf_timer *tick;
    // what is loaded at start
    uint64_t id, term, vote, first;
    struct wf_record log[RIG_LOG_MAX];
    unsigned n_log;
    struct wf_manifest manifest;
    // what was asked of the store
    uint64_t stored_term, stored_vote;
    struct {
        wf_store_cb cb;
        void *arg;
    } ops[RIG_SENT_MAX];
    unsigned ops_asked, ops_done;
    struct wf_manifest put; // index and term of the last snapshot_put
    // what was sent
    struct rig_sent sent[RIG_SENT_MAX];
    unsigned n_sent;
    int send_rc; // what sending returns
    bool image_here, fatal, stopped;
    bool hold_install; // else an image is taken in at once
    unsigned installs;
    void (*close_cb)(void *arg);
    void *close_arg;
};

// Node `id` of a cluster of voters 1 to n (roles may be changed with rig_configuration), whose log
// is the membership at index 1.
void rig_init(struct rig *r, uint64_t id, unsigned n);
// The encoded membership of members 1 to n with these roles ("VVS": voter, voter, standby; P:
// spare).
struct wf_bytes rig_configuration(const char *roles);
void rig_add(struct rig *r, uint64_t term, enum wf_record_type type, struct wf_bytes data);
void rig_start(struct rig *r, uint32_t guards);
void rig_stop(struct rig *r);

void rig_receive(struct rig *r, uint64_t from, struct wf_msg msg);
// An append of n command entries of the term given for each.
void rig_append(struct rig *r, uint64_t from, uint64_t term, uint64_t prev, uint64_t prev_term,
                uint64_t commit, unsigned n, const uint64_t *terms);
void rig_complete(struct rig *r, unsigned n); // the next n writes are durable
void rig_complete_all(struct rig *r);
void rig_pass(struct rig *r, unsigned ms); // time, without a tick
void rig_tick(struct rig *r);
// Win an election with the votes of all others: the node leads afterwards.
void rig_elect(struct rig *r);

// The last message of that kind sent; NULL when there is none.
const struct wf_msg *rig_last(const struct rig *r, enum wf_msg_kind kind);
unsigned rig_count(const struct rig *r, enum wf_msg_kind kind);
void rig_forget(struct rig *r); // what was sent so far

#endif
