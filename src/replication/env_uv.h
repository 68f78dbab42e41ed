// SPDX-License-Identifier: Apache-2.0
// The real env: a libuv loop, its timers and its thread pool, the kernel's clocks and randomness.
#ifndef WF_REPLICATION_ENV_UV_H
#define WF_REPLICATION_ENV_UV_H

#include <uv.h>

#include "replication/env.h"

struct wf_env_uv_timer;

// The owner embeds it and keeps it until closed.
struct wf_env_uv {
    struct wf_env env; // hand out &env
    uv_loop_t *loop;
    uv_check_t check; // after the poll phase: what was asked for soon
    uv_idle_t idle;   // keeps the poll from waiting meanwhile
    struct wf_env_uv_timer *soon;
    uint64_t turn;
    int open; // handles
    void (*done)(void *arg);
    void *arg;
};

// Set up on the loop. Returns WF_OK or fills err.
int wf_env_uv_init(struct wf_env_uv *e, uv_loop_t *loop, struct wf_err *err);

// Close what init opened, then done(arg). Requires all timers stopped and all work done.
void wf_env_uv_close(struct wf_env_uv *e, void (*done)(void *arg), void *arg);

#endif
