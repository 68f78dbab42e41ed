// SPDX-License-Identifier: Apache-2.0
// Certificates as openssl(1) and our own TLS see them, and what `watchfire init` leaves on disk.
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cluster_file.h"
#include "cli/pki.h"
#include "testcert.h"
#include "tls/tls.h"

static char dir[256];

static int run(const char *line, char **out, char **errors)
{
    char copy[1024], *argv[64];
    int argc = 0;
    argv[argc++] = (char *)"watchfire";
    snprintf(copy, sizeof(copy), "%s", line);
    for (char *p = strtok(copy, " "); p; p = strtok(NULL, " "))
        argv[argc++] = p;
    size_t n, m;
    char *o, *e;
    FILE *fo = open_memstream(&o, &n), *fe = open_memstream(&e, &m);
    FILE *in = fopen("/dev/null", "r");
    int code = wf_cli_main(argc, argv, in, fo, fe);
    fclose(in);
    fclose(fo);
    fclose(fe);
    if (out)
        *out = o;
    else
        free(o);
    if (errors)
        *errors = e;
    else
        free(e);
    return code;
}

static int run_in(const char *fmt)
{
    char line[1024];
    snprintf(line, sizeof(line), fmt, dir);
    return run(line, NULL, NULL);
}

static char *path_of(const char *name)
{
    static char path[4][512];
    static int turn;
    char *p = path[turn++ % 4];
    snprintf(p, 512, "%s/%s", dir, name);
    return p;
}

// openssl(1) agrees that the certificate is good for the purpose, under the name.
static void openssl_verifies(const char *cert, const char *purpose, const char *name)
{
    char command[1200];
    snprintf(command, sizeof(command),
             "openssl verify -x509_strict -CAfile %s -purpose %s %s %s >/dev/null 2>&1",
             path_of("ca/ca.pem"), purpose, name, path_of(cert));
    assert_int_equal(system(command), 0);
}

static unsigned mode_of(const char *name)
{
    struct stat st;
    assert_int_equal(stat(path_of(name), &st), 0);
    return st.st_mode & 0777;
}

static void a_fresh_cluster_is_complete(void **state)
{
    (void)state;
    assert_int_equal(run_in("init --cluster acme --dir %s --node fra-1@fra=127.0.0.1:7411 --node "
                            "iad-1@iad=node.example.org:7411 --node syd-1@syd=[::1]:7413 "
                            "--admin ricardo --user chris"),
                     0);
    openssl_verifies("nodes/fra-1/node.pem", "sslserver", "-verify_ip 127.0.0.1");
    openssl_verifies("nodes/fra-1/node.pem", "sslclient", "");
    openssl_verifies("nodes/iad-1/node.pem", "sslserver", "-verify_hostname node.example.org");
    openssl_verifies("nodes/syd-1/node.pem", "sslserver", "-verify_ip ::1");
    openssl_verifies("users/chris/user.pem", "sslclient", "");
    assert_int_equal(mode_of("ca/ca.key"), 0600);
    assert_int_equal(mode_of("nodes/fra-1/node.key"), 0600);
    assert_int_equal(mode_of("users/chris/user.key"), 0600);

    struct wf_cluster_file c;
    struct wf_err err;
    assert_int_equal(wf_cluster_file_load(&c, path_of("cluster.yaml"), &err), WF_OK);
    assert_string_equal(c.name, "acme");
    assert_int_equal(strlen(c.id), 32);
    assert_int_equal(c.n_members, 3);
    assert_string_equal(c.members[2].address, "[::1]:7413");
}

static void our_own_tls_takes_them(void **state)
{
    (void)state;
    struct wf_tls *t;
    struct wf_err err;
    struct wf_tls_options o = {.ca_file = path_of("nodes/fra-1/ca.pem"),
                               .cert_file = path_of("nodes/fra-1/node.pem"),
                               .key_file = path_of("nodes/fra-1/node.key"),
                               .cluster = "acme"};
    assert_int_equal(wf_tls_load(&t, &o, &err), WF_OK);
    wf_unix_ms left = wf_tls_expires(t) - wf_clock_unix_ms();
    assert_true(left > 364LL * 86400 * 1000 && left <= 365LL * 86400 * 1000);
    wf_tls_unref(t);
}

