// SPDX-License-Identifier: Apache-2.0
// When memory runs out where nothing can be refused: no request to turn down, no caller who could
// be told. Everywhere else it is an error like any other (WF_RESOURCE_EXHAUSTED).
#ifndef WF_BASE_MEMORY_H
#define WF_BASE_MEMORY_H

#include <stddef.h>

// The process' exit code then: sysexits' EX_SOFTWARE, the daemon's WF_EXIT_INTERNAL.
enum { WF_OUT_OF_MEMORY_EXIT = 70 };

// Say what memory was wanted for and end the process, at once: every file is as safe as after a
// crash. Any thread. Allocates nothing.
_Noreturn void wf_out_of_memory(const char *what);

// p, or the end when it is NULL.
static inline void *wf_need(void *p, const char *what)
{
    if (p == NULL)
        wf_out_of_memory(what);
    return p;
}

#endif
