// SPDX-License-Identifier: Apache-2.0
#include "replication/raft_heap.h"

#include <raft.h>
#include <stdlib.h>

#include "base/memory.h"

static void *heap_malloc(void *data, size_t n)
{
    (void)data;
    return wf_need(malloc(n), "libraft");
}

static void *heap_calloc(void *data, size_t n, size_t size)
{
    (void)data;
    return wf_need(calloc(n, size), "libraft");
}

static void *heap_realloc(void *data, void *p, size_t n)
{
    (void)data;
    return wf_need(realloc(p, n), "libraft");
}

static void *heap_aligned_alloc(void *data, size_t alignment, size_t n)
{
    (void)data;
    return wf_need(aligned_alloc(alignment, n), "libraft");
}

static void heap_free(void *data, void *p)
{
    (void)data;
    free(p);
}

static void heap_aligned_free(void *data, size_t alignment, void *p)
{
    (void)alignment;
    heap_free(data, p);
}

void wf_raft_heap_use(void)
{
    static struct raft_heap heap = {.malloc = heap_malloc,
                                    .free = heap_free,
                                    .calloc = heap_calloc,
                                    .realloc = heap_realloc,
                                    .aligned_alloc = heap_aligned_alloc,
                                    .aligned_free = heap_aligned_free};
    raft_heap_set(&heap);
}