static void nothing_is_overwritten(void **state)
{
    (void)state;
    char *errors;
    char line[512];
    struct stat before, after;
    assert_int_equal(stat(path_of("ca/ca.key"), &before), 0);
    snprintf(line, sizeof(line),
             "init --cluster acme --dir %s --node a@r=127.0.0.1:1 --admin ricardo", dir);
    assert_int_equal(run(line, NULL, &errors), WF_EXIT_LOCAL);
    assert_non_null(strstr(errors, "ca.key is there already"));
    free(errors);
    assert_int_equal(stat(path_of("ca/ca.key"), &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
}

static void additions_are_signed_by_the_same_ca(void **state)
{
    (void)state;
    assert_int_equal(run_in("init --ca %s --add-user dana --add-service ci "
                            "--add-node nrt-1@nrt=nrt.example.org:7411 --days 30"),
                     0);
    openssl_verifies("users/dana/user.pem", "sslclient", "");
    openssl_verifies("services/ci/service.pem", "sslclient", "");
    openssl_verifies("nodes/nrt-1/node.pem", "sslserver", "-verify_hostname nrt.example.org");
    struct wf_cluster_file c;
    struct wf_err err;
    assert_int_equal(wf_cluster_file_load(&c, path_of("cluster.yaml"), &err), WF_OK);
    assert_int_equal(c.n_members, 4);
    assert_int_equal(run_in("init --ca %s --add-user dana"), WF_EXIT_LOCAL);
    assert_int_equal(run_in("init --ca %s --add-user dana --force"), 0);
    assert_int_equal(run_in("init --ca %s --add-node nrt-1@nrt=nrt.example.org:7412"),
                     WF_EXIT_LOCAL);
    assert_int_equal(run_in("init --ca %s --force --add-node nrt-1@nrt=nrt.example.org:7412"), 0);
    assert_int_equal(wf_cluster_file_load(&c, path_of("cluster.yaml"), &err), WF_OK);
    assert_int_equal(c.n_members, 4);
    assert_string_equal(c.members[3].address, "nrt.example.org:7412");
}

static void mistakes_change_nothing(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "init",
        "init --cluster acme",
        "init --cluster Acme --node a@b=c:1 --admin x",
        "init --cluster acme --node a@b=c --admin x",
        "init --cluster acme --node a=c:1 --admin x",
        "init --cluster acme --node a@b=c:70000 --admin x",
        "init --cluster acme --node a@b=c:1",
        "init --add-user x",
        "init --ca /nonexistent",
        "init --cluster acme --node a@b=c:1 --admin ../x",
        "init --cluster acme --node a@b=c:1 --node a@b=c:2 --admin x",
        "init --cluster acme --node a@b=c:1 --admin x --days 0",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        int code = run(lines[i], NULL, NULL);
        assert_true(code == WF_EXIT_USAGE || code == WF_EXIT_LOCAL);
        assert_int_not_equal(access("acme", F_OK), 0);
    }
}

static void a_leaf_never_outlives_its_ca(void **state)
{
    (void)state;
    struct wf_pki_pair ca, leaf;
    struct wf_err err;
    struct wf_identity id = {.kind = WF_ID_USER, .cluster = "acme", .name = "x"};
    assert_int_equal(wf_pki_make_ca("acme", 10, &ca, &err), WF_OK);
    assert_int_equal(wf_pki_issue(&ca, &id, NULL, 365, &leaf, &err), WF_OK);
    assert_int_equal(ASN1_TIME_compare(X509_get0_notAfter(leaf.cert), X509_get0_notAfter(ca.cert)),
                     0);
    char cluster[WF_NODE_NAME_MAX + 1];
    assert_int_equal(wf_pki_cluster(ca.cert, cluster, &err), WF_OK);
    assert_string_equal(cluster, "acme");
    assert_int_equal(wf_pki_cluster(leaf.cert, cluster, &err), WF_INVALID_ARGUMENT);

    // A key that is not the certificate's is no pair.
    struct wf_buf cert, key;
    struct wf_pki_pair read;
    wf_buf_init(&cert, 65536);
    wf_buf_init(&key, 65536);
    assert_int_equal(wf_pki_cert_pem(ca.cert, &cert, &err), WF_OK);
    assert_int_equal(wf_pki_key_pem(leaf.key, &key, &err), WF_OK);
    assert_int_not_equal(wf_pki_parse(&cert, &key, &read, &err), WF_OK);
    wf_buf_reset(&key);
    assert_int_equal(wf_pki_key_pem(ca.key, &key, &err), WF_OK);
    assert_int_equal(wf_pki_parse(&cert, &key, &read, &err), WF_OK);
    wf_pki_pair_free(&read);
    wf_buf_free(&cert);
    wf_buf_free(&key);
    wf_pki_pair_free(&leaf);
    wf_pki_pair_free(&ca);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fresh_cluster_is_complete),
        cmocka_unit_test(our_own_tls_takes_them),
        cmocka_unit_test(nothing_is_overwritten),
        cmocka_unit_test(additions_are_signed_by_the_same_ca),
        cmocka_unit_test(mistakes_change_nothing),
        cmocka_unit_test(a_leaf_never_outlives_its_ca),
    };
    char top[] = "/tmp/wf-pki-XXXXXX", command[300];
    if (!mkdtemp(top))
        return 1;
    snprintf(dir, sizeof(dir), "%s/c", top);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    snprintf(command, sizeof(command), "rm -rf '%s'", top);
    return system(command) != 0 || failed;
}
