// SPDX-License-Identifier: Apache-2.0
// Answers on the screen, by descriptor: a table for a list, a card for a single message, or the
// whole answer as JSON or YAML. One thread.
#ifndef WF_CLI_PRINT_H
#define WF_CLI_PRINT_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/result.h"
#include "rpc/schema.h"

enum wf_print_format { WF_PRINT_HUMAN, WF_PRINT_JSON, WF_PRINT_YAML };

struct wf_printer {
    FILE *out;
    enum wf_print_format format;
    const struct wf_schema *schema; // for JSON and YAML
    wf_unix_ms now;
    unsigned width; // of the terminal; 0: not one, nothing is wrapped
    bool color;
};

// Print msg whole, in the printer's format. view (may be NULL) names the field that people see.
int wf_print(const struct wf_printer *p, const ProtobufCMessage *msg, const char *view,
             struct wf_err *err);

// For people, whatever the format: a list as a table, with the columns its type has; "none" when
// empty. A message as "Label: value" lines, without what is empty.
void wf_print_list(const struct wf_printer *p, const ProtobufCMessage *msg,
                   const ProtobufCFieldDescriptor *list, unsigned indent);
void wf_print_card(const struct wf_printer *p, const ProtobufCMessage *msg, unsigned indent);

// Say so of an answer from a node that could not prove it to be the newest.
void wf_print_staleness(const struct wf_printer *p, const ProtobufCMessage *msg);

// Print the values at a dotted path, a line each: what -q shows.
void wf_print_id(const struct wf_printer *p, const ProtobufCMessage *msg, const char *path);

// JSON on one line, for streams.
int wf_print_json_line(const struct wf_printer *p, const ProtobufCMessage *msg, struct wf_err *err);

#endif
