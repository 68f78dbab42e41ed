// SPDX-License-Identifier: Apache-2.0
#include "check/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

_Noreturn static void out_of_memory(void)
{
    fputs("out of memory: check a shorter history, or on a larger machine\n", stderr);
    exit(2);
}

void *mem_zeroed(size_t n, size_t size)
{
    void *p = calloc(n > 0 ? n : 1, size);

    if (p == NULL)
        out_of_memory();
    return p;
}

void *mem_grow(void *items, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return items;
    size_t more = *cap > 0 ? *cap * 2 : 64;
    if (more > SIZE_MAX / size)
        out_of_memory();
    void *p = realloc(items, more * size);
    if (p == NULL)
        out_of_memory();
    *cap = more;
    return p;
}

void mem_sort(void *items, size_t n, size_t size, int (*compare)(const void *, const void *))
{
    if (n > 0)
        qsort(items, n, size, compare);
}
