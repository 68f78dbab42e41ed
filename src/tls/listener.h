// SPDX-License-Identifier: Apache-2.0
// The one TLS port of a node: accepts, shakes hands, and hands each connection to the protocol its
// ALPN names (none: http/1.1; unknown: a fatal alert). Owned by one loop thread.
#ifndef WF_TLS_LISTENER_H
#define WF_TLS_LISTENER_H

#include <uv.h>

#include "base/metrics.h"
#include "tls/conn.h"

struct wf_listener;

struct wf_listener_options {
    const char *address;                // "host:port"; port 0: chosen by the kernel
    const struct wf_conn_proto *protos; // in the server's order of preference
    unsigned n_protos;
    struct wf_metrics *metrics; // may be NULL
    unsigned per_address_max;   // connections of one address; 0: WF_CONNECTIONS_PER_ADDRESS
    bool reuse_port;            // several front threads share the port
    int bound;                  // from wf_listener_bind, and the listener's from here on; 0: none
    // A peer was turned away for its certificate (expired, unknown CA, another cluster, none where
    // one is needed): for the audit. May be NULL.
    void (*on_refused)(void *ctx, const char *address, const char *why);
    void *ctx;
};

// A socket bound to address and not listening yet, for a port that only root may take and a process
// that will be somebody else. The caller's to close, until a listener has it. Errors as below.
int wf_listener_bind(int *fd, const char *address, bool reuse_port, struct wf_err *err);

// Bind and listen. A port in use: FAILED_PRECONDITION, reason ADDRESS_IN_USE. At most
// WF_CONNECTIONS_MAX connections and WF_HANDSHAKES_MAX handshakes at once; a handshake has
// WF_HANDSHAKE_MS. Past the first, or past what one address may have, new connections are closed at
// once; past the second they wait. They also wait while there are no descriptors to accept them.
int wf_listener_open(struct wf_listener **out, uv_loop_t *loop, struct wf_tls *t,
                     const struct wf_listener_options *opts, struct wf_err *err);

unsigned wf_listener_port(const struct wf_listener *l);
unsigned wf_listener_connections(const struct wf_listener *l); // open now

// New connections use t from now on; those that exist keep theirs.
void wf_listener_set_tls(struct wf_listener *l, struct wf_tls *t);

// Stop accepting and ask every connection's protocol to drain; done(ctx) when none is left, or
// after grace_ms when the rest was closed.
void wf_listener_drain(struct wf_listener *l, unsigned grace_ms, void (*done)(void *ctx),
                       void *ctx);

// Close at once, connections included. done(ctx) follows; then the listener is freed.
void wf_listener_close(struct wf_listener *l, void (*done)(void *ctx), void *ctx);

#endif
