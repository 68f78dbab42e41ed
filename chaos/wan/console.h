// SPDX-License-Identifier: Apache-2.0
// The control socket: clients that send lines and get a line for each. Its own epoll, so that the
// hub waits for one descriptor. The owner embeds it; one thread.
#ifndef WAN_CONSOLE_H
#define WAN_CONSOLE_H

#include "base/buf.h"
#include "wan/limits.h"
#include "wan/net.h"

struct wan_client {
    int fd; // -1: free
    size_t len;
    char line[WAN_LINE_MAX];
    struct wf_buf out; // answers not yet taken; no more lines are read until it is empty
};

struct wan_console {
    int epoll; // readable when there is something to serve
    int listen;
    char path[108]; // of the socket, "" when it is not ours to remove
    struct wan_client clients[WAN_CLIENTS_MAX];
};

// Nothing open: wan_console_close may be called.
void wan_console_init(struct wan_console *c);
// Returns WF_OK, or fills *err. A socket left behind at path is replaced, any other file is not.
int wan_console_open(struct wan_console *c, const char *path, struct wf_err *err);
// Remove the socket and drop all clients.
void wan_console_close(struct wan_console *c);

// Accept, read, carry out, answer: whatever is possible without waiting.
void wan_console_serve(struct wan_console *c, struct wan_net *net, wf_mono_ns now);

#endif
