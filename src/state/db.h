// SPDX-License-Identifier: Apache-2.0
// One SQLite connection with its prepared statements. One thread at a time.
//
// The first failure (disk, memory, corruption) sticks: later calls do nothing and yield no rows, so
// that a caller runs many statements and looks at `broken` once, before it commits.
#ifndef WF_STATE_DB_H
#define WF_STATE_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

enum { WF_DB_STATEMENTS = 256 };

struct wf_db {
    sqlite3 *conn;
    bool broken;
    struct wf_err fault;
    // Open-addressed by the address of the SQL text: a literal at its place of use names a
    // statement.
    struct {
        const char *sql;
        sqlite3_stmt *stmt;
    } statements[WF_DB_STATEMENTS];
};

// Open path with the SQLITE_OPEN_ flags, through the VFS of that name (NULL: the default one). On
// failure *db is closed.
int wf_db_open(struct wf_db *db, const char *path, int flags, struct wf_err *err);
int wf_db_open_vfs(struct wf_db *db, const char *path, int flags, const char *vfs,
                   struct wf_err *err);
// The same for a file of the state, whose pages have sums (sums_vfs.h): one that is damaged reads
// as WF_DATA_LOSS with reason STATE_DAMAGED.
int wf_db_open_state(struct wf_db *db, const char *path, int flags, struct wf_err *err);
// A file with anything in it must be one with sums; else FAILED_PRECONDITION with reason NO_SUMS.
// Before wf_sums_reserve.
int wf_db_check_sums(struct wf_db *db, struct wf_err *err);
void wf_db_close(struct wf_db *db);

// The failure that sticks, as a result; WF_OK when there is none.
int wf_db_fault(const struct wf_db *db, struct wf_err *err);

// Forget the failure, for a connection that goes on (a reader).
void wf_db_clear(struct wf_db *db);

// Run SQL text once: pragmas, schema. Rows are dropped.
void wf_db_exec(struct wf_db *db, const char *sql);

// Run a statement to its end. sql must be a string literal. types has a letter per parameter:
//   i  int64_t     s  const char * (NULL: NULL)     b  const void *, size_t
void wf_db_run(struct wf_db *db, const char *sql, const char *types, ...);

// Begin a query; the values must stay until it is done. Then rows, until false, when it is done.
sqlite3_stmt *wf_db_query(struct wf_db *db, const char *sql, const char *types, ...);
bool wf_db_next(struct wf_db *db, sqlite3_stmt *q);

// Leave a query before its last row.
void wf_db_done(sqlite3_stmt *q);

// First column of the first row as a number; otherwise when there is no row or it is NULL.
int64_t wf_db_int(struct wf_db *db, int64_t otherwise, const char *sql, const char *types, ...);

// A column as text, never NULL.
const char *wf_db_text(sqlite3_stmt *q, int column);

#endif
