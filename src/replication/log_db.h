// SPDX-License-Identifier: Apache-2.0
// The file log.db: records, term and vote, manifest, identity, in SQLite. Synchronous; the store
// above (log_store_sqlite.h) runs it on its log thread. One thread at a time.
//
// Everything beside the records stands in the table meta, each value with its own hash. The records
// start after `base`, which names the last one that is not kept and the hash the next is tied to;
// rows at or below it are garbage that wf_log_db_sweep() removes piece by piece.
//
// Writing happens between begin and commit. A function that failed leaves the file as of the last
// commit, and the caller must not write again.
#ifndef WF_REPLICATION_LOG_DB_H
#define WF_REPLICATION_LOG_DB_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/buf.h"
#include "replication/log_mark.h"
#include "replication/log_store.h"

// Raised when an older program can no longer read what is written.
enum { WF_LOG_FORMAT = 1 };

enum wf_log_stmt { // prepared statements
    WF_SQL_BEGIN,
    WF_SQL_COMMIT,
    WF_SQL_ROLLBACK,
    WF_SQL_META_GET,
    WF_SQL_META_SET,
    WF_SQL_INSERT,
    WF_SQL_HASH,
    WF_SQL_DROP_FROM,
    WF_SQL_GARBAGE,
    WF_SQL_SWEEP,
    WF_SQL_COUNT_,
};

struct wf_log_base {
    uint64_t generation;        // see struct wf_mark
    uint64_t index, term;       // of the last record not kept; 0: none
    uint8_t hash[WF_HASH_SIZE]; // what record index + 1 is tied to
};

struct wf_log_db {
    sqlite3 *sql;
    sqlite3_stmt *stmt[WF_SQL_COUNT_];
    struct wf_mark_file mark;
    int wal_frames; // in the write-ahead log since the last checkpoint
    bool swept;     // no garbage rows are left

    struct wf_node_identity identity;
    uint64_t term, vote;
    struct wf_log_base base;
    struct wf_manifest manifest; // its bytes are in manifest_bytes
    struct wf_buf manifest_bytes;
    bool lost;   // the log cannot be trusted: see wf_log_db_load
    bool broken; // set by the caller after a failed write: closing then writes nothing more
    char lost_why[400];
    bool loaded;
    uint64_t last_index; // these two are known once loaded
    uint8_t last_hash[WF_HASH_SIZE];
    struct wf_mark marked; // as last written
    char dir[4000];
};

// Make dir/log.db for this identity: all or nothing, durable. WF_ALREADY_EXISTS when there is one.
int wf_log_db_create(const char *dir, const struct wf_node_identity *id, struct wf_err *err);

// Open dir/log.db and read its meta values. WF_NOT_FOUND: there is none. WF_FAILED_PRECONDITION
// with reason NEWER_FORMAT. WF_DATA_LOSS: too damaged to tell whose it is. Lesser damage sets lost.
int wf_log_db_open(struct wf_log_db *db, const char *dir, struct wf_err *err);

// Checkpoint and close; the result of the checkpoint does not matter, the write-ahead log has it
// all.
void wf_log_db_close(struct wf_log_db *db);

// Check the file's structure and the whole chain, and show every record (each may be NULL). Sets
// last_index and last_hash. WF_DATA_LOSS: a record that was durable cannot be read or does not fit,
// or the mark proves that the end is missing; lost is set, nothing is changed.
int wf_log_db_load(struct wf_log_db *db,
                   int (*each)(void *arg, uint64_t index, const struct wf_record *record),
                   void *arg, struct wf_err *err);

int wf_log_db_begin(struct wf_log_db *db, struct wf_err *err);
// Durable on return; then moves the mark.
int wf_log_db_commit(struct wf_log_db *db, struct wf_err *err);
void wf_log_db_rollback(struct wf_log_db *db);

// Inside a transaction. Append requires wf_log_db_load before; its index is last_index + 1.
int wf_log_db_append(struct wf_log_db *db, const struct wf_record *record, struct wf_err *err);
int wf_log_db_truncate(struct wf_log_db *db, uint64_t index, struct wf_err *err);
int wf_log_db_snapshot(struct wf_log_db *db, const struct wf_manifest *manifest,
                       uint64_t first_kept, struct wf_err *err);
int wf_log_db_set_vote(struct wf_log_db *db, uint64_t term, uint64_t vote, struct wf_err *err);
int wf_log_db_set_identity(struct wf_log_db *db, const struct wf_node_identity *id,
                           struct wf_err *err);

// For a lost log: put the damaged file aside as log.db.unreadable and go on with a new one that
// holds the identity, term and vote, and the note that everything before is lost, until a
// wf_log_db_snapshot() with WF_KEEP_NONE.
int wf_log_db_set_aside(struct wf_log_db *db, struct wf_err *err);

// A value of the store above, by key. *found is false when there is none.
int wf_log_db_get(struct wf_log_db *db, const char *key, struct wf_buf *out, bool *found,
                  struct wf_err *err);
int wf_log_db_set(struct wf_log_db *db, const char *key, struct wf_bytes value, struct wf_err *err);

// Remove about max_bytes of garbage rows in a transaction of its own; sets swept when none is left.
int wf_log_db_sweep(struct wf_log_db *db, size_t max_bytes, struct wf_err *err);

// Move what the write-ahead log holds into the file, so that the former starts over.
int wf_log_db_checkpoint(struct wf_log_db *db, struct wf_err *err);

#endif
