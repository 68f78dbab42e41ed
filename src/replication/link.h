// SPDX-License-Identifier: Apache-2.0
// The byte link to a peer, as replication wants it; the daemon plugs TLS in (ALPN "raft/1"), tests
// a pair of buffers. One link carries frames one way and their acknowledgements back: a node dials
// each peer for what it sends, and accepts one from each for what it receives.
//
// Consensus thread only.
#ifndef WF_REPLICATION_LINK_H
#define WF_REPLICATION_LINK_H

#include <stddef.h>
#include <stdint.h>

struct wf_link;

// What the user of a link is told. After on_close the link is gone.
struct wf_link_events {
    // A dialled link is up: the peer's certificate was checked, peer is the node name it carries.
    void (*on_open)(void *ctx, struct wf_link *link, const char *peer);
    void (*on_data)(void *ctx, struct wf_link *link, const uint8_t *data, size_t len);
    // Everything written has left for the kernel: more may be written.
    void (*on_writable)(void *ctx, struct wf_link *link);
    // Dial failed, peer closed, or an error; why is for the log. Not called after wf_link's close.
    void (*on_close)(void *ctx, struct wf_link *link, const char *why);
};

// A link's implementation embeds this as its first member.
struct wf_link {
    const struct wf_link_ops *ops;
    const struct wf_link_events *events;
    void *ctx; // the user's, passed to events
};

struct wf_link_ops {
    // Queue bytes (copied). Returns 0, or WF_UNAVAILABLE on a link that is closing.
    int (*write)(struct wf_link *link, const uint8_t *data, size_t len);
    // Bytes queued and not yet handed to the kernel.
    size_t (*queued)(struct wf_link *link);
    // Close now; no event follows.
    void (*close)(struct wf_link *link);
};

// How replication reaches out. dial returns NULL only when out of memory; else it never fails at
// once: on_open or on_close follows, later.
struct wf_dialer {
    void *ctx;
    struct wf_link *(*dial)(void *ctx, const char *address, const char *expect_peer,
                            const struct wf_link_events *events, void *events_ctx);
};

#endif
