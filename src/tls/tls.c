// SPDX-License-Identifier: Apache-2.0
#include "tls/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/limits.h"
#include "tls/session.h"
#include "tls/ticket.h"

// Of our own key: what P-256 has.
enum { OWN_KEY_BITS = 128 };

struct wf_tls {
    atomic_int refs;
    SSL_CTX *side[2]; // client, server
    struct wf_ticket_keys *tickets;
    struct wf_identity identity;
    char cluster[WF_NODE_NAME_MAX + 1];
    wf_unix_ms expires;
};

// What OpenSSL has to say, for the end of a message; empties its queue.
static const char *openssl_says(char *out, size_t size)
{
    unsigned long e = ERR_peek_last_error();
    const char *reason = e ? ERR_reason_error_string(e) : NULL;
    snprintf(out, size, "%s", reason ? reason : "unknown reason");
    ERR_clear_error();
    return out;
}

// An encrypted key would make OpenSSL ask on the terminal; a daemon has none.
static int no_passphrase(char *buf, int size, int rwflag, void *u)
{
    (void)buf, (void)size, (void)rwflag, (void)u;
    return -1;
}

// TLS 1.3, or 1.2 with forward secrecy and AEAD, which HTTP/2 (RFC 9113 9.2) asks for.
static SSL_CTX *new_context(bool server)
{
    SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    if (!ctx)
        return NULL;
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    SSL_CTX_set_cert_verify_callback(ctx, wf_session_verify, NULL);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL") != 1 ||
        SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                      "TLS_CHACHA20_POLY1305_SHA256") != 1 ||
        SSL_CTX_set1_groups_list(ctx, "X25519:P-256") != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_security_level(ctx, 2);
    return ctx;
}

static int set_up_server(struct wf_tls *t, const char *ca_file, struct wf_err *err)
{
    SSL_CTX *ctx = t->side[1];
    static const unsigned char id_context[] = "watchfire";
    SSL_CTX_set_alpn_select_cb(ctx, wf_session_select, NULL);
    // Without it a resumed session with a client certificate fails.
    if (SSL_CTX_set_session_id_context(ctx, id_context, sizeof id_context - 1) != 1)
        return wf_fail(err, WF_INTERNAL, "the session id context is refused");
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(ctx, (long)(WF_TICKET_MS / 1000));
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_max_early_data(ctx, 0);
    wf_ticket_keys_use(t->tickets, ctx);
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(ca_file);
    if (!names)
        return wf_fail(err, WF_FAILED_PRECONDITION, "%s has no certificate in it", ca_file);
    SSL_CTX_set_client_CA_list(ctx, names);
    return WF_OK;
}

// OpenSSL's own words for a file that is not there are no help.
static int check_readable(const char *file, const char *what, struct wf_err *err)
{
    FILE *f = fopen(file, "re");
    if (!f)
        return wf_fail(err, wf_code_from_errno(errno), "cannot read the %s %s: %s", what, file,
                       strerror(errno));
    fclose(f);
    return WF_OK;
}

static int load_files(SSL_CTX *ctx, const struct wf_tls_options *o, struct wf_err *err)
{
    char why[160];
    if (SSL_CTX_load_verify_file(ctx, o->ca_file) != 1)
        return wf_fail(err, WF_FAILED_PRECONDITION, "%s is not a file of PEM certificates: %s",
                       o->ca_file, openssl_says(why, sizeof why));
    if (!o->cert_file)
        return WF_OK;
    if (SSL_CTX_use_certificate_chain_file(ctx, o->cert_file) != 1)
        return wf_fail(err, WF_FAILED_PRECONDITION, "%s is not a PEM certificate: %s", o->cert_file,
                       openssl_says(why, sizeof why));
    // A key of another type or value than the certificate's fails here, the same as no key at all.
    if (SSL_CTX_use_PrivateKey_file(ctx, o->key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ctx) != 1)
        return wf_fail(err, WF_FAILED_PRECONDITION,
                       "%s is not the unencrypted private key of %s: %s", o->key_file, o->cert_file,
                       openssl_says(why, sizeof why));
    return WF_OK;
}

static wf_unix_ms not_after(const X509 *cert)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1)
        return 0; // unreadable: as good as expired
    return (wf_unix_ms)timegm(&tm) * 1000;
}

