// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/columns.h"

static struct wf_err err;

static int parse(struct wf_cli_args *a, const char *line)
{
    static char copy[512];
    static char *argv[32];
    int argc = 0;
    argv[argc++] = (char *)"watchfire";
    snprintf(copy, sizeof(copy), "%s", line);
    for (char *p = strtok(copy, " "); p; p = strtok(NULL, " "))
        argv[argc++] = p;
    err = (struct wf_err){0};
    return wf_cli_args_parse(a, argc, argv, &err);
}

static void noun_and_verb_are_found(void **state)
{
    (void)state;
    static const char *const lines[][2] = {
        {"incident list", "list"},     {"inc ls", "list"},           {"incident new x", "declare"},
        {"st post 1 issue x", "post"}, {"--json user list", "list"}, {"user --json list", "list"},
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct wf_cli_args a;
        assert_int_equal(parse(&a, lines[i][0]), WF_OK);
        assert_string_equal(a.command->verb, lines[i][1]);
        wf_cli_args_free(&a);
    }
}

static void flags_stand_anywhere(void **state)
{
    (void)state;
    struct wf_cli_args a;
    assert_int_equal(
        parse(&a, "incident declare -s sev1 the -q site --service=web is --service db down"),
        WF_OK);
    assert_string_equal(wf_cli_args_get(&a, "TITLE"), "the site is down");
    assert_string_equal(wf_cli_args_get(&a, "severity"), "sev1");
    assert_string_equal(wf_cli_args_at(&a, "service", 0), "web");
    assert_string_equal(wf_cli_args_at(&a, "service", 1), "db");
    assert_null(wf_cli_args_at(&a, "service", 2));
    assert_string_equal(wf_cli_args_get(&a, "quiet"), "true");
    wf_cli_args_free(&a);
}

static void a_flag_of_a_verb_is_not_known_before_it(void **state)
{
    (void)state;
    struct wf_cli_args a;
    assert_int_equal(parse(&a, "-s sev1 incident declare x"), WF_INVALID_ARGUMENT);
    wf_cli_args_free(&a);
    assert_int_equal(parse(&a, "--version"), WF_OK);
    assert_string_equal(a.command->noun, "version");
    wf_cli_args_free(&a);
}

static void short_flags_combine(void **state)
{
    (void)state;
    struct wf_cli_args a;
    assert_int_equal(parse(&a, "incident declare -qyssev2 down"), WF_OK);
    assert_non_null(wf_cli_args_get(&a, "quiet"));
    assert_non_null(wf_cli_args_get(&a, "yes"));
    assert_string_equal(wf_cli_args_get(&a, "severity"), "sev2");
    wf_cli_args_free(&a);
}

static void two_dashes_end_the_flags(void **state)
{
    (void)state;
    struct wf_cli_args a;
    assert_int_equal(parse(&a, "note add 7 -- -q is a flag"), WF_OK);
    assert_string_equal(wf_cli_args_get(&a, "TEXT"), "-q is a flag");
    assert_string_equal(wf_cli_args_get(&a, "INCIDENT"), "INC-7");
    wf_cli_args_free(&a);
    assert_int_equal(parse(&a, "note add INC-7 -"), WF_OK);
    assert_string_equal(wf_cli_args_get(&a, "TEXT"), "-");
    wf_cli_args_free(&a);
}

static void the_rest_is_passed_on(void **state)
{
    (void)state;
    struct wf_cli_args a;
    assert_int_equal(parse(&a, "cluster restore -y b.db --config n.yaml --force"), WF_OK);
    assert_string_equal(wf_cli_args_at(&a, "ARGUMENTS", 0), "--config");
    assert_string_equal(wf_cli_args_at(&a, "ARGUMENTS", 2), "--force");
    assert_null(wf_cli_args_get(&a, "config"));
    wf_cli_args_free(&a);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    static const char *const lines[][2] = {
        {"incidnt list", "there is no command \"incidnt\""},
        {"incident frob", "it has: declare"},
        {"incident list --frob", "unknown flag --frob"},
        {"incident list -z", "unknown flag -z"},
        {"incident list extra", "\"extra\" is one word too many"},
        {"incident show", "INCIDENT is missing"},
        {"incident list --limit", "--limit needs a value"},
        {"incident list --open=yes", "--open takes no value"},
        {"impact set 1 --tickets 3", "--customers is missing"},
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct wf_cli_args a;
        assert_int_equal(parse(&a, lines[i][0]), WF_INVALID_ARGUMENT);
        assert_non_null(strstr(err.msg, lines[i][1]));
        wf_cli_args_free(&a);
    }
}

