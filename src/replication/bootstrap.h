// SPDX-License-Identifier: Apache-2.0
// The first entry of a new cluster's log: who its members are. Main thread, before a node runs.
#ifndef WF_REPLICATION_BOOTSTRAP_H
#define WF_REPLICATION_BOOTSTRAP_H

#include "replication/log_store.h"
#include "replication/node.h"

// Write it. Every founder must give the same members in the same order. Requires a store that was
// opened and not loaded.
int wf_bootstrap(struct wf_log_store *store, const struct wf_member *members, unsigned n,
                 struct wf_err *err);

#endif
