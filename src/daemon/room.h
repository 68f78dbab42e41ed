// SPDX-License-Identifier: Apache-2.0
// A node whose disk is full waits for room before it starts: it would only end again at its first
// write, and take part in elections until then. Main thread.
#ifndef WF_DAEMON_ROOM_H
#define WF_DAEMON_ROOM_H

#include "base/result.h"

// Returns when the file system of dir has WF_DISK_START_MIN free; says what it waits for, now and
// every minute, and looks every second. Fails when it cannot be looked at.
int wf_room_await(const char *dir, struct wf_err *err);

#endif
