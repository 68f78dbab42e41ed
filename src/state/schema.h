// SPDX-License-Identifier: Apache-2.0
// The tables of state.db, all STRICT, and how a state of one version becomes one of the next.
//
// The version is part of the state: it is raised by a command of the log (MigrateCommand), so that
// every node does it at the same index, and only once the programs of all members know the new
// one. A program goes on with a state of any version that it knows.
//
// What an incident is stands in incidents.doc, a packed watchfire.v1.Incident; the columns
// beside it are for indexes and for people with an sqlite3 shell. Sitreps and status posts stand in
// their events and are found through their seq. Times are milliseconds since 1970.
#ifndef WF_STATE_SCHEMA_H
#define WF_STATE_SCHEMA_H

#include "base/result.h"
#include "state/db.h"

enum { WF_SCHEMA_VERSION = 2 };

// Make an empty file one of the first version; refuse one that is newer than this program
// (FAILED_PRECONDITION).
int wf_schema_prepare(struct wf_db *db, struct wf_err *err);

// The file's version; 0 for one that is empty.
int wf_schema_version(struct wf_db *db);

// Raise it to a version that is known and higher, in the transaction under way. Failures stay in
// db.
void wf_schema_raise(struct wf_db *db, int version);

// Requires that the file has exactly the tables and indexes of its version, which is one we know,
// and nothing that could run by itself (triggers, views); else DATA_LOSS. For files that came over
// the wire.
int wf_schema_check(struct wf_db *db, struct wf_err *err);

#endif
