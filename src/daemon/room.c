// SPDX-License-Identifier: Apache-2.0
#include "daemon/room.h"

#include <errno.h>
#include <sys/statvfs.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"

enum { SAY_EVERY_S = 60 };

int wf_room_free(const char *dir, uint64_t *bytes, struct wf_err *err)
{
    struct statvfs fs;
    if (statvfs(dir, &fs) != 0)
        return wf_fail_errno(err, errno, "cannot look at the disk of %s", dir);
    *bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    return WF_OK;
}

bool wf_room_is_low(bool was_low, uint64_t bytes)
{
    return bytes < (was_low ? WF_DISK_LOW_END : WF_DISK_LOW);
}

static void say(const char *dir, uint64_t bytes)
{
    wf_log(WF_LOG_ERROR, "the disk is full: make room, and the node starts by itself", "data_dir",
           dir, "free_bytes", wf_log_u(bytes), "needed_bytes", wf_log_u(WF_DISK_START_MIN), NULL);
}

int wf_room_await(const char *dir, struct wf_err *err)
{
    uint64_t bytes = 0;
    for (unsigned seconds = 0;; seconds++) {
        int rc = wf_room_free(dir, &bytes, err);
        if (rc != WF_OK)
            return rc;
        if (bytes >= WF_DISK_START_MIN) {
            if (seconds > 0)
                wf_log(WF_LOG_INFO, "there is room on the disk again", "data_dir", dir, NULL);
            return WF_OK;
        }
        if (seconds % SAY_EVERY_S == 0)
            say(dir, bytes);
        // The service manager gives us another while, again and again.
        sd_notify(0, "EXTEND_TIMEOUT_USEC=10000000\nSTATUS=waiting for room on the disk");
        sleep(1);
    }
}
