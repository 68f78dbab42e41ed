// SPDX-License-Identifier: Apache-2.0
#include "check/log.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "check/mem.h"

static int by_seq(const void *a, const void *b)
{
    const struct event *x = *(const struct event *const *)a;
    const struct event *y = *(const struct event *const *)b;

    if (x->seq != y->seq)
        return x->seq < y->seq ? -1 : 1;
    return x < y ? -1 : x > y;
}

static void count(struct log_found *found, const struct event *e)
{
    if (found->n++ == 0)
        found->first = e;
}

void log_open(struct log *l, const struct history *h, const struct final *f)
{
    WF_ASSERT(!f->gone);
    *l = (struct log){.h = h, .final = f, .n = f->events_n};
    l->events = f->events_n > 0 ? h->events + f->events_at : NULL;
    l->by_seq = mem_zeroed(l->n, sizeof *l->by_seq);
    l->notes = mem_zeroed(h->names.n, sizeof *l->notes);
    l->requests = mem_zeroed(h->names.n, sizeof *l->requests);
    for (size_t i = 0; i < l->n; i++) {
        const struct event *e = &l->events[i];
        l->by_seq[i] = e;
        if (e->kind == EVENT_NOTE)
            count(&l->notes[e->value], e);
        // Under one request stand a declaration and its first commander, a resolution and the
        // offers it ended: the first of a kind decides which kind is counted.
        if (e->kind != EVENT_OTHER && e->request != 0 &&
            (l->requests[e->request].n == 0 || l->requests[e->request].first->kind == e->kind))
            count(&l->requests[e->request], e);
    }
    mem_sort(l->by_seq, l->n, sizeof *l->by_seq, by_seq);
}

void log_close(struct log *l)
{
    free(l->by_seq);
    free(l->notes);
    free(l->requests);
    memset(l, 0, sizeof *l);
}

const struct event *log_at(const struct log *l, uint64_t seq)
{
    size_t low = 0, high = l->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (l->by_seq[mid]->seq < seq)
            low = mid + 1;
        else
            high = mid;
    }
    return low < l->n && l->by_seq[low]->seq == seq ? l->by_seq[low] : NULL;
}

enum event_kind log_kind_of(enum op_kind kind)
{
    static const enum event_kind kinds[OP_KINDS] = {
        [OP_DECLARE] = EVENT_DECLARED, [OP_NOTE] = EVENT_NOTE,   [OP_OFFER] = EVENT_OFFER,
        [OP_ACCEPT] = EVENT_COMMANDER, [OP_STATE] = EVENT_STATE, [OP_PUT] = EVENT_NOTE,
    };

    WF_ASSERT(history_is_write(kind));
    return kinds[kind];
}

uint32_t log_count(const struct log *l, const struct operation *op, const struct event **first)
{
    bool text = log_kind_of(op->kind) == EVENT_NOTE;
    const struct log_found *f = text ? &l->notes[op->value] : &l->requests[op->request];

    if (f->n == 0 || (!text && (op->request == 0 || f->first->kind != log_kind_of(op->kind))))
        return 0;
    *first = f->first;
    return f->n;
}

const struct event *log_event_of(const struct log *l, const struct operation *op)
{
    const struct event *e = NULL;

    if (op->outcome == OUTCOME_OK && op->seq != 0)
        return log_at(l, op->seq);
    log_count(l, op, &e);
    return e;
}
