// SPDX-License-Identifier: Apache-2.0
// Loading credentials: what is taken, and that a refusal names the file and the trouble.
#include "tls/tls.h"

#include "check.h"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "testcert.h"

static struct testcert_dir dir;

static int make_certificates(void **state)
{
    (void)state;
    dir = testcert_new();
    testcert_ca(&dir, "ca");
    testcert_ca(&dir, "other-ca");
    testcert_leaf(&dir, "ca", "node", "spiffe://prod/node/fra-1", -3600, 86400);
    testcert_leaf(&dir, "ca", "nobody", NULL, -3600, 86400);
    testcert_leaf(&dir, "ca", "old", "spiffe://prod/node/fra-1", -86400, -3600);
    testcert_leaf(&dir, "other-ca", "stranger", "spiffe://prod/node/fra-1", -3600, 86400);
    return 0;
}

static int remove_certificates(void **state)
{
    (void)state;
    testcert_remove(&dir);
    return 0;
}

static int load(const char *ca, const char *cert, const char *key, const char *cluster,
                struct wf_err *err)
{
    struct wf_tls *t = NULL;
    const struct wf_tls_options o = {.ca_file = testcert_file(&dir, ca, ".pem"),
                                     .cert_file = cert ? testcert_file(&dir, cert, ".pem") : NULL,
                                     .key_file = cert ? testcert_file(&dir, key, ".key") : NULL,
                                     .cluster = cluster};
    *err = (struct wf_err){0};
    int rc = wf_tls_load(&t, &o, err);
    wf_tls_unref(t);
    return rc;
}

static void loads_what_is_good(void **state)
{
    struct wf_err err;
    (void)state;
    assert_int_equal(load("ca", "node", "node", "prod", &err), WF_OK);
    assert_int_equal(load("ca", NULL, NULL, NULL, &err), WF_OK);
    struct wf_tls *t = testcert_load(&dir, "ca", "node", "prod");
    assert_string_equal(wf_tls_identity(t)->name, "fra-1");
    assert_string_equal(wf_tls_cluster(t), "prod");
    assert_in_range(wf_tls_expires(t) - wf_clock_unix_ms(), 80000000, 86400000);
    wf_tls_unref(t);
    t = testcert_load(&dir, "ca", NULL, NULL);
    assert_true(wf_tls_expires(t) == INT64_MAX);
    wf_tls_unref(t);
}

static void refuses(const char *ca, const char *cert, const char *key, const char *cluster,
                    const char *words)
{
    struct wf_err err;
    assert_int_not_equal(load(ca, cert, key, cluster, &err), WF_OK);
    if (!strstr(err.msg, words))
        fail_msg("expected '%s' in: %s", words, err.msg);
}

static void says_what_is_wrong_with_which_file(void **state)
{
    (void)state;
    refuses("nothing", NULL, NULL, NULL, "nothing.pem: No such file");
    refuses("ca", "node", "nothing", "prod", "nothing.key: No such file");
    refuses("ca", "node", "nobody", "prod", "nobody.key is not the unencrypted private key of");
    refuses("ca", "old", "old", "prod", "certificate has expired");
    refuses("ca", "stranger", "stranger", "prod", "is not good against");
    refuses("ca", "node", "node", "stage", "is of cluster 'prod', not of 'stage'");
    refuses("ca", "nobody", "nobody", "prod", "has no single name spiffe://prod/");
}

static void an_encrypted_key_does_not_ask_the_terminal(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    FILE *f = fopen(testcert_file(&dir, "locked", ".key"), "w");
    assert_non_null(f);
    assert_int_equal(
        PEM_write_PrivateKey(f, key, EVP_aes_256_cbc(), (unsigned char *)"secret", 6, NULL, NULL),
        1);
    fclose(f);
    EVP_PKEY_free(key);
    refuses("ca", "node", "locked", "prod", "unencrypted private key");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_what_is_good),
        cmocka_unit_test(says_what_is_wrong_with_which_file),
        cmocka_unit_test(an_encrypted_key_does_not_ask_the_terminal),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
