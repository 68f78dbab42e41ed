// SPDX-License-Identifier: Apache-2.0
// Memory that lives as long as one command or one query: taken piece by piece, given back at once.
// One thread. Out of memory ends the process: a state machine that cannot apply must stop anyway.
#ifndef WF_STATE_ARENA_H
#define WF_STATE_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

#include "base/clock.h"
#include "google/protobuf/timestamp.pb-c.h"

struct wf_arena_block;

struct wf_arena {
    struct wf_arena_block *first; // kept by a reset
    struct wf_arena_block *last;
    ProtobufCAllocator allocator; // for protobuf-c; its free does nothing
};

// The arena must not move afterwards (its allocator points back to it).
void wf_arena_init(struct wf_arena *a);
void wf_arena_free(struct wf_arena *a);

// Everything handed out becomes invalid.
void wf_arena_reset(struct wf_arena *a);

// n bytes, aligned for anything, not zeroed.
void *wf_arena_alloc(struct wf_arena *a, size_t n);
char *wf_arena_text(struct wf_arena *a, const char *s);
void *wf_arena_copy(struct wf_arena *a, const void *data, size_t n);
// The first max bytes of s at most, cut between characters.
char *wf_arena_cut(struct wf_arena *a, const char *s, size_t max);
char *wf_arena_printf(struct wf_arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
Google__Protobuf__Timestamp *wf_arena_time(struct wf_arena *a, wf_unix_ms t);

// A copy of an array of n pointers with one more at its end: for a short repeated field of a
// message.
void *wf_arena_grow(struct wf_arena *a, void *items, size_t n, void *item);

#endif
