// SPDX-License-Identifier: Apache-2.0
#include "cli/pki.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/assert.h"

enum { CLOCK_SKEW_S = 3600, SERIAL_BITS = 127, DAY_S = 24 * 3600 };

static const char URI_SCHEME[] = "spiffe://";

// Fail with libcrypto's own reason behind what.
static int crypto_fail(struct wf_err *err, const char *what)
{
    unsigned long e = ERR_peek_last_error();
    const char *why = e ? ERR_reason_error_string(e) : NULL;
    ERR_clear_error();
    return wf_fail(err, WF_INTERNAL, "%s: %s", what, why ? why : "out of memory");
}

void wf_pki_pair_free(struct wf_pki_pair *pair)
{
    EVP_PKEY_free(pair->key);
    X509_free(pair->cert);
    *pair = (struct wf_pki_pair){0};
}

// RFC 5280 4.1.2.2: positive, at most 20 octets; 127 random bits never repeat.
static bool set_serial(X509 *cert)
{
    BIGNUM *n = BN_new();
    bool ok = n && BN_rand(n, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
              BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert));
    BN_free(n);
    return ok;
}

static bool add_extension(X509 *cert, X509V3_CTX *ctx, int nid, const char *value)
{
    X509_EXTENSION *ext = X509V3_EXT_nconf_nid(NULL, ctx, nid, value);
    bool ok = ext && X509_add_ext(cert, ext, -1);
    X509_EXTENSION_free(ext);
    return ok;
}

static GENERAL_NAME *general_name(int type, ASN1_STRING *value)
{
    GENERAL_NAME *name = value ? GENERAL_NAME_new() : NULL;
    if (!name) {
        ASN1_STRING_free(value);
        return NULL;
    }
    GENERAL_NAME_set0_value(name, type, value);
    return name;
}

static GENERAL_NAME *text_name(int type, const char *text)
{
    ASN1_IA5STRING *s = ASN1_IA5STRING_new();
    if (s && !ASN1_STRING_set(s, text, -1)) {
        ASN1_IA5STRING_free(s);
        s = NULL;
    }
    return general_name(type, s);
}

static GENERAL_NAME *host_name(const char *host)
{
    ASN1_OCTET_STRING *ip = a2i_IPADDRESS(host);
    ERR_clear_error(); // a DNS name is no address: no error
    return ip ? general_name(GEN_IPADD, ip) : text_name(GEN_DNS, host);
}

static bool push_name(GENERAL_NAMES *names, GENERAL_NAME *name)
{
    if (name && sk_GENERAL_NAME_push(names, name) > 0)
        return true;
    GENERAL_NAME_free(name);
    return false;
}

static bool add_names(X509 *cert, const char *uri, const char *host)
{
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    bool ok = names && push_name(names, text_name(GEN_URI, uri)) &&
              (!host || push_name(names, host_name(host))) &&
              X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0) == 1;
    sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
    return ok;
}

static bool set_subject(X509 *cert, const char *org, const char *common_name)
{
    X509_NAME *name = X509_get_subject_name(cert);
    return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)org, -1, -1,
                                      0) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name,
                                      -1, -1, 0);
}

// Validity, cut to the CA's own end: a chain with a leaf that outlives its CA breaks by surprise.
static bool set_validity(X509 *cert, const X509 *ca, int days)
{
    if (!X509_gmtime_adj(X509_getm_notBefore(cert), -CLOCK_SKEW_S) ||
        !X509_time_adj_ex(X509_getm_notAfter(cert), days, 0, NULL))
        return false;
    if (ca && ASN1_TIME_compare(X509_get0_notAfter(cert), X509_get0_notAfter(ca)) > 0)
        return X509_set1_notAfter(cert, X509_get0_notAfter(ca));
    return true;
}

static bool new_pair(struct wf_pki_pair *out)
{
    out->key = EVP_EC_gen("P-256");
    out->cert = X509_new();
    return out->key && out->cert && X509_set_version(out->cert, X509_VERSION_3) &&
           set_serial(out->cert) && X509_set_pubkey(out->cert, out->key);
}

struct profile {
    const char *basic, *usage, *extended;
};

static const struct profile CA_PROFILE = {"critical,CA:TRUE,pathlen:0",
                                          "critical,keyCertSign,cRLSign", NULL};
static const struct profile LEAF_PROFILE = {"critical,CA:FALSE", "critical,digitalSignature",
                                            "serverAuth,clientAuth"};

static bool add_profile(X509 *cert, X509 *issuer, const struct profile *p)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    return add_extension(cert, &ctx, NID_basic_constraints, p->basic) &&
           add_extension(cert, &ctx, NID_key_usage, p->usage) &&
           (!p->extended || add_extension(cert, &ctx, NID_ext_key_usage, p->extended)) &&
           add_extension(cert, &ctx, NID_subject_key_identifier, "hash") &&
           add_extension(cert, &ctx, NID_authority_key_identifier, "keyid:always");
}

