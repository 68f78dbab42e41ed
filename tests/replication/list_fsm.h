// SPDX-License-Identifier: Apache-2.0
// A state machine in memory: how many commands it applied, and a hash over them and their indexes.
// The answer to a command is its own bytes.
#ifndef WF_TESTS_LIST_FSM_H
#define WF_TESTS_LIST_FSM_H

#include <stdatomic.h>
#include <stdbool.h>

#include "replication/fsm.h"

// Commands of 8 bytes and more begin with a number; those below this are remembered.
enum { LIST_SEEN = 1 << 16 };

struct list_state {
    uint64_t applied, commands;
    uint8_t hash[WF_HASH_SIZE];
    uint8_t seen[LIST_SEEN / 8];
};

struct list_fsm {
    struct list_state now, taken;
    wf_unix_ms due;     // when a tick is; 0: never
    unsigned installed; // images
    atomic_bool hold;   // an image that is being taken waits while this is set
    atomic_uint takes;  // begun
    struct wf_fsm fsm;  // set by list_fsm_init
};

void list_fsm_init(struct list_fsm *l);

#endif
