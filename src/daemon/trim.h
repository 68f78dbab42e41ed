// SPDX-License-Identifier: Apache-2.0
// Memory goes back to the system when a crowd of connections has left: the allocator keeps what
// lies below the newest block, which is most of it. One loop thread; the work is the pool's.
#ifndef WF_DAEMON_TRIM_H
#define WF_DAEMON_TRIM_H

#include <stdbool.h>
#include <uv.h>

struct wf_trim {
    uv_loop_t *loop;
    uv_work_t work;
    bool running;
    unsigned peak, last; // connections: since memory was given back, and at the last look
};

void wf_trim_init(struct wf_trim *t, uv_loop_t *loop);

// Connections now. To be called once a second.
void wf_trim_look(struct wf_trim *t, unsigned connections);

// Whether enough have left, and no more are leaving. Pure but for what it notes.
bool wf_trim_due(struct wf_trim *t, unsigned connections);

#endif
