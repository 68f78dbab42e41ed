// SPDX-License-Identifier: Apache-2.0
// Following the log: an event a line, over broken connections.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/runs.h"
#include "cli/text.h"
#include "cli/wrap.h"
#include "proto/time.h"
#include "watchfire/v1/log.pb-c.h"

enum {
    CHECK_MS = 2000, // for a look that nothing hangs on
    GAP = 4,         // before the further lines of an event
};

struct watching {
    struct wf_cli *cli;
    struct wf_client_watch *watch;
    uint64_t left; // events until it ends; 0: no end
    bool bounded;
    int code;
};

static void put_event(struct wf_cli *cli, const Watchfire__V1__Event *e)
{
    struct wf_buf line;
    wf_buf_init(&line, 64 * 1024);
    wf_text_time(&line, wf_timestamp_ms(e->at), 0, WF_TIME_UTC);
    wf_buf_printf(&line, "  %" PRIu64 "  %s  %s: ", e->seq,
                  e->incident_id[0] ? e->incident_id : "-", e->actor ? e->actor->name : "-");
    const char *said = e->announcement[0] ? e->announcement : e->text;
    if (!said[0] && e->what_case == WATCHFIRE__V1__EVENT__WHAT_NOTE)
        said = e->note->text; // the sentence of a note is the note
    wf_text_clean(&line, said, strlen(said), true);
    const char *s = wf_buf_cstr(&line);
    bool bold = cli->printer.color && e->announcement[0];
    fputs(bold ? "\033[1m" : "", cli->out);
    wf_wrap_print(cli->out, s ? s : "", GAP, cli->printer.width);
    fputs(bold ? "\033[0m" : "", cli->out);
    wf_buf_free(&line);
}

// One line of JSON, or one document of YAML. A failed write is found by the flush after it.
static int put_data(struct wf_cli *cli, const Watchfire__V1__Event *e, struct wf_err *err)
{
    if (cli->printer.format == WF_PRINT_JSON)
        return wf_print_json_line(&cli->printer, &e->base, err);
    fputs("---\n", cli->out);
    return wf_print(&cli->printer, &e->base, NULL, err);
}

static void on_event(void *ctx, const Watchfire__V1__Event *event)
{
    struct watching *w = ctx;
    struct wf_cli *cli = w->cli;
    struct wf_err err;
    if (cli->quiet)
        fprintf(cli->out, "%" PRIu64 "\n", event->seq);
    else if (cli->printer.format == WF_PRINT_HUMAN)
        put_event(cli, event);
    else if (put_data(cli, event, &err) != WF_OK)
        w->code = wf_cli_report_local(cli, &err);
    // Whoever reads our output sees each event at once; when nobody does any more, it is over.
    if (fflush(cli->out) != 0 || (w->bounded && --w->left == 0)) {
        wf_client_watch_cancel(w->watch);
        w->watch = NULL;
        wf_client_stop(cli->client);
    }
}

static void on_interrupted(void *ctx, const struct wf_client_error *err)
{
    struct watching *w = ctx;
    if (!w->cli->quiet)
        fprintf(w->cli->err, "(%s; going on from event %" PRIu64 ")\n", err->message,
                wf_client_watch_seq(w->watch));
}

static void on_closed(void *ctx, const struct wf_client_error *err)
{
    struct watching *w = ctx;
    w->watch = NULL;
    w->code = wf_cli_report_call(w->cli, err, NULL);
    wf_client_stop(w->cli->client);
}

// Somebody who mistook the number would wait for ever: a watch takes any. Whatever else is wrong,
// the watch itself finds out, and goes on over it. Returns an exit code.
static int check_incident(struct wf_cli *cli, const char *id)
{
    Watchfire__V1__ListEventsRequest request = WATCHFIRE__V1__LIST_EVENTS_REQUEST__INIT;
    struct wf_client_call_options o = {.timeout_ms = CHECK_MS};
    struct wf_client_error err = WF_CLIENT_ERROR_INIT;
    ProtobufCMessage *response = NULL;
    request.incident_id = (char *)id;
    request.page_size = 1;
    int rc = wf_client_call(cli->client, "/watchfire.v1.LogService/ListEvents", &request.base,
                            &response, &o, &err);
    if (response)
        protobuf_c_message_free_unpacked(response, NULL);
    int code = rc == WF_CLIENT_NOT_FOUND ? wf_cli_report_call(cli, &err, NULL) : WF_EXIT_OK;
    wf_client_error_clear(&err);
    return code;
}

static void follow(struct watching *w, const struct wf_client_watch_options *o)
{
    static const struct wf_client_watch_events events = {on_event, on_interrupted, on_closed};
    struct wf_cli *cli = w->cli;
    if (cli->terminal_err && !cli->quiet)
        fprintf(cli->err, "(watching %s; Ctrl-C ends it)\n",
                *o->incident_id ? o->incident_id : "everything");
    w->watch = wf_client_watch_open(cli->client, o, &events, w);
    if (w->watch)
        wf_client_run(cli->client);
    if (w->watch)
        wf_client_watch_cancel(w->watch);
}

int wf_cli_run_watch(struct wf_cli *cli)
{
    ProtobufCMessage *request;
    int code = wf_cli_request(cli, &request);
    if (code != WF_EXIT_OK)
        return code;
    const Watchfire__V1__WatchEventsRequest *asked = (const void *)request;
    const char *count = wf_cli_args_get(&cli->args, "count");
    struct watching w = {.cli = cli,
                         .bounded = count != NULL,
                         .left = count ? strtoull(count, NULL, 10) : 0,
                         .code = WF_EXIT_OK};
    struct wf_client_watch_options o = {.incident_id = asked->incident_id,
                                        .after_seq = asked->after_seq,
                                        .from_now = !wf_cli_args_get(&cli->args, "after")};
    if (w.bounded && w.left == 0) {
        struct wf_err err;
        wf_fail(&err, WF_INVALID_ARGUMENT, "--count: \"%s\" is no number from 1 on", count);
        code = wf_cli_report_local(cli, &err);
    } else if (wf_cli_client(cli, &code)) {
        if (*asked->incident_id)
            code = check_incident(cli, asked->incident_id);
        if (code == WF_EXIT_OK) {
            follow(&w, &o);
            code = w.code;
        }
    }
    protobuf_c_message_free_unpacked(request, NULL);
    return code;
}
