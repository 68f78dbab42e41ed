// SPDX-License-Identifier: Apache-2.0
#include "cli/exit.h"

#include <string.h>

#include "base/assert.h"
#include "base/result.h"

enum wf_exit wf_exit_of_call(int code, const char *reason)
{
    WF_ASSERT(code != WF_OK);
    if (strcmp(reason, "STALE_EPOCH") == 0)
        return WF_EXIT_CONFLICT;
    if (strcmp(reason, "DRAFT_FINDINGS") == 0)
        return WF_EXIT_FINDINGS;
    switch (code) {
    case WF_UNAVAILABLE:
    case WF_DEADLINE_EXCEEDED:
        return WF_EXIT_UNREACHABLE;
    case WF_NOT_FOUND:
        return WF_EXIT_NOT_FOUND;
    case WF_PERMISSION_DENIED:
    case WF_UNAUTHENTICATED:
        return WF_EXIT_PERMISSION;
    case WF_ABORTED:
    case WF_ALREADY_EXISTS:
        return WF_EXIT_CONFLICT;
    default:
        return WF_EXIT_REFUSED;
    }
}

enum wf_exit wf_exit_of_local(int code)
{
    WF_ASSERT(code != WF_OK);
    return code == WF_INVALID_ARGUMENT ? WF_EXIT_USAGE
           : code == WF_DATA_LOSS      ? WF_EXIT_INVALID
                                       : WF_EXIT_LOCAL;
}
