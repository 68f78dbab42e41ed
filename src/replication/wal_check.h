// SPDX-License-Identifier: Apache-2.0
// Looks at SQLite's write-ahead log before SQLite does. On opening, SQLite takes the first frame
// that does not check for the end of the log and silently drops what follows: right for a write
// that a crash cut short, wrong for a frame that was synced and has been damaged since. The two
// differ: after a damaged frame there are later transactions that check, because a transaction
// begins only when the one before it is durable. (File format: sqlite.org/fileformat2.html, "The
// WAL file".)
#ifndef WF_REPLICATION_WAL_CHECK_H
#define WF_REPLICATION_WAL_CHECK_H

#include "base/result.h"

// Returns WF_OK when there is no such file or it ends as a crash may leave it; WF_DATA_LOSS when a
// synced part of it is damaged. Reads only. Any thread.
int wf_wal_check(const char *path, struct wf_err *err);

#endif
