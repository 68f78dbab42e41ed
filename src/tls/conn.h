// SPDX-License-Identifier: Apache-2.0
// A TLS connection on a libuv loop: bytes of one application protocol in and out. OpenSSL runs on
// memory BIOs (tls/session.h), the socket is libuv's. One loop thread owns a connection.
//
// What is written in one turn of the loop leaves in full records: wf_conn_write() collects, the
// flush at the end of the turn encrypts and sends.
#ifndef WF_TLS_CONN_H
#define WF_TLS_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/result.h"
#include "tls/identity.h"
#include "tls/tls.h"

struct wf_conn;

// An application protocol, chosen by ALPN. All callbacks on the connection's loop. user is what
// open stored with wf_conn_set_user().
struct wf_conn_proto {
    const char *alpn; // "h2", "http/1.1", "raft/1"
    bool needs_node;  // listener: only for peers that show a node's certificate of our cluster
    bool no_tickets;  // listener: every connection shakes hands in full
    // The handshake is done. Returns WF_OK, or another code to have the connection closed; closed
    // is then not called.
    int (*open)(void *ctx, struct wf_conn *conn);
    void (*read)(struct wf_conn *conn, void *user, const uint8_t *data, size_t len);
    // Bytes have left and what is still queued is at half of the high-water mark or below; or
    // wf_conn_wake() asked for it. At the end of a turn.
    void (*writable)(struct wf_conn *conn, void *user);
    // The peer has closed its side cleanly; writing still works. NULL: we close too.
    void (*eof)(struct wf_conn *conn, void *user);
    // The connection is over; err says why (WF_CANCELLED after our own close). Last callback.
    void (*closed)(struct wf_conn *conn, void *user, const struct wf_err *err);
    // Asked to finish: no new work, close when idle.
    void (*drain)(struct wf_conn *conn, void *user);
    void *ctx;
};

void wf_conn_set_user(struct wf_conn *conn, void *user);
uv_loop_t *wf_conn_loop(struct wf_conn *conn);

// Dial host:port and shake hands, offering proto->alpn. The peer's certificate must chain to t's CA
// and either carry the identity expect (NULL: any node of the cluster t belongs to) or, when expect
// is NULL and t has no cluster, match the host name. proto->closed reports a failure, later, never
// inside this call. Returns NULL only when out of memory.
struct wf_conn *wf_conn_dial(uv_loop_t *loop, struct wf_tls *t, const char *host_port,
                             const struct wf_identity *expect, const struct wf_conn_proto *proto);

// Queue plaintext (copied). Returns WF_OK, WF_RESOURCE_EXHAUSTED past the hard cap (the connection
// is then closed: its user did not heed writable), WF_UNAVAILABLE when closing.
int wf_conn_write(struct wf_conn *conn, const uint8_t *data, size_t len);
// Bytes queued and not yet in the kernel.
size_t wf_conn_queued(const struct wf_conn *conn);
// Have writable called at the end of this turn, before what is queued is sent: a protocol that has
// something to say collects it there.
void wf_conn_wake(struct wf_conn *conn);
// True while queued is below the high-water mark (256 KiB): a producer pulls more only then.
bool wf_conn_may_write(const struct wf_conn *conn);
// Encrypt and send now, without waiting for the end of the turn.
void wf_conn_flush(struct wf_conn *conn);

// Stop and resume reading from the socket.
void wf_conn_pause(struct wf_conn *conn);
void wf_conn_resume(struct wf_conn *conn);

// Close: what is queued is sent first (graceful) or dropped. Nothing is read any more; closed
// follows, later.
void wf_conn_close(struct wf_conn *conn, bool graceful);

// Close it unless something is read within ms; 0 switches it off.
void wf_conn_set_idle_timeout(struct wf_conn *conn, unsigned ms);

// The peer's identity: kind WF_ID_NONE when it showed no certificate.
const struct wf_identity *wf_conn_peer(const struct wf_conn *conn);
// "192.0.2.1:4242", for logs.
const char *wf_conn_address(const struct wf_conn *conn);

// Take an open connection out of its loop, to be adopted on another one: the old handle is closed
// without closing the socket. *out owns the file descriptor, the SSL object and bytes not yet read.
struct wf_conn_parcel;
// Requires a connection that is open. Returns WF_UNAVAILABLE when what was written is not in the
// kernel yet: try again when writable. Afterwards conn is gone and closed is not called.
int wf_conn_detach(struct wf_conn *conn, struct wf_conn_parcel **out, struct wf_err *err);
// Adopt it on loop under proto; open is called before this returns. Frees the parcel in any case.
struct wf_conn *wf_conn_adopt(uv_loop_t *loop, struct wf_conn_parcel *parcel,
                              const struct wf_conn_proto *proto, struct wf_err *err);
void wf_conn_parcel_free(struct wf_conn_parcel *parcel);

#endif
