// SPDX-License-Identifier: Apache-2.0
// What all connections of one loop share: the list of those with something to do at the end of the
// turn, and the buffers they read into. Made with the loop's first connection, gone with its last.
// Loop thread only, but for acquire, which may come before the loop runs.
#ifndef WF_TLS_TURN_H
#define WF_TLS_TURN_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum { WF_TURN_READ_SIZE = 64 * 1024, WF_TURN_PLAIN_SIZE = 64 * 1024 };

// A member of the list, embedded in its connection.
struct wf_turn_entry {
    struct wf_turn_entry *prev, *next; // NULL when not listed
    void (*run)(struct wf_turn_entry *e);
};

struct wf_turn {
    uv_loop_t *loop;
    uv_prepare_t prepare;
    uv_idle_t idle; // runs while the list is not empty: the loop neither waits nor ends
    int handles;
    struct wf_turn *next_turn;
    unsigned refs;
    struct wf_turn_entry head;            // of the circular list
    uint8_t cipher_in[WF_TURN_READ_SIZE]; // one read of a socket
    uint8_t plain_in[WF_TURN_PLAIN_SIZE]; // what it held
};

// Returns NULL when out of memory.
struct wf_turn *wf_turn_acquire(uv_loop_t *loop);
void wf_turn_release(struct wf_turn *t);

// Have e->run called before the loop waits again; once, however often it is asked for.
void wf_turn_add(struct wf_turn *t, struct wf_turn_entry *e);
void wf_turn_remove(struct wf_turn_entry *e);

#endif
