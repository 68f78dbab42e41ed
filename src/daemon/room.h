// SPDX-License-Identifier: Apache-2.0
// The free space under a data directory: how much there is, when it counts as short, and a node
// that has none waits for it before it starts.
#ifndef WF_DAEMON_ROOM_H
#define WF_DAEMON_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/result.h"

// Bytes that the file system of dir has free. Any thread; it may hang with the disk.
int wf_room_free(const char *dir, uint64_t *bytes, struct wf_err *err);

// Whether a node with so much free is short of disk: below WF_DISK_LOW, and then until there is
// WF_DISK_LOW_END again. Pure.
bool wf_room_is_low(bool was_low, uint64_t bytes);

// A node whose disk is full would only end again at its first write, and take part in elections
// until then. Main thread. Returns when the file system of dir has WF_DISK_START_MIN free; says
// what it waits for, now and every minute, and looks every second. Fails when it cannot be looked
// at.
int wf_room_await(const char *dir, struct wf_err *err);

#endif
