// SPDX-License-Identifier: Apache-2.0
// Histories made up: a small cluster simulated with nothing but a list of events, clients whose
// calls overlap, answers that get lost. What it makes is right; damage.h makes it wrong.
#ifndef TESTS_CHAOS_MADE_HISTORY_H
#define TESTS_CHAOS_MADE_HISTORY_H

#include <stdio.h>

#include "check/history.h"

enum { MADE_TEXT = 24, MADE_NODES = 3, MADE_CLIENTS_MAX = 16, MADE_OPEN = 32 };

struct made_op {
    enum op_kind kind;
    enum outcome outcome;
    enum phase phase;
    int client, life;
    int incident;
    uint64_t call, effect, ret; // effect: 0 when it never took effect
    char value[MADE_TEXT];      // text, or person
    char commander[MADE_TEXT];
    uint64_t seq, index, epoch, believed;
    uint64_t at_seq; // where it took effect, told or not
    char (*notes)[MADE_TEXT];
    size_t n_notes;
};

struct made_event {
    uint64_t seq, index, epoch;
    int64_t at;
    int incident; // 0: the cluster
    char kind[12];
    char value[MADE_TEXT];
    int op; // whose request, or -1
};

struct made_final {
    struct made_event *events;
    size_t n;
    uint64_t index;
    char digest[MADE_TEXT];
    bool broken, missing;
};

struct made_view {
    uint64_t term, applied;
    int node, leader;
    char digest[MADE_TEXT];
};

struct made {
    uint64_t rng;
    struct made_op *ops; // in order of their returns
    size_t n_ops, ops_cap;
    struct made_final finals[MADE_NODES];
    struct made_view views[64];
    size_t n_views;
};

struct made_shape {
    size_t ops;
    int clients;
    int incidents_at_once;
    int ops_per_incident;
    int lost_percent; // answers that are lost
};

// Equal seeds make equal histories.
void made_make(struct made *m, uint64_t seed, const struct made_shape *shape);
void made_free(struct made *m);

// Write it as README.md of chaos/check has it; operation i stands in line i + 2.
void made_write(const struct made *m, FILE *out);

// A number below n.
uint64_t made_below(struct made *m, uint64_t n);

#endif
