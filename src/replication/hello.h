// SPDX-License-Identifier: Apache-2.0
// Whether a peer's HELLO may be believed: the rules for who may talk raft with us, apart from the
// network. Pure, but for wf_log_store.check_peer.
#ifndef WF_REPLICATION_HELLO_H
#define WF_REPLICATION_HELLO_H

#include "replication/log_store.h"
#include "replication/peer_net.h"
#include "replication/wire.h"

// What the rules look at.
struct wf_hello_rules {
    const struct wf_node_identity *self;
    const char *certificate;     // the node name that the link's certificate carries
    const struct wf_peer *peers; // whom the membership has, without ourselves
    unsigned n_peers;
    uint64_t dialled; // the id we wanted to reach; 0 for a link that arrived
    struct wf_log_store *store;
};

// Our own HELLO, to node to_id.
void wf_hello_make(struct wf_msg *out, const struct wf_node_identity *self, const char *address,
                   uint64_t to_id);

// WF_OK (also for any incarnation when we know none yet: the caller adopts it), or why not, with
// what to do, in err; err->reason is one of WIRE_VERSION, OTHER_CLUSTER, OLD_INCARNATION,
// LEFT_BEHIND (we are), NOT_FOR_US, WRONG_ID, WRONG_NAME, DISK_CHANGED.
int wf_hello_check(const struct wf_hello_rules *rules, const struct wf_msg_hello *hello,
                   struct wf_err *err);

#endif
