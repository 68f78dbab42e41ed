// SPDX-License-Identifier: Apache-2.0
// Random commands from a seed: mostly such as people and nodes would send, many that are refused,
// some that are garbage. Equal seeds give equal commands, in every process.
#ifndef WF_TESTS_STATE_GENERATE_H
#define WF_TESTS_STATE_GENERATE_H

#include <stddef.h>
#include <stdint.h>

#include "state/arena.h"
#include "state/state.h"

enum { GENERATE_BATCH_MAX = 6 };

struct generator {
    uint64_t x;
    uint64_t made;                       // commands so far
    char offered_in[24], offered_to[64]; // the last offer or claim: the next command may answer it
    int offered_role;
    struct wf_arena arena;
};

struct generated {
    struct wf_state_bytes commands[GENERATE_BATCH_MAX];
    unsigned n;
    int64_t later_s; // time since the batch before
};

void generate_begin(struct generator *g, uint64_t seed);
void generate_end(struct generator *g);

// The next batch; its bytes stay until the batch after. The first is the cluster's genesis.
void generate_batch(struct generator *g, struct generated *out);

// A number below n.
uint64_t generate_below(struct generator *g, uint64_t n);

#endif
