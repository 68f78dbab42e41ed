// SPDX-License-Identifier: Apache-2.0
#include "replication/log_db_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "replication/log_chain.h"

static const char *const statements[WF_SQL_COUNT_] = {
    [WF_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [WF_SQL_COMMIT] = "COMMIT",
    [WF_SQL_ROLLBACK] = "ROLLBACK",
    [WF_SQL_META_GET] = "SELECT value, hash FROM meta WHERE key = ?1",
    [WF_SQL_META_SET] = "INSERT OR REPLACE INTO meta VALUES (?1, ?2, ?3)",
    [WF_SQL_INSERT] = "INSERT INTO log VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [WF_SQL_HASH] = "SELECT hash FROM log WHERE idx = ?1",
    [WF_SQL_DROP_FROM] = "DELETE FROM log WHERE idx >= ?1",
    [WF_SQL_GARBAGE] = "SELECT idx, length(data) FROM log WHERE idx <= ?1 ORDER BY idx",
    [WF_SQL_SWEEP] = "DELETE FROM log WHERE idx <= ?1",
};

// --- errors --------------------------------------------------------------------------------------

static enum wf_code code_of(int sqlite)
{
    switch (sqlite) {
    case SQLITE_IOERR_READ:
    case SQLITE_IOERR_SHORT_READ:
    case SQLITE_IOERR_CORRUPTFS:
        return WF_DATA_LOSS;
    case SQLITE_IOERR_NOMEM:
        return WF_RESOURCE_EXHAUSTED;
    default:
        break;
    }
    switch (sqlite & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: // our statements are fixed: the schema has changed under them
        return WF_DATA_LOSS;
    case SQLITE_FULL:
    case SQLITE_NOMEM:
        return WF_RESOURCE_EXHAUSTED;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return WF_FAILED_PRECONDITION;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH:
        return WF_PERMISSION_DENIED;
    default:
        return WF_INTERNAL;
    }
}

int wf_log_db_fail(const struct wf_log_db *db, struct wf_err *err, const char *what)
{
    int rc = sqlite3_extended_errcode(db->sql);
    enum wf_code code = code_of(rc);
    int os = sqlite3_system_errno(db->sql);
    if ((rc & 0xff) == SQLITE_FULL || ((rc & 0xff) == SQLITE_IOERR && os == ENOSPC))
        return wf_fail_reason(err, WF_RESOURCE_EXHAUSTED, "DISK_FULL",
                              "%s %s/log.db: the disk is full; free some space and start again",
                              what, db->dir);
    // SQLite keeps the system's error to itself when it was a sync that failed.
    if ((rc & 0xff) == SQLITE_IOERR && rc != SQLITE_IOERR_NOMEM)
        return wf_fail_reason(err, code, "DISK_FAILED", "%s %s/log.db: %s (%s)", what, db->dir,
                              sqlite3_errmsg(db->sql),
                              os != 0                    ? strerror(os)
                              : rc == SQLITE_IOERR_FSYNC ? "fsync"
                                                         : "no more is known");
    return wf_fail(err, code, "%s %s/log.db: %s", what, db->dir, sqlite3_errmsg(db->sql));
}

void wf_log_db_lose(struct wf_log_db *db, const char *why)
{
    if (!db->lost)
        snprintf(db->lost_why, sizeof db->lost_why, "%.*s", (int)sizeof db->lost_why - 1, why);
    db->lost = true;
}

// --- statements ----------------------------------------------------------------------------------

sqlite3_stmt *wf_log_db_use(struct wf_log_db *db, enum wf_log_stmt which)
{
    sqlite3_stmt *s = db->stmt[which];
    WF_ASSERT(s != NULL && !sqlite3_stmt_busy(s));
    return s;
}

// Step a statement that returns no rows.
int wf_log_db_run(struct wf_log_db *db, sqlite3_stmt *s, const char *what, struct wf_err *err)
{
    int rc = sqlite3_step(s) == SQLITE_DONE ? WF_OK : wf_log_db_fail(db, err, what);
    sqlite3_reset(s);
    return rc;
}

int wf_log_db_exec(struct wf_log_db *db, const char *sql, const char *what, struct wf_err *err)
{
    return sqlite3_exec(db->sql, sql, NULL, NULL, NULL) == SQLITE_OK
               ? WF_OK
               : wf_log_db_fail(db, err, what);
}

int wf_log_db_begin(struct wf_log_db *db, struct wf_err *err)
{
    return wf_log_db_run(db, wf_log_db_use(db, WF_SQL_BEGIN), "cannot write", err);
}

static int write_mark(struct wf_log_db *db, const struct wf_mark *mark, struct wf_err *err)
{
    if (memcmp(mark, &db->marked, sizeof *mark) == 0)
        return WF_OK;
    int rc = wf_mark_write(&db->mark, mark, err);
    if (rc == WF_OK)
        db->marked = *mark;
    return rc;
}

int wf_log_db_commit(struct wf_log_db *db, struct wf_err *err)
{
    int rc = wf_log_db_run(db, wf_log_db_use(db, WF_SQL_COMMIT), "cannot write", err);
    if (rc != WF_OK)
        return rc;
    struct wf_mark mark = db->marked;
    mark.term = db->term;
    mark.vote = db->vote;
    if (db->loaded && !db->lost) {
        mark.generation = db->base.generation;
        mark.index = db->last_index;
        memcpy(mark.hash, db->last_hash, sizeof mark.hash);
    }
    return write_mark(db, &mark, err);
}

void wf_log_db_rollback(struct wf_log_db *db)
{
    if (!sqlite3_get_autocommit(db->sql)) {
        sqlite3_step(db->stmt[WF_SQL_ROLLBACK]);
        sqlite3_reset(db->stmt[WF_SQL_ROLLBACK]);
    }
}

int wf_log_db_prepare(struct wf_log_db *db, struct wf_err *err)
{
    for (int i = 0; i < WF_SQL_COUNT_; i++)
        if (sqlite3_prepare_v3(db->sql, statements[i], -1, SQLITE_PREPARE_PERSISTENT, &db->stmt[i],
                               NULL) != SQLITE_OK)
            return wf_log_db_fail(db, err, "cannot open");
    return WF_OK;
}

// --- records -------------------------------------------------------------------------------------

static struct wf_bytes column(sqlite3_stmt *s, int i)
{
    const uint8_t *p = sqlite3_column_blob(s, i);
    int n = sqlite3_column_bytes(s, i);
    return (struct wf_bytes){p ? p : (const uint8_t *)"", (size_t)n};
}

static bool is_hash(struct wf_bytes b, const uint8_t want[WF_HASH_SIZE])
{
    return b.len == WF_HASH_SIZE && memcmp(b.data, want, WF_HASH_SIZE) == 0;
}

static int damaged(struct wf_log_db *db, uint64_t index, const char *how, struct wf_err *err)
{
    char why[sizeof db->lost_why];
    snprintf(why, sizeof why, "record %" PRIu64 " of the log %s", index, how);
    wf_log_db_lose(db, why);
    return wf_fail(err, WF_DATA_LOSS, "%s/log.db: %s", db->dir, why);
}

// The row at hand must be the one after last_index; then it is taken in.
static int check_row(struct wf_log_db *db, sqlite3_stmt *s, struct wf_record *record,
                     struct wf_err *err)
{
    uint64_t want = db->last_index + 1;
    uint64_t index = (uint64_t)sqlite3_column_int64(s, 0);
    int64_t type = sqlite3_column_int64(s, 2);
    uint8_t hash[WF_HASH_SIZE];
    record->term = (uint64_t)sqlite3_column_int64(s, 1);
    record->data = column(s, 5);
    if (index != want)
        return damaged(db, want, "is missing", err);
    if (type < WF_RECORD_COMMAND || type > WF_RECORD_CHANGE)
        return damaged(db, index, "has been altered", err);
    record->type = (enum wf_record_type)type;
    if (!is_hash(column(s, 3), db->last_hash))
        return damaged(db, index, "does not follow the one before it", err);
    wf_chain_record(db->last_hash, index, record, hash);
    if (!is_hash(column(s, 4), hash))
        return damaged(db, index, "has been altered", err);
    if (index == db->marked.index && db->marked.generation >= db->base.generation &&
        memcmp(hash, db->marked.hash, sizeof hash) != 0)
        return damaged(db, index, "is not the one that was made durable", err);
    db->last_index = index;
    memcpy(db->last_hash, hash, sizeof hash);
    return WF_OK;
}

typedef int (*each_fn)(void *arg, uint64_t index, const struct wf_record *record);

static int read_rows(struct wf_log_db *db, each_fn each, void *arg, struct wf_err *err)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(db->sql,
                                "SELECT idx, term, type, previous, hash, data FROM log"
                                " WHERE idx > ?1 ORDER BY idx",
                                -1, &s, NULL);
    if (rc != SQLITE_OK)
        return wf_log_db_fail(db, err, "cannot read");
    sqlite3_bind_int64(s, 1, (sqlite3_int64)db->base.index);
    int step;
    rc = WF_OK;
    while (rc == WF_OK && (step = sqlite3_step(s)) == SQLITE_ROW) {
        struct wf_record record;
        rc = check_row(db, s, &record, err);
        if (rc == WF_OK && each)
            rc = each(arg, db->last_index, &record);
    }
    if (rc == WF_OK && step != SQLITE_DONE)
        rc = wf_log_db_fail(db, err, "cannot read");
    sqlite3_finalize(s);
    return rc;
}

