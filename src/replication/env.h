// SPDX-License-Identifier: Apache-2.0
// The outside world of a node, handed in: clocks, randomness, timers, work off the loop, and the
// few file operations that state images need. The daemon implements it on libuv and POSIX, the
// simulator on its virtual clock, so that one seed is one run.
//
// All of it is used on the consensus thread alone, except wf_env_work.run and struct wf_files,
// which are also used on a pool thread. Nothing here calls back inside the call that asked.
#ifndef WF_REPLICATION_ENV_H
#define WF_REPLICATION_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/result.h"

// A timer; its owner embeds it, sets fire and arg, and stops it before it goes away.
struct wf_timer {
    void (*fire)(void *arg);
    void *arg;
    void *impl; // the env's; NULL at first
};

// Work for a pool thread. The owner keeps it alive until done, which always comes, on the loop.
struct wf_env_work {
    void (*run)(void *arg);  // pool thread
    void (*done)(void *arg); // loop, later
    void *arg;
    void *impl;
};

// Files, by path. Every function returns WF_OK or fills err. Any thread; one file is never used by
// two at once.
struct wf_files {
    void *ctx;
    // Bytes of the file; WF_NOT_FOUND when there is none.
    int (*size)(void *ctx, const char *path, uint64_t *out, struct wf_err *err);
    // Exactly n bytes at offset.
    int (*read)(void *ctx, const char *path, uint64_t offset, void *out, size_t n,
                struct wf_err *err);
    // Write n bytes at offset, creating the file at need. Not durable yet.
    int (*write)(void *ctx, const char *path, uint64_t offset, const void *data, size_t n,
                 struct wf_err *err);
    // fsync the file at from, rename it to to, fsync the directory.
    int (*publish)(void *ctx, const char *from, const char *to, struct wf_err *err);
    // Not an error when there is none.
    int (*remove)(void *ctx, const char *path, struct wf_err *err);
    // Call each(arg, name) for every file name in the directory, in any order, but not for changes
    // made meanwhile.
    int (*list)(void *ctx, const char *dir, void (*each)(void *arg, const char *name), void *arg,
                struct wf_err *err);
};

struct wf_env {
    void *ctx;

    wf_mono_ns (*mono_ns)(void *ctx);
    wf_unix_ms (*unix_ms)(void *ctx);
    // Uniform in [min, max], both included. Used for election timers and ids, not for secrets.
    uint64_t (*random)(void *ctx, uint64_t min, uint64_t max);

    // Fire after first_ms, and then every repeat_ms unless that is 0. A running timer is set anew.
    void (*timer_start)(void *ctx, struct wf_timer *t, uint64_t first_ms, uint64_t repeat_ms);
    void (*timer_stop)(void *ctx, struct wf_timer *t); // also one that never ran

    // Fire t once, soon: after the events that already wait in this turn of the loop have been
    // handled, so that what they bring can be batched (libuv: a check or idle handle). Asking again
    // before it fired changes nothing; timer_stop withdraws it.
    void (*soon)(void *ctx, struct wf_timer *t);

    // Run w on the pool.
    void (*work)(void *ctx, struct wf_env_work *w);

    const struct wf_files *files;
};

// Files on the local file system (files.c).
extern const struct wf_files wf_files_posix;

#endif
