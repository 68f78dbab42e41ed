// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "rpc/method.h"
#include "rpc/schema.h"

static int setup(void **state)
{
    struct wf_schema_source source = wf_schema_embedded();
    struct wf_err err;
    struct wf_schema *s;

    if (wf_schema_new(&source, &s, &err) != WF_OK) {
        fprintf(stderr, "%s\n", err.msg);
        return -1;
    }
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    wf_schema_free(*state);
    return 0;
}

// What JSON has a rule for that rpc/json.h does not know.
static void check_message(const struct wf_schema *s, const ProtobufCMessageDescriptor *d, int depth)
{
    const struct wf_type *t = wf_schema_type(s, d);

    assert_non_null(t);
    assert_ptr_equal(t, wf_schema_find(s, d->name));
    if (depth > 20)
        fail_msg("%s is recursive", d->name);
    if (strncmp(d->name, "google.protobuf.", 16) == 0 && t->well_known == WF_WK_NONE)
        fail_msg("%s has a JSON form that is not implemented", d->name);
    for (unsigned i = 0; i < d->n_fields; i++) {
        const struct wf_field *f = &t->fields[i];
        assert_ptr_equal(f->c, &d->fields[i]);
        assert_ptr_equal(wf_type_field(t, f->json), f);
        assert_ptr_equal(wf_type_field(t, f->c->name), f);
        if (f->c->label == PROTOBUF_C_LABEL_OPTIONAL && f->c->type != PROTOBUF_C_TYPE_MESSAGE &&
            (f->c->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0)
            fail_msg("%s.%s is optional", d->name, f->c->name);
        if (f->c->type == PROTOBUF_C_TYPE_MESSAGE)
            check_message(s, f->c->descriptor, depth + 1);
    }
}

static void every_method_has_messages_that_json_knows(void **state)
{
    struct wf_method_table *t = wf_method_table_new(*state);
    const struct wf_method *m;
    size_t n = 0;

    assert_non_null(t);
    for (; (m = wf_method_at(t, n)) != NULL; n++) {
        assert_ptr_equal(wf_method_find(t, m->path), m);
        check_message(*state, m->request, 0);
        check_message(*state, m->response, 0);
    }
    assert_true(n > 40);
    assert_null(wf_method_find(t, "/watchfire.v1.LogService/"));
    m = wf_method_find(t, "/watchfire.v1.LogService/WatchEvents");
    assert_true(m->server_streaming && !m->client_streaming && !m->no_side_effects);
    assert_string_equal(m->service, "watchfire.v1.LogService");
    assert_string_equal(m->name, "WatchEvents");
    assert_true(wf_method_find(t, "/watchfire.v1.IncidentService/GetIncident")->no_side_effects);
    assert_false(wf_method_find(t, "/watchfire.v1.IncidentService/AddNote")->no_side_effects);
    wf_method_table_free(t);
}

static void files_are_found_by_symbol_and_lose_their_comments(void **state)
{
    const struct wf_schema *s = *state;
    size_t len, source_len;

    long i = wf_schema_file_named(s, "watchfire/v1/incident.proto");
    assert_true(i >= 0);
    assert_int_equal(wf_schema_file_of(s, "watchfire.v1.IncidentService"), i);
    assert_int_equal(wf_schema_file_of(s, "watchfire.v1.IncidentService.AddNote"), i);
    assert_int_equal(wf_schema_file_of(s, "watchfire.v1.IncidentState"), i);
    assert_int_equal(wf_schema_file_of(s, "watchfire.v1.Nothing"), -1);
    assert_int_equal(wf_schema_file_named(s, "nothing.proto"), -1);
    const uint8_t *bytes = wf_schema_file_bytes(s, (size_t)i, &len);
    const uint8_t *source = wf_schema_file_source(s, (size_t)i, &source_len);
    assert_true(len < source_len);
    assert_null(memmem(bytes, len, "Open an incident", 16));
    assert_non_null(memmem(source, source_len, "Open an incident", 16));
}

struct seen {
    bool service, method, message, field, value;
};

static void note(void *ctx, const char *name, const char *comment)
{
    struct seen *s = ctx;

    s->service |= strcmp(name, "watchfire.v1.IncidentService") == 0;
    s->method |= strcmp(name, "watchfire.v1.IncidentService.AddNote") == 0 &&
                 strstr(comment, "Write something down.") != NULL;
    s->message |= strcmp(name, "watchfire.v1.Actor") == 0;
    s->field |= strcmp(name, "watchfire.v1.Actor.kind") == 0 &&
                strcmp(comment, " What kind of caller it is.\n") == 0;
    s->value |= strcmp(name, "watchfire.v1.ROLE_VIEWER") == 0;
}

static void comments_are_told_by_name(void **state)
{
    struct seen seen = {0};
    struct wf_err err;

    assert_int_equal(wf_schema_comments(*state, note, &seen, &err), WF_OK);
    assert_true(seen.service && seen.method && seen.message && seen.field && seen.value);
}

static void a_set_that_does_not_fit_its_types_is_refused(void **state)
{
    struct wf_schema_source source = wf_schema_embedded();
    struct wf_schema *s;
    struct wf_err err;

    (void)state;
    source.len = 0;
    assert_int_equal(wf_schema_new(&source, &s, &err), WF_INTERNAL);
    source = wf_schema_embedded();
    source.len /= 2;
    assert_int_equal(wf_schema_new(&source, &s, &err), WF_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_has_messages_that_json_knows),
        cmocka_unit_test(files_are_found_by_symbol_and_lose_their_comments),
        cmocka_unit_test(comments_are_told_by_name),
        cmocka_unit_test(a_set_that_does_not_fit_its_types_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
