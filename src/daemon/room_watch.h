// SPDX-License-Identifier: Apache-2.0
// The free space under a running node: looked at each WF_DISK_LOOK_MS on the pool, since a disk
// that hangs keeps whoever looks, and said when it becomes short and when there is room again.
// While the disk hangs what was seen last stands. Consensus thread.
#ifndef WF_DAEMON_ROOM_WATCH_H
#define WF_DAEMON_ROOM_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/metrics.h"
#include "base/result.h"

// The owner embeds it and keeps it until the loop has nothing left.
struct wf_room_watch {
    uv_loop_t *loop;
    const char *dir;
    bool low, failed;
    bool running, looked;
    uint64_t looked_ms; // when the last look began
    uv_work_t work;
    uint64_t bytes; // what it saw
    int rc;
    struct wf_err err;
    struct wf_metric *free_bytes, *is_low;
};

void wf_room_watch_init(struct wf_room_watch *w, uv_loop_t *loop, const char *dir,
                        struct wf_metrics *metrics);

// Often: begins a look when it is time. Returns whether the node is short of disk, as last seen.
bool wf_room_watch_look(struct wf_room_watch *w);

// What a look has seen: notes, says and measures it. wf_room_watch_look has it done; for tests.
void wf_room_watch_seen(struct wf_room_watch *w, int rc, uint64_t bytes, const struct wf_err *err);

#endif
