// SPDX-License-Identifier: Apache-2.0
// What the files of a node share: node.c, apply.c, propose.c, forward.c, read_index.c, peers.c,
// disk_low.c, membership.c, transfer.c, image_make.c, image_ship.c, image_receive.c, image_take.c.
// Nobody else includes it.
#ifndef WF_REPLICATION_NODE_INTERNAL_H
#define WF_REPLICATION_NODE_INTERNAL_H

#include "replication/configuration.h"
#include "replication/env.h"
#include "replication/guard.h"
#include "replication/manifest.h"
#include "replication/node.h"
#include "replication/raft_access.h"

#define NODE_ON(n, b) ((((n)->opts.guards) >> WF_GUARD_BIT_##b) & 1u)

// --- proposals ---------------------------------------------------------------------------------

struct proposal {
    struct proposal *next;
    wf_propose_cb cb; // of ours; or, when peer is set, of a peer's
    void *ctx;
    uint64_t peer, seq; // whose forward this is, and its number there
    uint64_t deadline_ms;
    uint64_t to; // forwarded: to which leader, as number seq of ours
    bool own;    // the cluster's, not a client's
    // the outcome
    enum wf_code code; // WF_OK: committed and applied
    const char *reason;
    uint64_t index;
    uint8_t *result;
    size_t result_len;
    // the command
    size_t len;
    uint8_t data[];
};

struct proposal_queue {
    struct proposal *head, *tail;
    unsigned n;
};

// An entry of ours that is not yet committed.
struct entry {
    struct raft_apply req;
    struct wf_node *node;
    struct entry *prev, *next;
    uint64_t index;
    wf_mono_ns since;
    struct proposal_queue proposals;
};

enum { FORWARD_BUCKETS = 1024 };

// --- reads -------------------------------------------------------------------------------------

struct read {
    struct read *next;
    wf_read_cb cb;
    void *ctx;
    uint64_t peer, seq; // a peer's question
    uint64_t deadline_ms;
    uint64_t round; // leader: which round; follower: which question to the leader; 0: none yet
    uint64_t index; // once known
    enum wf_code code;
    const char *reason;
};

struct read_queue {
    struct read *head, *tail;
    unsigned n;
};

// --- images ------------------------------------------------------------------------------------

// One being sent to a peer.
struct image_out {
    struct wf_manifest manifest; // ours
    struct wf_image_info info;
    char path[WF_IMAGE_PATH_MAX];
    bool install;  // the snapshot message is to follow
    bool answered; // the peer has said what it has
    bool complete; // it has all of it; the log behind it is kept until it has caught up
    uint64_t acked, sent;
    struct wf_hash hash; // of what was read of the file so far, in order; NULL ctx: done with
    uint64_t hashed;
    uint64_t moved_ms; // last progress
    uint64_t offered_ms;
};

// One being received.
struct image_in {
    uint64_t from;
    struct wf_image_info info;
    char part[WF_IMAGE_PATH_MAX], whole[WF_IMAGE_PATH_MAX];
    uint64_t offset;
    uint64_t moved_ms;
    bool active, verifying;
};

// One being made, or verified, off the loop.
struct image_job {
    struct wf_node *node;
    void *image; // the fsm's handle
    struct raft_buffer buf;
    wf_unix_ms time;
    uint64_t index;
    struct wf_image_info info;
    struct wf_err err;
    bool running;
};

// One being taken into the state machine: for libraft, which installs a snapshot, or as the seed of
// a fenced node, which plays its own log again from there.
struct image_take {
    struct wf_env_work work;
    struct wf_image_info info;
    char path[WF_IMAGE_PATH_MAX];
    int rc;       // the pool's word, up to err; what follows is the consensus thread's alone
    bool damaged; // the file is, or is gone
    struct wf_err err;
    bool seed;
    bool wanting;       // for that: the log goes on, and the state waits for another seed
    bool running;       // on the pool: nothing is applied
    bool replaying;     // the log, a piece in each turn: what is committed meanwhile waits in it
    wf_unix_ms time;    // of what was applied before the seed
    bool install_waits; // for the one that is running, which is a seed
    struct wf_image_info to; // of that install
};

// Old files being removed on the pool: as many as there can be of images and parts, and to spare.
enum { COLLECT_MAX = 64 };
struct collect_job {
    struct wf_env_work work;
    struct wf_node *node;
    char paths[COLLECT_MAX][WF_IMAGE_PATH_MAX];
    unsigned n;
    char draft[WF_IMAGE_PATH_MAX]; // where one of them goes
};

