// SPDX-License-Identifier: Apache-2.0
// Ways to make a right history wrong, each with the checkers that must notice.
#ifndef TESTS_CHAOS_DAMAGE_H
#define TESTS_CHAOS_DAMAGE_H

#include "made_history.h"

enum { DAMAGE_ORDER = 1, DAMAGE_LINEAR = 2, DAMAGE_INVARIANTS = 4 };

struct damage {
    const char *name;
    unsigned found_by; // each of these must reject it
    // Does it at a random place and puts what the report must name into culprit; false when the
    // history has no such place (it is as it was then).
    bool (*harm)(struct made *m, char culprit[64]);
};

extern const struct damage damages[];
extern const size_t n_damages;

#endif
