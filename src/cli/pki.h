// SPDX-License-Identifier: Apache-2.0
// The cluster's certificates: a CA and the leaves it signs, ECDSA P-256 with SHA-256. Names are
// SPIFFE URIs in the subject alternative name (tls/identity.h). Keys and certificates in memory;
// files are the caller's business (cli/files.h). Any thread.
#ifndef WF_CLI_PKI_H
#define WF_CLI_PKI_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/buf.h"
#include "base/result.h"
#include "tls/identity.h"

// A certificate with its key; a CA or a leaf.
struct wf_pki_pair {
    EVP_PKEY *key;
    X509 *cert;
};

void wf_pki_pair_free(struct wf_pki_pair *pair);

// A new self-signed CA of the cluster, which its own URI (spiffe://CLUSTER) names. Valid from an
// hour ago, since clocks differ, for days.
int wf_pki_make_ca(const char *cluster, int days, struct wf_pki_pair *out, struct wf_err *err);

// Sign a new leaf for id, valid for days but never longer than the CA, for client and server
// authentication. host (may be NULL) is the DNS name or IP address it answers as.
int wf_pki_issue(const struct wf_pki_pair *ca, const struct wf_identity *id, const char *host,
                 int days, struct wf_pki_pair *out, struct wf_err *err);

// The cluster a CA's certificate names, or INVALID_ARGUMENT when it names none.
int wf_pki_cluster(const X509 *ca, char out[WF_NODE_NAME_MAX + 1], struct wf_err *err);

// PEM both ways. parse checks that key and certificate belong together.
int wf_pki_cert_pem(const X509 *cert, struct wf_buf *out, struct wf_err *err);
int wf_pki_key_pem(EVP_PKEY *key, struct wf_buf *out, struct wf_err *err);
int wf_pki_parse(const struct wf_buf *cert_pem, const struct wf_buf *key_pem,
                 struct wf_pki_pair *out, struct wf_err *err);

#endif
