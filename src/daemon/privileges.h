// SPDX-License-Identifier: Apache-2.0
// Becoming somebody with less power. Main thread, before others exist.
#ifndef WF_DAEMON_PRIVILEGES_H
#define WF_DAEMON_PRIVILEGES_H

#include "base/result.h"

// Become user (NULL: nobody in particular) for good, if the process runs as root; else it must be
// that user already. Afterwards the process dumps no core with keys in it, gains no privileges, and
// makes no file that others can read.
int wf_privileges_drop(const char *user, struct wf_err *err);

#endif
