// SPDX-License-Identifier: Apache-2.0
// Links over plain TCP on loopback: each side tells its name in a line where TLS would have the
// certificate. For tests that run real nodes in one process.
#ifndef WF_TESTS_TCP_LINK_H
#define WF_TESTS_TCP_LINK_H

#include <stdbool.h>
#include <uv.h>

#include "replication/link.h"

struct tcp_host {
    uv_loop_t *loop;
    const char *name;
    char address[32]; // "127.0.0.1:port", set by the first listen
    int port;
    struct wf_dialer dialer;
    void (*accept)(void *ctx, struct wf_link *link, const char *peer);
    void *ctx;
    uv_tcp_t listener;
    bool listening, cut; // cut: nothing gets through any more
};

// Set loop, name, accept and ctx first. The port is the kernel's choice, and kept for the next
// time.
void tcp_listen(struct tcp_host *h);
void tcp_unlisten(struct tcp_host *h);

#endif
