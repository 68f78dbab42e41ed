// SPDX-License-Identifier: Apache-2.0
// Help out of the command table. One thread.
#ifndef WF_CLI_HELP_H
#define WF_CLI_HELP_H

#include <stdio.h>

#include "base/buf.h"
#include "cli/command.h"

// All commands (noun NULL), one noun's verbs (command NULL), or one command with its parameters.
void wf_help_print(FILE *out, const char *noun, const struct wf_cli_command *command);

// "watchfire ic offer INCIDENT NAME [flags]".
void wf_help_usage(FILE *out, const struct wf_cli_command *command);

// Append the values an enum parameter of a command takes, from the field it goes to: "sev1, sev2".
void wf_cli_put_values(struct wf_buf *text, const struct wf_cli_command *c,
                       const struct wf_cli_param *p, const char *between);

#endif
