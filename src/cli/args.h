// SPDX-License-Identifier: Apache-2.0
// A command line read against the command table: which command, and the text of each parameter.
// Owned by whoever parsed it; one thread.
#ifndef WF_CLI_ARGS_H
#define WF_CLI_ARGS_H

#include "base/result.h"
#include "cli/command.h"

struct wf_cli_value {
    const struct wf_cli_param *param;
    char *text; // "true" for a flag without value
};

struct wf_cli_args {
    const struct wf_cli_command *command; // NULL: nothing was asked for, or an error before that
    const char *noun;                     // the noun's canonical name when only that was given
    struct wf_cli_value *values;          // in the order given
    size_t n;
};

// Read argv[1..argc). Flags may stand anywhere, "--" ends them. With --help missing parameters are
// no error. A failure is INVALID_ARGUMENT; *out then names the command as far as it was known. *out
// is freed with wf_cli_args_free() in any case.
int wf_cli_args_parse(struct wf_cli_args *out, int argc, char *const argv[], struct wf_err *err);
void wf_cli_args_free(struct wf_cli_args *args);

// The last value given for a parameter of that name ("INCIDENT", "severity"), or NULL.
const char *wf_cli_args_get(const struct wf_cli_args *args, const char *name);

// The i-th of several values, or NULL past the end.
const char *wf_cli_args_at(const struct wf_cli_args *args, const char *name, size_t i);

// Add a value as if it had been given. Returns WF_OK or WF_RESOURCE_EXHAUSTED.
int wf_cli_args_add(struct wf_cli_args *args, const struct wf_cli_param *param, const char *text,
                    struct wf_err *err);

#endif
