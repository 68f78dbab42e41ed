// SPDX-License-Identifier: Apache-2.0
// The high-water mark beside the log: how far the log was durable, and which term and vote were. It
// answers the one question that the log cannot answer about itself: whether its end was cut off by
// damage (SQLite ends its write-ahead log at the first frame that does not check) or was never
// there.
//
// The mark is written after the log's own fsync and not synced itself, so it never claims too much:
// it is exact after a crash of the process, and may be older after a power cut. One thread at a
// time.
#ifndef WF_REPLICATION_LOG_MARK_H
#define WF_REPLICATION_LOG_MARK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/result.h"

struct wf_mark {
    uint64_t generation; // how often the log's end was dropped; a mark of an older one says nothing
    uint64_t index;      // the last record that was durable; 0: none
    uint8_t hash[WF_HASH_SIZE]; // that record's
    uint64_t term, vote;
};

struct wf_mark_file {
    int fd;
};

// Open or create the file. Returns WF_OK or fills err.
int wf_mark_open(struct wf_mark_file *f, const char *path, struct wf_err *err);
void wf_mark_close(struct wf_mark_file *f);

// *found is false for a new file and for one that does not check.
int wf_mark_read(const struct wf_mark_file *f, struct wf_mark *out, bool *found,
                 struct wf_err *err);
int wf_mark_write(const struct wf_mark_file *f, const struct wf_mark *mark, struct wf_err *err);

#endif
