// SPDX-License-Identifier: Apache-2.0
// A set of TLS credentials and settings: a server side and a client side. Immutable once loaded, so
// that a reload makes a new one and swaps the pointer; live connections keep theirs. Counted
// references; any thread.
#ifndef WF_TLS_TLS_H
#define WF_TLS_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/result.h"
#include "tls/identity.h"

struct wf_tls;

struct wf_tls_options {
    const char *ca_file;   // PEM; required: whom we believe
    const char *cert_file; // PEM, leaf first; NULL: a client that shows none
    const char *key_file;
    const char *cluster; // certificates of another cluster are refused; NULL: any (a client's)
};

// Load, check (key matches, not expired, P-256 or better, chain verifies against the CA) and build
// both sides: TLS 1.2 with AEAD/ECDHE or 1.3, no renegotiation, no 0-RTT, session id context set,
// server asks for a client certificate and verifies one that is shown. The message of a failure
// names the file.
int wf_tls_load(struct wf_tls **out, const struct wf_tls_options *opts, struct wf_err *err);
struct wf_tls *wf_tls_ref(struct wf_tls *t);
void wf_tls_unref(struct wf_tls *t);

// Whom the leaf certificate speaks for; kind WF_ID_NONE without one.
const struct wf_identity *wf_tls_identity(const struct wf_tls *t);
// The cluster given at load, or "".
const char *wf_tls_cluster(const struct wf_tls *t);

// A new SSL object of the server's or the client's side; tls/session.h is its only user.
SSL *wf_tls_new_ssl(struct wf_tls *t, bool server);

// Not after, of the leaf certificate; INT64_MAX without one.
wf_unix_ms wf_tls_expires(const struct wf_tls *t);

#endif
