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

// The bytes of such a configuration, as a manifest carries them; released with wf_bootstrap_free().
int wf_bootstrap_encode(const struct wf_member *members, unsigned n, struct wf_bytes *out,
                        struct wf_err *err);
void wf_bootstrap_free(struct wf_bytes configuration);

// After a lost quorum, by hand: self becomes the only voter, and the cluster another incarnation,
// with which nodes of the old one do not talk. Requires a store that was opened and not loaded.
int wf_recover(struct wf_log_store *store, const struct wf_member *self, struct wf_err *err);

#endif
