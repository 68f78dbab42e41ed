// SPDX-License-Identifier: Apache-2.0
// The directory that holds a node's disk state: it is ours alone, and one process uses it at a
// time. The caller keeps it open for as long as anything in it is.
#ifndef WF_REPLICATION_DATA_DIR_H
#define WF_REPLICATION_DATA_DIR_H

#include <stdbool.h>

#include "base/result.h"

struct wf_data_dir {
    int lock; // the lock file, locked
};

// Check and lock. create makes it (mode 0700; its parent must exist) when there is none. Fails with
//   WF_NOT_FOUND            there is none, or its parent
//   WF_PERMISSION_DENIED    another user's, open to others, or not ours to enter
//   WF_FAILED_PRECONDITION  reason IN_USE: another process has it; err names its pid
// and what to do about it in err.
int wf_data_dir_open(struct wf_data_dir *d, const char *path, bool create, struct wf_err *err);

void wf_data_dir_close(struct wf_data_dir *d);

#endif
