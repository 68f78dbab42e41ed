// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include <inttypes.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/hash.h"
#include "cli/findings.h"
#include "cli/help.h"
#include "cli/request.h"
#include "cli/text.h"
#include "cli/wrap.h"

enum { LINE_MAX_BYTES = 64 * 1024, PATH_SIZE = 128 };
static const wf_mono_ns GRUMBLE_NS = 2000000000;
static const char NEXT[] = "Next: ";
#define NOBODY_THERE                                                                               \
    "does watchfired run there? Which nodes are asked is said by --endpoint,\n"                    \
    "WATCHFIRE_ENDPOINTS or the configuration file"
#define ANOTHER_TOKEN "make another, with a certificate or as an admin: watchfire token create NAME"

static void method_path(const struct wf_cli_command *c, char out[PATH_SIZE])
{
    WF_ASSERT(c->service && c->method);
    snprintf(out, PATH_SIZE, "/%s/%s", c->service, c->method);
}

// --- reporting -----------------------------------------------------------------------------------

// What a person can do about it, in this program's terms; otherwise NULL. For a call that got no
// answer or a caller nobody knows, the code says it.
static const char *advice_for(const struct wf_client_error *err)
{
    static const struct {
        const char *reason, *advice;
    } known[] = {
        {"STALE_EPOCH", "the command has changed hands; look again with watchfire ic who INCIDENT"},
        {"DRAFT_FINDINGS", "change the draft, or post it as it is with --override"},
        {"CONNECT_FAILED", NOBODY_THERE},
        {"RESOLVE_FAILED", NOBODY_THERE},
        {"UNKNOWN_INCIDENT", "watchfire incident list shows them"},
        {"UNKNOWN_SITREP", "watchfire sitrep list INCIDENT shows them"},
        {"UNKNOWN_TASK", "watchfire task list INCIDENT shows them"},
        {"UNKNOWN_EVENT", "watchfire log show INCIDENT shows them"},
        {"TOKEN_EXPIRED", ANOTHER_TOKEN},
        {"TOKEN_REVOKED", ANOTHER_TOKEN},
        {"TOO_FEW_VOTERS", "to replace a member: watchfire cluster add, promote, then remove"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(err->reason, known[i].reason) == 0)
            return known[i].advice;
    if (strcmp(err->reason, "UNKNOWN_TOKEN") == 0)
        return err->code == WF_CLIENT_UNAUTHENTICATED ? ANOTHER_TOKEN
                                                      : "watchfire token list shows them";
    if (err->code == WF_CLIENT_UNAUTHENTICATED)
        return "show a certificate (--cert, --key) or a token (--token)";
    if (err->code == WF_CLIENT_UNAVAILABLE || err->code == WF_CLIENT_DEADLINE_EXCEEDED)
        return "watchfire cluster status tells what a node sees; reads work with --stale";
    return NULL;
}

// A message may begin with the field that is at fault: the parameter that it was given with.
static const char *put_parameter(struct wf_cli *cli, const char *message)
{
    const struct wf_cli_command *c = cli->args.command;
    for (const struct wf_cli_param *p = c ? c->params : NULL; p && p->name; p++) {
        size_t n = p->field ? strlen(p->field) : 0;
        if (n == 0 || strncmp(message, p->field, n) != 0 || !strchr(" :", message[n]))
            continue;
        fprintf(cli->err, "%s%s", p->flag ? "--" : "", p->name);
        return message + n;
    }
    return message;
}

int wf_cli_report_call(struct wf_cli *cli, const struct wf_client_error *err, const char *draft)
{
    struct wf_buf text;
    wf_buf_init(&text, LINE_MAX_BYTES);
    wf_text_clean(&text, err->message, strlen(err->message), true);
    const char *s = wf_buf_cstr(&text);
    fputs("watchfire: ", cli->err);
    fputs(put_parameter(cli, s ? s : "out of memory"), cli->err);
    wf_buf_free(&text);
    fprintf(cli->err, " (%s)\n", err->reason[0] ? err->reason : wf_client_code_name(err->code));
    if (draft && err->detail && err->detail->n_findings > 0)
        wf_findings_print(cli->err, draft, err->detail->findings, err->detail->n_findings,
                          cli->terminal_err && cli->printer.color);
    const char *advice = advice_for(err);
    if (advice && !cli->quiet)
        fprintf(cli->err, "%s\n", advice);
    return (int)wf_exit_of_call(err->code, err->reason);
}

int wf_cli_report_local(struct wf_cli *cli, const struct wf_err *err)
{
    fprintf(cli->err, "watchfire: %s\n", err->msg);
    return (int)wf_exit_of_local(err->code);
}

void wf_cli_line(struct wf_cli *cli, const char *text, const ProtobufCMessage *response)
{
    struct wf_buf line;
    wf_buf_init(&line, LINE_MAX_BYTES);
    wf_text_fill(&line, text, response, &cli->args, cli->printer.now);
    const char *s = wf_buf_cstr(&line);
    fprintf(cli->out, "%s\n", s ? s : "");
    wf_buf_free(&line);
}

void wf_cli_hint(struct wf_cli *cli, const char *text, const ProtobufCMessage *response)
{
    struct wf_buf line;
    fflush(cli->out); // also where both are one pipe, the hint comes after what it follows
    if (cli->quiet)
        return;
    wf_buf_init(&line, LINE_MAX_BYTES);
    wf_text_fill_command(&line, text, response, &cli->args, cli->printer.now);
    const char *s = wf_buf_cstr(&line);
    fputs(NEXT, cli->err);
    wf_wrap_print(cli->err, s ? s : "", sizeof(NEXT) - 1, 0);
    wf_buf_free(&line);
}

// --- calling -------------------------------------------------------------------------------------

// Somebody who waits at a terminal learns after two seconds what for, and every two seconds after
// that.
static void on_retry(void *ctx, const struct wf_client_error *err)
{
    struct wf_cli *cli = ctx;
    wf_mono_ns now = wf_clock_mono_ns();
    if (!cli->terminal_err || cli->quiet || now - cli->began < GRUMBLE_NS ||
        now - cli->grumbled < GRUMBLE_NS)
        return;
    cli->grumbled = now;
    fprintf(cli->err, "(%.300s; still trying)\n", err->message);
}

struct wf_client *wf_cli_client(struct wf_cli *cli, int *code)
{
    if (cli->client)
        return cli->client;
    const struct wf_cli_config *c = &cli->config;
    struct wf_err err;
    if (c->n_endpoints == 0 || !c->ca) {
        wf_fail(&err, WF_INVALID_ARGUMENT,
                "%s: give %s, set %s, or write it into ~/.config/watchfire/config.yaml",
                c->n_endpoints == 0 ? "no node is known" : "the cluster's CA is not known",
                c->n_endpoints == 0 ? "--endpoint HOST:PORT" : "--ca FILE",
                c->n_endpoints == 0 ? "WATCHFIRE_ENDPOINTS" : "WATCHFIRE_CA");
        *code = wf_cli_report_local(cli, &err);
        return NULL;
    }
    struct wf_client_options o;
    wf_client_options_init(&o);
    o.endpoints = (const char *const *)c->endpoints;
    o.n_endpoints = c->n_endpoints;
    o.ca_file = c->ca;
    o.cert_file = c->cert;
    o.key_file = c->key;
    o.token = c->token;
    o.timeout_ms = c->timeout_ms;
    o.on_retry = on_retry;
    o.on_retry_ctx = cli;
    struct wf_client_error why = WF_CLIENT_ERROR_INIT;
    if (wf_client_new(&cli->client, NULL, &o, &why) != WF_CLIENT_OK) {
        wf_fail(&err, WF_INVALID_ARGUMENT, "%s", why.message);
        *code = wf_cli_report_local(cli, &err);
        wf_client_error_clear(&why);
        return NULL;
    }
    return cli->client;
}

// What a request says in a text field; NULL: it has no such field.
static const char *text_of(const ProtobufCMessage *request, const char *field)
{
    const ProtobufCFieldDescriptor *f =
        protobuf_c_message_descriptor_get_field_by_name(request->descriptor, field);
    return f ? *(char *const *)((const char *)request + f->offset) : NULL;
}

// A change without a request id gets it here and not in the library, so that a person can be told
// which one to repeat.
static int put_request_id(ProtobufCMessage *request, struct wf_err *err)
{
    uint8_t random[16];
    char hex[2 * sizeof(random) + 1];
    const char *id = text_of(request, "request_id");
    if (!id || id[0])
        return WF_OK;
    if (RAND_bytes(random, sizeof(random)) != 1)
        return wf_fail(err, WF_INTERNAL, "cannot make a request id");
    return wf_cli_request_set(request, "request_id", WF_PARAM_STRING,
                              wf_hex(random, sizeof(random), hex), err);
}

int wf_cli_request(struct wf_cli *cli, ProtobufCMessage **request)
{
    struct wf_err err;
    int rc = wf_cli_request_build(&cli->args, cli->in, request, &err);
    if (rc != WF_OK)
        return wf_cli_report_local(cli, &err);
    if (put_request_id(*request, &err) == WF_OK)
        return WF_EXIT_OK;
    protobuf_c_message_free_unpacked(*request, NULL);
    return wf_cli_report_local(cli, &err);
}

// A change whose outcome is open is safe to repeat, but only with the id it had.
static void put_repetition(struct wf_cli *cli, const ProtobufCMessage *request)
{
    const char *id = text_of(request, "request_id");
    if (id && id[0])
        fprintf(cli->err,
                "it may have been done or not: repeat it with --request-id %s, and it is done "
                "once\n",
                id);
}

int wf_cli_call(struct wf_cli *cli, const ProtobufCMessage *request, ProtobufCMessage **response)
{
    char path[PATH_SIZE];
    int code = WF_EXIT_OK;
    struct wf_client *client = wf_cli_client(cli, &code);
    if (!client)
        return code;
    method_path(cli->args.command, path);
    struct wf_client_call_options o = {.endpoint = wf_cli_args_get(&cli->args, "node")};
    struct wf_err wrong;
    if (o.endpoint && wf_cli_endpoint_check(o.endpoint, &wrong) != WF_OK)
        return wf_cli_report_local(cli, &wrong);
    struct wf_client_error err = WF_CLIENT_ERROR_INIT;
    if (wf_client_call(client, path, request, response, &o, &err) != WF_CLIENT_OK)
        code = wf_cli_report_call(cli, &err, text_of(request, "body"));
    if (code == WF_EXIT_UNREACHABLE)
        put_repetition(cli, request);
    wf_client_error_clear(&err);
    return code;
}

int wf_cli_stream(struct wf_cli *cli, const ProtobufCMessage *request,
                  struct wf_client_reader **reader)
{
    char path[PATH_SIZE];
    int code = WF_EXIT_OK;
    struct wf_client *client = wf_cli_client(cli, &code);
    if (!client)
        return code;
    method_path(cli->args.command, path);
    struct wf_client_error err = WF_CLIENT_ERROR_INIT;
    if (wf_client_read_open(reader, client, path, request, NULL, &err) != WF_CLIENT_OK)
        code = wf_cli_report_call(cli, &err, NULL);
    wf_client_error_clear(&err);
    return code;
}

// --- showing -------------------------------------------------------------------------------------

// The command again, with a flag that makes it go on where its answer ended.
static void put_again(struct wf_cli *cli, const char *flag, const char *value)
{
    const struct wf_cli_command *c = cli->args.command;
    struct wf_buf line;
    wf_buf_init(&line, LINE_MAX_BYTES);
    wf_buf_printf(&line, "watchfire %s%s%s", c->noun, c->verb ? " " : "", c->verb ? c->verb : "");
    for (size_t i = 0; i < cli->args.n; i++) {
        const struct wf_cli_param *p = cli->args.values[i].param;
        if (!p->field || strcmp(p->name, flag) == 0)
            continue;
        wf_buf_puts(&line, " ");
        if (p->flag)
            wf_buf_printf(&line, "--%s%s", p->name, p->kind == WF_PARAM_BOOL ? "" : " ");
        if (p->kind != WF_PARAM_BOOL)
            wf_text_quote(&line, cli->args.values[i].text);
    }
    wf_buf_printf(&line, " --%s ", flag);
    wf_text_quote(&line, value);
    const char *s = wf_buf_cstr(&line);
    fflush(cli->out);
    fprintf(cli->err, "%sthere is more:\n%*s%s\n", NEXT, (int)sizeof(NEXT) - 1, "", s ? s : "");
    wf_buf_free(&line);
}

// A page that ended early names the next one. Events have no page token: their next page begins
// after the last one shown.
static void put_next_page(struct wf_cli *cli, const ProtobufCMessage *response)
{
    if (response->descriptor == &watchfire__v1__list_events_response__descriptor) {
        const Watchfire__V1__ListEventsResponse *r = (const void *)response;
        char seq[24];
        if (!r->more || r->n_events == 0)
            return;
        snprintf(seq, sizeof(seq), "%" PRIu64, r->events[r->n_events - 1]->seq);
        put_again(cli, "after", seq);
        return;
    }
    const char *token = text_of(response, "next_page_token");
    if (token && *token)
        put_again(cli, "page", token);
}

int wf_cli_show(struct wf_cli *cli, const ProtobufCMessage *response)
{
    const struct wf_cli_command *c = cli->args.command;
    if (cli->quiet) {
        if (c->id)
            wf_print_id(&cli->printer, response, c->id);
        return WF_EXIT_OK;
    }
    if (cli->printer.format == WF_PRINT_HUMAN && c->done) {
        wf_cli_line(cli, c->done, response);
    } else {
        struct wf_err err;
        if (wf_print(&cli->printer, response, c->view, &err) != WF_OK)
            return wf_cli_report_local(cli, &err);
    }
    if (cli->printer.format == WF_PRINT_HUMAN) {
        if (c->next)
            wf_cli_hint(cli, c->next, response);
        put_next_page(cli, response);
    }
    return WF_EXIT_OK;
}

int wf_cli_confirm(struct wf_cli *cli)
{
    const struct wf_cli_command *c = cli->args.command;
    if (!(c->traits & WF_CLI_CONFIRM) || cli->yes)
        return WF_EXIT_OK;
    struct wf_buf line;
    wf_buf_init(&line, LINE_MAX_BYTES);
    wf_text_fill(&line, c->warning, NULL, &cli->args, cli->printer.now);
    const char *warning = wf_buf_cstr(&line);
    fprintf(cli->err, "%s\n", warning ? warning : "");
    wf_buf_free(&line);
    if (!cli->terminal_in) {
        fputs("watchfire: nothing was changed: there is no terminal to ask; repeat it with -y\n",
              cli->err);
        return WF_EXIT_USAGE;
    }
    fputs("Go on? [y/N] ", cli->err);
    fflush(cli->err);
    char answer[16];
    if (fgets(answer, sizeof(answer), cli->in) && strncasecmp(answer, "y", 1) == 0)
        return WF_EXIT_OK;
    fputs("Nothing was changed.\n", cli->err);
    return WF_EXIT_USAGE;
}

int wf_cli_run_shown(struct wf_cli *cli,
                     int (*show)(struct wf_cli *cli, const ProtobufCMessage *response))
{
    ProtobufCMessage *request, *response = NULL;
    int code = wf_cli_request(cli, &request);
    if (code != WF_EXIT_OK)
        return code;
    code = wf_cli_confirm(cli);
    if (code == WF_EXIT_OK)
        code = wf_cli_call(cli, request, &response);
    protobuf_c_message_free_unpacked(request, NULL);
    if (code != WF_EXIT_OK)
        return code;
    code = show(cli, response);
    protobuf_c_message_free_unpacked(response, NULL);
    return code;
}

int wf_cli_default_run(struct wf_cli *cli)
{
    return wf_cli_run_shown(cli, wf_cli_show);
}

// --- the whole run -------------------------------------------------------------------------------

static unsigned terminal_width(FILE *out)
{
    struct winsize size;
    if (!isatty(fileno(out)) || ioctl(fileno(out), TIOCGWINSZ, &size) != 0)
        return 0;
    return size.ws_col;
}

static bool is_terminal(FILE *f)
{
    return fileno(f) >= 0 && isatty(fileno(f));
}

static void set_up(struct wf_cli *cli)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    bool json = wf_cli_args_get(&cli->args, "json"), yaml = wf_cli_args_get(&cli->args, "yaml");
    cli->quiet = wf_cli_args_get(&cli->args, "quiet");
    cli->yes = wf_cli_args_get(&cli->args, "yes");
    cli->terminal_in = is_terminal(cli->in);
    cli->terminal_err = is_terminal(cli->err);
    cli->printer =
        (struct wf_printer){.out = cli->out,
                            .format = json   ? WF_PRINT_JSON
                                      : yaml ? WF_PRINT_YAML
                                             : WF_PRINT_HUMAN,
                            .schema = cli->schema,
                            .now = wf_clock_unix_ms(),
                            .width = is_terminal(cli->out) ? terminal_width(cli->out) : 0,
                            .color = is_terminal(cli->out) && !(no_color && no_color[0]) &&
                                     !(term && strcmp(term, "dumb") == 0)};
}