// Records can hide from a scan, when a page's cell count or a pointer has changed; this finds them.
static int check_structure(struct wf_log_db *db, struct wf_err *err)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(db->sql, "PRAGMA quick_check(1)", -1, &s, NULL) != SQLITE_OK)
        return wf_log_db_fail(db, err, "cannot check");
    int step = sqlite3_step(s), rc = WF_OK;
    const char *answer = step == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : NULL;
    if (!answer)
        rc = wf_log_db_fail(db, err, "cannot check");
    else if (strcmp(answer, "ok") != 0)
        rc = wf_fail(err, WF_DATA_LOSS, "%s/log.db: %s", db->dir, answer);
    sqlite3_finalize(s);
    return rc;
}

static int check_end(struct wf_log_db *db, struct wf_err *err)
{
    const struct wf_mark *m = &db->marked;
    if (m->generation < db->base.generation)
        return WF_OK;
    // The mark goes ahead of the log by the one truncation that it announces.
    if (m->generation > db->base.generation + 1)
        return damaged(db, db->last_index, "belongs to an older state of the file", err);
    if (m->index > db->last_index)
        return damaged(db, m->index, "was durable and is missing", err);
    return WF_OK;
}

int wf_log_db_load(struct wf_log_db *db, each_fn each, void *arg, struct wf_err *err)
{
    db->loaded = false;
    if (db->lost)
        return wf_fail(err, WF_DATA_LOSS, "%s/log.db: %s", db->dir, db->lost_why);
    struct wf_err why = {.code = WF_OK};
    db->last_index = db->base.index;
    memcpy(db->last_hash, db->base.hash, WF_HASH_SIZE);
    int rc = check_structure(db, &why);
    if (rc == WF_OK)
        rc = read_rows(db, each, arg, &why);
    if (rc == WF_OK)
        rc = check_end(db, &why);
    db->loaded = rc == WF_OK;
    if (rc == WF_OK)
        return WF_OK;
    if (rc == WF_DATA_LOSS)
        wf_log_db_lose(db, why.msg);
    return why.code == (enum wf_code)rc ? wf_fail(err, why.code, "%s", why.msg) : rc;
}

