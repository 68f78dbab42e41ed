// SPDX-License-Identifier: Apache-2.0
// Notices a disk that hangs under the log, and says when leadership should go elsewhere: followers
// with good disks commit without the leader's, but nobody should be led by a node that cannot even
// vote. No clock and no I/O of its own; consensus thread.
#ifndef WF_DAEMON_DISK_WATCH_H
#define WF_DAEMON_DISK_WATCH_H

#include <stdbool.h>

#include "base/clock.h"

// The owner embeds it, zeroed.
struct wf_disk_watch {
    bool hung;                // for WF_DISK_HUNG_MS or more
    wf_mono_ns tried, handed; // when leadership was last to be given away, and was; 0: never
};

// Often: the log thread has been at one write for busy (0: it is idle). Returns true when this node
// leads and is to hand over now: at once when the disk hangs, and again each second until it
// succeeds.
bool wf_disk_watch_look(struct wf_disk_watch *w, wf_mono_ns now, wf_mono_ns busy, bool leading);

// Leadership went elsewhere. Not again within WF_DISK_REST_MS: where all disks are slow at once,
// passing it round would cost more than the disks do.
void wf_disk_watch_handed(struct wf_disk_watch *w, wf_mono_ns now);

#endif
