// SPDX-License-Identifier: Apache-2.0
// Ask another node for its status, before our own runs: to learn our id when joining, and whether
// the cluster is there already when beginning one. Main thread; waits.
#ifndef WF_DAEMON_ASK_PEER_H
#define WF_DAEMON_ASK_PEER_H

#include "base/result.h"
#include "tls/tls.h"
#include "watchfire/v1/cluster.pb-c.h"

// GetStatus of the node at address, with our node's certificate. The caller frees *out with
// watchfire__v1__get_status_response__free_unpacked(*out, NULL).
int wf_ask_status(struct wf_tls *tls, const char *address, unsigned timeout_ms,
                  Watchfire__V1__GetStatusResponse **out, struct wf_err *err);

#endif
