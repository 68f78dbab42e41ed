// SPDX-License-Identifier: Apache-2.0
// The simulator of whole nodes: what the daemon wires together (wf_node with guards, libraft and
// wire format; the real state machine on SQLite; the client's policy of retries) on a clock, a
// network and disks of its own. One seed is one run: nothing here reads a real clock, a random
// device or a pointer's value.
//
// A server is a machine with a disk; a life is one process on it. A crash ends the life's outside
// world at once (nothing it does counts any more) and then stops its node in the ordinary way, so
// that every run also checks that stopping releases everything.
#ifndef WF_TESTS_SIM_H
#define WF_TESTS_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "daemon/state_fsm.h"
#include "replication/env.h"
#include "replication/log_store.h"
#include "replication/node.h"
#include "replication/peer_net.h"

#define MS(x)  ((uint64_t)(x)*1000000u)
#define SEC(x) MS((uint64_t)(x)*1000u)

struct sim_file;

enum { SERVERS_MAX = 24, SIM_INDEX_MAX = 1 << 17, SIM_TERMS_MAX = 1 << 16 };
enum { SIM_FILES_MAX = 32 << 20 }; // of one machine: its state, the WAL and a few images
enum { FAULTS_MS = 30000, STEADY_MS = 34000, QUIET_MS = 38000, SETTLED_MS = 38500, RUN_MS = 40000 };

struct sim;
struct life;

// --- events ------------------------------------------------------------------------------------

struct event {
    uint64_t at, seq;
    void (*fn)(struct sim *s, struct event *e); // NULL: withdrawn
    void *p;
    struct life *to;
    uint64_t from, from_life; // a message: sender and its life
    uint64_t to_life;
    uint8_t *bytes;
    size_t len;
};

struct event *sim_at(struct sim *s, uint64_t at, void (*fn)(struct sim *s, struct event *e),
                     void *p);
bool sim_step(struct sim *s); // false: nothing left
void sim_events_free(struct sim *s);

// --- the machine -------------------------------------------------------------------------------

// A record on the medium, with the hash that ties it to the one before (log_chain.h).
struct rec {
    uint64_t term;
    enum wf_record_type type;
    size_t len;
    uint8_t *data;
    uint8_t hash[WF_HASH_SIZE];
};

struct disk {
    struct wf_node_identity identity;
    uint64_t term, vote;
    bool vote_broken; // a bit of it flipped: it does not check
    uint64_t first;   // index of recs[0]
    struct rec *recs;
    size_t n, cap;
    uint8_t before[WF_HASH_SIZE]; // the hash before recs[0]
    struct wf_manifest manifest;  // its bytes are ours
};

struct server {
    struct sim *sim;
    unsigned at; // its place in sim->servers
    uint64_t id;
    char name[16];
    struct disk disk;
    struct sim_file *files;
    struct life *life;
    unsigned lives;
    bool gone;         // for good: dead, or removed
    bool removed;      // it was told so
    bool left_out;     // of the peace after the faults: a minority stays as it is
    bool damaged;      // its log was tampered with at rest, and it will not start
    bool rotten;       // its state was, which it is to find out and mend
    bool image_rotten; // likewise an image
    bool drop_state;   // it did, and begins anew
    bool hurt;         // this life's disk was made to fail
    bool restarting;   // it will come back by itself
    int knows;         // which schema of the state its program knows
    // its disk
    uint64_t disk_min, disk_max;  // latency of an append, ns
    bool disk_fails, state_fails; // the next write does
    bool disk_full;               // all writes do
    bool disk_low;                // short of room, as its node is told
    // its clocks
    int64_t drift_ppm;
    int64_t wall_ms; // how far its civil time is off
    uint64_t paused_until;
};

struct op;

struct life {
    struct sim *sim;
    struct server *server;
    unsigned number;
    char home[24]; // what its paths begin with: "n1.3"
    bool dead;     // nothing it does counts
    bool fatal;    // its node gave up
    bool tainted;  // its state was damaged on purpose
    struct wf_env env;
    struct wf_log_store store;
    struct wf_peer_net net;
    struct wf_files files;
    struct wf_node *node;
    struct wf_state *state;
    struct wf_state_reader *reader;
    struct wf_state_fsm glue;
    const struct wf_peer_net_events *net_events;
    unsigned up[SERVERS_MAX];  // to which life of it our link leads; 0: none
    struct op *ops, *ops_tail; // disk operations asked for
    uint64_t disk_free_at;
    void (*closed)(void *arg);
    void *closed_arg;
    void (*net_stopped)(void *arg);
    void *net_stopped_arg;
    struct life *next; // all of the run's: events point at them
    bool store_failed;
    // check.c
    uint64_t change_seen;       // the uncommitted membership it had last
    bool told;                  // it is being told to stand at once
    uint64_t promised_in;       // its term, in which
    bool promised[SERVERS_MAX]; // these said that they would vote for it
};

// --- one run -----------------------------------------------------------------------------------

struct profile {
    unsigned servers;
    bool wan, images, membership, transfers, stalls, disk_errors, corrupt, grow, harsh;
    bool clocks, pauses, clogs, damage, core_only, upgrade, dense, shortage;
    unsigned election_ms, heartbeat_ms;
    int schema; // that the cluster begins with
    unsigned clients, think_ms;
    unsigned loss_pm, dup_pm, reorder_pm; // at most, per mille
    uint64_t jitter;                      // at most
    unsigned capacity;                    // messages on the way between two machines; 0: any
};

struct options {
    uint32_t guards;
    bool stock, trace, harsh, dense;
};

