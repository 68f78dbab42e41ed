// SPDX-License-Identifier: Apache-2.0
// The queue of what happens next: a binary heap on (time, order of asking), so that a run is one
// sequence and no other.
#include <stdlib.h>

#include "sim.h"

static bool before(const struct event *a, const struct event *b)
{
    return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void push(struct sim *s, struct event *e)
{
    size_t i;

    if (s->heap_n == s->heap_cap) {
        s->heap_cap = s->heap_cap != 0 ? 2 * s->heap_cap : 1024;
        s->heap = realloc(s->heap, s->heap_cap * sizeof *s->heap);
        if (s->heap == NULL)
            abort();
    }
    e->seq = s->seq++;
    for (i = s->heap_n++; i > 0 && before(e, s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = e;
}

struct event *sim_at(struct sim *s, uint64_t at, void (*fn)(struct sim *s, struct event *e),
                     void *p)
{
    struct event *e = calloc(1, sizeof *e);

    if (e == NULL)
        abort();
    e->at = at < s->now ? s->now : at;
    e->fn = fn;
    e->p = p;
    push(s, e);
    return e;
}

static struct event *pop(struct sim *s)
{
    struct event *top = s->heap[0], *last = s->heap[--s->heap_n];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= s->heap_n)
            break;
        if (child + 1 < s->heap_n && before(s->heap[child + 1], s->heap[child]))
            child++;
        if (!before(s->heap[child], last))
            break;
        s->heap[i] = s->heap[child];
        i = child;
    }
    s->heap[i] = last;
    return top;
}

bool sim_step(struct sim *s)
{
    struct event *e;

    if (s->heap_n == 0)
        return false;
    e = pop(s);
    s->now = e->at;
    s->steps++;
    // A process that is stopped does nothing; what reaches it waits, in order.
    if (e->to != NULL && !e->to->dead && e->to->server->paused_until > s->now) {
        e->at = e->to->server->paused_until;
        push(s, e);
        return true;
    }
    if (e->fn != NULL)
        e->fn(s, e);
    free(e->bytes);
    free(e);
    return true;
}

void sim_events_free(struct sim *s)
{
    for (size_t i = 0; i < s->heap_n; i++) {
        free(s->heap[i]->bytes);
        free(s->heap[i]);
    }
    free(s->heap);
    s->heap = NULL;
    s->heap_n = s->heap_cap = 0;
}
