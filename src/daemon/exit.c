// SPDX-License-Identifier: Apache-2.0
#include "daemon/exit.h"

#include <string.h>

#include "base/memory.h"

_Static_assert(WF_EXIT_INTERNAL == (int)WF_OUT_OF_MEMORY_EXIT, "one code for both");

enum wf_exit wf_exit_of(const struct wf_err *err)
{
    static const struct {
        const char *reason;
        enum wf_exit code;
    } reasons[] = {
        {"USAGE", WF_EXIT_USAGE},
        {"CONFIG", WF_EXIT_CONFIG},
        {"IN_USE", WF_EXIT_DIR_LOCKED},
        {"PERMISSIONS", WF_EXIT_PERMISSIONS},
        {"ADDRESS_IN_USE", WF_EXIT_PORT_IN_USE},
        {"NO_DATA", WF_EXIT_NO_DATA},
        {"NOT_EMPTY", WF_EXIT_REFUSED},
        {"CLUSTER_RUNNING", WF_EXIT_REFUSED},
        {"NOT_A_MEMBER", WF_EXIT_REFUSED},
        {"SCHEMA_NEWER", WF_EXIT_REFUSED},
        {"NO_SUMS", WF_EXIT_REFUSED},
        {"WRONG_IDENTITY", WF_EXIT_WRONG_IDENTITY},
        {"TLS", WF_EXIT_TLS},
        {"DISK_FULL", WF_EXIT_DISK_FULL},
        {"DISK_FAILED", WF_EXIT_DISK_FAILED},
        {"STATE_DAMAGED", WF_EXIT_DISK_FAILED},
        {"UNREADABLE_LOG", WF_EXIT_LOG_UNREADABLE},
        {"REMOVED", WF_EXIT_REMOVED},
        {"FENCED", WF_EXIT_FENCED},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (strcmp(err->reason, reasons[i].reason) == 0)
            return reasons[i].code;
    switch (err->code) {
    case WF_DATA_LOSS:
        return WF_EXIT_LOG_UNREADABLE;
    case WF_PERMISSION_DENIED:
        return WF_EXIT_PERMISSIONS;
    default:
        return WF_EXIT_INTERNAL;
    }
}
