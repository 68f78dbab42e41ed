// SPDX-License-Identifier: Apache-2.0
// Writes the state's WAL back into its file, on the pool, little and often: so that the writer
// never has to do it itself, and goes on overwriting the same few megabytes. Consensus thread.
#ifndef WF_DAEMON_CHECKPOINT_H
#define WF_DAEMON_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/metrics.h"

// The owner embeds it and keeps it until it is idle.
struct wf_checkpoint {
    uv_loop_t *loop;
    const char *dir; // of the state
    char wal[4096];
    bool running;
    uint64_t done_bytes; // of commands, when the last one began
    uint64_t done_ms;    // and when that was
    uv_work_t work;
    struct wf_metric *seconds, *wal_bytes;
};

void wf_checkpoint_init(struct wf_checkpoint *c, uv_loop_t *loop, const char *dir,
                        struct wf_metrics *metrics);

// bytes of commands have been applied since the start: begin one if it is worth it and none runs. A
// few times a second.
void wf_checkpoint_look(struct wf_checkpoint *c, uint64_t bytes);

#endif
