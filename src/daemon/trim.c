// SPDX-License-Identifier: Apache-2.0
#include "daemon/trim.h"

#include <malloc.h>

#include "base/assert.h"

enum { CROWD = 1000 }; // connections: some 15 MiB, below which it is not worth the work

void wf_trim_init(struct wf_trim *t, uv_loop_t *loop)
{
    *t = (struct wf_trim){.loop = loop};
}

bool wf_trim_due(struct wf_trim *t, unsigned connections)
{
    bool quiet = connections == t->last;
    t->last = connections;
    if (connections > t->peak)
        t->peak = connections;
    if (!quiet || t->peak < CROWD || connections > t->peak / 2)
        return false;
    t->peak = connections;
    return true;
}

static void run(uv_work_t *work)
{
    (void)work;
    (void)malloc_trim(0);
}

static void done(uv_work_t *work, int status)
{
    struct wf_trim *t = work->data;
    WF_ASSERT(status == 0 && t->running);
    t->running = false;
}

void wf_trim_look(struct wf_trim *t, unsigned connections)
{
    WF_ASSERT(t->loop != NULL);
    if (t->running || !wf_trim_due(t, connections))
        return;
    t->running = true;
    t->work.data = t;
    int rc = uv_queue_work(t->loop, &t->work, run, done);
    WF_ASSERT(rc == 0);
}
