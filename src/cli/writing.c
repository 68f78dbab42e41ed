// SPDX-License-Identifier: Apache-2.0
// Claims, sitreps and draft checks: calls whose request or answer needs a closer look.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/limits.h"
#include "cli/cli.h"
#include "cli/files.h"
#include "cli/findings.h"
#include "cli/runs.h"
#include "watchfire/v1/incident.pb-c.h"

// Call with the request built from the arguments. The caller frees both messages.
static int call(struct wf_cli *cli, ProtobufCMessage **request, ProtobufCMessage **response)
{
    *request = *response = NULL;
    int code = wf_cli_request(cli, request);
    return code == WF_EXIT_OK ? wf_cli_call(cli, *request, response) : code;
}

static void free_both(ProtobufCMessage *request, ProtobufCMessage *response)
{
    protobuf_c_message_free_unpacked(request, NULL);
    protobuf_c_message_free_unpacked(response, NULL);
}

int wf_cli_run_claim(struct wf_cli *cli)
{
    ProtobufCMessage *request, *response;
    int code = call(cli, &request, &response);
    if (code == WF_EXIT_OK && (cli->quiet || cli->printer.format != WF_PRINT_HUMAN)) {
        code = wf_cli_show(cli, response);
    } else if (code == WF_EXIT_OK) {
        const Watchfire__V1__RoleAssignment *role =
            ((const Watchfire__V1__ClaimRoleResponse *)response)->role;
        bool waiting = role && role->claim;
        wf_cli_line(cli,
                    waiting ? "Claimed {role.role} {role.group}; it is yours "
                              "{role.claim.valid_at} unless {role.holder} refuses"
                            : "{role.role} {role.group} of {INCIDENT} is {role.holder}'s, "
                              "epoch {role.epoch}",
                    response);
        wf_cli_hint(cli, waiting ? "watchfire watch {INCIDENT}" : "watchfire brief {INCIDENT}",
                    response);
    }
    free_both(request, response);
    return code;
}

int wf_cli_run_check(struct wf_cli *cli)
{
    ProtobufCMessage *request, *response;
    int code = call(cli, &request, &response);
    if (code != WF_EXIT_OK) {
        free_both(request, response);
        return code;
    }
    const char *draft = ((const Watchfire__V1__CheckDraftRequest *)request)->body;
    const Watchfire__V1__CheckDraftResponse *found = (const void *)response;
    if (cli->quiet || cli->printer.format != WF_PRINT_HUMAN)
        code = wf_cli_show(cli, response);
    else if (found->n_findings == 0)
        fputs("Nothing to say against it.\n", cli->out);
    else
        wf_findings_print(cli->out, draft, found->findings, found->n_findings, cli->printer.color);
    if (code == WF_EXIT_OK && found->n_findings > 0)
        code = WF_EXIT_FINDINGS;
    free_both(request, response);
    return code;
}

// --- sitreps -------------------------------------------------------------------------------------

static const char *const SECTIONS[] = {"broken", "impact", "doing", "who"};
static const char *const QUESTIONS[] = {"What is broken?", "How widespread is the impact?",
                                        "What is being done?", "Who is working on it?"};
enum { SECTION_COUNT = 4 };