static int usage_error(struct wf_cli *cli, const struct wf_err *err)
{
    const struct wf_cli_command *c = cli->args.command;
    fprintf(cli->err, "watchfire: %s\n", err->msg);
    fprintf(cli->err, "See: watchfire help%s%s%s%s\n", cli->args.noun ? " " : "",
            cli->args.noun ? cli->args.noun : "", c && c->verb ? " " : "",
            c && c->verb ? c->verb : "");
    return WF_EXIT_USAGE;
}

static int run_command(struct wf_cli *cli)
{
    const struct wf_cli_command *c = cli->args.command;
    struct wf_err err;
    if (wf_cli_args_get(&cli->args, "help") || !c) {
        wf_help_print(cli->out, cli->args.noun, c);
        bool asked = wf_cli_args_get(&cli->args, "help") || !cli->args.noun;
        return asked ? WF_EXIT_OK : WF_EXIT_USAGE;
    }
    if (wf_cli_args_get(&cli->args, "json") && wf_cli_args_get(&cli->args, "yaml")) {
        wf_fail(&err, WF_INVALID_ARGUMENT, "give --json or --yaml, not both");
        return usage_error(cli, &err);
    }
    struct wf_schema_source source = wf_schema_embedded();
    if (wf_schema_new(&source, &cli->schema, &err) != WF_OK ||
        (c->service && wf_cli_config_load(&cli->config, &cli->args, getenv, &err) != WF_OK))
        return wf_cli_report_local(cli, &err);
    set_up(cli);
    return c->run ? c->run(cli) : wf_cli_default_run(cli);
}

int wf_cli_main(int argc, char *const argv[], FILE *in, FILE *out, FILE *err)
{
    struct wf_cli cli = {.in = in, .out = out, .err = err, .began = wf_clock_mono_ns()};
    struct wf_err why;
    int code = wf_cli_args_parse(&cli.args, argc, argv, &why) == WF_OK ? run_command(&cli)
                                                                       : usage_error(&cli, &why);
    if ((fflush(out) != 0 || ferror(out)) && code == WF_EXIT_OK) {
        fputs("watchfire: cannot write the output\n", err);
        code = WF_EXIT_LOCAL;
    }
    wf_client_free(cli.client);
    wf_schema_free(cli.schema);
    wf_cli_config_free(&cli.config);
    wf_cli_args_free(&cli.args);
    return code;
}
