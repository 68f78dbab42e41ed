// SPDX-License-Identifier: Apache-2.0
#include "rpc/deadline.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/result.h"

void wf_deadlines_init(struct wf_deadlines *h)
{
    *h = (struct wf_deadlines){0};
}

void wf_deadlines_free(struct wf_deadlines *h)
{
    WF_ASSERT(h->n == 0);
    free(h->heap);
    wf_deadlines_init(h);
}

static void place(struct wf_deadlines *h, size_t pos, struct wf_deadline *d)
{
    h->heap[pos] = d;
    d->pos = pos;
}

static void sift_up(struct wf_deadlines *h, size_t pos, struct wf_deadline *d)
{
    for (; pos > 1 && h->heap[pos / 2]->at > d->at; pos /= 2)
        place(h, pos, h->heap[pos / 2]);
    place(h, pos, d);
}

static void sift_down(struct wf_deadlines *h, size_t pos, struct wf_deadline *d)
{
    for (size_t child; (child = 2 * pos) <= h->n; pos = child) {
        if (child < h->n && h->heap[child + 1]->at < h->heap[child]->at)
            child++;
        if (h->heap[child]->at >= d->at)
            break;
        place(h, pos, h->heap[child]);
    }
    place(h, pos, d);
}

int wf_deadlines_add(struct wf_deadlines *h, struct wf_deadline *d, wf_mono_ns at)
{
    WF_ASSERT(d->pos == 0);
    if (h->n + 1 >= h->cap) {
        size_t cap = h->cap > 0 ? h->cap * 2 : 64;
        struct wf_deadline **heap = realloc(h->heap, cap * sizeof *heap);
        if (heap == NULL)
            return WF_RESOURCE_EXHAUSTED;
        h->heap = heap;
        h->cap = cap;
    }
    d->at = at;
    sift_up(h, ++h->n, d);
    return WF_OK;
}

void wf_deadlines_remove(struct wf_deadlines *h, struct wf_deadline *d)
{
    size_t pos = d->pos;

    if (pos == 0)
        return;
    WF_ASSERT(pos <= h->n && h->heap[pos] == d);
    d->pos = 0;
    struct wf_deadline *last = h->heap[h->n--];
    if (last == d)
        return;
    if (pos > 1 && h->heap[pos / 2]->at > last->at)
        sift_up(h, pos, last);
    else
        sift_down(h, pos, last);
}

struct wf_deadline *wf_deadlines_first(const struct wf_deadlines *h)
{
    return h->n > 0 ? h->heap[1] : NULL;
}