// The file of a state that nothing was applied to.
struct sim_template {
    uint8_t *data;
    size_t len;
};

struct sim {
    struct options opts;
    struct profile profile;
    uint64_t seed, rng[4], aside[4];
    uint64_t now;
    struct event **heap;
    size_t heap_n, heap_cap;
    uint64_t seq, steps;
    struct server servers[SERVERS_MAX];
    unsigned n_servers;
    bool cut[SERVERS_MAX][SERVERS_MAX]; // from, to
    uint64_t last_at[SERVERS_MAX][SERVERS_MAX][WF_LANES];
    size_t flying[SERVERS_MAX][SERVERS_MAX];
    unsigned loss_pm, dup_pm, reorder_pm; // per mille
    uint64_t delay_min, delay_max;
    uint64_t pair_delay[SERVERS_MAX][SERVERS_MAX];
    bool healed;
    bool upgrading; // machines get the newer program, one after the other
    unsigned lives_open;
    struct life *lives;

    bool clogged[SERVERS_MAX][SERVERS_MAX];
    uint64_t clogged_until[SERVERS_MAX][SERVERS_MAX];
    unsigned on_the_way[SERVERS_MAX][SERVERS_MAX]; // messages

    // what all runs of the process share
    struct wf_metrics *metrics;
    struct sim_template templates[2];

    // what is known to be true
    struct model *model;
    uint64_t *digest_at;    // by index; 0: not applied anywhere yet
    uint64_t *tainted_at;   // likewise, of a state that was damaged on purpose
    uint64_t *leader_of;    // by term
    uint64_t led_at;        // when the newest leader began, ns
    unsigned leaders_after; // that began after the heal
    uint64_t acked_index;   // highest index of an acknowledged command
    uint64_t settled_index; // what everybody has to have applied at the end
    uint64_t end;           // of the run, ns
    uint64_t named;
    struct client *clients;
    struct try *tries;
    uint64_t writes, writes_failed, reads, reads_failed, writes_after, reads_after,
        writes_under_load;
    uint64_t writes_measured, waited; // by those, ns
    // What was to succeed after the heal, of writes some under load.
    uint64_t reads_arrived, writes_arrived, writes_arrived_late;
    uint64_t changes, changes_refused, transfers, images_made, crashes, flips, installs;
    uint64_t trace_hash;
    char failure[400];
};

uint64_t sim_random(struct sim *s, uint64_t min, uint64_t max);
bool sim_chance(struct sim *s, unsigned per_mille);
// Of a stream of its own: what is drawn of it changes nothing else that the seed decides.
uint64_t sim_aside(struct sim *s, uint64_t min, uint64_t max);
void sim_fail(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_trace(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

// env.c, disk.c, net.c, state.c: the outside world of a life
void sim_env_init(struct life *l);
void sim_disk_init(struct life *l);
void sim_disk_crash(struct life *l);
void sim_disk_forget(struct life *l);
void sim_disk_bootstrap(struct server *v, struct wf_bytes configuration);
void sim_disk_free(struct server *v);
bool sim_disk_damage(struct server *v); // flips a bit at rest; false: there is nothing to flip
void sim_net_init(struct life *l);
void sim_net_started(struct life *l);
void sim_net_crashed(struct life *l);
int sim_state_open(struct life *l, struct wf_err *err);
void sim_state_run(struct life *l); // it is up: look after its WAL
void sim_state_close(struct life *l);
struct wf_state_reader *sim_state_reader(struct life *l); // made at first use; NULL: it failed
void sim_state_fsm(struct life *l, struct wf_fsm *out);
uint64_t sim_state_applied(const struct life *l);
int sim_state_schema(const struct life *l);
uint64_t sim_state_digest(const struct life *l);
void sim_state_flip(struct life *l);
bool sim_state_damaged(struct life *l);                             // then its process ends
bool sim_state_contents(struct life *l, uint8_t out[WF_HASH_SIZE]); // of all its tables

// server.c
struct server *sim_server_new(struct sim *s, uint64_t id, const char *name);
void sim_server_start(struct server *v);
void sim_server_crash(struct server *v);
struct life *sim_leader(struct sim *s); // the one of the highest term that believes it leads

// faults.c, client.c, witness.c, operator.c
void sim_faults_start(struct sim *s);
void sim_heal(struct sim *s);
bool sim_image_may_rot(const struct life *l); // on this machine's disk, and the run can be won
void sim_clients_start(struct sim *s);
void sim_clients_free(struct sim *s);
void sim_witness_start(struct sim *s);
void sim_operator_start(struct sim *s);
bool sim_all_quiet(struct sim *s); // nobody is down, no change of members is under way
void sim_lose(struct server *v, const char *why); // the machine, for good

// shortage.c
void sim_shortage_start(struct sim *s);
void sim_shortage_end(struct sim *s);
void sim_shortage_told(struct server *v); // a new life hears how its disk is

// check.c
void sim_check_applied(struct life *l, uint64_t index, uint64_t digest);
void sim_check_life(struct life *l); // after every event that reached it
void sim_check_timeout_now(struct life *l, uint64_t to);
void sim_check_heard(struct life *l, unsigned from, const struct wf_msg *msg); // before it hears it
void sim_check_vote(struct life *l, uint64_t term, uint64_t vote); // before it is on the disk
void sim_check_image(struct life *l);
void sim_check_end(struct sim *s);

// run.c
void sim_setup(struct sim *s); // once per process
int sim_run(uint64_t seed, const struct options *opts,
            struct sim *out); // 0, or 1 with out->failure

#endif