int wf_log_db_append(struct wf_log_db *db, const struct wf_record *record, struct wf_err *err)
{
    WF_ASSERT(db->loaded && db->last_index < INT64_MAX);
    uint64_t index = db->last_index + 1;
    uint8_t hash[WF_HASH_SIZE];
    wf_chain_record(db->last_hash, index, record, hash);
    sqlite3_stmt *s = wf_log_db_use(db, WF_SQL_INSERT);
    sqlite3_bind_int64(s, 1, (sqlite3_int64)index);
    sqlite3_bind_int64(s, 2, (sqlite3_int64)record->term);
    sqlite3_bind_int64(s, 3, record->type);
    sqlite3_bind_blob(s, 4, db->last_hash, WF_HASH_SIZE, SQLITE_STATIC);
    sqlite3_bind_blob(s, 5, hash, WF_HASH_SIZE, SQLITE_STATIC);
    sqlite3_bind_blob64(s, 6, record->data.data, record->data.len, SQLITE_STATIC);
    int rc = wf_log_db_run(db, s, "cannot write", err);
    if (rc == WF_OK) {
        db->last_index = index;
        memcpy(db->last_hash, hash, WF_HASH_SIZE);
    }
    return rc;
}

// The hash that record index + 1 is tied to.
static int hash_at(struct wf_log_db *db, uint64_t index, uint8_t out[WF_HASH_SIZE],
                   struct wf_err *err)
{
    WF_ASSERT(index >= db->base.index && index <= db->last_index);
    if (index == db->base.index || index == db->last_index) {
        memcpy(out, index == db->base.index ? db->base.hash : db->last_hash, WF_HASH_SIZE);
        return WF_OK;
    }
    sqlite3_stmt *s = wf_log_db_use(db, WF_SQL_HASH);
    sqlite3_bind_int64(s, 1, (sqlite3_int64)index);
    int rc = WF_OK;
    if (sqlite3_step(s) != SQLITE_ROW)
        rc = wf_log_db_fail(db, err, "cannot read");
    else if (sqlite3_column_bytes(s, 0) != WF_HASH_SIZE)
        rc = damaged(db, index, "has been altered", err);
    else
        memcpy(out, sqlite3_column_blob(s, 0), WF_HASH_SIZE);
    sqlite3_reset(s);
    return rc;
}

