// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/request.h"
#include "watchfire/v1/access.pb-c.h"
#include "watchfire/v1/cluster.pb-c.h"
#include "watchfire/v1/incident.pb-c.h"

static struct wf_err err;

static int build(ProtobufCMessage **out, const char *in, const char *const *argv, int argc)
{
    struct wf_cli_args a;
    FILE *f = fmemopen((void *)in, strlen(in) + (in[0] == '\0'), "r");
    assert_int_equal(wf_cli_args_parse(&a, argc, (char *const *)argv, &err), WF_OK);
    int rc = wf_cli_request_build(&a, f, out, &err);
    fclose(f);
    wf_cli_args_free(&a);
    return rc;
}

#define BUILD(out, in, ...)                                                                        \
    build(out, in, (const char *[]){"watchfire", __VA_ARGS__},                                     \
          1 + (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)))

static void fields_are_set_by_type(void **state)
{
    (void)state;
    ProtobufCMessage *m;
    assert_int_equal(BUILD(&m, "", "incident", "declare", "Down", "-s", "SEV1", "-g", "a,b", "-g",
                           "c d", "--request-id", "r-1"),
                     WF_OK);
    Watchfire__V1__DeclareIncidentRequest *d = (void *)m;
    assert_string_equal(d->title, "Down");
    assert_int_equal(d->severity, WATCHFIRE__V1__SEVERITY__SEVERITY_SEV1);
    assert_int_equal(d->n_component_groups, 3);
    assert_string_equal(d->component_groups[2], "c d");
    assert_string_equal(d->request_id, "r-1");
    protobuf_c_message_free_unpacked(m, NULL);

    assert_int_equal(BUILD(&m, "", "incident", "update", "3", "--service", "x"), WF_OK);
    Watchfire__V1__UpdateIncidentRequest *u = (void *)m;
    assert_string_equal(u->incident_id, "INC-3");
    assert_null(u->component_groups); // absent: as they were
    assert_int_equal(u->services->n_names, 1);
    protobuf_c_message_free_unpacked(m, NULL);
}

static void presets_give_way_to_arguments(void **state)
{
    (void)state;
    ProtobufCMessage *m;
    assert_int_equal(BUILD(&m, "", "cluster", "promote", "fra-2"), WF_OK);
    assert_int_equal(((Watchfire__V1__AssignMemberRequest *)m)->role,
                     WATCHFIRE__V1__MEMBER_ROLE__MEMBER_ROLE_VOTER);
    protobuf_c_message_free_unpacked(m, NULL);
    assert_int_equal(BUILD(&m, "", "cluster", "promote", "fra-2", "standby"), WF_OK);
    assert_int_equal(((Watchfire__V1__AssignMemberRequest *)m)->role,
                     WATCHFIRE__V1__MEMBER_ROLE__MEMBER_ROLE_STANDBY);
    protobuf_c_message_free_unpacked(m, NULL);
    assert_int_equal(BUILD(&m, "", "user", "set", "ci", "ingest", "--kind", "service"), WF_OK);
    assert_int_equal(((Watchfire__V1__SetUserRequest *)m)->user->kind,
                     WATCHFIRE__V1__ACTOR_KIND__ACTOR_KIND_SERVICE);
    protobuf_c_message_free_unpacked(m, NULL);
}

static void roles_have_their_short_names(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int role;
        const char *group;
    } roles[] = {{"ic", 1, ""},      {"ops", 2, ""},    {"ops/database", 2, "database"},
                 {"comms", 3, ""},   {"Scribe", 4, ""}, {"liaison", 5, ""},
                 {"ops-lead", 2, ""}};
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        ProtobufCMessage *m;
        assert_int_equal(BUILD(&m, "", "role", "offer", "1", roles[i].text, "chris"), WF_OK);
        Watchfire__V1__OfferRoleRequest *o = (void *)m;
        assert_int_equal(o->role, roles[i].role);
        assert_string_equal(o->group, roles[i].group);
        protobuf_c_message_free_unpacked(m, NULL);
    }
    ProtobufCMessage *m;
    assert_int_equal(BUILD(&m, "", "role", "offer", "1", "boss", "chris"), WF_INVALID_ARGUMENT);
    assert_non_null(strstr(err.msg, "ROLE: \"boss\" is none of: ic, ops"));
}

