// SPDX-License-Identifier: Apache-2.0
// A request message built from a command line, by descriptor. One thread.
#ifndef WF_CLI_REQUEST_H
#define WF_CLI_REQUEST_H

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>
#include <stdio.h>

#include "base/result.h"
#include "cli/args.h"

// Build the request of args->command: presets first, then what was given. Texts of "-" and --file
// are read from in or the file. A failure is INVALID_ARGUMENT naming the parameter. The caller
// frees *out with protobuf_c_message_free_unpacked(*out, NULL).
int wf_cli_request_build(const struct wf_cli_args *args, FILE *in, ProtobufCMessage **out,
                         struct wf_err *err);

// Set one field by its dotted path from text, as a parameter of that kind would. A list grows by
// it.
int wf_cli_request_set(ProtobufCMessage *msg, const char *path, enum wf_cli_kind kind,
                       const char *text, struct wf_err *err);

// "90s", "10m", "8h", "30d" in units of unit seconds (1 or 60), from 1 to max; a bare number
// counts such units.
int wf_cli_duration(const char *text, uint64_t unit, uint64_t max, uint64_t *out,
                    struct wf_err *err);

#endif