// Before the log's end is dropped, the mark steps back, under the generation that the drop will
// have: whichever of the two a crash lets through, the mark claims no more than is there.
static int step_back(struct wf_log_db *db, uint64_t index, const uint8_t hash[WF_HASH_SIZE],
                     struct wf_err *err)
{
    struct wf_mark mark = db->marked;
    mark.generation = db->base.generation + 1;
    if (db->marked.index > index) {
        mark.index = index;
        memcpy(mark.hash, hash, sizeof mark.hash);
    }
    int rc = wf_mark_write(&db->mark, &mark, err);
    if (rc == WF_OK)
        db->marked = mark;
    return rc;
}

static int drop_from(struct wf_log_db *db, uint64_t index, struct wf_err *err)
{
    sqlite3_stmt *s = wf_log_db_use(db, WF_SQL_DROP_FROM);
    sqlite3_bind_int64(s, 1, (sqlite3_int64)index);
    return wf_log_db_run(db, s, "cannot write", err);
}

int wf_log_db_truncate(struct wf_log_db *db, uint64_t index, struct wf_err *err)
{
    WF_ASSERT(db->loaded && index > db->base.index);
    if (index > db->last_index)
        return WF_OK;
    uint8_t hash[WF_HASH_SIZE];
    struct wf_log_base base = db->base;
    base.generation++;
    int rc = hash_at(db, index - 1, hash, err);
    if (rc == WF_OK)
        rc = step_back(db, index - 1, hash, err);
    if (rc == WF_OK)
        rc = drop_from(db, index, err);
    if (rc == WF_OK)
        rc = wf_log_db_set_base(db, &base, err);
    if (rc == WF_OK) {
        db->last_index = index - 1;
        memcpy(db->last_hash, hash, WF_HASH_SIZE);
    }
    return rc;
}

static int manifest_in_memory(struct wf_log_db *db, const struct wf_manifest *m, struct wf_err *err)
{
    struct wf_buf *b = &db->manifest_bytes;
    wf_buf_reset(b);
    if (m->configuration.len > 0)
        wf_buf_append(b, m->configuration.data, m->configuration.len);
    if (m->data.len > 0)
        wf_buf_append(b, m->data.data, m->data.len);
    wf_buf_putc(b, 0); // so that there is memory, also for an empty manifest
    if (b->failed)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "the manifest is too large");
    db->manifest = *m;
    db->manifest.configuration.data = b->data;
    db->manifest.data.data = b->data + m->configuration.len;
    return WF_OK;
}

