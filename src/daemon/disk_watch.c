// SPDX-License-Identifier: Apache-2.0
#include "daemon/disk_watch.h"

#include <stddef.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/log.h"

enum { TRY_AGAIN_MS = 1000 };

static wf_mono_ns ms(uint64_t n)
{
    return n * 1000000;
}

static void note(struct wf_disk_watch *w, wf_mono_ns busy)
{
    bool hung = busy >= ms(WF_DISK_HUNG_MS);
    if (hung == w->hung)
        return;
    w->hung = hung;
    if (hung)
        wf_log(WF_LOG_ERROR, "the disk of the log hangs: look at it, this node counts for nothing",
               "for_ms", wf_log_u(busy / 1000000), NULL);
    else
        wf_log(WF_LOG_WARN, "the disk of the log answers again", NULL);
}

bool wf_disk_watch_look(struct wf_disk_watch *w, wf_mono_ns now, wf_mono_ns busy, bool leading)
{
    WF_ASSERT(now >= w->tried && now >= w->handed);
    note(w, busy);
    if (!w->hung || !leading)
        return false;
    if (w->handed != 0 && now - w->handed < ms(WF_DISK_REST_MS))
        return false;
    if (w->tried != 0 && now - w->tried < ms(TRY_AGAIN_MS))
        return false;
    w->tried = now;
    return true;
}

void wf_disk_watch_handed(struct wf_disk_watch *w, wf_mono_ns now)
{
    WF_ASSERT(now >= w->tried);
    w->handed = now;
}
