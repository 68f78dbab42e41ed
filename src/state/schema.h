// SPDX-License-Identifier: Apache-2.0
// The tables of state.db, all STRICT, and how a file of an older version becomes one of this.
//
// What an incident is stands in incidents.doc, a packed watchfire.v1.Incident; the columns
// beside it are for indexes and for people with an sqlite3 shell. Sitreps and status posts stand in
// their events and are found through their seq. Times are milliseconds since 1970.
#ifndef WF_STATE_SCHEMA_H
#define WF_STATE_SCHEMA_H

#include "base/result.h"
#include "state/db.h"

enum { WF_SCHEMA_VERSION = 2 };

// Make an empty file current, an older one current, or refuse a newer one (FAILED_PRECONDITION).
int wf_schema_prepare(struct wf_db *db, struct wf_err *err);

// Requires that the file has exactly our tables and indexes, and nothing that could run by itself
// (triggers, views); else DATA_LOSS. For files that came over the wire.
int wf_schema_check(struct wf_db *db, struct wf_err *err);

#endif