// Everything goes; the log begins anew after the manifest.
static int keep_none(struct wf_log_db *db, const struct wf_manifest *m, struct wf_err *err)
{
    struct wf_log_base base = {db->base.generation + 1, m->index, m->term, {0}};
    wf_chain_anchor(m, base.hash);
    int rc = step_back(db, 0, base.hash, err);
    if (rc == WF_OK)
        rc = drop_from(db, m->index + 1, err);
    if (rc == WF_OK)
        rc = wf_log_db_set_base(db, &base, err);
    if (rc == WF_OK && db->lost)
        rc = wf_log_db_exec(db, "DELETE FROM meta WHERE key = 'lost'", "cannot write", err);
    if (rc != WF_OK)
        return rc;
    db->lost = false;
    db->loaded = true;
    db->last_index = base.index;
    memcpy(db->last_hash, base.hash, WF_HASH_SIZE);
    return WF_OK;
}

static int term_at(struct wf_log_db *db, uint64_t index, uint64_t *out, struct wf_err *err)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(db->sql, "SELECT term FROM log WHERE idx = ?1", -1, &s, NULL);
    if (rc == SQLITE_OK)
        sqlite3_bind_int64(s, 1, (sqlite3_int64)index);
    if (rc == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        *out = (uint64_t)sqlite3_column_int64(s, 0);
    else
        rc = wf_log_db_fail(db, err, "cannot read");
    sqlite3_finalize(s);
    return rc;
}

static int keep_from(struct wf_log_db *db, uint64_t first_kept, struct wf_err *err)
{
    WF_ASSERT(db->loaded && first_kept <= db->last_index + 1);
    if (first_kept <= db->base.index + 1)
        return WF_OK;
    struct wf_log_base base = {.generation = db->base.generation, .index = first_kept - 1};
    int rc = term_at(db, base.index, &base.term, err);
    if (rc == WF_OK)
        rc = hash_at(db, base.index, base.hash, err);
    return rc == WF_OK ? wf_log_db_set_base(db, &base, err) : rc;
}

int wf_log_db_snapshot(struct wf_log_db *db, const struct wf_manifest *manifest,
                       uint64_t first_kept, struct wf_err *err)
{
    WF_ASSERT(manifest->index > 0);
    int rc = wf_log_db_set_manifest(db, manifest, err);
    if (rc == WF_OK)
        rc = first_kept == WF_KEEP_NONE ? keep_none(db, manifest, err)
                                        : keep_from(db, first_kept, err);
    db->swept = false;
    return rc == WF_OK ? manifest_in_memory(db, manifest, err) : rc;
}

// --- keeping the file small ----------------------------------------------------------------------

// The last index of the next piece of garbage; 0: there is none.
static int next_piece(struct wf_log_db *db, size_t max_bytes, uint64_t *last, struct wf_err *err)
{
    sqlite3_stmt *s = wf_log_db_use(db, WF_SQL_GARBAGE);
    sqlite3_bind_int64(s, 1, (sqlite3_int64)db->base.index);
    size_t bytes = 0;
    int step = SQLITE_ROW;
    *last = 0;
    while (bytes < max_bytes && (step = sqlite3_step(s)) == SQLITE_ROW) {
        *last = (uint64_t)sqlite3_column_int64(s, 0);
        bytes += (size_t)sqlite3_column_int64(s, 1) + 128;
    }
    int rc =
        step == SQLITE_ROW || step == SQLITE_DONE ? WF_OK : wf_log_db_fail(db, err, "cannot read");
    sqlite3_reset(s);
    return rc;
}

int wf_log_db_sweep(struct wf_log_db *db, size_t max_bytes, struct wf_err *err)
{
    uint64_t last = 0;
    int rc = next_piece(db, max_bytes, &last, err);
    if (rc != WF_OK)
        return rc;
    db->swept = last == 0;
    if (db->swept)
        return WF_OK;
    sqlite3_stmt *s = wf_log_db_use(db, WF_SQL_SWEEP);
    sqlite3_bind_int64(s, 1, (sqlite3_int64)last);
    return wf_log_db_run(db, s, "cannot write", err); // a statement alone is a transaction
}

int wf_log_db_checkpoint(struct wf_log_db *db, struct wf_err *err)
{
    int frames = 0, moved = 0;
    if (sqlite3_wal_checkpoint_v2(db->sql, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames, &moved) !=
        SQLITE_OK)
        return wf_log_db_fail(db, err, "cannot checkpoint");
    WF_ASSERT(moved == frames); // nobody else reads
    db->wal_frames = 0;
    return WF_OK;
}
