// SPDX-License-Identifier: Apache-2.0
#include "tls/session.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "tls/session_error.h"

// Ciphertext not taken in while its reader pauses: one read of the socket.
enum { STASH_MAX = 1024 * 1024, OUTPUT_MAX = WF_TLS_QUEUE_MAX + 1024 * 1024 };

struct wf_session {
    SSL *ssl;
    struct wf_tls *tls;
    bool server;
    bool handshaken;
    bool goodbye;
    const uint8_t *lent; // the caller's bytes, until kept
    size_t lent_len;
    struct wf_buf stash; // bytes kept from earlier, read before the lent ones
    size_t stash_at;
    struct wf_buf output;
    const struct wf_alpn *alpns;
    unsigned n_alpns;
    int alpn;
    struct wf_identity peer;
    struct wf_identity expect; // kind WF_ID_NONE: none in particular
    bool expect_node;          // some node of the cluster
    struct wf_err refusal;     // why the peer's certificate was not good enough
};

// --- the BIO: our buffers as OpenSSL's source and sink ---

static int bio_write(BIO *bio, const char *data, int len)
{
    struct wf_session *s = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (len <= 0 || wf_buf_append(&s->output, data, (size_t)len) != WF_OK)
        return -1;
    return len;
}

static int bio_read(BIO *bio, char *out, int cap)
{
    struct wf_session *s = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    size_t n = s->stash.len - s->stash_at, room = cap > 0 ? (size_t)cap : 0;
    if (n > 0) {
        n = n < room ? n : room;
        memcpy(out, s->stash.data + s->stash_at, n);
        s->stash_at += n;
        if (s->stash_at == s->stash.len) {
            wf_buf_free(&s->stash);
            s->stash_at = 0;
        }
    } else if (s->lent_len > 0) {
        n = s->lent_len < room ? s->lent_len : room;
        memcpy(out, s->lent, n);
        s->lent += n;
        s->lent_len -= n;
    } else {
        BIO_set_retry_read(bio);
        return -1;
    }
    return (int)n;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
    (void)bio, (void)num, (void)ptr;
    return cmd == BIO_CTRL_FLUSH;
}

static BIO_METHOD *bio_method;

static void make_bio_method(void)
{
    bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "watchfire");
    if (!bio_method)
        return;
    BIO_meth_set_write(bio_method, bio_write);
    BIO_meth_set_read(bio_method, bio_read);
    BIO_meth_set_ctrl(bio_method, bio_ctrl);
}

static BIO *new_bio(struct wf_session *s)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_bio_method);
    BIO *bio = bio_method ? BIO_new(bio_method) : NULL;
    if (!bio)
        return NULL;
    BIO_set_data(bio, s);
    BIO_set_init(bio, 1);
    return bio;
}

// --- making one ---

static struct wf_session *new_session(struct wf_tls *t, bool server)
{
    ERR_clear_error();
    struct wf_session *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->server = server;
    s->alpn = -1;
    s->tls = wf_tls_ref(t);
    wf_buf_init(&s->stash, STASH_MAX);
    wf_buf_init(&s->output, OUTPUT_MAX);
    s->ssl = wf_tls_new_ssl(t, server);
    BIO *bio = s->ssl ? new_bio(s) : NULL;
    if (!bio) {
        wf_session_free(s);
        return NULL;
    }
    SSL_set_bio(s->ssl, bio, bio);
    SSL_set_app_data(s->ssl, s);
    if (server)
        SSL_set_accept_state(s->ssl);
    else
        SSL_set_connect_state(s->ssl);
    return s;
}

struct wf_session *wf_session_server(struct wf_tls *t, const struct wf_alpn *alpns, unsigned n)
{
    struct wf_session *s = new_session(t, true);
    if (s) {
        s->alpns = alpns;
        s->n_alpns = n;
    }
    return s;
}

static bool is_address(const char *host)
{
    ASN1_OCTET_STRING *ip = a2i_IPADDRESS(host);
    ASN1_OCTET_STRING_free(ip);
    return ip != NULL;
}

// Ask for a host by name, and have the certificate carry it when nothing else identifies the
// server.
static bool set_host(struct wf_session *s, const char *host, bool must_match)
{
    if (is_address(host))
        return !must_match || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(s->ssl), host) == 1;
    return SSL_set_tlsext_host_name(s->ssl, host) == 1 &&
           (!must_match || SSL_set1_host(s->ssl, host) == 1);
}

