// SPDX-License-Identifier: Apache-2.0
// Inside a reader. Only src/state includes this.
#ifndef WF_STATE_READER_H
#define WF_STATE_READER_H

#include "state/machine.h"
#include "state/search.h"

struct wf_state_reader {
    struct wf_db own;        // its connection, unless the state is in memory
    struct wf_db *db;        // own, or the writer's
    struct wf_arena arena;   // of the query at hand
    struct wf_search search; // opened by the first search
    char *dir;               // NULL: in memory
    struct wf_state *state;  // of which only damaged is touched; it outlives the reader
};

// After a query that ended with rc: what the connection says goes first. A reader goes on after a
// failure: the next query may do better. A damaged state is told of (wf_state_damaged).
int wf_reader_finish(struct wf_state_reader *r, int rc, struct wf_err *err);

#endif