struct verify_job {
    struct wf_env_work work;
    struct wf_node *node;
    struct wf_image_info info;
    char part[WF_IMAGE_PATH_MAX], whole[WF_IMAGE_PATH_MAX];
    const struct wf_files *files;
    int rc;
    struct wf_err err;
};

// --- metrics -----------------------------------------------------------------------------------

struct node_metrics {
    struct wf_metric *committed, *failed, *reads, *limit, *disk_low, *images, *changes; // counters
    struct wf_metric *commit_seconds;                                                   // histogram
    struct wf_metric *term, *commit, *applied, *last, *leader, *waiting, *in_flight, *reading,
        *fenced; // gauges
};

// --- peers -------------------------------------------------------------------------------------

struct peer {
    uint64_t id;
    bool member, up;
    uint64_t heard_ms;               // any message; 0: never
    uint64_t answer_ms, answer_term; // of its last answer to an append, in which term
    bool has_status;
    struct wf_msg_status status;
    uint64_t confirmed_term, confirmed;    // read rounds it has confirmed in that term
    uint64_t forward_origin, forward_past; // its process, and the one before that
    uint64_t forward_top, forward_seen; // its forwards: highest number, and which of the 64 below
    struct image_out *out;
    uint8_t seed[WF_HASH_SIZE]; // of the image that was to mend its state and is there; zero: none
};

enum { PEERS_MAX = 2 * WF_MEMBERS_MAX };

// --- answers -----------------------------------------------------------------------------------

// What somebody who asked for a change is to hear: made when he asks, so that memory can run out
// only then; it waits with the change, and then to be given from the loop.
struct answer {
    struct answer *next;
    wf_change_cb cb; // NULL: nobody wants to hear it
    void *ctx;
    struct wf_err err;
};

// --- membership --------------------------------------------------------------------------------

enum change_kind { CHANGE_NONE, CHANGE_ADD, CHANGE_ASSIGN, CHANGE_REMOVE };

struct change {
    enum change_kind kind;
    uint64_t id;
    enum wf_role role;    // ASSIGN: the goal
    bool submitted, done; // with libraft; answered by libraft
    int status;
    uint64_t progress_ms, progress_match; // catching up
    uint64_t pause_ms; // proposals are held back since, to let it draw level; 0: not
    struct raft_change req;
    struct answer *answer;
};

struct transfer {
    bool active, submitted, done;
    uint64_t id, deadline_ms;
    struct raft_transfer req;
    struct answer *answer;
};

struct mark {
    uint64_t index;
    uint8_t digest[WF_HASH_SIZE];
};
enum { MARKS = 64, RECENT = 1024 };

struct wf_node {
    struct wf_node_options opts;
    char image_dir[WF_IMAGE_PATH_MAX];
    struct wf_env *env;
    struct wf_log_store *store;
    struct wf_peer_net *net;
    struct wf_fsm fsm;
    struct wf_node_events events;
    struct wf_peer_net_events net_events;
    struct wf_guard *guard;
    struct raft_fsm raft_fsm;
    struct wf_timer soon, tick, hasten;
    uint64_t suspected; // the term whose leader was believed down when hasten was started
    bool started, stopping, dead;
    struct wf_err start_err; // why it does not start

    // apply.c
    struct wf_bytes *commands, *results; // WF_ENTRY_COMMANDS_MAX each
    unsigned n_results;                  // of the entry applied last
    uint64_t result_index;
    wf_unix_ms time;            // of the last applied entry
    wf_unix_ms newest_time;     // of those that libraft has handed out, applied or not
    uint64_t log_bytes;         // applied since the last image
    uint64_t told_applied;      // by on_applied
    bool changed;               // on_change is due
    struct mark marks[MARKS];   // every WF_DIGEST_EVERY entries
    struct mark recent[RECENT]; // the last entries

    // propose.c, forward.c
    struct proposal_queue waiting, finished;
    struct entry *entries; // in flight
    unsigned n_entries;
    wf_unix_ms stamped; // the last time given to an entry, in stamped_term
    uint64_t stamped_term;
    bool due_pending; // a tick command of ours is on its way
    struct proposal *forwarded[FORWARD_BUCKETS];
    unsigned n_forwarded;
    uint64_t forward_origin, forward_seq; // of ours: this process, and its last number

    // read_index.c
    struct read_queue reads_new, reads_asked, reads_known, reads_done;
    uint64_t read_round;
    uint64_t read_sent_ms;

