// SPDX-License-Identifier: Apache-2.0
// The real peer network, over byte links (link.h) that the daemon makes of TLS.
//
// One link a direction: we dial each peer for what we send and read only what arrives on the links
// that peers have dialled. On each, both sides say HELLO first. Messages wait in three lanes
// (wf_msg_lane) and leave once a turn, the urgent first, as far as the link takes them.
#ifndef WF_REPLICATION_PEER_NET_LINK_H
#define WF_REPLICATION_PEER_NET_LINK_H

#include "base/metrics.h"
#include "replication/env.h"
#include "replication/link.h"
#include "replication/log_store.h"
#include "replication/peer_net.h"

struct wf_peer_net_options {
    struct wf_env *env;
    const struct wf_dialer *dialer;
    struct wf_log_store *store; // identity, and the disk ids of peers
    struct wf_metrics *metrics; // may be NULL
    const char *address;        // where peers can dial this node, "host:port"; copied
};

// What is handed in outlives it. Returns WF_OK, or WF_RESOURCE_EXHAUSTED.
int wf_peer_net_link_new(struct wf_peer_net **out, const struct wf_peer_net_options *opts,
                         struct wf_err *err);

// After stop has completed, or if it was never started.
void wf_peer_net_link_free(struct wf_peer_net *net);

#endif