static int check_chain(SSL_CTX *ctx, X509 *leaf, const struct wf_tls_options *o, struct wf_err *err)
{
    STACK_OF(X509) *chain = NULL;
    SSL_CTX_get0_chain_certs(ctx, &chain);
    X509_STORE_CTX *x = X509_STORE_CTX_new();
    int rc = WF_OK;
    if (!x || X509_STORE_CTX_init(x, SSL_CTX_get_cert_store(ctx), leaf, chain) != 1)
        rc = wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory checking %s", o->cert_file);
    else if (X509_verify_cert(x) != 1) {
        int e = X509_STORE_CTX_get_error(x);
        rc = wf_fail_reason(err, WF_FAILED_PRECONDITION,
                            e == X509_V_ERR_CERT_HAS_EXPIRED ? "CERTIFICATE_EXPIRED"
                                                             : "CERTIFICATE_INVALID",
                            "the certificate %s is not good against %s: %s", o->cert_file,
                            o->ca_file, X509_verify_cert_error_string(e));
    }
    X509_STORE_CTX_free(x);
    return rc;
}

static int check_own(struct wf_tls *t, const struct wf_tls_options *o, struct wf_err *err)
{
    X509 *leaf = SSL_CTX_get0_certificate(t->side[0]);
    WF_ASSERT(leaf != NULL);
    t->expires = not_after(leaf);
    int rc = check_chain(t->side[0], leaf, o, err);
    if (rc != WF_OK)
        return rc;
    if (EVP_PKEY_get_security_bits(X509_get0_pubkey(leaf)) < OWN_KEY_BITS)
        return wf_fail(err, WF_FAILED_PRECONDITION,
                       "the key of %s is too weak: P-256, Ed25519 or RSA with 3072 bits is needed",
                       o->cert_file);
    rc = wf_certificate_identity(leaf, &t->identity, NULL);
    if (rc != WF_OK && !o->cluster)
        return WF_OK; // a client's certificate from elsewhere: the server decides
    if (rc != WF_OK)
        return wf_fail(err, WF_FAILED_PRECONDITION,
                       "the certificate %s has no single name spiffe://%s/... in it", o->cert_file,
                       o->cluster);
    if (o->cluster && strcmp(t->identity.cluster, o->cluster) != 0)
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "CERTIFICATE_OTHER_CLUSTER",
                              "the certificate %s is of cluster '%s', not of '%s'", o->cert_file,
                              t->identity.cluster, o->cluster);
    return WF_OK;
}

static int load(struct wf_tls *t, const struct wf_tls_options *o, struct wf_err *err)
{
    int rc = check_readable(o->ca_file, "CA file", err);
    if (rc == WF_OK && o->cert_file)
        rc = check_readable(o->cert_file, "certificate", err);
    if (rc == WF_OK && o->cert_file)
        rc = check_readable(o->key_file, "private key", err);
    for (int side = 0; side < 2 && rc == WF_OK; side++) {
        t->side[side] = new_context(side == 1);
        rc = t->side[side] ? load_files(t->side[side], o, err)
                           : wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory for TLS");
    }
    if (rc == WF_OK && o->cert_file)
        rc = check_own(t, o, err);
    return rc == WF_OK ? set_up_server(t, o->ca_file, err) : rc;
}

int wf_tls_load(struct wf_tls **out, const struct wf_tls_options *opts, struct wf_err *err)
{
    WF_ASSERT(opts->ca_file != NULL);
    WF_ASSERT((opts->cert_file == NULL) == (opts->key_file == NULL));
    if (opts->cluster && strlen(opts->cluster) > WF_NODE_NAME_MAX)
        return wf_fail(err, WF_INVALID_ARGUMENT, "the cluster's name is longer than %d bytes",
                       WF_NODE_NAME_MAX);
    ERR_clear_error();
    struct wf_tls *t = calloc(1, sizeof *t);
    if (t)
        t->tickets = wf_ticket_keys_new(wf_clock_mono_ns());
    if (!t || !t->tickets) {
        free(t);
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory for TLS");
    }
    atomic_init(&t->refs, 1);
    t->expires = INT64_MAX;
    if (opts->cluster)
        snprintf(t->cluster, sizeof t->cluster, "%s", opts->cluster);
    int rc = load(t, opts, err);
    if (rc != WF_OK) {
        wf_tls_unref(t);
        return rc;
    }
    *out = t;
    return WF_OK;
}

struct wf_tls *wf_tls_ref(struct wf_tls *t)
{
    int before = atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    WF_ASSERT(before > 0);
    return t;
}

void wf_tls_unref(struct wf_tls *t)
{
    if (!t)
        return;
    int before = atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel);
    WF_ASSERT(before > 0);
    if (before > 1)
        return;
    SSL_CTX_free(t->side[0]);
    SSL_CTX_free(t->side[1]);
    wf_ticket_keys_free(t->tickets);
    free(t);
}

const struct wf_identity *wf_tls_identity(const struct wf_tls *t)
{
    return &t->identity;
}

const char *wf_tls_cluster(const struct wf_tls *t)
{
    return t->cluster;
}

SSL *wf_tls_new_ssl(struct wf_tls *t, bool server)
{
    return SSL_new(t->side[server ? 1 : 0]);
}

wf_unix_ms wf_tls_expires(const struct wf_tls *t)
{
    return t->expires;
}
