// SPDX-License-Identifier: Apache-2.0
#include "replication/log_db_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "replication/wal_check.h"

#define APPLICATION_ID 0x57464c47 // "WFLG"

enum { CACHE_KIB = 4096, WAL_KEPT = 4 * 1024 * 1024, PATH_SIZE = 4096 };

static const char schema[] =
    "CREATE TABLE log (idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, type INTEGER NOT NULL,"
    " previous BLOB NOT NULL, hash BLOB NOT NULL, data BLOB NOT NULL) STRICT;"
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL, hash BLOB NOT NULL)"
    " STRICT, WITHOUT ROWID;";

static int on_wal(void *arg, sqlite3 *sql, const char *name, int frames)
{
    (void)sql;
    (void)name;
    ((struct wf_log_db *)arg)->wal_frames = frames;
    return SQLITE_OK;
}

// Settings of a connection. Checkpoints are ours to time; nothing is overwritten on delete, as
// SQLite does by default in some builds, because the records are no secrets within the file.
static int configure(struct wf_log_db *db, struct wf_err *err)
{
    char sql[400];
    snprintf(sql, sizeof sql,
             "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
             "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
             "PRAGMA secure_delete = OFF; PRAGMA cell_size_check = ON;"
             "PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;"
             "PRAGMA journal_size_limit = %d; PRAGMA cache_size = -%d",
             WAL_KEPT, CACHE_KIB);
    int rc = wf_log_db_exec(db, sql, "cannot open", err);
    sqlite3_wal_hook(db->sql, on_wal, db);
    return rc;
}

static int open_sql(struct wf_log_db *db, const char *path, bool create, struct wf_err *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int rc = sqlite3_open_v2(path, &db->sql, flags | (create ? SQLITE_OPEN_CREATE : 0), NULL);
    if (!db->sql)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    return rc == SQLITE_OK ? WF_OK : wf_log_db_fail(db, err, "cannot open");
}

static int read_number(struct wf_log_db *db, const char *sql, int *out, struct wf_err *err)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(db->sql, sql, -1, &s, NULL);
    if (rc == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        *out = sqlite3_column_int(s, 0);
    else
        rc = wf_log_db_fail(db, err, "cannot read");
    sqlite3_finalize(s);
    return rc;
}

static int check_format(struct wf_log_db *db, struct wf_err *err)
{
    int app = 0, format = 0;
    int rc = read_number(db, "PRAGMA application_id", &app, err);
    if (rc == WF_OK)
        rc = read_number(db, "PRAGMA user_version", &format, err);
    if (rc == WF_OK && (app != APPLICATION_ID || format < 1))
        rc = wf_fail(err, WF_DATA_LOSS, "%s/log.db is not a Watchfire log", db->dir);
    if (rc == WF_OK && format > WF_LOG_FORMAT)
        rc = wf_fail_reason(err, WF_FAILED_PRECONDITION, "NEWER_FORMAT",
                            "%s/log.db has format %d, and this program reads up to %d: "
                            "run the newer version that wrote it",
                            db->dir, format, WF_LOG_FORMAT);
    return rc;
}

static void close_sql(struct wf_log_db *db)
{
    for (int i = 0; i < WF_SQL_COUNT_; i++) {
        sqlite3_finalize(db->stmt[i]);
        db->stmt[i] = NULL;
    }
    // A lost log is kept as it was found, write-ahead log included; and no write is tried again.
    if (db->lost || db->broken)
        sqlite3_db_config(db->sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    int rc = sqlite3_close(db->sql);
    WF_ASSERT(rc == SQLITE_OK);
    db->sql = NULL;
    db->wal_frames = 0;
}

static int open_file(struct wf_log_db *db, struct wf_err *err)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/log.db", db->dir);
    int rc = open_sql(db, path, false, err);
    if (rc == WF_OK)
        rc = configure(db, err);
    if (rc == WF_OK)
        rc = check_format(db, err);
    if (rc == WF_OK)
        rc = wf_log_db_prepare(db, err);
    return rc;
}

