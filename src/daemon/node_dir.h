// SPDX-License-Identifier: Apache-2.0
// The directory that holds all a node knows: log.db (the raft log), state/ (what was made of it)
// and images/. One process has it at a time. Main thread.
#ifndef WF_DAEMON_NODE_DIR_H
#define WF_DAEMON_NODE_DIR_H

#include <stdbool.h>

#include "base/result.h"
#include "replication/data_dir.h"

enum { WF_DIR_PATH_MAX = 4096 };

struct wf_node_dir {
    char path[WF_DIR_PATH_MAX - 64];
    char state[WF_DIR_PATH_MAX];
    char images[WF_DIR_PATH_MAX];
    struct wf_data_dir dir; // locked
    bool has_log;
};

// Make what is missing, check that it is ours alone, and lock it. Reasons: PERMISSIONS, IN_USE,
// DISK_FULL.
int wf_node_dir_open(struct wf_node_dir *d, const char *path, struct wf_err *err);
void wf_node_dir_close(struct wf_node_dir *d);

// Remove the state, which the log or an image replaces.
int wf_node_dir_drop_state(const struct wf_node_dir *d, struct wf_err *err);

#endif