    // peers.c
    struct peer peers[PEERS_MAX];
    unsigned n_peers;
    uint64_t configuration_seen; // the membership told to the net
    const void *configuration_servers;
    uint64_t status_ms;
    uint64_t leader_seen, term_seen;
    unsigned short state_seen;
    uint64_t fresh_ms; // this state was current then; 0: never
    uint64_t heard_commit, heard_commit_ms;
    bool fenced;
    uint64_t fence_index; // applied then
    char fence_reason[200];

    // disk_low.c
    bool disk_low;              // ours is short
    bool refusing;              // we lead, and take in nothing new
    uint64_t disk_low_tried_ms; // to give leadership away; 0: not since it is short

    // membership.c, transfer.c
    struct change change;
    struct transfer transfer;
    struct answer *answers;
    struct answer **answers_tail;

    // image_*.c
    struct image_job job;
    uint64_t image_retry_ms; // B28: not before
    bool image_wanted, image_due;
    uint64_t image_wanted_ms;
    struct answer *image_answer;
    uint64_t image_budget, image_budget_ms;
    struct image_in in;
    struct image_take take;
    unsigned jobs_pending;
    bool collect;    // old image files are to be removed
    bool collecting; // they are being removed: none of them is offered, taken or asked for
    uint64_t reseed_ms;

    struct node_metrics metrics;
    bool guard_gone, net_gone;
    void (*stop_cb)(void *ctx);
    void *stop_ctx;
};

// node.c
uint64_t node_now_ms(const struct wf_node *n);
void node_wake(struct wf_node *n); // run the turn soon
void node_fatal(struct wf_node *n, const struct wf_err *why);
bool node_leads(const struct wf_node *n);
uint64_t node_leader(const struct wf_node *n);
struct raft *node_raft(const struct wf_node *n);
struct answer *node_answer_new(wf_change_cb cb, void *ctx); // NULL: out of memory
void node_answer(struct wf_node *n, struct answer *a, const struct wf_err *err); // takes a
int node_send(struct wf_node *n, uint64_t to, const struct wf_msg *msg);
void node_finish_stop(struct wf_node *n);

// apply.c
void apply_init(struct wf_node *n);
void apply_catch_up(struct wf_node *n); // give the fsm the entries that are none of its own
// Re-seed: feed it about max_bytes of the log from its applied index on. False when all is done.
bool apply_replay(struct wf_node *n, size_t max_bytes);
uint64_t apply_index(const struct wf_node *n);
const struct mark *apply_mark(const struct wf_node *n, uint64_t index); // NULL: not kept
void apply_forget_marks(struct wf_node *n);

// propose.c
struct proposal *proposal_new(struct wf_bytes command);
void proposal_push(struct proposal_queue *q, struct proposal *p);
struct proposal *proposal_pop(struct proposal_queue *q);
void proposal_finish(struct wf_node *n, struct proposal *p, enum wf_code code, const char *reason);
// Committed and applied as index, with that result (copied).
void proposal_finish_with(struct wf_node *n, struct proposal *p, uint64_t index,
                          struct wf_bytes result);
void propose_accept(struct wf_node *n, struct proposal *p); // queue it, or refuse it
void propose_flush(struct wf_node *n);
void propose_expire(struct wf_node *n);
void propose_due(struct wf_node *n); // the state machine's own tick, when it wants one
void propose_deliver(struct wf_node *n);
void propose_fail_all(struct wf_node *n);
void propose_nothing(struct wf_node *n); // an empty entry, so that something is applied
bool propose_paused(const struct wf_node *n);

// forward.c
void forward_send(struct wf_node *n, struct proposal *p, uint64_t leader);
void forward_receive(struct wf_node *n, uint64_t from, const struct wf_msg_forward *m);
void forward_result(struct wf_node *n, uint64_t from, const struct wf_msg_result *m);
void forward_answer(struct wf_node *n, const struct proposal *p);
void forward_lost(struct wf_node *n, uint64_t leader); // 0: all
void forward_expire(struct wf_node *n);
// First time seen, of the peer's latest process; notes it. Pure.
bool forward_fresh(struct peer *p, uint64_t origin, uint64_t seq);

