// SPDX-License-Identifier: Apache-2.0
#include "rpc/bump.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { BLOCK = 8 * 1024 };

struct wf_bump_block {
    struct wf_bump_block *next;
    uint8_t data[] __attribute__((aligned(16)));
};

static void *pb_alloc(void *data, size_t n)
{
    return wf_bump_alloc(data, n);
}

static void pb_free(void *data, void *p)
{
    (void)data;
    (void)p;
}

void wf_bump_init(struct wf_bump *a, size_t max)
{
    WF_ASSERT(max >= sizeof a->first);
    a->allocator = (ProtobufCAllocator){pb_alloc, pb_free, a};
    a->at = a->first;
    a->left = sizeof a->first;
    a->total = 0;
    a->max = max;
    a->blocks = NULL;
}

void wf_bump_free(struct wf_bump *a)
{
    struct wf_bump_block *next;

    for (struct wf_bump_block *b = a->blocks; b != NULL; b = next) {
        next = b->next;
        free(b);
    }
    wf_bump_init(a, a->max);
}

// A block of at least n bytes; what was left of the one before is given up.
static int add_block(struct wf_bump *a, size_t n)
{
    size_t size = BLOCK;

    while (size < n || size < a->total / 4)
        size *= 2;
    if (size > a->max - a->total)
        size = n; // the last bit of a nearly full arena
    if (size > a->max - a->total)
        return -1;
    struct wf_bump_block *b = malloc(sizeof *b + size);
    if (b == NULL)
        return -1;
    b->next = a->blocks;
    a->blocks = b;
    a->at = b->data;
    a->left = size;
    a->total += size;
    return 0;
}

void *wf_bump_alloc(struct wf_bump *a, size_t n)
{
    WF_ASSERT(a->total <= a->max);
    if (n > a->max + sizeof a->first)
        return NULL;
    n = (n + 15) & ~(size_t)15;
    if (n > a->left && add_block(a, n) != 0)
        return NULL;
    void *p = a->at;
    a->at += n;
    a->left -= n;
    return p;
}

void *wf_bump_calloc(struct wf_bump *a, size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes))
        return NULL;
    void *p = wf_bump_alloc(a, bytes);
    if (p != NULL)
        memset(p, 0, bytes);
    return p;
}

char *wf_bump_strndup(struct wf_bump *a, const char *s, size_t n)
{
    char *p = wf_bump_alloc(a, n + 1);

    if (p != NULL) {
        memcpy(p, s, n);
        p[n] = '\0';
    }
    return p;
}
