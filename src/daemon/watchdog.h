// SPDX-License-Identifier: Apache-2.0
// A thread that notices a loop that no longer turns: it says so in the log, counts it, and keeps
// systemd's watchdog from being fed.
#ifndef WF_DAEMON_WATCHDOG_H
#define WF_DAEMON_WATCHDOG_H

#include <stdint.h>

#include "base/metrics.h"

struct wf_watchdog;

// A loop under watch: beat(ctx) is a number that grows as long as it turns, from any thread.
struct wf_watched {
    const char *name;
    uint64_t (*beat)(void *ctx);
    void *ctx;
};

// loops is copied; a loop counts as stuck after stuck_ms without a beat. NULL: out of memory or
// threads.
struct wf_watchdog *wf_watchdog_start(const struct wf_watched *loops, unsigned n, unsigned stuck_ms,
                                      struct wf_metrics *metrics);
void wf_watchdog_stop(struct wf_watchdog *w);

#endif
