// SPDX-License-Identifier: Apache-2.0
#include "cli/help.h"

#include <ctype.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "cli/cli.h"
#include "cli/runs.h"
#include "cli/wrap.h"
#include "proto/names.h"

enum { NAME_WIDTH = 26, LINE_WIDTH = 80, NAMES_MAX = 4096 };

static void put_entry(FILE *out, const char *name, const char *text)
{
    fprintf(out, "  %-*s", NAME_WIDTH - 2, name);
    if (strlen(name) > NAME_WIDTH - 3)
        fprintf(out, "\n%*s", NAME_WIDTH, "");
    wf_wrap_print(out, text, NAME_WIDTH, LINE_WIDTH);
}

static const char *value_name(const struct wf_cli_param *p)
{
    switch (p->kind) {
    case WF_PARAM_NUMBER:
        return "N";
    case WF_PARAM_SECONDS:
    case WF_PARAM_MINUTES:
        return "TIME";
    case WF_PARAM_INCIDENT:
        return "INCIDENT";
    default:
        return strcmp(p->name, "file") == 0 ? "FILE" : "VALUE";
    }
}

static void flag_name(const struct wf_cli_param *p, char out[64])
{
    int n = p->letter ? snprintf(out, 64, "-%c, ", p->letter) : snprintf(out, 64, "    ");
    snprintf(out + n, 64 - (size_t)n, "--%s%s%s", p->name, p->kind == WF_PARAM_BOOL ? "" : " ",
             p->kind == WF_PARAM_BOOL ? "" : value_name(p));
}

void wf_cli_put_values(struct wf_buf *text, const struct wf_cli_command *c,
                       const struct wf_cli_param *p, const char *between)
{
    if (p->values) {
        for (const char *v = p->values; *v; v++)
            if (*v == ',')
                wf_buf_puts(text, between), v++;
            else
                wf_buf_putc(text, *v);
        return;
    }
    const ProtobufCMessageDescriptor *d = wf_cli_request_type(c);
    const char *path = p->field, *dot;
    while ((dot = strchr(path, '.'))) {
        char name[64];
        snprintf(name, sizeof(name), "%.*s", (int)(dot - path), path);
        const ProtobufCFieldDescriptor *sub =
            protobuf_c_message_descriptor_get_field_by_name(d, name);
        WF_ASSERT(sub);
        d = sub->descriptor;
        path = dot + 1;
    }
    const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(d, path);
    WF_ASSERT(f && f->type == PROTOBUF_C_TYPE_ENUM);
    const ProtobufCEnumDescriptor *e = f->descriptor;
    const char *separator = "";
    for (unsigned i = 0; i < e->n_values; i++) {
        if (e->values[i].value == 0)
            continue;
        wf_buf_puts(text, separator);
        for (const char *s = wf_enum_name(e, e->values[i].value); *s; s++)
            wf_buf_putc(text, *s == '_' ? '-' : (char)tolower((unsigned char)*s));
        separator = between;
    }
}

static void put_param(FILE *out, const struct wf_cli_command *c, const struct wf_cli_param *p)
{
    char name[64];
    if (p->flag)
        flag_name(p, name);
    else
        snprintf(name, sizeof(name), "%s", p->name);
    struct wf_buf text;
    wf_buf_init(&text, NAMES_MAX);
    wf_buf_puts(&text, p->help);
    if (c && p->kind == WF_PARAM_ENUM) {
        wf_buf_puts(&text, ": ");
        wf_cli_put_values(&text, c, p, ", ");
    }
    const char *s = wf_buf_cstr(&text);
    put_entry(out, name, s ? s : "");
    wf_buf_free(&text);
}

void wf_help_usage(FILE *out, const struct wf_cli_command *c)
{
    fprintf(out, "watchfire %s%s%s", c->noun, c->verb ? " " : "", c->verb ? c->verb : "");
    bool flags = false;
    for (const struct wf_cli_param *p = c->params; p->name; p++) {
        if (p->flag && p->required)
            fprintf(out, " --%s %s", p->name, value_name(p));
        else if (!p->flag)
            fprintf(out, p->required ? " %s%s" : " [%s%s]", p->name,
                    p->kind == WF_PARAM_TEXT || p->kind == WF_PARAM_REST ? "..." : "");
        else
            flags = true;
    }
    fputs(flags ? " [flags]\n" : "\n", out);
}

