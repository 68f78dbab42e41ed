// SPDX-License-Identifier: Apache-2.0
#include "daemon/room_watch.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/log.h"
#include "daemon/room.h"

void wf_room_watch_init(struct wf_room_watch *w, uv_loop_t *loop, const char *dir,
                        struct wf_metrics *metrics)
{
    *w = (struct wf_room_watch){.loop = loop, .dir = dir};
    w->free_bytes = wf_gauge(metrics, "watchfire_disk_free_bytes", "",
                             "Free bytes of the file system that the data directory is on");
    w->is_low = wf_gauge(metrics, "watchfire_disk_low", "", "1 while the node is short of disk");
}

// Once, and again when it was possible meanwhile.
static void note_failure(struct wf_room_watch *w, const struct wf_err *err)
{
    if (!w->failed)
        wf_log(WF_LOG_WARN, "the disk's room is not known", "why", err->msg, NULL);
    w->failed = true;
}

void wf_room_watch_seen(struct wf_room_watch *w, int rc, uint64_t bytes, const struct wf_err *err)
{
    if (rc != WF_OK) {
        note_failure(w, err);
        return;
    }
    bool low = wf_room_is_low(w->low, bytes);
    if (low && !w->low)
        wf_log(WF_LOG_WARN,
               "short of disk: make room; a leader hands over, and where too few voters have room "
               "writes are refused",
               "data_dir", w->dir, "free_bytes", wf_log_u(bytes), "low_bytes",
               wf_log_u(WF_DISK_LOW), NULL);
    else if (!low && w->low)
        wf_log(WF_LOG_INFO, "no longer short of disk", "data_dir", w->dir, "free_bytes",
               wf_log_u(bytes), NULL);
    w->failed = false;
    w->low = low;
    wf_metric_set(w->free_bytes, (double)bytes);
    wf_metric_set(w->is_low, low);
}

static void run(uv_work_t *work)
{
    struct wf_room_watch *w = work->data;
    w->rc = wf_room_free(w->dir, &w->bytes, &w->err);
}

static void done(uv_work_t *work, int status)
{
    struct wf_room_watch *w = work->data;
    (void)status; // never cancelled
    w->running = false;
    wf_room_watch_seen(w, w->rc, w->bytes, &w->err);
}

bool wf_room_watch_look(struct wf_room_watch *w)
{
    uint64_t now = uv_now(w->loop);
    if (w->running || (w->looked && now - w->looked_ms < WF_DISK_LOOK_MS))
        return w->low;
    w->running = w->looked = true;
    w->looked_ms = now;
    w->work.data = w;
    int rc = uv_queue_work(w->loop, &w->work, run, done);
    WF_ASSERT(rc == 0);
    return w->low;
}
