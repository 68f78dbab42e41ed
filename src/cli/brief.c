// SPDX-License-Identifier: Apache-2.0
// "Can somebody fill me in?": one incident on one screen.
#include <string.h>

#include "base/assert.h"
#include "cli/cli.h"
#include "cli/runs.h"
#include "cli/text.h"
#include "cli/wrap.h"
#include "proto/time.h"
#include "watchfire/v1/incident.pb-c.h"

enum { TEXT_MAX = 256 * 1024 };

static void heading(const struct wf_cli *cli, const char *title)
{
    bool color = cli->printer.color;
    fprintf(cli->out, "\n%s%s%s\n", color ? "\033[1m" : "", title, color ? "\033[0m" : "");
}

static void put_filled(const struct wf_cli *cli, const char *text, const ProtobufCMessage *msg)
{
    struct wf_buf line;
    wf_buf_init(&line, TEXT_MAX);
    wf_text_fill(&line, text, msg, &cli->args, cli->printer.now);
    const char *s = wf_buf_cstr(&line);
    fputs(s ? s : "", cli->out);
    wf_buf_free(&line);
}

// "  label  text", further lines of the text under its first; without a label the text alone.
static void put_section(const struct wf_cli *cli, const char *label, const char *text)
{
    struct wf_buf clean;
    wf_buf_init(&clean, TEXT_MAX);
    wf_text_clean(&clean, text, strlen(text), false);
    const char *s = wf_buf_cstr(&clean);
    if (label)
        fprintf(cli->out, "  %-15s ", label);
    else
        fputs("  ", cli->out);
    wf_wrap_print(cli->out, s ? s : "", label ? 18 : 2, cli->printer.width);
    wf_buf_free(&clean);
}

static void put_list(const struct wf_cli *cli, const char *title, const ProtobufCMessage *msg,
                     const char *field)
{
    const ProtobufCFieldDescriptor *f =
        protobuf_c_message_descriptor_get_field_by_name(msg->descriptor, field);
    WF_ASSERT(f);
    if (wf_text_is_default(msg, f))
        return;
    heading(cli, title);
    wf_print_list(&cli->printer, msg, f, 2);
}

static void put_incident(const struct wf_cli *cli, const Watchfire__V1__Incident *i)
{
    const ProtobufCMessage *msg = &i->base;
    bool color = cli->printer.color;
    fputs(color ? "\033[1m" : "", cli->out);
    put_filled(cli, "{id} {state} {severity}: {title}", msg);
    fputs(color ? "\033[0m\n" : "\n", cli->out);
    put_filled(cli, "Declared {declared_at} by {declared_by}\n", msg);
    if (i->resolved_at)
        put_filled(cli, "Resolved {resolved_at}\n", msg);
    if (i->n_services > 0)
        put_filled(cli, "Services: {services}\n", msg);
    if (i->n_component_groups > 0)
        put_filled(cli, "Component groups: {component_groups}\n", msg);
    if (i->support_tickets || i->customers_affected)
        put_filled(cli, "Impact: {customers_affected} customers, {support_tickets} tickets\n", msg);
}

static void put_sitrep(const struct wf_cli *cli, const Watchfire__V1__GetBriefResponse *b)
{
    const Watchfire__V1__Sitrep *s = b->sitrep;
    heading(cli, "Sitrep");
    if (s) {
        put_filled(cli, "  {sitrep.number} of {sitrep.at} by {sitrep.by}\n", &b->base);
        put_section(cli, "What is broken", s->what_is_broken);
        put_section(cli, "Impact", s->impact);
        put_section(cli, "Being done", s->being_done);
        put_section(cli, "Who", s->who);
    } else {
        fputs("  none yet\n", cli->out);
    }
    if (!b->incident || !b->incident->next_sitrep_due)
        return;
    bool late = wf_timestamp_ms(b->incident->next_sitrep_due) < cli->printer.now;
    put_filled(cli,
               late ? "  The next was due {incident.next_sitrep_due}: it is OVERDUE\n"
                    : "  The next is due {incident.next_sitrep_due}\n",
               &b->base);
}

static void put_status(const struct wf_cli *cli, const Watchfire__V1__GetBriefResponse *b)
{
    heading(cli, "What customers were told");
    if (!b->status) {
        fputs("  nothing yet\n", cli->out);
        return;
    }
    put_filled(cli, "  {status.kind}, {status.at} by {status.by}\n", &b->base);
    put_section(cli, NULL, b->status->body);
}

static void put_brief(const struct wf_cli *cli, const Watchfire__V1__GetBriefResponse *b)
{
    if (b->incident) {
        put_incident(cli, b->incident);
        put_list(cli, "Roles", &b->incident->base, "roles");
    }
    put_sitrep(cli, b);
    put_status(cli, b);
    put_list(cli, "Open tasks", &b->base, "tasks");
    put_list(cli, "Vendor tickets", &b->base, "vendor_tickets");
    put_list(cli, "Links", &b->base, "links");
    put_list(cli, "Timeline", &b->base, "timeline");
    if (b->timeline_cut)
        put_filled(cli, "  What was before that: watchfire log show {incident.id}\n", &b->base);
    if (b->read && b->read->stale)
        fputc('\n', cli->out);
    wf_print_staleness(&cli->printer, &b->base);
}

static int show_brief(struct wf_cli *cli, const ProtobufCMessage *response)
{
    put_brief(cli, (const Watchfire__V1__GetBriefResponse *)response);
    return WF_EXIT_OK;
}

int wf_cli_run_brief(struct wf_cli *cli)
{
    if (cli->quiet || cli->printer.format != WF_PRINT_HUMAN)
        return wf_cli_default_run(cli);
    return wf_cli_run_shown(cli, show_brief);
}
