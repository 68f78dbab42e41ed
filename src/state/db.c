// SPDX-License-Identifier: Apache-2.0
#include "state/db.h"

#include <stdarg.h>
#include <string.h>

#include "base/assert.h"
#include "state/sums_vfs.h"

static enum wf_code code_of(int rc)
{
    if (rc == SQLITE_IOERR_DATA)
        return WF_DATA_LOSS;
    switch (rc & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_READONLY: // the header's versions, which no sum covers, say so: a bit of them
                          // flipped
        return WF_DATA_LOSS;
    case SQLITE_FULL:
    case SQLITE_NOMEM:
        return WF_RESOURCE_EXHAUSTED;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CANTOPEN:
        return WF_UNAVAILABLE;
    default:
        return WF_INTERNAL;
    }
}

// What the daemon's exit code tells apart.
static const char *reason_of(int rc)
{
    if (code_of(rc) == WF_DATA_LOSS)
        return "STATE_DAMAGED";
    switch (rc & 0xff) {
    case SQLITE_FULL:
        return "DISK_FULL";
    case SQLITE_IOERR:
        return "DISK_FAILED";
    default:
        return "";
    }
}

static void stick(struct wf_db *db, int rc, const char *doing)
{
    if (db->broken)
        return;
    db->broken = true;
    wf_fail_reason(&db->fault, code_of(rc), reason_of(rc), "SQLite: %s (%d), in: %.80s",
                   db->conn != NULL ? sqlite3_errmsg(db->conn) : sqlite3_errstr(rc), rc, doing);
}

int wf_db_open(struct wf_db *db, const char *path, int flags, struct wf_err *err)
{
    return wf_db_open_vfs(db, path, flags, NULL, err);
}

int wf_db_open_vfs(struct wf_db *db, const char *path, int flags, const char *vfs,
                   struct wf_err *err)
{
    memset(db, 0, sizeof *db);
    int rc = sqlite3_open_v2(path, &db->conn, flags | SQLITE_OPEN_NOMUTEX, vfs);
    if (rc != SQLITE_OK) {
        stick(db, rc, path);
        if (err != NULL)
            *err = db->fault;
        rc = db->fault.code;
        wf_db_close(db);
        return rc;
    }
    sqlite3_extended_result_codes(db->conn, 1);
    sqlite3_busy_timeout(db->conn, 5000);
    return WF_OK;
}

int wf_db_open_state(struct wf_db *db, const char *path, int flags, struct wf_err *err)
{
    const char *vfs = wf_sums_vfs();

    if (vfs == NULL) {
        memset(db, 0, sizeof *db);
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory opening %s", path);
    }
    return wf_db_open_vfs(db, path, flags, vfs, err);
}

int wf_db_check_sums(struct wf_db *db, struct wf_err *err)
{
    bool empty = wf_db_int(db, 0, "PRAGMA page_count", "") == 0;

    if (db->broken)
        return wf_db_fault(db, err);
    if (!empty && !wf_sums_has(db->conn))
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "NO_SUMS",
                              "it was made by a program whose pages had no sums, which this one "
                              "does not go on with: empty the data directory, and let the node "
                              "join as a new member");
    return WF_OK;
}

void wf_db_close(struct wf_db *db)
{
    for (int i = 0; i < WF_DB_STATEMENTS; i++)
        sqlite3_finalize(db->statements[i].stmt);
    sqlite3_close_v2(db->conn);
    memset(db, 0, sizeof *db);
}

int wf_db_fault(const struct wf_db *db, struct wf_err *err)
{
    if (!db->broken)
        return WF_OK;
    if (err != NULL)
        *err = db->fault;
    return db->fault.code;
}

void wf_db_clear(struct wf_db *db)
{
    db->broken = false;
    memset(&db->fault, 0, sizeof db->fault);
}

