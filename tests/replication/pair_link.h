// SPDX-License-Identifier: Apache-2.0
// Links between nodes of one process, made of buffers, and an env whose time the test turns on by
// hand. Nothing moves but in board_turn().
#ifndef WF_TESTS_PAIR_LINK_H
#define WF_TESTS_PAIR_LINK_H

#include "base/buf.h"
#include "replication/env.h"
#include "replication/link.h"

struct board; // where addresses are known, and time passes

struct board *board_new(void);
void board_free(struct board *b); // every link must be closed, every timer stopped
struct wf_env *board_env(struct board *b);

// Something that can be dialled: accept gets the link and the name in the dialler's certificate.
struct board_host {
    const char *address, *name;
    void (*accept)(void *ctx, struct wf_link *link, const char *peer);
    void *ctx;
    struct wf_dialer dialer; // for what this host dials; set by board_add
    struct board *board;
    bool down; // nobody answers
};
void board_add(struct board *b, struct board_host *host);

// Let ms pass: fire the timers, move the bytes, tell of closings, until all is quiet.
void board_turn(struct board *b, unsigned ms);

// Bytes that the host has written stay queued, and nothing of them arrives, while it is held.
void board_hold(struct board *b, const char *name, bool hold);
// Everything that the host has written on links it dialled and that has arrived, since the last
// call.
void board_record(struct board *b, const char *name, struct wf_buf *out);
// Cut every link of the host: both ends are told.
void board_cut(struct board *b, const char *name);
unsigned board_links(struct board *b);

// A link to address as somebody with that name in the certificate; what comes back goes to reply.
struct wf_link *board_dial_raw(struct board *b, const char *name, const char *address,
                               struct wf_buf *reply, bool *closed);

#endif
