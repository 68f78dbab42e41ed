// SPDX-License-Identifier: Apache-2.0
// Full-text search over everything written: an FTS5 index in search.db, beside state.db.
//
// Derived from the events, never part of the state: it catches up when somebody searches, on the
// reader's thread and off the write path, and says how far it got. It knows the chain it was made
// from, and starts over when the state was replaced by another or the file is damaged.
#ifndef WF_STATE_SEARCH_H
#define WF_STATE_SEARCH_H

#include "state/arena.h"
#include "state/db.h"

struct wf_search {
    struct wf_db db;
    bool open;
};

// Open or make the index in dir (NULL: in memory); does nothing when it is open.
int wf_search_open(struct wf_search *x, const char *dir, struct wf_err *err);
void wf_search_close(struct wf_search *x);

// After a failure: close it, and remove the file if it is damaged, so that the next search makes it
// again.
void wf_search_recover(struct wf_search *x, const char *dir);

// Take in what is new in the events, at most WF_SEARCH_STEPS_MAX steps of WF_SEARCH_STEP. *indexed
// is the last seq covered.
int wf_search_catch_up(struct wf_search *x, struct wf_db *events, struct wf_arena *a,
                       uint64_t *indexed, struct wf_err *err);

// What a person typed as an FTS5 expression: words, "phrases", beginnings* ; all must occur. NULL
// when it has none of them. In the arena.
const char *wf_search_expression(struct wf_arena *a, const char *query);

// Begin a query for (seq, snippet), best first, of one incident or (0) all; then wf_db_next().
sqlite3_stmt *wf_search_find(struct wf_search *x, const char *expression, uint64_t incident,
                             unsigned limit);

#endif
