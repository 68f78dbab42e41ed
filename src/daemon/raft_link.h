// SPDX-License-Identifier: Apache-2.0
// The links between nodes as replication wants them (replication/link.h), on TLS connections with
// ALPN "raft/1". Consensus thread.
#ifndef WF_DAEMON_RAFT_LINK_H
#define WF_DAEMON_RAFT_LINK_H

#include <uv.h>

#include "replication/link.h"
#include "tls/conn.h"

#define WF_RAFT_ALPN "raft/1"

// Dials other nodes of the cluster. The owner embeds it; it outlives its links.
struct wf_raft_dialer {
    struct wf_dialer dialer; // hand out &dialer
    uv_loop_t *loop;
    struct wf_tls *tls; // a reference; the next dial uses it
    unsigned links;     // open, or closing
    void (*idle)(void *ctx);
    void *ctx;
};

void wf_raft_dialer_init(struct wf_raft_dialer *d, uv_loop_t *loop, struct wf_tls *tls);
void wf_raft_dialer_set_tls(struct wf_raft_dialer *d, struct wf_tls *tls);
// idle(ctx) when the last connection is gone; at once when there is none. Requires that its links
// were closed.
void wf_raft_dialer_close(struct wf_raft_dialer *d, void (*idle)(void *ctx), void *ctx);

// A connection that arrived at the listener, as a link. NULL when it is over already, or out of
// memory. Frees the parcel. peer gets the node name of its certificate.
struct wf_link *wf_raft_link_adopt(struct wf_raft_dialer *d, struct wf_conn_parcel *parcel,
                                   char peer[WF_USER_NAME_MAX + 1]);

#endif
