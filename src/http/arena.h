// SPDX-License-Identifier: Apache-2.0
// Memory that is given back all at once: a request's header fields. Embedded by its owner; the
// first kilobytes are inside. One thread.
#ifndef WF_HTTP_ARENA_H
#define WF_HTTP_ARENA_H

#include <stddef.h>

enum { WF_ARENA_INLINE = 1536 };

struct wf_http_arena_block;

struct wf_http_arena {
    struct wf_http_arena_block *blocks; // beyond the first
    char *at;
    size_t left;
    _Alignas(max_align_t) char first[WF_ARENA_INLINE];
};

void wf_http_arena_init(struct wf_http_arena *a);
// Everything handed out is gone; the arena is empty and usable.
void wf_http_arena_reset(struct wf_http_arena *a);
// n bytes, aligned for anything; NULL when out of memory.
void *wf_http_arena_alloc(struct wf_http_arena *a, size_t n);
// A copy with a NUL behind it.
char *wf_http_arena_copy(struct wf_http_arena *a, const void *data, size_t n);

#endif
