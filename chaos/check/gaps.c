// SPDX-License-Identifier: Apache-2.0
#include "check/gaps.h"

#include <stdlib.h>

#include "check/mem.h"

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void longest(struct gaps *g, uint64_t from, uint64_t to)
{
    if (to - from <= g->longest)
        return;
    g->longest = to - from;
    g->from = from;
}

struct gaps gaps_of(const struct history *h)
{
    uint64_t *acks = mem_zeroed(h->n_ops, sizeof *acks), before = h->start;
    struct gaps g = {.from = h->start};

    for (size_t i = 0; i < h->n_ops; i++) {
        const struct operation *op = &h->ops[i];
        g.acknowledged += op->outcome == OUTCOME_OK;
        g.refused += op->outcome == OUTCOME_REFUSED;
        g.unknown += op->outcome == OUTCOME_UNKNOWN;
        if (op->outcome == OUTCOME_OK && history_is_write(op->kind))
            acks[g.writes++] = op->ret;
    }
    mem_sort(acks, g.writes, sizeof *acks, ascending);
    for (uint64_t i = 0; i < g.writes; i++) {
        longest(&g, before, acks[i]);
        before = acks[i];
    }
    longest(&g, before, h->end);
    free(acks);
    return g;
}
