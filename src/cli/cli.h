// SPDX-License-Identifier: Apache-2.0
// One run of watchfire(1): its streams, what was asked, and how to ask the cluster. On the stack of
// wf_cli_main(); one thread.
#ifndef WF_CLI_CLI_H
#define WF_CLI_CLI_H

#include <stdio.h>

#include "cli/args.h"
#include "cli/config.h"
#include "cli/exit.h"
#include "cli/print.h"
#include "client/watchfire.h"

struct wf_cli {
    FILE *in, *out, *err;
    struct wf_cli_args args;
    struct wf_cli_config config;
    struct wf_printer printer;
    struct wf_schema *schema;
    struct wf_client *client;
    bool quiet, yes;
    bool terminal_in, terminal_err;
    wf_mono_ns began, grumbled; // the run; when a person was last told that it takes long
};

// Run a command line; returns the exit code. The streams stay the caller's.
int wf_cli_main(int argc, char *const argv[], FILE *in, FILE *out, FILE *err);

// --- for the commands ----------------------------------------------------------------------------

// Report a failure on stderr, with what to do about it, and return the exit code. draft (may be
// NULL) is the text that the server's findings are about.
int wf_cli_report_call(struct wf_cli *cli, const struct wf_client_error *err, const char *draft);
int wf_cli_report_local(struct wf_cli *cli, const struct wf_err *err);

// The client, made at the first use; NULL after reporting why there is none, with *code set.
struct wf_client *wf_cli_client(struct wf_cli *cli, int *code);

// Build the command's request. Returns WF_EXIT_OK or reports the failure and returns its exit code.
int wf_cli_request(struct wf_cli *cli, ProtobufCMessage **request);

// Ask "really?" of a command that destroys something. WF_EXIT_OK: go on.
int wf_cli_confirm(struct wf_cli *cli);

// Call the command's method. *response is the caller's. Reports a failure and returns its exit
// code.
int wf_cli_call(struct wf_cli *cli, const ProtobufCMessage *request, ProtobufCMessage **response);

// Open the command's stream, likewise.
int wf_cli_stream(struct wf_cli *cli, const ProtobufCMessage *request,
                  struct wf_client_reader **reader);

// Show an answer: JSON, YAML, the id alone, the success line, or the view.
int wf_cli_show(struct wf_cli *cli, const ProtobufCMessage *response);

// Print a template's line (a success line on out, a hint on err unless quiet).
void wf_cli_line(struct wf_cli *cli, const char *text, const ProtobufCMessage *response);
void wf_cli_hint(struct wf_cli *cli, const char *text, const ProtobufCMessage *response);

// Build, confirm, call, show: what most commands are. The other shows the answer in its own way.
int wf_cli_default_run(struct wf_cli *cli);
int wf_cli_run_shown(struct wf_cli *cli,
                     int (*show)(struct wf_cli *cli, const ProtobufCMessage *response));

#endif
