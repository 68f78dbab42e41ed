// SPDX-License-Identifier: Apache-2.0
// Whether there is any order of an incident's operations, within real time, in which each has the
// answer it got (Herlihy and Wing, 1990). It believes no place in any log.
//
// The search is Wing and Gong's (1993): take an operation that may come next, and go back where
// that leads nowhere. Lowe's (2017) optimisations: a configuration, which operations are done and
// what the state is then, is tried once; and what concerns one incident is searched by itself, as
// an incident is one object. An operation whose outcome is unknown stays open for ever, and need
// not take effect.
#ifndef CHECK_LINEAR_H
#define CHECK_LINEAR_H

#include "check/report.h"

// What remembered configurations may take of an ordinary machine's memory.
#define LINEAR_MEMORY_MAX (1024UL * 1024 * 1024)
// Steps between two looks at the clock: about a millisecond.
#define LINEAR_STEPS_PER_LOOK 4096

struct linear_limits {
    bool (*over)(void *ctx); // the time is over; asked now and then
    void *ctx;
    size_t memory_max; // bytes of remembered configurations
};

// Requires an initialised verdict. Past a limit the verdict is undecided, and says where it was.
void linear_check(const struct history *h, const struct linear_limits *limits, struct verdict *v);

#endif