// Look at the write-ahead log and the mark before SQLite does.
static int look_first(struct wf_log_db *db, bool *have_mark, struct wf_err *err)
{
    char path[PATH_SIZE];
    struct wf_err why;
    snprintf(path, sizeof path, "%s/log.db-wal", db->dir);
    int rc = wf_wal_check(path, &why);
    if (rc == WF_DATA_LOSS)
        wf_log_db_lose(db, why.msg);
    else if (rc != WF_OK)
        return wf_fail(err, why.code, "%s", why.msg);
    snprintf(path, sizeof path, "%s/log.db.new", db->dir);
    if (access(path, F_OK) == 0)
        wf_log_db_lose(db, "setting the damaged log aside was interrupted");
    snprintf(path, sizeof path, "%s/log.mark", db->dir);
    rc = wf_mark_open(&db->mark, path, err);
    if (rc == WF_OK)
        rc = wf_mark_read(&db->mark, &db->marked, have_mark, err);
    return rc;
}

int wf_log_db_open(struct wf_log_db *db, const char *dir, struct wf_err *err)
{
    memset(db, 0, sizeof *db);
    db->mark.fd = -1;
    wf_buf_init(&db->manifest_bytes, WF_MANIFEST_MAX);
    if (strlen(dir) >= sizeof db->dir)
        return wf_fail(err, WF_INVALID_ARGUMENT, "the data directory's path is too long");
    strcpy(db->dir, dir);
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/log.db", dir);
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return wf_fail(err, WF_NOT_FOUND, "there is no %s", path);
    bool have_mark = false;
    int rc = look_first(db, &have_mark, err);
    if (rc == WF_OK)
        rc = open_file(db, err);
    if (rc == WF_OK)
        rc = wf_log_db_read_meta(db, have_mark, err);
    if (rc != WF_OK)
        wf_log_db_close(db);
    return rc;
}

void wf_log_db_close(struct wf_log_db *db)
{
    if (db->sql)
        close_sql(db);
    wf_mark_close(&db->mark);
    wf_buf_free(&db->manifest_bytes);
}

// --- creating ------------------------------------------------------------------------------------

static int sync_path(const char *path, int flags, struct wf_err *err)
{
    int fd = open(path, flags | O_CLOEXEC);
    int rc = fd >= 0 ? fsync(fd) : -1;
    int errnum = errno;
    if (fd >= 0)
        close(fd);
    return rc == 0 ? WF_OK : wf_fail_errno(err, errnum, "cannot sync %s", path);
}

// The first content. lost may be NULL.
static int fill(struct wf_log_db *db, const struct wf_log_db *from, const char *lost,
                struct wf_err *err)
{
    static const struct wf_manifest none;
    char sql[sizeof schema + 100];
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d; %s",
             APPLICATION_ID, WF_LOG_FORMAT, schema);
    int rc = wf_log_db_exec(db, sql, "cannot write", err);
    if (rc == WF_OK)
        rc = wf_log_db_prepare(db, err);
    if (rc == WF_OK)
        rc = wf_log_db_begin(db, err);
    if (rc == WF_OK)
        rc = wf_log_db_set_identity(db, &from->identity, err);
    if (rc == WF_OK)
        rc = wf_log_db_set_vote(db, from->term, from->vote, err);
    if (rc == WF_OK)
        rc = wf_log_db_set_base(db, &from->base, err);
    if (rc == WF_OK)
        rc = wf_log_db_set_manifest(db, &none, err);
    if (rc == WF_OK && lost)
        rc = wf_log_db_set(db, "lost", (struct wf_bytes){(const uint8_t *)lost, strlen(lost)}, err);
    if (rc == WF_OK)
        rc = wf_log_db_run(db, wf_log_db_use(db, WF_SQL_COMMIT), "cannot write", err);
    return rc;
}

