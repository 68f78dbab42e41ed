// SPDX-License-Identifier: Apache-2.0
#include "http/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { BLOCK = 4096 };

struct wf_http_arena_block {
    struct wf_http_arena_block *next;
    _Alignas(max_align_t) char data[];
};

void wf_http_arena_init(struct wf_http_arena *a)
{
    a->blocks = NULL;
    a->at = a->first;
    a->left = sizeof a->first;
}

void wf_http_arena_reset(struct wf_http_arena *a)
{
    while (a->blocks) {
        struct wf_http_arena_block *next = a->blocks->next;
        free(a->blocks);
        a->blocks = next;
    }
    wf_http_arena_init(a);
}

static void *take(struct wf_http_arena *a, size_t n)
{
    WF_ASSERT(n <= a->left);
    void *p = a->at;
    a->at += n;
    a->left -= n;
    return p;
}

static char *more(struct wf_http_arena *a, size_t n)
{
    if (n <= a->left)
        return take(a, n);
    size_t size = n > BLOCK ? n : BLOCK;
    struct wf_http_arena_block *b = malloc(sizeof *b + size);
    if (!b)
        return NULL;
    b->next = a->blocks;
    a->blocks = b;
    a->at = b->data;
    a->left = size;
    return take(a, n);
}

void *wf_http_arena_alloc(struct wf_http_arena *a, size_t n)
{
    const size_t align = _Alignof(max_align_t);
    size_t skip = (align - (uintptr_t)a->at % align) % align;
    if (skip + n <= a->left)
        (void)take(a, skip);
    else
        a->left = 0; // a new block is aligned
    return more(a, n);
}

char *wf_http_arena_copy(struct wf_http_arena *a, const void *data, size_t n)
{
    char *p = more(a, n + 1);
    if (!p)
        return NULL;
    if (n > 0)
        memcpy(p, data, n);
    p[n] = 0;
    return p;
}