struct wf_session *wf_session_client(struct wf_tls *t, const char *alpn, const char *host,
                                     const struct wf_identity *expect)
{
    struct wf_session *s = new_session(t, false);
    if (!s)
        return NULL;
    if (expect)
        s->expect = *expect;
    s->expect_node = !expect && *wf_tls_cluster(t);
    unsigned char wire[64];
    size_t n = strlen(alpn);
    WF_ASSERT(n > 0 && n < sizeof wire);
    wire[0] = (unsigned char)n;
    memcpy(wire + 1, alpn, n);
    if (SSL_set_alpn_protos(s->ssl, wire, (unsigned)n + 1) != 0 ||
        !set_host(s, host, !expect && !s->expect_node)) {
        wf_session_free(s);
        return NULL;
    }
    return s;
}

void wf_session_free(struct wf_session *s)
{
    if (!s)
        return;
    SSL_free(s->ssl);
    wf_buf_free(&s->stash);
    wf_buf_free(&s->output);
    wf_tls_unref(s->tls);
    free(s);
}

// --- whom we talk to ---

int wf_certificate_identity(X509 *cert, struct wf_identity *out, struct wf_err *err)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    int found = 0;
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_URI)
            continue;
        const ASN1_IA5STRING *uri = name->d.uniformResourceIdentifier;
        const char *text = (const char *)ASN1_STRING_get0_data(uri);
        // A NUL inside would have us read another name than the CA did.
        if (strlen(text) == (size_t)ASN1_STRING_length(uri) &&
            wf_identity_parse(text, out, NULL) == WF_OK)
            found++;
    }
    GENERAL_NAMES_free(names);
    if (found == 1)
        return WF_OK;
    *out = (struct wf_identity){0};
    return wf_fail(err, WF_NOT_FOUND, "the certificate names %s", found ? "several" : "nobody");
}

static bool must_be_node(const struct wf_session *s)
{
    return s->server ? s->alpn >= 0 && s->alpns[s->alpn].needs_node : s->expect_node;
}

// Is a certificate that the CA stands for good enough here? Else fills the refusal.
static bool acceptable(struct wf_session *s, X509 *leaf, struct wf_identity *id)
{
    const char *cluster = wf_tls_cluster(s->tls);
    char is[200] = "nobody of Watchfire", want[200];
    int rc = wf_certificate_identity(leaf, id, NULL);
    if (rc == WF_OK)
        wf_identity_format(id, is);
    if (*cluster && (rc != WF_OK || strcmp(id->cluster, cluster) != 0))
        wf_fail_reason(&s->refusal, WF_UNAUTHENTICATED, "CERTIFICATE_OTHER_CLUSTER",
                       "the certificate is for %s, which is not of cluster '%s'", is, cluster);
    else if (must_be_node(s) && id->kind != WF_ID_NODE)
        wf_fail_reason(&s->refusal, WF_UNAUTHENTICATED, "CERTIFICATE_NOT_NODE",
                       "the certificate is for %s, which is not a node", is);
    else if (s->expect.kind != WF_ID_NONE &&
             (id->kind != s->expect.kind || strcmp(id->name, s->expect.name) != 0 ||
              strcmp(id->cluster, s->expect.cluster) != 0)) {
        wf_identity_format(&s->expect, want);
        wf_fail_reason(&s->refusal, WF_UNAUTHENTICATED, "CERTIFICATE_OTHER_NAME",
                       "the certificate is for %s, expected was %s", is, want);
    }
    return s->refusal.code == WF_OK;
}

int wf_session_verify(X509_STORE_CTX *x, void *unused)
{
    (void)unused;
    SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct wf_session *s = SSL_get_app_data(ssl);
    WF_ASSERT(s != NULL);
    X509 *leaf = X509_STORE_CTX_get0_cert(x);
    struct wf_identity id;
    if (X509_verify_cert(x) != 1) {
        wf_session_chain_refused(X509_STORE_CTX_get_error(x), leaf, &s->refusal);
        return 0;
    }
    if (!acceptable(s, leaf, &id)) {
        X509_STORE_CTX_set_error(x, X509_V_ERR_CERT_REJECTED);
        return 0;
    }
    return 1;
}

// After the handshake, resumed ones included: a ticket outlives neither a certificate nor a rule.
static int read_peer(struct wf_session *s, struct wf_err *err)
{
    X509 *leaf = SSL_get0_peer_certificate(s->ssl);
    if (!leaf && !must_be_node(s))
        return WF_OK;
    if (!leaf)
        return wf_fail_reason(err, WF_UNAUTHENTICATED, "CERTIFICATE_REQUIRED",
                              "the peer showed no certificate and a node's is needed");
    int rc = WF_OK;
    if (SSL_get_verify_result(s->ssl) != X509_V_OK)
        rc = wf_fail_reason(err, WF_UNAUTHENTICATED, "CERTIFICATE_UNTRUSTED",
                            "the peer's certificate was not verified");
    else if (X509_cmp_current_time(X509_get0_notAfter(leaf)) < 0)
        wf_session_chain_refused(X509_V_ERR_CERT_HAS_EXPIRED, leaf, &s->refusal);
    else
        (void)acceptable(s, leaf, &s->peer);
    if (s->refusal.code != WF_OK) {
        s->peer = (struct wf_identity){0};
        rc = s->refusal.code;
        if (err)
            *err = s->refusal;
    }
    return rc;
}

