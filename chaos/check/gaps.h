// SPDX-License-Identifier: Apache-2.0
// How available the cluster was to those who wrote.
#ifndef CHECK_GAPS_H
#define CHECK_GAPS_H

#include "check/history.h"

struct gaps {
    uint64_t acknowledged, refused, unknown; // all operations
    uint64_t writes;                         // acknowledged ones
    uint64_t longest;                        // nanoseconds without an acknowledged write
    uint64_t from;                           // when that began
};

// From the history's start to its last operation; the beginning and the end count as well.
struct gaps gaps_of(const struct history *h);

#endif
