// SPDX-License-Identifier: Apache-2.0
#include "base/memory.h"

#include <unistd.h>

#include "base/log.h"

void wf_out_of_memory(const char *what)
{
    wf_log(WF_LOG_ERROR, "cannot go on", "why", "out of memory", "for", what, "reason", "NO_MEMORY",
           NULL);
    _exit(WF_OUT_OF_MEMORY_EXIT);
}
