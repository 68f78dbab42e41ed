// SPDX-License-Identifier: Apache-2.0
// A connection from the inside: shared by conn.c (its life), conn_io.c (its bytes), conn_dial.c,
// conn_parcel.c and listener.c.
#ifndef WF_TLS_CONN_INTERNAL_H
#define WF_TLS_CONN_INTERNAL_H

#include <netdb.h>

#include "base/buf.h"
#include "tls/conn.h"
#include "tls/session.h"
#include "tls/turn.h"

enum conn_state {
    CONN_DIALLING, // resolving, connecting
    CONN_HANDSHAKE,
    CONN_OPEN,
    CONN_CLOSING, // sends what is queued, says goodbye, lingers
    CONN_CLOSED,  // handles are being closed
};

// The listener, as its connections see it.
struct conn_owner {
    // The first bytes of a handshake are here. false: wait for conn_shake().
    bool (*may_shake)(struct conn_owner *o, struct wf_conn *c);
    void (*slow)(struct conn_owner *o, struct wf_conn *c); // WF_HANDSHAKE_SLOT_MS are over
    // The handshake is done: the protocol to run, never NULL.
    const struct wf_conn_proto *(*shaken)(struct conn_owner *o, struct wf_conn *c);
    void (*failed)(struct conn_owner *o, struct wf_conn *c,
                   const struct wf_err *err);              // the handshake
    void (*gone)(struct conn_owner *o, struct wf_conn *c); // freed afterwards
};

struct conn_dial; // conn_dial.c

struct wf_conn {
    uv_tcp_t tcp;
    uv_timer_t timer; // dial and handshake deadline, idle timeout, goodbye
    uv_write_t write_req;
    uv_shutdown_t shutdown_req;
    struct wf_turn *turn;
    struct wf_turn_entry entry;
    struct wf_session *session; // NULL once in a parcel
    struct wf_conn_proto proto;
    void *user;
    enum conn_state state;
    int holds;        // handles and requests that still point here
    bool tell_closed; // proto.closed is to be called
    bool reading;     // the socket is
    bool paused;      // by the user
    bool waits_to_shake;
    bool writing; // write_req is under way
    bool wake;
    bool eof; // the peer has said goodbye
    bool socket_eof;
    bool finishing;      // shutdown_req was sent
    struct wf_buf plain; // to be encrypted
    size_t plain_at;
    struct wf_buf sending; // ciphertext of write_req
    struct wf_err err;     // why it ends; code WF_OK while it does not
    unsigned idle_ms;
    uint64_t last_read; // uv_now()
    uint64_t deadline;  // of the handshake, uv_now()
    struct conn_dial *dial;
    struct conn_owner *owner;     // NULL: dialled or adopted
    struct wf_conn *prev, *next;  // the owner's list
    struct wf_conn *next_waiting; // the owner's queue
    bool has_slot;                // the owner's
    char address[80];
    uint64_t counted_as; // of its address's connections (per_address.h), when counted
    bool counted;
};

// conn.c
struct wf_conn *conn_new(uv_loop_t *loop);
void conn_free_unused(struct wf_conn *c); // one whose handles were not initialised
int conn_init_handles(struct wf_conn *c);
void conn_set_address(struct wf_conn *c);
void conn_start_handshake(struct wf_conn *c, unsigned ms);
// The end: with err as the reason, and a goodbye if the socket still works.
void conn_fail(struct wf_conn *c, const struct wf_err *err);
// The end, now.
void conn_destroy(struct wf_conn *c, const struct wf_err *err);
void conn_on_timer(uv_timer_t *timer);
void conn_release(struct wf_conn *c);     // one of the holds
void conn_check(const struct wf_conn *c); // what is true between callbacks

// conn_io.c
void conn_run(struct wf_turn_entry *e);
void conn_read_start(struct wf_conn *c);
void conn_schedule(struct wf_conn *c);
void conn_shake(struct wf_conn *c);

// conn_dial.c
void conn_dial_free(struct conn_dial *d);
bool conn_dial_owns_tcp(const struct wf_conn *c); // is being closed to be tried anew

#endif