static const struct wf_cli_param *param_named(const struct wf_cli *cli, const char *name)
{
    for (const struct wf_cli_param *p = cli->args.command->params; p->name; p++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

// The section that a line begins ("Impact: ..."), or -1; *rest is what follows on the line.
static int section_of(const char *line, const char **rest)
{
    size_t len = strcspn(line, ":\n");
    for (int i = 0; line[len] == ':' && i < SECTION_COUNT; i++)
        if (strlen(SECTIONS[i]) == len && strncasecmp(line, SECTIONS[i], len) == 0) {
            *rest = line + len + 1 + strspn(line + len + 1, " \t");
            return i;
        }
    return -1;
}

static void add_line(struct wf_buf *section, const char *line, size_t len)
{
    if (section->len > 0)
        wf_buf_putc(section, '\n');
    wf_buf_append(section, line, len);
}

// Split a sitrep's text into its sections.
static int split(const char *text, struct wf_buf sections[], struct wf_err *err)
{
    int at = -1;
    for (size_t len; *text; text += len + (text[len] == '\n')) {
        const char *rest = text;
        int begins = section_of(text, &rest);
        if (begins >= 0)
            at = begins;
        len = strcspn(text, "\n");
        size_t left = len - (size_t)(rest - text);
        if (at < 0 && left > strspn(text, " \t\r"))
            return wf_fail(err, WF_INVALID_ARGUMENT,
                           "the sitrep must begin with one of the lines "
                           "\"broken:\", \"impact:\", \"doing:\" or \"who:\"");
        if (at >= 0 && (left > 0 || begins < 0))
            add_line(&sections[at], rest, left);
    }
    return WF_OK;
}

static int add_sections(struct wf_cli *cli, struct wf_buf sections[], struct wf_err *err)
{
    int rc = WF_OK;
    for (int i = 0; rc == WF_OK && i < SECTION_COUNT; i++) {
        while (sections[i].len > 0 && isspace(sections[i].data[sections[i].len - 1]))
            sections[i].len--;
        const char *text = wf_buf_cstr(&sections[i]);
        if (sections[i].len == 0 || wf_cli_args_get(&cli->args, SECTIONS[i]))
            continue; // a flag goes before the file
        rc = text ? wf_cli_args_add(&cli->args, param_named(cli, SECTIONS[i]), text, err)
                  : wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    }
    return rc;
}

static int read_sections(struct wf_cli *cli, const char *path, struct wf_err *err)
{
    struct wf_buf text, sections[SECTION_COUNT];
    wf_buf_init(&text, WF_COMMAND_MAX);
    for (int i = 0; i < SECTION_COUNT; i++)
        wf_buf_init(&sections[i], WF_COMMAND_MAX);
    int rc = wf_file_read(path, cli->in, &text, err);
    const char *s = rc == WF_OK ? wf_buf_cstr(&text) : NULL;
    if (rc == WF_OK)
        rc = s ? split(s, sections, err) : wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    if (rc == WF_OK)
        rc = add_sections(cli, sections, err);
    wf_buf_free(&text);
    for (int i = 0; i < SECTION_COUNT; i++)
        wf_buf_free(&sections[i]);
    return rc;
}

// The sections not given yet, asked for one after the other.
static int ask_sections(struct wf_cli *cli, struct wf_err *err)
{
    char line[4096];
    int rc = WF_OK;
    for (int i = 0; rc == WF_OK && i < SECTION_COUNT; i++) {
        const struct wf_cli_param *p = param_named(cli, SECTIONS[i]);
        if (wf_cli_args_get(&cli->args, p->name))
            continue;
        fprintf(cli->err, "%s ", QUESTIONS[i]);
        fflush(cli->err);
        if (!fgets(line, sizeof(line), cli->in))
            return WF_OK; // ended: the missing one is named
        line[strcspn(line, "\n")] = '\0';
        if (line[0])
            rc = wf_cli_args_add(&cli->args, p, line, err);
    }
    return rc;
}

int wf_cli_run_sitrep(struct wf_cli *cli)
{
    struct wf_err err;
    const char *file = wf_cli_args_get(&cli->args, "file");
    if (file && read_sections(cli, file, &err) != WF_OK)
        return wf_cli_report_local(cli, &err);
    bool amend = strcmp(cli->args.command->verb, "amend") == 0;
    if (!amend && !file && cli->terminal_in && ask_sections(cli, &err) != WF_OK)
        return wf_cli_report_local(cli, &err);
    for (int i = 0; !amend && i < SECTION_COUNT; i++) {
        const struct wf_cli_param *p = param_named(cli, SECTIONS[i]);
        WF_ASSERT(p);
        if (!wf_cli_args_get(&cli->args, p->name)) {
            wf_fail(&err, WF_INVALID_ARGUMENT,
                    "the sitrep does not say %s: give --%s TEXT, or all sections with --file",
                    p->help, p->name);
            return wf_cli_report_local(cli, &err);
        }
    }
    return wf_cli_default_run(cli);
}

static int show_sitrep(struct wf_cli *cli, const ProtobufCMessage *response)
{
    const Watchfire__V1__ListSitrepsResponse *r = (const void *)response;
    const char *wanted = wf_cli_args_get(&cli->args, "NUMBER");
    char number[16];
    struct wf_err err;
    for (size_t i = 0; i < r->n_sitreps; i++) {
        const Watchfire__V1__Sitrep *s = r->sitreps[i];
        snprintf(number, sizeof(number), "%u", (unsigned)s->number);
        if (wanted && strcmp(wanted, number) != 0)
            continue;
        if (cli->quiet)
            fprintf(cli->out, "%s\n", number);
        else if (wf_print(&cli->printer, &s->base, NULL, &err) != WF_OK)
            return wf_cli_report_local(cli, &err);
        return WF_EXIT_OK;
    }
    fprintf(cli->err, "watchfire: %s has no sitrep %s\n", wf_cli_args_get(&cli->args, "INCIDENT"),
            wanted ? wanted : "yet");
    return WF_EXIT_NOT_FOUND;
}

int wf_cli_run_sitrep_show(struct wf_cli *cli)
{
    return wf_cli_run_shown(cli, show_sitrep);
}
