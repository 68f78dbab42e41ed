// SPDX-License-Identifier: Apache-2.0
// Memory handed out one piece after the other and released all at once, with a limit: what a
// request decodes to, what a parser needs for a moment. The owner embeds it; one thread at a time.
#ifndef WF_RPC_BUMP_H
#define WF_RPC_BUMP_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

enum { WF_BUMP_FIRST = 1024 };

struct wf_bump {
    ProtobufCAllocator allocator; // for protobuf_c_message_unpack(); free does nothing
    uint8_t *at;
    size_t left;
    size_t total; // bytes asked of malloc
    size_t max;
    struct wf_bump_block *blocks;
    uint8_t first[WF_BUMP_FIRST] __attribute__((aligned(16))); // enough for most requests
};

// An empty one that asks malloc for at most max bytes. Must not be moved afterwards.
void wf_bump_init(struct wf_bump *a, size_t max);

// Release everything; it is empty and usable again.
void wf_bump_free(struct wf_bump *a);

// n bytes aligned to 16, or NULL when out of memory or past max.
void *wf_bump_alloc(struct wf_bump *a, size_t n);

// n zeroed elements.
void *wf_bump_calloc(struct wf_bump *a, size_t n, size_t size);

// A copy of n bytes with a NUL behind, or NULL.
char *wf_bump_strndup(struct wf_bump *a, const char *s, size_t n);

#endif