static void help_command(FILE *out, const struct wf_cli_command *c)
{
    fprintf(out, "%s.\n\nUsage: ", c->summary);
    wf_help_usage(out, c);
    if (c->alias)
        fprintf(out, "Also:  %s\n", c->alias);
    bool flags = false, texts = false;
    for (const struct wf_cli_param *p = c->params; p->name; p++)
        if (!p->flag) {
            put_param(out, c, p);
            texts = texts || p->kind == WF_PARAM_TEXT;
        } else {
            flags = true;
        }
    if (texts)
        fputs("  A text may also be \"-\" (standard input) or --file FILE.\n", out);
    if (flags)
        fputs("\nFlags:\n", out);
    for (const struct wf_cli_param *p = c->params; p->name; p++)
        if (p->flag)
            put_param(out, c, p);
    fputs("\nFlags of every command: watchfire help\n", out);
}

static void help_noun(FILE *out, const char *noun)
{
    const char *alias = wf_cli_noun_alias(noun), *summary = wf_cli_noun_summary(noun);
    fprintf(out, "%s.\n\nUsage: watchfire %s%s%s VERB\n", summary ? summary : noun, noun,
            alias ? "|" : "", alias ? alias : "");
    const struct wf_cli_command *c;
    for (size_t i = 0; (c = wf_cli_command_at(i)); i++)
        if (strcmp(c->noun, noun) == 0 && c->verb)
            put_entry(out, c->verb, c->summary);
    fprintf(out, "\nMore: watchfire help %s VERB\n", noun);
}

static void help_all(FILE *out)
{
    fputs("watchfire: run an incident, from its declaration to its end.\n\n"
          "Usage: watchfire COMMAND [VERB] [arguments] [flags]\n",
          out);
    const struct wf_cli_command *c;
    const char *last = "";
    for (size_t i = 0; (c = wf_cli_command_at(i)); i++) {
        if (strcmp(c->noun, last) == 0)
            continue;
        last = c->noun;
        const char *alias = wf_cli_noun_alias(c->noun);
        char name[NAME_WIDTH];
        snprintf(name, sizeof(name), "%s%s%s", c->noun, alias ? ", " : "", alias ? alias : "");
        put_entry(out, name, c->verb ? wf_cli_noun_summary(c->noun) : c->summary);
    }
    fputs("\nFlags of every command:\n", out);
    for (const struct wf_cli_param *p = wf_cli_global_flags; p->name; p++)
        put_param(out, NULL, p);
    fputs("\nExit codes: 0 done, 1 refused, 2 usage, 3 unreachable, 4 not found,\n"
          "5 not allowed, 6 changed meanwhile, 7 findings in a draft, 8 does not verify,\n"
          "9 this machine, 130 interrupted\n"
          "\nMore: watchfire help COMMAND\n",
          out);
}

void wf_help_print(FILE *out, const char *noun, const struct wf_cli_command *command)
{
    if (command)
        help_command(out, command);
    else if (noun)
        help_noun(out, noun);
    else
        help_all(out);
}

int wf_cli_run_help(struct wf_cli *cli)
{
    const char *noun = wf_cli_args_at(&cli->args, "COMMAND", 0);
    const char *verb = wf_cli_args_at(&cli->args, "COMMAND", 1);
    bool known = true;
    if (noun && noun[0] == '-')
        noun = verb = NULL; // "help --help"
    const struct wf_cli_command *c = noun ? wf_cli_command_find(noun, verb, &known) : NULL;
    if (!known || (verb && !c)) {
        fprintf(cli->err, "watchfire: there is no command \"%s%s%s\"\nSee: watchfire help%s%s\n",
                noun, verb ? " " : "", verb ? verb : "", known ? " " : "", known ? noun : "");
        return WF_EXIT_USAGE;
    }
    // An alias ("inc") shows the noun it stands for.
    for (size_t i = 0; noun && !c; i++) {
        const struct wf_cli_command *any = wf_cli_command_at(i);
        const char *alias = wf_cli_noun_alias(any->noun);
        if (strcmp(any->noun, noun) == 0 || (alias && strcmp(alias, noun) == 0)) {
            noun = any->noun;
            break;
        }
    }
    wf_help_print(cli->out, noun, c);
    return WF_EXIT_OK;
}

int wf_cli_run_version(struct wf_cli *cli)
{
    fprintf(cli->out, "watchfire %s\n", wf_client_version());
    return WF_EXIT_OK;
}
