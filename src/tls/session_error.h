// SPDX-License-Identifier: Apache-2.0
// What went wrong with TLS, in words for a person. Used by tls/session.c alone.
#ifndef WF_TLS_SESSION_ERROR_H
#define WF_TLS_SESSION_ERROR_H

#include <openssl/x509.h>
#include <stdbool.h>

#include "base/result.h"

// The peer's certificate leaf (may be NULL) failed with X509_V_ERR_... e.
void wf_session_chain_refused(int e, X509 *leaf, struct wf_err *err);

// Take what is in OpenSSL's error queue, alerts from the peer included. Returns err's code.
int wf_session_explain(bool server, struct wf_err *err);

#endif