// Write dir/log.db.new whole, synced and closed.
static int write_new(const char *dir, const struct wf_log_db *from, const char *lost,
                     struct wf_err *err)
{
    struct wf_log_db db = {.mark = {-1}};
    char path[PATH_SIZE], wal[PATH_SIZE + 8];
    snprintf(db.dir, sizeof db.dir, "%s", dir);
    snprintf(path, sizeof path, "%s/log.db.new", dir);
    snprintf(wal, sizeof wal, "%s-wal", path);
    unlink(path); // what a crash left
    unlink(wal);
    int rc = open_sql(&db, path, true, err);
    if (rc == WF_OK)
        rc = configure(&db, err);
    if (rc == WF_OK)
        rc = fill(&db, from, lost, err);
    if (rc == WF_OK)
        rc = wf_log_db_checkpoint(&db, err);
    if (db.sql)
        close_sql(&db);
    if (rc == WF_OK && chmod(path, 0600) != 0)
        rc = wf_fail_errno(err, errno, "cannot protect %s", path);
    return rc == WF_OK ? sync_path(path, O_RDONLY, err) : rc;
}

static int move(const char *dir, const char *from, const char *to, bool must, struct wf_err *err)
{
    char a[PATH_SIZE], b[PATH_SIZE];
    snprintf(a, sizeof a, "%s/%s", dir, from);
    snprintf(b, sizeof b, "%s/%s", dir, to);
    if (rename(a, b) == 0 || (!must && errno == ENOENT))
        return WF_OK;
    return wf_fail_errno(err, errno, "cannot rename %s to %s", a, b);
}

int wf_log_db_create(const char *dir, const struct wf_node_identity *id, struct wf_err *err)
{
    struct wf_log_db from = {.identity = *id};
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/log.db", dir);
    if (access(path, F_OK) == 0)
        return wf_fail(err, WF_ALREADY_EXISTS, "%s exists: this node has been set up before", path);
    int rc = write_new(dir, &from, NULL, err);
    if (rc == WF_OK)
        rc = move(dir, "log.db.new", "log.db", true, err);
    return rc == WF_OK ? sync_path(dir, O_RDONLY | O_DIRECTORY, err) : rc;
}

// The order matters: SQLite would take the old write-ahead log for the new file's. As long as
// log.db.new is there, log.db counts as lost.
static int swap(const char *dir, struct wf_err *err)
{
    char old[PATH_SIZE], aside[PATH_SIZE];
    snprintf(old, sizeof old, "%s/log.db", dir);
    snprintf(aside, sizeof aside, "%s/log.db.unreadable", dir);
    unlink(aside);
    if (link(old, aside) != 0)
        return wf_fail_errno(err, errno, "cannot link %s to %s", old, aside);
    int rc = move(dir, "log.db-wal", "log.db.unreadable-wal", false, err);
    if (rc == WF_OK)
        rc = sync_path(dir, O_RDONLY | O_DIRECTORY, err);
    if (rc == WF_OK)
        rc = move(dir, "log.db.new", "log.db", true, err);
    return rc == WF_OK ? sync_path(dir, O_RDONLY | O_DIRECTORY, err) : rc;
}

int wf_log_db_set_aside(struct wf_log_db *db, struct wf_err *err)
{
    WF_ASSERT(db->lost);
    struct wf_log_db from = {.identity = db->identity, .term = db->term, .vote = db->vote};
    from.base.generation = db->marked.generation + 1;
    int rc = write_new(db->dir, &from, db->lost_why, err);
    close_sql(db);
    if (rc == WF_OK)
        rc = swap(db->dir, err);
    if (rc == WF_OK)
        rc = open_file(db, err);
    if (rc != WF_OK)
        return rc;
    db->base = from.base;
    memset(&db->manifest, 0, sizeof db->manifest);
    db->loaded = false;
    return WF_OK;
}
