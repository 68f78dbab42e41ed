// SPDX-License-Identifier: Apache-2.0
// What replication needs of the state machine above it. Replication does not know what a command
// means; the daemon plugs in state/, the simulator its own.
//
// All calls come from the consensus thread, except image_write and image_take, which run on a pool
// thread.
#ifndef WF_REPLICATION_FSM_H
#define WF_REPLICATION_FSM_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/result.h"

struct wf_bytes {
    const uint8_t *data;
    size_t len;
};

// The commands of one raft entry, in order.
struct wf_batch {
    uint64_t index;
    uint64_t term;
    wf_unix_ms time; // stamped by the leader; never before that of an earlier entry; 0 when n is 0
    const struct wf_bytes *commands;
    unsigned n;
};

// A consistent copy of the state at one index, named by its content.
struct wf_image_info {
    uint64_t index;
    uint64_t size;                // bytes of the file
    uint8_t hash[WF_HASH_SIZE];   // SHA-256 of the file
    uint8_t digest[WF_HASH_SIZE]; // the state's digest at index
};

struct wf_fsm {
    void *ctx;

    // Apply a committed entry: results[i] answers commands[i] and stays valid until the next call.
    // n may be 0 (then only index and term move on). A refused command is a result like any other;
    // failing here means that the node's own disk or memory failed, and the node stops.
    // Requires batch->index == applied() + 1.
    int (*apply)(void *ctx, const struct wf_batch *batch, struct wf_bytes *results,
                 struct wf_err *err);

    // Index of the last applied entry; 0 for a new state.
    uint64_t (*applied)(void *ctx);

    // The rolling digest over all applied commands and results; equal on all nodes at equal index.
    void (*digest)(void *ctx, uint8_t out[WF_HASH_SIZE]);

    // The newest version of the state's rules that this program knows; 0: they have none.
    uint32_t knows;
    // NULL, or: the newest that all members' programs know, as far as the leader has heard; 0: not
    // all have told. Told to the leader's state before next_due, which may then be now: what
    // tick_command gives raises the state to it.
    void (*all_know)(void *ctx, uint32_t version);

    // When the state next wants a tick (offer expiry and the like), or INT64_MAX. The leader then
    // proposes the bytes of tick_command.
    wf_unix_ms (*next_due)(void *ctx);
    struct wf_bytes (*tick_command)(void *ctx);

    // Images. begin pins the state as of now (cheap) and returns a handle in *image; write copies
    // it to path, fsyncs the file and fills info (long; other thread; the state goes on being
    // applied meanwhile; an older image may be at path, and is written over); end releases the
    // handle.
    int (*image_begin)(void *ctx, void **image, struct wf_err *err);
    int (*image_write)(void *image, const char *path, struct wf_image_info *info,
                       struct wf_err *err);
    void (*image_end)(void *image);

    // Replace the whole state by the image at path, which info describes, in two steps: take checks
    // and copies it (long; other thread; meanwhile nothing is applied, and applied, digest,
    // next_due and tick_command still answer for the old state), adopt goes on from it. A crash
    // between the two leaves one state or the other. The file stays the caller's. On failure the
    // node stops.
    int (*image_take)(void *ctx, const char *path, const struct wf_image_info *info,
                      struct wf_err *err);
    int (*image_adopt)(void *ctx, const char *path, const struct wf_image_info *info,
                       struct wf_err *err);
};

#endif
