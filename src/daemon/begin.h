// SPDX-License-Identifier: Apache-2.0
// The first start of a node: make its log store, as a founder of a new cluster or as one that
// joins. Main thread, before anything runs.
#ifndef WF_DAEMON_BEGIN_H
#define WF_DAEMON_BEGIN_H

#include "daemon/config.h"
#include "daemon/node_dir.h"
#include "tls/tls.h"

// The data directory is ready to be run from when this returns WF_OK. bootstrap: the person asked
// for a new cluster. Refusals say what to do instead; their reasons are NOT_EMPTY, CLUSTER_RUNNING,
// NOT_A_MEMBER, NO_DATA and WRONG_IDENTITY.
int wf_begin(const struct wf_config *config, const struct wf_node_dir *dir, struct wf_tls *tls,
             bool bootstrap, struct wf_err *err);

// Make the store of a founder, without asking anybody. Its state, if there is any, is left alone.
int wf_begin_found(const struct wf_config *config, const struct wf_node_dir *dir,
                   struct wf_err *err);

// The members of config->bootstrap, numbered as they stand there: the same on every founder.
// Returns how many.
struct wf_member;
unsigned wf_begin_members(const struct wf_config *config, struct wf_member *out);

#endif