// read_index.c
void read_turn(struct wf_node *n);
void read_tick(struct wf_node *n);
void read_deliver(struct wf_node *n);
void read_fail_all(struct wf_node *n, const char *reason);
void read_leader_changed(struct wf_node *n);
void read_confirm(struct wf_node *n, uint64_t from, const struct wf_msg_confirm *m);
void read_confirmed(struct wf_node *n, uint64_t from, const struct wf_msg_confirm *m);
void read_asked(struct wf_node *n, uint64_t from, const struct wf_msg_read_index *m);
void read_told(struct wf_node *n, uint64_t from, const struct wf_msg_result *m);

// peers.c
struct peer *peer_get(struct wf_node *n, uint64_t id); // NULL when not known
struct peer *peer_note(struct wf_node *n,
                       uint64_t id); // known from now on; NULL when there is no room
void peers_follow_configuration(struct wf_node *n);
void peers_tick(struct wf_node *n);
void peers_tell_status(struct wf_node *n); // to all
void peers_status(struct wf_node *n, uint64_t from, const struct wf_msg_status *m);
void peers_removed(struct wf_node *n, const struct wf_msg_removed *m);
void peers_stranger(struct wf_node *n, uint64_t from);
void peers_note_append(struct wf_node *n, const struct wf_msg_append *m);
void peers_note_applied(struct wf_node *n);
uint32_t peers_all_know(const struct wf_node *n); // as struct wf_fsm has it
void node_fence(struct wf_node *n, const char *why);

// node_metrics.c
void metrics_init(struct wf_node *n);
void metrics_tick(struct wf_node *n);

// membership.c
void membership_tick(struct wf_node *n);
void membership_abort(struct wf_node *n);
bool membership_holds_back(const struct wf_node *n);
bool membership_recent(const struct wf_node *n, uint64_t id); // answered within the last moments
// The member of that name in the current configuration; false when there is none.
bool membership_find(const struct wf_node *n, const char *name, struct wf_member *out);

// transfer.c
void transfer_tick(struct wf_node *n);
void transfer_abort(struct wf_node *n);
bool transfer_to_room(const struct wf_node *n); // a voter that could lead is not short of disk

// disk_low.c
void disk_low_tick(struct wf_node *n);
bool disk_low_told(const struct wf_node *n, uint64_t id); // it is, as far as we have heard
bool disk_low_too_few(const struct wf_node *n); // voters not known to be short for a majority

// image_make.c
int image_fsm_snapshot(struct raft_fsm *f, struct raft_buffer *bufs[], unsigned *n_bufs);
int image_fsm_async(struct raft_fsm *f, struct raft_buffer *bufs[], unsigned *n_bufs);
int image_fsm_finalize(struct raft_fsm *f, struct raft_buffer *bufs[], unsigned *n_bufs);
void image_make_turn(struct wf_node *n);
void image_make_now(struct wf_node *n);
void image_make_abort(struct wf_node *n); // answer who waits for one
bool image_draft_path(const struct wf_node *n, char out[WF_IMAGE_PATH_MAX]); // false: too long

// image_ship.c
void ship_start(struct wf_node *n, uint64_t to, const struct wf_manifest *m, bool install);
void ship_ack(struct wf_node *n, uint64_t from, const struct wf_msg_image *m);
void ship_request(struct wf_node *n, uint64_t from, const struct wf_msg_image *m);
void ship_tick(struct wf_node *n);
void ship_stop(struct peer *p);
uint64_t ship_lowest(const struct wf_node *n); // peers need the log behind this; 0: none does

// image_receive.c
bool receive_have(struct wf_node *n, const struct wf_image_info *info);
void receive_offer(struct wf_node *n, uint64_t from, const struct wf_msg_image *m);
void receive_chunk(struct wf_node *n, uint64_t from, const struct wf_msg_image *m);
void receive_tick(struct wf_node *n);
// SHA-256 over the first `size` bytes. Any thread. WF_RESOURCE_EXHAUSTED with err untouched: out of
// memory; else the file's error.
int image_hash(const struct wf_files *files, const char *path, uint64_t size,
               uint8_t hash[WF_HASH_SIZE], struct wf_err *err);
void receive_collect(struct wf_node *n);

// image_take.c
bool take_busy(const struct wf_node *n); // the state machine is not libraft's to apply to
// Before n runs. False: n is dead. A damaged file is no reason for that: n begins fenced.
bool take_at_start(struct wf_node *n, const struct wf_image_info *info);
void take_install(struct wf_node *n, const struct wf_manifest *m); // then wf_guard_installed
void take_seed(struct wf_node *n, const struct wf_image_info *info);
void take_ask(struct wf_node *n);  // a fenced node asks the leader for a seed
void take_turn(struct wf_node *n); // the next piece of the log

#endif