static void help_needs_nothing_else(void **state)
{
    (void)state;
    struct wf_cli_args a;
    assert_int_equal(parse(&a, "incident show --help"), WF_OK);
    wf_cli_args_free(&a);
    assert_int_equal(parse(&a, "note add 1 --file x"), WF_OK); // the text is in the file
    wf_cli_args_free(&a);
}

// --- the table itself ----------------------------------------------------------------------------

static const ProtobufCFieldDescriptor *field_at(const ProtobufCMessageDescriptor *d,
                                                const char *path)
{
    char name[64];
    size_t len = strcspn(path, ".");
    snprintf(name, sizeof(name), "%.*s", (int)len, path);
    const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(d, name);
    if (!f)
        fail_msg("%s has no field %s", d->name, path);
    return path[len] ? field_at(f->descriptor, path + len + 1) : f;
}

static void check_template(const struct wf_cli_command *c, const char *text)
{
    for (const char *p = text; p && (p = strchr(p, '{')); p++) {
        char name[64];
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(p + 1, "}"), p + 1);
        bool param = false;
        for (const struct wf_cli_param *q = c->params; q->name; q++)
            param = param || strcmp(q->name, name) == 0;
        if (!param)
            field_at(wf_cli_response_type(c), name);
    }
}

// Every field that the table names exists in the message it names it for, and every list has
// columns.
static void the_table_fits_the_messages(void **state)
{
    (void)state;
    const struct wf_cli_command *c;
    for (size_t i = 0; (c = wf_cli_command_at(i)); i++) {
        assert_non_null(c->summary);
        assert_true(c->method || c->run);
        assert_true(!(c->traits & WF_CLI_CONFIRM) || c->warning);
        for (const struct wf_cli_param *p = c->params; p->name; p++)
            if (p->field)
                field_at(wf_cli_request_type(c), p->field);
        for (const struct wf_cli_preset *p = c->presets; p && p->field; p++)
            field_at(wf_cli_request_type(c), p->field);
        if (!c->method)
            continue;
        if (c->view) {
            const ProtobufCFieldDescriptor *f = field_at(wf_cli_response_type(c), c->view);
            if (f->label == PROTOBUF_C_LABEL_REPEATED)
                assert_non_null(wf_columns_of(f->descriptor));
        }
        if (c->id)
            field_at(wf_cli_response_type(c), c->id);
        check_template(c, c->done);
        check_template(c, c->next);
    }
}

// No two flags of a command share a letter, and only init's --ca means something else than
// everywhere.
static void flags_do_not_clash(void **state)
{
    (void)state;
    const struct wf_cli_command *c;
    for (size_t i = 0; (c = wf_cli_command_at(i)); i++)
        for (const struct wf_cli_param *p = c->params; p->name; p++)
            for (int list = 0; list < 2; list++)
                for (const struct wf_cli_param *q = list ? wf_cli_global_flags : p + 1; q->name;
                     q++) {
                    if (!p->flag || !q->flag)
                        continue;
                    assert_false(p->letter && p->letter == q->letter);
                    if (strcmp(p->name, q->name) == 0)
                        assert_string_equal(c->noun, "init");
                }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noun_and_verb_are_found),
        cmocka_unit_test(flags_stand_anywhere),
        cmocka_unit_test(a_flag_of_a_verb_is_not_known_before_it),
        cmocka_unit_test(short_flags_combine),
        cmocka_unit_test(two_dashes_end_the_flags),
        cmocka_unit_test(the_rest_is_passed_on),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(help_needs_nothing_else),
        cmocka_unit_test(the_table_fits_the_messages),
        cmocka_unit_test(flags_do_not_clash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
