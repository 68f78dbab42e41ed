// SPDX-License-Identifier: Apache-2.0
#include "wan/heap.h"

#include <stdlib.h>

#include "base/assert.h"

int wan_heap_init(struct wan_heap *h, size_t cap, struct wf_err *err)
{
    *h = (struct wan_heap){.items = calloc(cap, sizeof *h->items), .cap = cap};
    if (!h->items)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory for a heap of %zu", cap);
    return WF_OK;
}

void wan_heap_free(struct wan_heap *h)
{
    free(h->items);
    *h = (struct wan_heap){0};
}

static bool before(const struct wan_heap_item *a, const struct wan_heap_item *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void wan_heap_push(struct wan_heap *h, wf_mono_ns at, uint32_t value)
{
    WF_ASSERT(h->n < h->cap);
    struct wan_heap_item item = {at, h->order++, value};
    size_t i = h->n++;
    for (; i > 0 && before(&item, &h->items[(i - 1) / 2]); i = (i - 1) / 2)
        h->items[i] = h->items[(i - 1) / 2];
    h->items[i] = item;
}

const struct wan_heap_item *wan_heap_first(const struct wan_heap *h)
{
    return h->n ? &h->items[0] : NULL;
}

uint32_t wan_heap_pop(struct wan_heap *h)
{
    WF_ASSERT(h->n > 0);
    uint32_t value = h->items[0].value;
    struct wan_heap_item last = h->items[--h->n];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < h->n && before(&h->items[child + 1], &h->items[child]))
            child++;
        if (child >= h->n || !before(&h->items[child], &last))
            break;
        h->items[i] = h->items[child];
        i = child;
    }
    h->items[i] = last;
    return value;
}
