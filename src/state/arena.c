// SPDX-License-Identifier: Apache-2.0
#include "state/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "proto/time.h"

enum { BLOCK = 128 * 1024 }; // holds the largest command unpacked; more is taken and given back

struct wf_arena_block {
    struct wf_arena_block *next;
    size_t size;
    size_t used;
    alignas(max_align_t) uint8_t data[];
};

static struct wf_arena_block *new_block(size_t size)
{
    struct wf_arena_block *b = wf_need(malloc(sizeof *b + size), "a command or a query");

    b->next = NULL;
    b->size = size;
    b->used = 0;
    return b;
}

static void *take(void *ctx, size_t n)
{
    return wf_arena_alloc(ctx, n);
}

static void give(void *ctx, void *p)
{
    (void)ctx;
    (void)p;
}

void wf_arena_init(struct wf_arena *a)
{
    a->first = a->last = new_block(BLOCK);
    a->allocator = (ProtobufCAllocator){take, give, a};
}

void wf_arena_reset(struct wf_arena *a)
{
    WF_ASSERT(a->first != NULL && a->last != NULL);
    struct wf_arena_block *b = a->first->next;

    while (b != NULL) {
        struct wf_arena_block *next = b->next;
        free(b);
        b = next;
    }
    a->first->next = NULL;
    a->first->used = 0;
    a->last = a->first;
}

void wf_arena_free(struct wf_arena *a)
{
    wf_arena_reset(a);
    free(a->first);
    a->first = a->last = NULL;
}

void *wf_arena_alloc(struct wf_arena *a, size_t n)
{
    struct wf_arena_block *b = a->last;

    n = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (b->size - b->used < n) {
        b = new_block(n > BLOCK ? n : BLOCK);
        a->last->next = b;
        a->last = b;
    }
    void *p = b->data + b->used;
    b->used += n;
    WF_ASSERT(b->used <= b->size && b->next == NULL);
    return p;
}

void *wf_arena_copy(struct wf_arena *a, const void *data, size_t n)
{
    void *p = wf_arena_alloc(a, n);

    if (n > 0)
        memcpy(p, data, n);
    return p;
}

char *wf_arena_text(struct wf_arena *a, const char *s)
{
    return wf_arena_copy(a, s, strlen(s) + 1);
}

char *wf_arena_cut(struct wf_arena *a, const char *s, size_t max)
{
    size_t n = wf_utf8_valid_prefix(s, strnlen(s, max));
    char *cut = wf_arena_alloc(a, n + 1);

    memcpy(cut, s, n);
    cut[n] = '\0';
    return cut;
}

char *wf_arena_printf(struct wf_arena *a, const char *fmt, ...)
{
    va_list ap, again;

    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    WF_ASSERT(n >= 0);
    char *s = wf_arena_alloc(a, (size_t)n + 1);
    vsnprintf(s, (size_t)n + 1, fmt, again);
    va_end(again);
    return s;
}

Google__Protobuf__Timestamp *wf_arena_time(struct wf_arena *a, wf_unix_ms t)
{
    Google__Protobuf__Timestamp *p = wf_arena_alloc(a, sizeof *p);

    wf_timestamp_init(p, t);
    return p;
}

void *wf_arena_grow(struct wf_arena *a, void *items, size_t n, void *item)
{
    void **grown = wf_arena_alloc(a, (n + 1) * sizeof(void *));

    if (n > 0)
        memcpy(grown, items, n * sizeof(void *));
    grown[n] = item;
    return grown;
}
