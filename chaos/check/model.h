// SPDX-License-Identifier: Apache-2.0
// What one incident may do, by itself: the answers it gives, in whatever order its operations take
// effect. The same for etcd's registers.
//
// Operations that never ended may take effect at any time after their call, or not at all, and
// would make the number of orders explode. What an order with them can be reduced to, without loss:
// - each stands right before an operation that shows or needs its effect, for it can be moved later
//   as long as none does (and left out, if none ever does); of neighbours that do not concern each
//   other the one whose kind began first stands first;
// - of those that do the same the one called first is used first.
//
// Notes are only ever added, so of all lists that reads showed each must be the beginning of the
// next longer one; and whatever the order of operations was, while a longer list is still to be
// read the incident's notes are a beginning of it. The longest list read, the spine, therefore
// stands for the notes: the state holds how many of its notes are there. Notes behind the spine
// were never seen, and the state tells them apart no more.
#ifndef CHECK_MODEL_H
#define CHECK_MODEL_H

#include "check/history.h"

// Compared whole (memcmp): no padding.
struct model_state {
    uint32_t notes; // of the spine; one more than it has: more were added
    name_id value;  // of a register
    name_id commander;
    name_id offered; // to whom the command is offered; 0: to nobody
    uint64_t epoch;  // 0: not known yet
    uint32_t phase;  // PHASE_NONE: not known yet
    uint32_t exists; // it is declared; 0 only when the history has the declaration
    uint32_t open;   // 1 + the unknown operation that took effect last, if it was the last; or 0
    uint32_t unused;
};

enum model_why {
    MODEL_DIFFERS, // its list is not a beginning of the spine
    MODEL_NOBODYS, // it shows a value that nobody wrote
    MODEL_TWICE,   // it shows a value twice
};

// One incident's operations, ready for a search.
struct model {
    const struct history *h;
    const struct operation **ops; // those that matter, in order of their calls
    uint32_t *place; // note: its place on the spine, or MODEL_OFF; read: notes it showed
    uint32_t *twin;  // of an unknown operation: the one before it that does the same, or MODEL_OFF
    uint32_t *kind;  // of an unknown operation: the first that does the same
    size_t n;
    const struct operation *spine;      // the read, or NULL
    const struct operation *impossible; // the first read found that no order can explain, and why
    enum model_why why;
    name_id what; // the value
};

#define MODEL_OFF UINT32_MAX

// Requires ops[0..n), all of one incident, in order of their calls, none refused, none a read that
// did not succeed. Leaves out what can be left out: unknown writes whose value nobody ever saw.
void model_init(struct model *m, const struct history *h, const struct operation *const *ops,
                size_t n);
void model_free(struct model *m);

// The state before everything.
struct model_state model_start(const struct model *m);

// Whether operation i can take effect in state *s with the answer that was recorded (none, if its
// outcome is unknown); if so *s becomes the state after it. Otherwise *s is not to be used.
bool model_step(const struct model *m, size_t i, struct model_state *s);

// Whether operation i is an unknown one that can never take effect any more from state *s on: the
// epoch it believes in is past.
bool model_is_past(const struct model *m, size_t i, const struct model_state *s);

// The states of an incident and the edges between them.
bool model_edge(enum phase from, enum phase to);

#endif
