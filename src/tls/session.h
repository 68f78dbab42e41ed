// SPDX-License-Identifier: Apache-2.0
// One side of a TLS connection without its socket: ciphertext in and out, plaintext in and out. No
// clock of its own beyond OpenSSL's check of certificate dates. Owned by one thread at a time; it
// may move to another between calls.
//
// Order of use: lend what came in, run the handshake or read until nothing comes, keep what is
// left, send what the output holds, also after a failure: alerts live there.
#ifndef WF_TLS_SESSION_H
#define WF_TLS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/result.h"
#include "tls/identity.h"
#include "tls/tls.h"

struct wf_session;

// A protocol a server takes, by its ALPN name.
struct wf_alpn {
    const char *name;
    bool needs_node; // only with a node's certificate of our cluster
    bool no_tickets;
};

// A server's side. alpns, in the order of preference, outlive the handshake. NULL when out of
// memory.
struct wf_session *wf_session_server(struct wf_tls *t, const struct wf_alpn *alpns, unsigned n);
// A client's side that offers alpn and expects what wf_conn_dial() says of expect; host is the name
// or address that was dialled.
struct wf_session *wf_session_client(struct wf_tls *t, const char *alpn, const char *host,
                                     const struct wf_identity *expect);
void wf_session_free(struct wf_session *s);

// Ciphertext from the peer, valid until wf_session_keep(), which copies what was not taken in.
void wf_session_lend(struct wf_session *s, const uint8_t *data, size_t len);
int wf_session_keep(struct wf_session *s);
// Something may be read without new ciphertext.
bool wf_session_has_input(const struct wf_session *s);

// Go on with the handshake. *done tells whether it is over. Certificate trouble on either side is
// WF_UNAUTHENTICATED with a reason CERTIFICATE_..., everything else WF_UNAVAILABLE.
int wf_session_handshake(struct wf_session *s, bool *done, struct wf_err *err);

// Read plaintext: *n is 0 when more ciphertext is needed, *eof when the peer has said goodbye.
int wf_session_read(struct wf_session *s, uint8_t *buf, size_t cap, size_t *n, bool *eof,
                    struct wf_err *err);
// Encrypt all of it into the output.
int wf_session_write(struct wf_session *s, const uint8_t *data, size_t len, struct wf_err *err);
// Say goodbye to the peer, once.
void wf_session_shutdown(struct wf_session *s);

// Ciphertext for the peer; the caller consumes it.
struct wf_buf *wf_session_output(struct wf_session *s);

// After the handshake: the index of the server's protocol that was agreed on (-1: the peer named
// none); a client gets 0, or -1 when the server named none.
int wf_session_alpn(const struct wf_session *s);
// The peer's identity, from its verified certificate only.
const struct wf_identity *wf_session_peer(const struct wf_session *s);
// For tests and what only OpenSSL can tell.
SSL *wf_session_ssl(struct wf_session *s);

// For tls/tls.c, which builds the contexts: the callbacks that find their session in the SSL
// object.
int wf_session_verify(X509_STORE_CTX *x, void *unused);
int wf_session_select(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                      const unsigned char *in, unsigned in_len, void *unused);
// The identity in a certificate's subject alternative name. WF_NOT_FOUND without one, and when
// there is more than one.
int wf_certificate_identity(X509 *cert, struct wf_identity *out, struct wf_err *err);

#endif