int wf_pki_make_ca(const char *cluster, int days, struct wf_pki_pair *out, struct wf_err *err)
{
    WF_ASSERT(days > 0);
    char uri[200], common_name[WF_NODE_NAME_MAX + 32];
    snprintf(uri, sizeof(uri), "%s%s", URI_SCHEME, cluster);
    snprintf(common_name, sizeof(common_name), "%s cluster CA", cluster);
    struct wf_pki_pair ca = {0};
    bool ok = new_pair(&ca) && set_subject(ca.cert, cluster, common_name) &&
              X509_set_issuer_name(ca.cert, X509_get_subject_name(ca.cert)) &&
              set_validity(ca.cert, NULL, days) && add_profile(ca.cert, ca.cert, &CA_PROFILE) &&
              add_names(ca.cert, uri, NULL) && X509_sign(ca.cert, ca.key, EVP_sha256()) > 0;
    if (!ok) {
        wf_pki_pair_free(&ca);
        return crypto_fail(err, "cannot make the cluster CA");
    }
    *out = ca;
    return WF_OK;
}

int wf_pki_issue(const struct wf_pki_pair *ca, const struct wf_identity *id, const char *host,
                 int days, struct wf_pki_pair *out, struct wf_err *err)
{
    WF_ASSERT(ca->key && ca->cert && days > 0);
    char uri[200];
    wf_identity_format(id, uri);
    struct wf_pki_pair leaf = {0};
    bool ok = new_pair(&leaf) && set_subject(leaf.cert, id->cluster, id->name) &&
              X509_set_issuer_name(leaf.cert, X509_get_subject_name(ca->cert)) &&
              set_validity(leaf.cert, ca->cert, days) &&
              add_profile(leaf.cert, ca->cert, &LEAF_PROFILE) && add_names(leaf.cert, uri, host) &&
              X509_sign(leaf.cert, ca->key, EVP_sha256()) > 0;
    if (!ok) {
        wf_pki_pair_free(&leaf);
        return crypto_fail(err, "cannot make a certificate");
    }
    *out = leaf;
    return WF_OK;
}

int wf_pki_cluster(const X509 *ca, char out[WF_NODE_NAME_MAX + 1], struct wf_err *err)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(ca, NID_subject_alt_name, NULL, NULL);
    bool found = false;
    for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_URI)
            continue;
        const char *uri = (const char *)ASN1_STRING_get0_data(name->d.ia5);
        size_t len = (size_t)ASN1_STRING_length(name->d.ia5), scheme = strlen(URI_SCHEME);
        if (len <= scheme || len - scheme > WF_NODE_NAME_MAX ||
            memcmp(uri, URI_SCHEME, scheme) != 0)
            continue;
        memcpy(out, uri + scheme, len - scheme);
        out[len - scheme] = '\0';
        found = strlen(out) == len - scheme && !strchr(out, '/');
    }
    sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
    if (!found)
        return wf_fail(err, WF_INVALID_ARGUMENT,
                       "this CA names no cluster: it was not made by `watchfire init`");
    return WF_OK;
}

static int take_pem(BIO *bio, bool ok, struct wf_buf *out, struct wf_err *err)
{
    char *data = NULL;
    long len = ok ? BIO_get_mem_data(bio, &data) : 0;
    if (ok && wf_buf_append(out, data, (size_t)len) != WF_OK)
        ok = false;
    BIO_free(bio);
    return ok ? WF_OK : crypto_fail(err, "cannot write PEM");
}

int wf_pki_cert_pem(const X509 *cert, struct wf_buf *out, struct wf_err *err)
{
    BIO *bio = BIO_new(BIO_s_mem());
    return take_pem(bio, bio && PEM_write_bio_X509(bio, cert), out, err);
}

int wf_pki_key_pem(EVP_PKEY *key, struct wf_buf *out, struct wf_err *err)
{
    BIO *bio = BIO_new(BIO_s_secmem() ? BIO_s_secmem() : BIO_s_mem());
    return take_pem(bio, bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL),
                    out, err);
}

int wf_pki_parse(const struct wf_buf *cert_pem, const struct wf_buf *key_pem,
                 struct wf_pki_pair *out, struct wf_err *err)
{
    BIO *cert = BIO_new_mem_buf(cert_pem->data, (int)cert_pem->len);
    BIO *key = BIO_new_mem_buf(key_pem->data, (int)key_pem->len);
    struct wf_pki_pair pair = {0};
    if (cert && key) {
        pair.cert = PEM_read_bio_X509(cert, NULL, NULL, NULL);
        pair.key = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
    }
    BIO_free(cert);
    BIO_free(key);
    if (pair.cert && pair.key && X509_check_private_key(pair.cert, pair.key) == 1) {
        *out = pair;
        return WF_OK;
    }
    int rc = crypto_fail(err, "cannot read certificate and key");
    wf_pki_pair_free(&pair);
    return rc;
}
