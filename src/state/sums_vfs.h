// SPDX-License-Identifier: Apache-2.0
// An SQLite VFS that puts a sum into each page of a database file, and checks it whenever a page is
// read: a bit that flipped, a block that is another's or was never written, a page that was cut off
// reads as an error (SQLITE_IOERR_DATA) and never as data. The sum covers the page's place, and
// stands in the last eight bytes of each page, which SQLite leaves free on request; any other
// SQLite reads such a file, and ignores it. (The write-ahead log has sums of its own, which SQLite
// checks when it recovers.)
//
// Databases made without sums are read without checking; state.c refuses them. Any thread.
#ifndef WF_STATE_SUMS_VFS_H
#define WF_STATE_SUMS_VFS_H

#include <sqlite3.h>
#include <stdbool.h>

// The VFS's name for sqlite3_open_v2, registered at the first call; NULL when SQLite is out of
// memory.
const char *wf_sums_vfs(void);

// Of n bytes written to f, which is such a VFS's, how many count: the rest is room for the sum.
int wf_sums_content(sqlite3_file *f, int n, sqlite3_int64 at);

// Before anything is written to a new database: leave room for the sums. An old one stays as it is.
int wf_sums_reserve(sqlite3 *conn);

// Whether an open database, read from before, is one with sums. Not after wf_sums_reserve, which
// makes one of any.
bool wf_sums_has(sqlite3 *conn);

#endif
