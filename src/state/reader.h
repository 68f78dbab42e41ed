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
};

#endif
