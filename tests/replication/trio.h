// SPDX-License-Identifier: Apache-2.0
// Three real nodes in one process: SQLite logs on disk, TCP on loopback, a libuv loop. What is
// waited for is waited for with a deadline, and a node that gives up fails the test.
#ifndef WF_TESTS_TRIO_H
#define WF_TESTS_TRIO_H

#include <stdbool.h>
#include <stdint.h>

#include "list_fsm.h"
#include "replication/env_uv.h"
#include "replication/node.h"
#include "tcp_link.h"

enum { TRIO = 3 };

extern const char *const trio_names[TRIO];

struct trio;

struct trio_node {
    struct trio *cluster;
    uint64_t id;
    char dir[64], images[80];
    struct tcp_host host;
    struct wf_env_uv env;
    struct wf_log_store *store;
    struct wf_peer_net *net;
    struct list_fsm fsm;
    struct wf_node *node; // NULL: stopped
    bool node_stopped, env_closed;
    struct wf_err fatal;
};

struct trio {
    uv_loop_t loop;
    uv_timer_t deadline;
    bool late;
    struct trio_node s[TRIO];
    struct wf_node_options opts; // of all; set by trio_found
    // NULL, or what is done instead of failing the test: when a node cannot go on, and when what is
    // waited for does not come. Neither returns.
    void (*fatal)(const struct wf_err *why);
    void (*late_at)(void);
    uint64_t acked, failed, highest; // proposals
    unsigned waiting;                // answers
    uint64_t read_index;
    struct wf_err err; // of the last answer that had one
};

// Of a cmocka test: a struct trio with all three started.
int trio_setup(void **state);
int trio_teardown(void **state);

// The steps of that; found makes the directories, and a log with the first members in each.
void trio_open_loop(struct trio *c);
void trio_found(struct trio *c);
void trio_close_loop(struct trio *c);
void trio_remove(struct trio *c);

void trio_start(struct trio *c, unsigned i);
// Returns its failure, and tidies nothing up after it.
int trio_try(struct trio *c, unsigned i, struct wf_err *err);
void trio_stop(struct trio *c, unsigned i);
void trio_set_true(void *arg); // *(bool *)arg

void trio_deadline(struct trio *c); // what is waited for from now on comes in a minute
void trio_turn(struct trio *c);     // of the loop

int trio_leader(struct trio *c); // -1: nobody leads
unsigned trio_await_leader(struct trio *c);

// n commands of 1000 bytes through node i; waits for the answers. Returns how many were
// acknowledged.
uint64_t trio_propose(struct trio *c, unsigned i, unsigned n);
// Again and again until n are through: while there is no leader, proposals fail at once.
void trio_propose_surely(struct trio *c, unsigned i, unsigned n);
// All have applied the same, and at least what was acknowledged.
void trio_await_even(struct trio *c);

// For wf_node_read: one answer less is waited for, and read_index is it, or 0 when it failed.
void trio_on_read(void *ctx, const struct wf_err *err, uint64_t index);

#endif
