// SPDX-License-Identifier: Apache-2.0
#include "daemon/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

static const char good[] = "cluster: {name: acme, id: 00112233445566778899aabbccddeeff}\n"
                           "node: {name: fra-1, region: fra}\n"
                           "listen: \"127.0.0.1:0\"\n"
                           "advertise: \"localhost:7411\"\n"
                           "data_dir: data\n"
                           "tls:\n"
                           "  ca: ca.pem\n"
                           "  cert: /etc/watchfire/node.pem\n"
                           "  key: node.key\n"
                           "bootstrap:\n"
                           "  members:\n"
                           "    - {name: fra-1, region: fra, address: \"localhost:7411\"}\n"
                           "    - {name: iad-1, region: iad, address: \"[::1]:7412\"}\n"
                           "  admins: [ricardo, chris]\n"
                           "raft: {election_timeout_ms: 400, heartbeat_ms: 40}\n"
                           "log: {level: warn, format: json}\n";

static char dir[] = "/tmp/wf-config-XXXXXX";
static char path[64];

static int load(const char *text, struct wf_config **out, struct wf_err *err)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
    return wf_config_load(out, path, err);
}

// good with one line replaced by another.
static int load_with(const char *old, const char *new, struct wf_err *err)
{
    char text[4096];
    const char *at = strstr(good, old);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, new, at + strlen(old));
    struct wf_config *c = NULL;
    int rc = load(text, &c, err);
    wf_config_free(c);
    return rc;
}

static void assert_says(const struct wf_err *err, const char *words)
{
    if (!strstr(err->msg, words))
        fail_msg("\"%s\" does not say \"%s\"", err->msg, words);
}

static void everything_is_read(void **state)
{
    (void)state;
    struct wf_config *c = NULL;
    struct wf_err err;
    assert_int_equal(load(good, &c, &err), WF_OK);
    assert_string_equal(c->cluster.name, "acme");
    assert_int_equal(c->cluster_id[0], 0x00);
    assert_int_equal(c->cluster_id[15], 0xff);
    assert_string_equal(c->node.region, "fra");
    assert_string_equal(c->tls.cert, "/etc/watchfire/node.pem");
    char expect[96];
    snprintf(expect, sizeof expect, "%s/data", dir);
    assert_string_equal(c->data_dir, expect);
    assert_int_equal(c->bootstrap->members_count, 2);
    assert_string_equal(c->bootstrap->members[1].address, "[::1]:7412");
    assert_string_equal(c->bootstrap->admins[1], "chris");
    assert_int_equal(c->raft->election_timeout_ms, 400);
    assert_int_equal(c->log->level, WF_LOG_WARN);
    assert_int_equal(c->log->format, WF_LOG_JSON);
    assert_null(c->join);
    wf_config_free(c);
}

static void advertise_defaults_to_listen(void **state)
{
    (void)state;
    struct wf_err err;
    assert_int_equal(load_with("advertise: \"localhost:7411\"\n", "", &err), WF_INVALID_ARGUMENT);
    assert_says(&err, "advertise"); // port 0 cannot be advertised
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    struct wf_config *c = NULL;
    struct wf_err err;
    assert_int_equal(wf_config_load(&c, "/nonexistent/w.yaml", &err), WF_NOT_FOUND);
    assert_says(&err, "/nonexistent/w.yaml");
}

static void mistakes_are_named_with_key_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *old, *new, *words[3];
    } cases[] = {
        {"node: {name: fra-1", "node: {name: Fra 1", {"config.yaml:2", "node.name", "Fra 1"}},
        {"name: fra-1, region: fra}\nlisten", "name: fra-1}\nlisten", {"region", "line: 2", ""}},
        {"listen: \"127.0.0.1:0\"",
         "listen: \"nowhere\"",
         {"config.yaml:3", "listen", "host:port"}},
        {"listen: \"127.0.0.1:0\"", "listen: \"::1:80\"", {"config.yaml:3", "brackets", ""}},
        {"listen: \"127.0.0.1:0\"", "lissten: \"x:1\"", {"lissten", "", ""}},
        {"00112233445566778899aabbccddeeff", "abc", {"config.yaml:1", "cluster.id", "32"}},
        {", id: 00112233445566778899aabbccddeeff", "", {"cluster.id", "bootstrapped", ""}},
        {"{name: iad-1", "{name: fra-1", {"config.yaml:13", "twice", ""}},
        {"{name: fra-1, region: fra, address",
         "{name: fra-9, region: fra, address",
         {"bootstrap.members", "fra-1", ""}},
        {"[ricardo, chris]", "[Ricardo]", {"bootstrap.admins", "Ricardo", ""}},
        {"heartbeat_ms: 40", "heartbeat_ms: 300", {"config.yaml:15", "heartbeat_ms", "half"}},
        {"heartbeat_ms: 40", "heartbeat_ms: soon", {"soon", "line: 15", ""}},
        {"level: warn", "level: loud", {"loud", "line: 16", ""}},
        {"node: {", "node: [", {"line", "", ""}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wf_err err = {0};
        assert_int_equal(load_with(cases[i].old, cases[i].new, &err), WF_INVALID_ARGUMENT);
        for (int w = 0; w < 3; w++)
            assert_says(&err, cases[i].words[w]);
    }
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/config.yaml", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_read),
        cmocka_unit_test(advertise_defaults_to_listen),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(mistakes_are_named_with_key_and_line),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
