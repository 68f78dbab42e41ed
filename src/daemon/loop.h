// SPDX-License-Identifier: Apache-2.0
// The loop of a thread.
#ifndef WF_DAEMON_LOOP_H
#define WF_DAEMON_LOOP_H

#include <uv.h>

#include "base/result.h"

// Open it: it takes memory and a few descriptors, and either may not be had. Once it is open, async
// and signal handles take none of their own. The caller closes it with uv_loop_close.
int wf_loop_open(uv_loop_t *loop, struct wf_err *err);

#endif
