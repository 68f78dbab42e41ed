// SPDX-License-Identifier: Apache-2.0
// The directory that holds all a node knows: log.db (the raft log), state/ (what was made of it)
// and images/. One process has it at a time. Main thread.
#ifndef WF_DAEMON_NODE_DIR_H
#define WF_DAEMON_NODE_DIR_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/result.h"
#include "replication/data_dir.h"

enum { WF_DIR_PATH_MAX = 4096 };

// The files that a name leads to for as long as the node runs.
enum { WF_NODE_FILE_LOCK, WF_NODE_FILE_LOG, WF_NODE_FILE_STATE, WF_NODE_FILES };

struct wf_node_dir {
    char path[WF_DIR_PATH_MAX - 64];
    char state[WF_DIR_PATH_MAX];
    char images[WF_DIR_PATH_MAX];
    struct wf_data_dir dir; // locked
    bool has_log;
    struct {
        dev_t dev;
        ino_t ino;
    } files[WF_NODE_FILES]; // as first seen by wf_node_dir_look; ino 0: not yet
};

// Make what is missing, check that it is ours alone, and lock it. Reasons: PERMISSIONS, IN_USE,
// DISK_FULL.
int wf_node_dir_open(struct wf_node_dir *d, const char *path, struct wf_err *err);
void wf_node_dir_close(struct wf_node_dir *d);

// Is it still there? An open file can be written when its name is gone, and what is written is then
// lost with the process: DISK_FAILED. From when log and state are open on, now and then.
int wf_node_dir_look(struct wf_node_dir *d, struct wf_err *err);

// Remove the state, which the log or an image replaces.
int wf_node_dir_drop_state(const struct wf_node_dir *d, struct wf_err *err);

#endif
