// SPDX-License-Identifier: Apache-2.0
// Memory of a checker. Running out ends the process with exit code 2: nothing was decided then.
#ifndef CHECK_MEM_H
#define CHECK_MEM_H

#include <stddef.h>

// n zeroed elements (at least one); free() them.
void *mem_zeroed(size_t n, size_t size);

// Room for one more element behind the n of items; returns where items is now. *cap is the owner's.
void *mem_grow(void *items, size_t n, size_t *cap, size_t size);

// qsort(), also of nothing at no address.
void mem_sort(void *items, size_t n, size_t size, int (*compare)(const void *, const void *));

#endif
