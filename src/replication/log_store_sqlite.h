// SPDX-License-Identifier: Apache-2.0
// The real log store: log.db in the data directory, written by a log thread of its own.
//
// What waits when the log thread comes round becomes one transaction with one fsync; completions
// return to the loop in the order asked. Checkpoints and the removal of dropped records run on the
// log thread too, little and often between transactions, so that no append waits long behind one.
//
// A log that was durable and cannot be read (flipped, misplaced, missing at its end) makes load
// return WF_DATA_LOSS with reason UNREADABLE_LOG, at this and every later start: the node does not
// start, and is replaced by a new member (docs/libraft.md). The damaged file is put aside as
// log.db.unreadable; what takes its place keeps identity, term and vote, and that the log is lost.
#ifndef WF_REPLICATION_LOG_STORE_SQLITE_H
#define WF_REPLICATION_LOG_STORE_SQLITE_H

#include <uv.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "replication/log_store.h"

// Make a store in dir, which must exist and belong to us (data_dir.h). identity->disk_id is set
// here, to random bytes, and an incarnation of 0 to 1. All or nothing, durable on return.
// WF_ALREADY_EXISTS: dir holds one.
int wf_log_store_sqlite_create(const char *dir, struct wf_node_identity *identity,
                               struct wf_err *err);

// Open the store in dir; loop and metrics (may be NULL) outlive it. WF_NOT_FOUND: dir has none.
// WF_FAILED_PRECONDITION with reason NEWER_FORMAT. WF_DATA_LOSS: damaged beyond telling whose it
// is.
int wf_log_store_sqlite_open(struct wf_log_store **out, const char *dir, uv_loop_t *loop,
                             struct wf_metrics *metrics, struct wf_err *err);

// How long the log thread has been at the transaction or checkpoint it is in; 0 when it is idle.
// What stands still there is the disk. Any thread, until the store is freed.
wf_mono_ns wf_log_store_sqlite_busy_ns(const struct wf_log_store *store);

// After close has called done, or instead of close when load was never called. NULL is nothing.
void wf_log_store_sqlite_free(struct wf_log_store *store);

#endif
