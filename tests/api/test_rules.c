// SPDX-License-Identifier: Apache-2.0
#include "api/rules.h"

#include <stdio.h>
#include <string.h>

#include "api/authorize.h"
#include "check.h"
#include "rpc/schema.h"
#include "state/state.h"
#include "watchfire/internal/v1/command.pb-c.h"
#include "watchfire/v1/access.pb-c.h"
#include "watchfire/v1/common.pb-c.h"

// Every method of ours has a rule, and every rule a method.
static void the_table_is_complete(void **state)
{
    (void)state;
    struct wf_schema_source source = wf_schema_embedded();
    struct wf_schema *schema = NULL;
    struct wf_err err;
    assert_int_equal(wf_schema_new(&source, &schema, &err), WF_OK);
    struct wf_method_table *methods = wf_method_table_new(schema);
    const struct wf_method *m;
    unsigned ours = 0, rules = 0;
    for (size_t i = 0; (m = wf_method_at(methods, i)) != NULL; i++) {
        if (strncmp(m->path, "/watchfire.v1.", 14) != 0)
            continue;
        ours++;
        if (!wf_rule_find(m->path))
            fail_msg("%s has no rule", m->path);
        // What changes nothing is no command, and what is a command may not be fetched with GET.
        if (m->no_side_effects)
            assert_int_not_equal(wf_rule_find(m->path)->kind, WF_RULE_WRITE);
    }
    while (wf_rule_at(rules))
        rules++;
    assert_int_equal(ours, rules);
    assert_true(ours > 40);
    wf_method_table_free(methods);
    wf_schema_free(schema);
}

// A command's case belongs to the method of the same name: their request messages are one type.
static void commands_fit_their_methods(void **state)
{
    (void)state;
    const struct wf_rule *r;
    for (size_t i = 0; (r = wf_rule_at(i)) != NULL; i++) {
        if (r->kind != WF_RULE_WRITE) {
            assert_true((r->kind == WF_RULE_HANDLER) == (r->handle != NULL));
            continue;
        }
        const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(
            &watchfire__internal__v1__command__descriptor, (unsigned)r->command_case);
        assert_non_null(f);
        const ProtobufCMessageDescriptor *d = f->descriptor;
        const char *method = strrchr(r->path, '/') + 1;
        assert_int_equal(strncmp(d->short_name, method, strlen(method)), 0);
        assert_string_equal(d->short_name + strlen(method), "Request");
    }
}

// A node's certificate is not that of the user who happens to be called like it.
static void a_node_looks_and_changes_nothing(void **state)
{
    (void)state;
    Watchfire__V1__CreateTokenRequest create = WATCHFIRE__V1__CREATE_TOKEN_REQUEST__INIT;
    Watchfire__V1__RevokeTokenRequest revoke = WATCHFIRE__V1__REVOKE_TOKEN_REQUEST__INIT;
    Watchfire__V1__ListTokensRequest list = WATCHFIRE__V1__LIST_TOKENS_REQUEST__INIT;
    struct wf_principal who = {.name = "ricardo", .role = WATCHFIRE__V1__ROLE__ROLE_VIEWER};
    struct wf_err err;
    create.owner = list.owner = (char *)"ricardo";
    static const char access[] = "/watchfire.v1.AccessService/";
    const struct {
        const char *method;
        const ProtobufCMessage *request;
    } calls[] = {
        {"CreateToken", &create.base}, {"RevokeToken", &revoke.base}, {"ListTokens", &list.base}};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s%s", access, calls[i].method);
        const struct wf_rule *rule = wf_rule_find(path);
        who.kind = WATCHFIRE__V1__ACTOR_KIND__ACTOR_KIND_USER;
        assert_int_equal(wf_permit(rule, &who, calls[i].request, &err), WF_OK);
        who.kind = WATCHFIRE__V1__ACTOR_KIND__ACTOR_KIND_NODE;
        assert_int_equal(wf_permit(rule, &who, calls[i].request, &err), WF_PERMISSION_DENIED);
    }
}

static void roles_include_those_below(void **state)
{
    (void)state;
    assert_true(
        wf_role_suffices(WATCHFIRE__V1__ROLE__ROLE_ADMIN, WATCHFIRE__V1__ROLE__ROLE_VIEWER));
    assert_true(
        wf_role_suffices(WATCHFIRE__V1__ROLE__ROLE_VIEWER, WATCHFIRE__V1__ROLE__ROLE_VIEWER));
    assert_false(
        wf_role_suffices(WATCHFIRE__V1__ROLE__ROLE_VIEWER, WATCHFIRE__V1__ROLE__ROLE_RESPONDER));
    assert_false(
        wf_role_suffices(WATCHFIRE__V1__ROLE__ROLE_INGEST, WATCHFIRE__V1__ROLE__ROLE_VIEWER));
    assert_true(
        wf_role_suffices(WATCHFIRE__V1__ROLE__ROLE_INGEST, WATCHFIRE__V1__ROLE__ROLE_UNSPECIFIED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_complete),
        cmocka_unit_test(commands_fit_their_methods),
        cmocka_unit_test(a_node_looks_and_changes_nothing),
        cmocka_unit_test(roles_include_those_below),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
