// SPDX-License-Identifier: Apache-2.0
// Two sides of TLS in memory: who is believed, what is said, what the bytes do.
#include "tls/session.h"

#include "check.h"
#include <string.h>

#include "testcert.h"

static const struct wf_alpn alpns[] = {{.name = "raft/1", .needs_node = true, .no_tickets = true},
                                       {.name = "h2"},
                                       {.name = "http/1.1"}};

static struct testcert_dir dir;

static int make_certificates(void **state)
{
    (void)state;
    dir = testcert_new();
    testcert_ca(&dir, "ca");
    testcert_ca(&dir, "other-ca");
    testcert_leaf(&dir, "ca", "node", "spiffe://prod/node/fra-1", -3600, 86400);
    testcert_leaf(&dir, "ca", "node2", "spiffe://prod/node/iad-1", -3600, 86400);
    testcert_leaf(&dir, "ca", "user", "spiffe://prod/user/jo", -3600, 86400);
    testcert_leaf(&dir, "ca", "foreign", "spiffe://stage/node/fra-1", -3600, 86400);
    testcert_leaf(&dir, "ca", "nobody", NULL, -3600, 86400);
    testcert_leaf(&dir, "ca", "old", "spiffe://prod/user/jo", -86400, -3600);
    testcert_leaf(&dir, "ca", "early", "spiffe://prod/user/jo", 3600, 86400);
    testcert_leaf(&dir, "other-ca", "stranger", "spiffe://prod/node/fra-1", -3600, 86400);
    return 0;
}

static int remove_certificates(void **state)
{
    (void)state;
    testcert_remove(&dir);
    return 0;
}

struct pair {
    struct wf_tls *server_tls, *client_tls;
    struct wf_session *server, *client;
    struct wf_err server_err, client_err;
    bool server_done, client_done;
};

// A wf_tls that would not pass wf_tls_load(): with an expired certificate, as if it had been loaded
// before it expired.
static void use_anyway(struct wf_session *s, const char *name)
{
    SSL *ssl = wf_session_ssl(s);
    assert_int_equal(
        SSL_use_certificate_file(ssl, testcert_file(&dir, name, ".pem"), SSL_FILETYPE_PEM), 1);
    assert_int_equal(
        SSL_use_PrivateKey_file(ssl, testcert_file(&dir, name, ".key"), SSL_FILETYPE_PEM), 1);
}

static struct pair new_pair(const char *server_cert, const char *client_ca, const char *client_cert,
                            const char *client_cluster, const char *alpn,
                            const struct wf_identity *expect)
{
    struct pair p = {0};
    p.server_tls = testcert_load(&dir, "ca", server_cert, "prod");
    p.client_tls = testcert_load(&dir, client_ca, client_cert, client_cluster);
    p.server = wf_session_server(p.server_tls, alpns, 3);
    p.client = wf_session_client(p.client_tls, alpn, "localhost", expect);
    assert_non_null(p.server);
    assert_non_null(p.client);
    return p;
}

static void free_pair(struct pair *p)
{
    wf_session_free(p->server);
    wf_session_free(p->client);
    wf_tls_unref(p->server_tls);
    wf_tls_unref(p->client_tls);
}

// Carry what one side has said to the other, in pieces of size step, and have it go on.
static void carry(struct wf_session *from, struct wf_session *to, bool *done, struct wf_err *err,
                  size_t step)
{
    struct wf_buf *out = wf_session_output(from);
    size_t left = out->len, at = 0;
    while (left > 0) {
        size_t n = left < step ? left : step;
        wf_session_lend(to, out->data + at, n);
        if (!*done && err->code == WF_OK)
            (void)wf_session_handshake(to, done, err);
        assert_int_equal(wf_session_keep(to), WF_OK);
        at += n;
        left -= n;
    }
    wf_buf_consume(out, at);
}

