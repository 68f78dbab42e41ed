// SPDX-License-Identifier: Apache-2.0
// What the files of log_db.h share: log_db.c (statements, records), log_meta.c (values), log_file.c
// (opening, creating, setting aside). Nobody else includes it.
#ifndef WF_REPLICATION_LOG_DB_PRIVATE_H
#define WF_REPLICATION_LOG_DB_PRIVATE_H

#include "replication/log_db.h"

enum { WF_MANIFEST_MAX = 1024 * 1024 };

// Fill err from the connection's last error; what is "cannot write" or the like. Returns the code.
int wf_log_db_fail(const struct wf_log_db *db, struct wf_err *err, const char *what);

// The log cannot be trusted; the first reason is kept.
void wf_log_db_lose(struct wf_log_db *db, const char *why);

// Prepare all statements.
int wf_log_db_prepare(struct wf_log_db *db, struct wf_err *err);
// One of them, idle.
sqlite3_stmt *wf_log_db_use(struct wf_log_db *db, enum wf_log_stmt which);
// Step a statement that returns no rows, and reset it.
int wf_log_db_run(struct wf_log_db *db, sqlite3_stmt *s, const char *what, struct wf_err *err);
int wf_log_db_exec(struct wf_log_db *db, const char *sql, const char *what, struct wf_err *err);

// Inside a transaction: store, then take over into db.
int wf_log_db_set_base(struct wf_log_db *db, const struct wf_log_base *base, struct wf_err *err);
int wf_log_db_set_manifest(struct wf_log_db *db, const struct wf_manifest *m, struct wf_err *err);

// Read all values of the meta table. What is damaged makes the log lost; WF_DATA_LOSS if it cannot
// even be told whose log it is, or how it voted.
int wf_log_db_read_meta(struct wf_log_db *db, bool have_mark, struct wf_err *err);

#endif
