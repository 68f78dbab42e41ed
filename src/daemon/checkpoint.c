// SPDX-License-Identifier: Apache-2.0
#include "daemon/checkpoint.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "state/state.h"

// Commands become about four times as many bytes of WAL. A tenth of a second of full load; with
// little to do it can wait for half a minute.
enum { WORTH_IT = 1024 * 1024, SOME_TIME_MS = 30000 };

static void run(uv_work_t *work)
{
    struct wf_checkpoint *c = work->data;
    struct wf_err err;
    wf_mono_ns start = wf_clock_mono_ns();
    // Whatever hinders it shows at the writer too, which then stops the node; here it is only late.
    if (wf_state_checkpoint(c->dir, &err) != WF_OK)
        wf_log(WF_LOG_WARN, "the state's checkpoint failed", "why", err.msg, NULL);
    wf_metric_observe(c->seconds, (double)(wf_clock_mono_ns() - start) / 1e9);
}

static void done(uv_work_t *work, int status)
{
    struct wf_checkpoint *c = work->data;
    (void)status; // never cancelled
    c->running = false;
}

void wf_checkpoint_init(struct wf_checkpoint *c, uv_loop_t *loop, const char *dir,
                        struct wf_metrics *metrics)
{
    *c = (struct wf_checkpoint){.loop = loop, .dir = dir};
    WF_ASSERT(strlen(dir) < sizeof c->wal - 16);
    snprintf(c->wal, sizeof c->wal, "%s/state.db-wal", dir);
    c->seconds = wf_histogram(metrics, "watchfire_state_checkpoint_seconds", "",
                              "Time to write the state's WAL back", 1e-3, 10);
    c->wal_bytes = wf_gauge(metrics, "watchfire_state_wal_bytes", "", "Size of the state's WAL");
}

void wf_checkpoint_look(struct wf_checkpoint *c, uint64_t bytes)
{
    struct stat st;
    uint64_t now = uv_now(c->loop), more = bytes - c->done_bytes;
    if (stat(c->wal, &st) == 0)
        wf_metric_set(c->wal_bytes, (double)st.st_size);
    if (c->running || more == 0 || (more < WORTH_IT && now - c->done_ms < SOME_TIME_MS))
        return;
    c->running = true;
    c->done_bytes = bytes;
    c->done_ms = now;
    c->work.data = c;
    int rc = uv_queue_work(c->loop, &c->work, run, done);
    WF_ASSERT(rc == 0);
}