static void shake(struct pair *p, size_t step)
{
    (void)wf_session_handshake(p->client, &p->client_done, &p->client_err);
    for (int i = 0; i < 4; i++) {
        carry(p->client, p->server, &p->server_done, &p->server_err, step);
        carry(p->server, p->client, &p->client_done, &p->client_err, step);
    }
}

// What a client reads after its handshake, where the server's refusal shows in TLS 1.3.
static void read_refusal(struct pair *p)
{
    uint8_t byte;
    size_t n;
    bool eof;
    assert_true(p->client_done);
    assert_int_not_equal(wf_session_read(p->client, &byte, 1, &n, &eof, &p->client_err), WF_OK);
    assert_int_equal(p->client_err.code, WF_UNAUTHENTICATED);
}

static void say(struct wf_session *from, struct wf_session *to, const char *text)
{
    uint8_t got[64];
    size_t n;
    bool eof, done = true;
    struct wf_err err = {0};
    assert_int_equal(wf_session_write(from, (const uint8_t *)text, strlen(text), &err), WF_OK);
    carry(from, to, &done, &err, 7);
    assert_int_equal(wf_session_read(to, got, sizeof got, &n, &eof, &err), WF_OK);
    assert_int_equal(n, strlen(text));
    assert_memory_equal(got, text, n);
}

static void speaks_both_ways_and_knows_the_peer(void **state)
{
    (void)state;
    static const size_t steps[] = {1, 100, 100000};
    for (size_t i = 0; i < 3; i++) {
        struct pair p = new_pair("node", "ca", "user", NULL, "h2", NULL);
        shake(&p, steps[i]);
        assert_true(p.server_done && p.client_done);
        assert_int_equal(wf_session_alpn(p.server), 1);
        assert_int_equal(wf_session_alpn(p.client), 0);
        assert_int_equal(wf_session_peer(p.server)->kind, WF_ID_USER);
        assert_string_equal(wf_session_peer(p.server)->name, "jo");
        assert_int_equal(wf_session_peer(p.client)->kind, WF_ID_NODE);
        say(p.client, p.server, "hello");
        say(p.server, p.client, "world");
        free_pair(&p);
    }
}

static void a_client_without_certificate_is_nobody(void **state)
{
    (void)state;
    struct pair p = new_pair("node", "ca", NULL, NULL, "http/1.1", NULL);
    shake(&p, 1000);
    assert_true(p.server_done && p.client_done);
    assert_int_equal(wf_session_peer(p.server)->kind, WF_ID_NONE);
    free_pair(&p);
}

// The server's reason, and what the client is told.
static void refused(const char *cert, const char *alpn, const char *reason, const char *told)
{
    struct pair p = new_pair("node", "ca", NULL, NULL, alpn, NULL);
    if (cert)
        use_anyway(p.client, cert);
    shake(&p, 1000);
    assert_false(p.server_done);
    assert_int_equal(p.server_err.code, WF_UNAUTHENTICATED);
    assert_string_equal(p.server_err.reason, reason);
    read_refusal(&p);
    if (!strstr(p.client_err.msg, told))
        fail_msg("the client is told: %s", p.client_err.msg);
    free_pair(&p);
}

static void certificates_are_refused_in_words(void **state)
{
    (void)state;
    refused("old", "h2", "CERTIFICATE_EXPIRED", "refused our certificate: certificate expired");
    refused("early", "h2", "CERTIFICATE_NOT_YET_VALID", "refused our certificate");
    refused("stranger", "h2", "CERTIFICATE_UNKNOWN_CA", "not from the CA trusted there");
    refused("foreign", "h2", "CERTIFICATE_OTHER_CLUSTER", "not acceptable there");
    refused("nobody", "h2", "CERTIFICATE_OTHER_CLUSTER", "not acceptable there");
    refused("user", "raft/1", "CERTIFICATE_NOT_NODE", "not acceptable there");
    refused(NULL, "raft/1", "CERTIFICATE_REQUIRED", "asks for a certificate");
}