void wf_db_exec(struct wf_db *db, const char *sql)
{
    if (db->broken)
        return;
    int rc = sqlite3_exec(db->conn, sql, NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        stick(db, rc, sql);
}

static sqlite3_stmt *prepared(struct wf_db *db, const char *sql)
{
    unsigned i = (unsigned)(((uintptr_t)sql * 0x9e3779b97f4a7c15u) >> 56);

    for (unsigned seen = 0;; i = (i + 1) % WF_DB_STATEMENTS, seen++) {
        WF_ASSERT(seen < WF_DB_STATEMENTS);
        if (db->statements[i].sql == sql)
            return db->statements[i].stmt;
        if (db->statements[i].sql == NULL)
            break;
    }
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_prepare_v3(db->conn, sql, -1, SQLITE_PREPARE_PERSISTENT, &q, NULL);
    if (rc != SQLITE_OK) {
        stick(db, rc, sql);
        return NULL;
    }
    db->statements[i].sql = sql;
    db->statements[i].stmt = q;
    return q;
}

static int bind_one(sqlite3_stmt *q, int at, char type, va_list *ap)
{
    const void *p;

    switch (type) {
    case 'i':
        return sqlite3_bind_int64(q, at, va_arg(*ap, int64_t));
    case 's':
        return sqlite3_bind_text(q, at, va_arg(*ap, const char *), -1, SQLITE_STATIC);
    case 'b':
        p = va_arg(*ap, const void *);
        return sqlite3_bind_blob64(q, at, p, va_arg(*ap, size_t), SQLITE_STATIC);
    default:
        WF_UNREACHABLE();
    }
}

static sqlite3_stmt *begin(struct wf_db *db, const char *sql, const char *types, va_list *ap)
{
    if (db->broken)
        return NULL;
    sqlite3_stmt *q = prepared(db, sql);
    if (q == NULL)
        return NULL;
    WF_ASSERT(!sqlite3_stmt_busy(q));
    WF_ASSERT(sqlite3_bind_parameter_count(q) == (int)strlen(types));
    for (int i = 0; types[i] != '\0'; i++) {
        int rc = bind_one(q, i + 1, types[i], ap);
        if (rc != SQLITE_OK) {
            stick(db, rc, sql);
            return NULL;
        }
    }
    return q;
}

sqlite3_stmt *wf_db_query(struct wf_db *db, const char *sql, const char *types, ...)
{
    va_list ap;

    va_start(ap, types);
    sqlite3_stmt *q = begin(db, sql, types, &ap);
    va_end(ap);
    return q;
}

bool wf_db_next(struct wf_db *db, sqlite3_stmt *q)
{
    if (q == NULL || db->broken) {
        wf_db_done(q);
        return false;
    }
    int rc = sqlite3_step(q);
    if (rc == SQLITE_ROW)
        return true;
    if (rc != SQLITE_DONE)
        stick(db, rc, sqlite3_sql(q));
    wf_db_done(q);
    return false;
}

void wf_db_done(sqlite3_stmt *q)
{
    if (q != NULL)
        sqlite3_reset(q); // the step before has told what failed
}

void wf_db_run(struct wf_db *db, const char *sql, const char *types, ...)
{
    va_list ap;

    va_start(ap, types);
    sqlite3_stmt *q = begin(db, sql, types, &ap);
    va_end(ap);
    while (wf_db_next(db, q))
        ;
}

int64_t wf_db_int(struct wf_db *db, int64_t otherwise, const char *sql, const char *types, ...)
{
    va_list ap;
    int64_t v = otherwise;

    va_start(ap, types);
    sqlite3_stmt *q = begin(db, sql, types, &ap);
    va_end(ap);
    if (wf_db_next(db, q) && sqlite3_column_type(q, 0) != SQLITE_NULL)
        v = sqlite3_column_int64(q, 0);
    wf_db_done(q);
    return v;
}

const char *wf_db_text(sqlite3_stmt *q, int column)
{
    const char *s = (const char *)sqlite3_column_text(q, column);

    return s != NULL ? s : "";
}