int wf_session_select(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                      const unsigned char *in, unsigned in_len, void *unused)
{
    (void)unused;
    struct wf_session *s = SSL_get_app_data(ssl);
    for (unsigned i = 0; i < s->n_alpns; i++) {
        const struct wf_alpn *a = &s->alpns[i];
        size_t n = strlen(a->name);
        for (unsigned at = 0; at < in_len; at += 1u + in[at]) {
            if (in[at] != n || n > in_len - at - 1 || memcmp(in + at + 1, a->name, n) != 0)
                continue;
            *out = in + at + 1;
            *out_len = in[at];
            s->alpn = (int)i;
            if (a->no_tickets)
                SSL_set_num_tickets(ssl, 0);
            if (a->needs_node)
                SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// --- bytes ---

void wf_session_lend(struct wf_session *s, const uint8_t *data, size_t len)
{
    WF_ASSERT(s->lent_len == 0);
    s->lent = data;
    s->lent_len = len;
}

int wf_session_keep(struct wf_session *s)
{
    int rc = WF_OK;
    if (s->lent_len > 0) {
        wf_buf_consume(&s->stash, s->stash_at);
        s->stash_at = 0;
        rc = wf_buf_append(&s->stash, s->lent, s->lent_len);
    }
    s->lent = NULL;
    s->lent_len = 0;
    return rc;
}

bool wf_session_has_input(const struct wf_session *s)
{
    return s->stash.len > s->stash_at || s->lent_len > 0 || SSL_has_pending(s->ssl);
}

// Why the last call failed. The peer's alert, our refusal, or whatever OpenSSL says.
static int explain(struct wf_session *s, struct wf_err *err)
{
    if (s->refusal.code != WF_OK) {
        ERR_clear_error();
        if (err)
            *err = s->refusal;
        return s->refusal.code;
    }
    return wf_session_explain(s->server, err);
}

int wf_session_handshake(struct wf_session *s, bool *done, struct wf_err *err)
{
    *done = s->handshaken;
    if (s->handshaken)
        return WF_OK;
    ERR_clear_error();
    int rc = SSL_do_handshake(s->ssl);
    if (rc != 1 && SSL_get_error(s->ssl, rc) == SSL_ERROR_WANT_READ)
        return WF_OK;
    if (rc != 1)
        return explain(s, err);
    s->handshaken = true;
    const unsigned char *name;
    unsigned len;
    SSL_get0_alpn_selected(s->ssl, &name, &len);
    if (!s->server)
        s->alpn = len > 0 ? 0 : -1;
    *done = true;
    return read_peer(s, err);
}

int wf_session_read(struct wf_session *s, uint8_t *buf, size_t cap, size_t *n, bool *eof,
                    struct wf_err *err)
{
    WF_ASSERT(s->handshaken && cap > 0);
    *n = 0;
    *eof = false;
    ERR_clear_error();
    if (SSL_read_ex(s->ssl, buf, cap, n) == 1)
        return WF_OK;
    *n = 0;
    switch (SSL_get_error(s->ssl, 0)) {
    case SSL_ERROR_WANT_READ:
        return WF_OK;
    case SSL_ERROR_ZERO_RETURN:
        *eof = true;
        return WF_OK;
    default:
        return explain(s, err);
    }
}

int wf_session_write(struct wf_session *s, const uint8_t *data, size_t len, struct wf_err *err)
{
    WF_ASSERT(s->handshaken && !s->goodbye);
    while (len > 0) {
        size_t n = 0;
        ERR_clear_error();
        if (SSL_write_ex(s->ssl, data, len, &n) != 1)
            return explain(s, err);
        data += n;
        len -= n;
    }
    return WF_OK;
}

void wf_session_shutdown(struct wf_session *s)
{
    if (!s->handshaken || s->goodbye)
        return;
    s->goodbye = true;
    ERR_clear_error();
    (void)SSL_shutdown(
        s->ssl); // 0: sent, theirs not seen yet; after an error there is nothing to say
    ERR_clear_error();
}

struct wf_buf *wf_session_output(struct wf_session *s)
{
    return &s->output;
}

int wf_session_alpn(const struct wf_session *s)
{
    return s->alpn;
}

const struct wf_identity *wf_session_peer(const struct wf_session *s)
{
    return &s->peer;
}

SSL *wf_session_ssl(struct wf_session *s)
{
    return s->ssl;
}