static void the_server_is_checked_too(void **state)
{
    (void)state;
    struct wf_identity other = {WF_ID_NODE, "prod", "syd-1"}, same = {WF_ID_NODE, "prod", "fra-1"};
    struct pair p = new_pair("node", "other-ca", NULL, NULL, "h2", NULL);
    shake(&p, 1000);
    assert_false(p.client_done);
    assert_string_equal(p.client_err.reason, "CERTIFICATE_UNKNOWN_CA");
    assert_string_equal(p.server_err.reason, "CERTIFICATE_REFUSED");
    free_pair(&p);
    p = new_pair("node", "ca", "node2", "prod", "raft/1", &other);
    shake(&p, 1000);
    assert_false(p.client_done);
    assert_string_equal(p.client_err.reason, "CERTIFICATE_OTHER_NAME");
    free_pair(&p);
    p = new_pair("node", "ca", "node2", "prod", "raft/1", &same);
    shake(&p, 1000);
    assert_true(p.client_done && p.server_done);
    assert_string_equal(wf_session_peer(p.server)->name, "iad-1");
    free_pair(&p);
    // Any node of our cluster, and no other cluster's.
    p = new_pair("node", "ca", "node2", "prod", "h2", NULL);
    shake(&p, 1000);
    assert_true(p.client_done);
    free_pair(&p);
    p = new_pair("node", "ca", NULL, "stage", "h2", NULL);
    shake(&p, 1000);
    assert_string_equal(p.client_err.reason, "CERTIFICATE_OTHER_CLUSTER");
    free_pair(&p);
}

static void the_host_must_match_without_a_cluster(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool fine;
    } hosts[] = {{"localhost", true},
                 {"127.0.0.1", true},
                 {"::1", true},
                 {"example.org", false},
                 {"127.0.0.2", false}};
    for (size_t i = 0; i < 5; i++) {
        struct pair p = new_pair("node", "ca", NULL, NULL, "h2", NULL);
        wf_session_free(p.client);
        p.client = wf_session_client(p.client_tls, "h2", hosts[i].host, NULL);
        shake(&p, 1000);
        assert_int_equal(p.client_done, hosts[i].fine);
        if (!hosts[i].fine)
            assert_string_equal(p.client_err.reason, "CERTIFICATE_OTHER_NAME");
        free_pair(&p);
    }
}

static void an_unknown_protocol_is_a_fatal_alert(void **state)
{
    (void)state;
    struct pair p = new_pair("node", "ca", NULL, NULL, "spdy/3", NULL);
    shake(&p, 1000);
    assert_false(p.server_done || p.client_done);
    assert_string_equal(p.client_err.reason, "NO_APPLICATION_PROTOCOL");
    free_pair(&p);
}

static void plain_http_is_told_so(void **state)
{
    (void)state;
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    struct pair p = new_pair("node", "ca", NULL, NULL, "h2", NULL);
    bool done = false;
    wf_session_lend(p.server, (const uint8_t *)request, sizeof request - 1);
    assert_int_equal(wf_session_handshake(p.server, &done, &p.server_err), WF_UNAVAILABLE);
    assert_non_null(strstr(p.server_err.msg, "https://"));
    assert_int_equal(wf_session_keep(p.server), WF_OK);
    free_pair(&p);
}

// A second connection with the first one's ticket.
static struct pair resume(struct pair *first, const char *alpn)
{
    uint8_t byte;
    size_t n;
    bool eof;
    struct pair p = {0};
    assert_int_equal(wf_session_read(first->client, &byte, 1, &n, &eof, NULL), WF_OK); // tickets
    SSL_SESSION *ticket = SSL_get1_session(wf_session_ssl(first->client));
    p.server_tls = wf_tls_ref(first->server_tls);
    p.client_tls = wf_tls_ref(first->client_tls);
    p.server = wf_session_server(p.server_tls, alpns, 3);
    p.client = wf_session_client(p.client_tls, alpn, "localhost", NULL);
    assert_int_equal(SSL_set_session(wf_session_ssl(p.client), ticket), 1);
    SSL_SESSION_free(ticket);
    shake(&p, 1000);
    return p;
}

