// SPDX-License-Identifier: Apache-2.0
// A bar for what takes more than two seconds, on a terminal. The owner embeds it; one thread.
#ifndef WF_BASE_PROGRESS_H
#define WF_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"

struct wf_progress {
    FILE *err; // NULL: no terminal, nothing is shown
    const char *what;
    bool bytes; // amounts are bytes; otherwise plain numbers
    bool shown;
    wf_mono_ns began, drawn;
};

void wf_progress_begin(struct wf_progress *p, FILE *err, const char *what, bool bytes,
                       wf_mono_ns now);
// So much is done; total 0 when it is not known.
void wf_progress_step(struct wf_progress *p, uint64_t done, uint64_t total, wf_mono_ns now);
// Wipe the bar away.
void wf_progress_end(struct wf_progress *p);

#endif