static void times_have_units(void **state)
{
    (void)state;
    uint64_t n;
    static const struct {
        const char *text;
        uint64_t unit, is;
    } good[] = {{"90", 1, 90},       {"90s", 1, 90}, {"10m", 1, 600}, {"8h", 1, 28800},
                {"30d", 1, 2592000}, {"45", 60, 45}, {"2h", 60, 120}};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(wf_cli_duration(good[i].text, good[i].unit, UINT32_MAX, &n, &err), WF_OK);
        assert_int_equal(n, good[i].is);
    }
    static const char *const bad[] = {"", "m", "-3s", "3x", "3 m", "10mm", "99999999999999999999d"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(wf_cli_duration(bad[i], 1, UINT32_MAX, &n, &err), WF_INVALID_ARGUMENT);
    assert_int_equal(wf_cli_duration("90s", 60, UINT32_MAX, &n, &err), WF_INVALID_ARGUMENT);
    assert_int_equal(wf_cli_duration("5000000000", 1, UINT32_MAX, &n, &err), WF_INVALID_ARGUMENT);
}

static void texts_come_from_standard_input_and_files(void **state)
{
    (void)state;
    ProtobufCMessage *m;
    assert_int_equal(BUILD(&m, "two\nlines\n\n", "note", "add", "1", "-"), WF_OK);
    assert_string_equal(((Watchfire__V1__AddNoteRequest *)m)->text, "two\nlines");
    protobuf_c_message_free_unpacked(m, NULL);

    char path[] = "/tmp/wf-request-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "from a file", 11), 11);
    close(fd);
    assert_int_equal(BUILD(&m, "", "note", "add", "1", "--file", path), WF_OK);
    assert_string_equal(((Watchfire__V1__AddNoteRequest *)m)->text, "from a file");
    protobuf_c_message_free_unpacked(m, NULL);
    assert_int_equal(BUILD(&m, "", "note", "add", "1", "x", "--file", path), WF_INVALID_ARGUMENT);
    unlink(path);
    assert_int_equal(BUILD(&m, "", "note", "add", "1", "--file", path), WF_NOT_FOUND);
}

static void bad_values_are_named(void **state)
{
    (void)state;
    ProtobufCMessage *m;
    assert_int_equal(BUILD(&m, "", "incident", "declare", "x", "-s", "sev9"), WF_INVALID_ARGUMENT);
    assert_string_equal(err.msg, "--severity: \"sev9\" is none of: sev1, sev2, sev3, sev4");
    assert_int_equal(BUILD(&m, "", "incident", "declare", "x", "-s", "unspecified"),
                     WF_INVALID_ARGUMENT);
    assert_int_equal(BUILD(&m, "", "incident", "show", "INC-x"), WF_INVALID_ARGUMENT);
    assert_int_equal(BUILD(&m, "", "task", "done", "1", "+1"), WF_INVALID_ARGUMENT);
    assert_int_equal(BUILD(&m, "", "task", "done", "1", "4294967296"), WF_INVALID_ARGUMENT);
    assert_int_equal(BUILD(&m, "", "note", "add", "1", "\xff"), WF_INVALID_ARGUMENT);
    assert_non_null(strstr(err.msg, "UTF-8"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_set_by_type),
        cmocka_unit_test(presets_give_way_to_arguments),
        cmocka_unit_test(roles_have_their_short_names),
        cmocka_unit_test(times_have_units),
        cmocka_unit_test(texts_come_from_standard_input_and_files),
        cmocka_unit_test(bad_values_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
