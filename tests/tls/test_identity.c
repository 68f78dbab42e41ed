// SPDX-License-Identifier: Apache-2.0
#include "tls/identity.h"

#include "check.h"
#include <string.h>

static void parses_each_kind(void **state)
{
    struct wf_identity id;
    char uri[200];
    (void)state;
    assert_int_equal(wf_identity_parse("spiffe://prod/node/fra-1", &id, NULL), WF_OK);
    assert_int_equal(id.kind, WF_ID_NODE);
    assert_string_equal(id.cluster, "prod");
    assert_string_equal(id.name, "fra-1");
    assert_int_equal(wf_identity_parse("spiffe://prod/user/jo.doe_2", &id, NULL), WF_OK);
    assert_int_equal(id.kind, WF_ID_USER);
    wf_identity_format(&id, uri);
    assert_string_equal(uri, "spiffe://prod/user/jo.doe_2");
    assert_int_equal(wf_identity_parse("spiffe://p/service/x", &id, NULL), WF_OK);
    assert_int_equal(id.kind, WF_ID_SERVICE);
}

static void refuses_everything_else(void **state)
{
    static const char *const bad[] = {"",
                                      "spiffe://",
                                      "spiffe://prod",
                                      "spiffe://prod/node/",
                                      "spiffe://prod/node/a/b",
                                      "spiffe://prod/node/a?x",
                                      "spiffe://prod/root/a",
                                      "spiffe:///node/a",
                                      "spiffe://Prod/node/a",
                                      "spiffe://prod/node/a b",
                                      "https://prod/node/a",
                                      "spiffe://prod/nodes/a",
                                      " spiffe://prod/node/a"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct wf_err err = {0};
        struct wf_identity id = {.kind = WF_ID_USER};
        assert_int_equal(wf_identity_parse(bad[i], &id, &err), WF_INVALID_ARGUMENT);
        assert_int_equal(id.kind, WF_ID_USER); // untouched
        assert_non_null(strstr(err.msg, "spiffe://CLUSTER/"));
    }
}

static void names_end_at_63_bytes(void **state)
{
    char uri[300] = "spiffe://c/node/";
    struct wf_identity id;
    (void)state;
    memset(uri + 16, 'a', 63);
    assert_int_equal(wf_identity_parse(uri, &id, NULL), WF_OK);
    uri[16 + 63] = 'a';
    assert_int_equal(wf_identity_parse(uri, &id, NULL), WF_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_each_kind),
        cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(names_end_at_63_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
