// SPDX-License-Identifier: Apache-2.0
// The directory that holds all a node knows: log.db (the raft log), state/ (what was made of it)
// and images/. One process has it at a time. Main thread.
#ifndef WF_DAEMON_DATA_DIR_H
#define WF_DAEMON_DATA_DIR_H

#include <stdbool.h>

#include "base/result.h"

enum { WF_DIR_PATH_MAX = 4096 };

struct wf_data_dir {
    char path[WF_DIR_PATH_MAX - 64];
    char state[WF_DIR_PATH_MAX];
    char images[WF_DIR_PATH_MAX];
    int lock; // file descriptor
    bool has_log;
};

// Make what is missing (mode 0700), check that it is ours alone, and lock it. Reasons: PERMISSIONS,
// DIR_LOCKED, DISK_FULL.
int wf_data_dir_open(struct wf_data_dir *d, const char *path, struct wf_err *err);
void wf_data_dir_close(struct wf_data_dir *d);

// Remove the state, which the log or an image replaces.
int wf_data_dir_drop_state(const struct wf_data_dir *d, struct wf_err *err);

#endif
