// SPDX-License-Identifier: Apache-2.0
// watchfire whoami.
#include "cli/cli.h"
#include "cli/runs.h"
#include "watchfire/v1/access.pb-c.h"

static int show(struct wf_cli *cli, const ProtobufCMessage *response)
{
    const Watchfire__V1__WhoAmIResponse *r = (const void *)response;
    if (cli->quiet || cli->printer.format != WF_PRINT_HUMAN)
        return wf_cli_show(cli, response);
    if (r->actor && r->actor->role) {
        wf_cli_line(cli, "{actor.name} ({display_name}), role {actor.role}, by {method} {token_id}",
                    response);
    } else {
        wf_cli_line(cli, "{actor.name}, by {method} {token_id}: no role, and so may do nothing",
                    response);
        wf_cli_hint(cli, "an admin runs: watchfire user set {actor.name} ROLE --kind {actor.kind}",
                    response);
    }
    return WF_EXIT_OK;
}

int wf_cli_run_whoami(struct wf_cli *cli)
{
    return wf_cli_run_shown(cli, show);
}