static void resumption_keeps_the_identity(void **state)
{
    (void)state;
    struct pair first = new_pair("node", "ca", "user", NULL, "h2", NULL);
    shake(&first, 1000);
    struct pair second = resume(&first, "h2");
    assert_true(second.server_done && second.client_done);
    assert_int_equal(SSL_session_reused(wf_session_ssl(second.server)), 1);
    assert_string_equal(wf_session_peer(second.server)->name, "jo");
    say(second.client, second.server, "again");
    free_pair(&second);
    // A user's ticket opens no node's door.
    second = resume(&first, "raft/1");
    assert_false(second.server_done && second.server_err.code == WF_OK);
    assert_int_equal(second.server_err.code, WF_UNAUTHENTICATED);
    free_pair(&second);
    free_pair(&first);
}

static void tls12_works_and_older_does_not(void **state)
{
    (void)state;
    struct pair p = new_pair("node", "ca", "user", NULL, "h2", NULL);
    SSL_set_max_proto_version(wf_session_ssl(p.client), TLS1_2_VERSION);
    shake(&p, 1000);
    assert_true(p.server_done && p.client_done);
    assert_string_equal(wf_session_peer(p.server)->name, "jo");
    free_pair(&p);
    p = new_pair("node", "ca", "user", NULL, "h2", NULL);
    SSL_set_min_proto_version(wf_session_ssl(p.client), TLS1_1_VERSION);
    SSL_set_max_proto_version(wf_session_ssl(p.client), TLS1_1_VERSION);
    shake(&p, 1000);
    assert_false(p.server_done || p.client_done);
    free_pair(&p);
}

static void goodbye_is_told_from_a_cut(void **state)
{
    (void)state;
    struct pair p = new_pair("node", "ca", NULL, NULL, "h2", NULL);
    uint8_t byte;
    size_t n;
    bool eof, done = true;
    struct wf_err err = {0};
    shake(&p, 1000);
    assert_int_equal(wf_session_read(p.server, &byte, 1, &n, &eof, &err), WF_OK);
    assert_false(eof);
    wf_session_shutdown(p.client);
    carry(p.client, p.server, &done, &err, 1000);
    assert_int_equal(wf_session_read(p.server, &byte, 1, &n, &eof, &err), WF_OK);
    assert_true(eof);
    free_pair(&p);
}

static void spoiled_bytes_end_it(void **state)
{
    (void)state;
    struct pair p = new_pair("node", "ca", NULL, NULL, "h2", NULL);
    uint8_t byte;
    size_t n;
    bool eof, done = true;
    shake(&p, 1000);
    assert_int_equal(wf_session_write(p.client, (const uint8_t *)"abc", 3, NULL), WF_OK);
    struct wf_buf *out = wf_session_output(p.client);
    out->data[out->len - 1] ^= 1;
    carry(p.client, p.server, &done, &p.server_err, 1000);
    assert_int_not_equal(wf_session_read(p.server, &byte, 1, &n, &eof, &p.server_err), WF_OK);
    assert_true(wf_session_output(p.server)->len > 0); // the alert
    free_pair(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(speaks_both_ways_and_knows_the_peer),
        cmocka_unit_test(a_client_without_certificate_is_nobody),
        cmocka_unit_test(certificates_are_refused_in_words),
        cmocka_unit_test(the_server_is_checked_too),
        cmocka_unit_test(the_host_must_match_without_a_cluster),
        cmocka_unit_test(an_unknown_protocol_is_a_fatal_alert),
        cmocka_unit_test(plain_http_is_told_so),
        cmocka_unit_test(resumption_keeps_the_identity),
        cmocka_unit_test(tls12_works_and_older_does_not),
        cmocka_unit_test(goodbye_is_told_from_a_cut),
        cmocka_unit_test(spoiled_bytes_end_it),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
