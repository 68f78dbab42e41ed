// SPDX-License-Identifier: Apache-2.0
#include "testcert.h"

#include <dirent.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tls/tls.h"

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "testcert: %s failed\n", what);
    abort();
}

struct testcert_dir testcert_new(void)
{
    struct testcert_dir d;
    const char *tmp = getenv("TMPDIR");
    int n = snprintf(d.path, sizeof d.path, "%s/wf-cert-XXXXXX", tmp ? tmp : "/tmp");
    must(n > 0 && (size_t)n < sizeof d.path && mkdtemp(d.path), "mkdtemp");
    return d;
}

void testcert_remove(const struct testcert_dir *d)
{
    DIR *dir = opendir(d->path);
    must(dir != NULL, "opendir");
    char path[400];
    for (struct dirent *e; (e = readdir(dir));) {
        snprintf(path, sizeof path, "%s/%s", d->path, e->d_name);
        if (e->d_name[0] != '.')
            must(unlink(path) == 0, path);
    }
    closedir(dir);
    must(rmdir(d->path) == 0, "rmdir");
}

const char *testcert_file(const struct testcert_dir *d, const char *name, const char *suffix)
{
    static char paths[8][200];
    static unsigned turn;
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s%s", d->path, name, suffix);
    return path;
}

static void write_key(const struct testcert_dir *d, const char *name, EVP_PKEY *key)
{
    FILE *f = fopen(testcert_file(d, name, ".key"), "w");
    must(f && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1, "writing a key");
    fclose(f);
}

static void write_cert(const struct testcert_dir *d, const char *name, X509 *cert)
{
    FILE *f = fopen(testcert_file(d, name, ".pem"), "w");
    must(f && PEM_write_X509(f, cert) == 1, "writing a certificate");
    fclose(f);
}

static EVP_PKEY *read_key(const struct testcert_dir *d, const char *name)
{
    FILE *f = fopen(testcert_file(d, name, ".key"), "r");
    EVP_PKEY *key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;
    must(key != NULL, "reading a key");
    fclose(f);
    return key;
}

static X509 *read_cert(const struct testcert_dir *d, const char *name)
{
    FILE *f = fopen(testcert_file(d, name, ".pem"), "r");
    X509 *cert = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;
    must(cert != NULL, "reading a certificate");
    fclose(f);
    return cert;
}

static X509 *new_cert(const char *name, EVP_PKEY *key, long from_s, long until_s)
{
    X509 *x = X509_new();
    unsigned char serial[8];
    must(x && RAND_bytes(serial, sizeof serial) == 1, "a certificate");
    serial[0] &= 0x7f;
    BIGNUM *bn = BN_bin2bn(serial, sizeof serial, NULL);
    BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x));
    BN_free(bn);
    X509_set_version(x, X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(x), from_s);
    X509_gmtime_adj(X509_getm_notAfter(x), until_s);
    must(X509_set_pubkey(x, key) == 1, "a public key");
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    return x;
}

static void extend(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    must(e && X509_add_ext(x, e, -1) == 1, value);
    X509_EXTENSION_free(e);
}

void testcert_ca(const struct testcert_dir *d, const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = new_cert(name, key, -86400, 86400);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    extend(x, x, NID_basic_constraints, "critical,CA:TRUE");
    extend(x, x, NID_key_usage, "critical,keyCertSign,cRLSign");
    extend(x, x, NID_subject_key_identifier, "hash");
    must(X509_sign(x, key, EVP_sha256()) > 0, "signing");
    write_key(d, name, key);
    write_cert(d, name, x);
    X509_free(x);
    EVP_PKEY_free(key);
}

void testcert_leaf(const struct testcert_dir *d, const char *ca, const char *name, const char *uri,
                   long from_s, long until_s)
{
    char san[400];
    EVP_PKEY *key = EVP_EC_gen("P-256"), *ca_key = read_key(d, ca);
    X509 *issuer = read_cert(d, ca), *x = new_cert(name, key, from_s, until_s);
    X509_set_issuer_name(x, X509_get_subject_name(issuer));
    snprintf(san, sizeof san, "DNS:localhost,IP:127.0.0.1,IP:::1%s%s", uri ? ",URI:" : "",
             uri ? uri : "");
    extend(x, issuer, NID_basic_constraints, "critical,CA:FALSE");
    extend(x, issuer, NID_key_usage, "critical,digitalSignature");
    extend(x, issuer, NID_ext_key_usage, "serverAuth,clientAuth");
    extend(x, issuer, NID_subject_alt_name, san);
    must(X509_sign(x, ca_key, EVP_sha256()) > 0, "signing");
    write_key(d, name, key);
    write_cert(d, name, x);
    X509_free(x);
    X509_free(issuer);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
}

struct wf_tls *testcert_load(const struct testcert_dir *d, const char *ca, const char *name,
                             const char *cluster)
{
    struct wf_tls *t = NULL;
    struct wf_err err = {0};
    const struct wf_tls_options o = {.ca_file = testcert_file(d, ca, ".pem"),
                                     .cert_file = name ? testcert_file(d, name, ".pem") : NULL,
                                     .key_file = name ? testcert_file(d, name, ".key") : NULL,
                                     .cluster = cluster};
    if (wf_tls_load(&t, &o, &err) != WF_OK)
        fprintf(stderr, "%s\n", err.msg);
    must(t != NULL, "wf_tls_load");
    return t;
}
