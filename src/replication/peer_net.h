// SPDX-License-Identifier: Apache-2.0
// Messages to and from the other nodes. peer_net_link.c is the real one, over struct wf_link; the
// simulator's delays, loses, doubles and reorders.
//
// Consensus thread only. Delivery is best effort: messages may be lost, and nothing is promised
// across a reconnect; but what arrives is whole, from the id it claims (the certificate decides),
// and from a node of this cluster and incarnation whose disk_id has not changed.
//
// An implementation refuses, with one log line that says what to do: another cluster or wire
// version, an older incarnation, a certificate's name that does not go with the id (as the
// membership has it), a wiped node under an old id (wf_log_store.check_peer), and a link not meant
// for this node (to_id).
#ifndef WF_REPLICATION_PEER_NET_H
#define WF_REPLICATION_PEER_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/result.h"
#include "replication/wire.h"

struct wf_link;

struct wf_peer {
    uint64_t id;
    char name[WF_NODE_NAME_MAX + 1];
    char address[WF_ADDRESS_MAX + 1];
};

// Told to the node, never inside one of the calls below.
struct wf_peer_net_events {
    void *ctx;
    // A message; it and its bytes are valid during the call.
    void (*on_message)(void *ctx, uint64_t from, const struct wf_msg *msg);
    // Our link to a peer came up (hello exchanged) or went down.
    void (*on_peer)(void *ctx, uint64_t id, bool up);
};

struct wf_peer_net {
    void *ctx;

    // Begin. events stays valid until stop has completed.
    int (*start)(void *ctx, const struct wf_peer_net_events *events, struct wf_err *err);

    // Whom to be connected to, from now on (copied; without ourselves). Links to others are closed,
    // except to a peer that is not a member here yet but has itself reached us with a good HELLO: a
    // joining node knows no membership until the leader has spoken to it, and answers to the
    // address of its HELLO.
    void (*set_peers)(void *ctx, const struct wf_peer *peers, unsigned n);

    // Send (copied or encoded before return). WF_UNAVAILABLE: no link; WF_RESOURCE_EXHAUSTED: its
    // queue is full (WF_PEER_QUEUE_MAX, half of it for the bulk lane). Either way it is dropped.
    int (*send)(void *ctx, uint64_t to, const struct wf_msg *msg);

    // Bytes queued to a peer in that lane and not yet handed to the kernel.
    size_t (*queued)(void *ctx, uint64_t to, enum wf_lane lane);

    bool (*connected)(void *ctx, uint64_t to);

    // A link that arrived for us; peer is the node name of its certificate.
    void (*accept)(void *ctx, struct wf_link *link, const char *peer);

    // Close every link, then done. No event follows.
    void (*stop)(void *ctx, void (*done)(void *arg), void *arg);
};

#endif
