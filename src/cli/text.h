// SPDX-License-Identifier: Apache-2.0
// Values of messages as people read them. Pure functions, any thread.
//
// What a server sends is shown without control characters: nothing in it may drive a terminal.
#ifndef WF_CLI_TEXT_H
#define WF_CLI_TEXT_H

#include <protobuf-c/protobuf-c.h>

#include "base/buf.h"
#include "base/clock.h"
#include "cli/args.h"

enum wf_text_time {
    WF_TIME_BOTH,     // "2012-06-30 03:18:00Z (3 min ago)"
    WF_TIME_UTC,      // "2012-06-30 03:18:00Z"
    WF_TIME_RELATIVE, // "3 min ago"
};

// Append text with control characters replaced: newlines by a space (one_line) or kept.
void wf_text_clean(struct wf_buf *out, const char *text, size_t len, bool one_line);

void wf_text_time(struct wf_buf *out, wf_unix_ms t, wf_unix_ms now, enum wf_text_time form);

// How long ago, or how long until: "just now", "3 min ago", "in 2 h".
void wf_text_relative(struct wf_buf *out, wf_unix_ms t, wf_unix_ms now);

// True when the field has its default value (0, "", absent, an empty list).
bool wf_text_is_default(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *f);

// Append a field: scalars, enums in lower case, times, lists with commas between; an Actor by its
// name.
void wf_text_field(struct wf_buf *out, const ProtobufCMessage *msg,
                   const ProtobufCFieldDescriptor *f, wf_unix_ms now, enum wf_text_time form);

// The message and field a dotted path leads to; false when a message on the way is absent. A path
// that names no field is our bug. Of a list on the way the element index is taken (false past its
// end).
bool wf_text_find(const ProtobufCMessage *msg, const char *path, size_t index,
                  const ProtobufCMessage **owner, const ProtobufCFieldDescriptor **f);

// The elements of a repeated message field.
size_t wf_text_list(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *f,
                    ProtobufCMessage *const **items);
// A singular message field, or NULL.
const ProtobufCMessage *wf_text_sub(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *f);

// Fill in a template: {incident.id} from msg (may be NULL), {INCIDENT} from args. An empty value
// takes the space or slash before it along.
void wf_text_fill(struct wf_buf *out, const char *text, const ProtobufCMessage *msg,
                  const struct wf_cli_args *args, wf_unix_ms now);

// The same of a template that is a command: what is filled in is one word of a shell.
void wf_text_fill_command(struct wf_buf *out, const char *text, const ProtobufCMessage *msg,
                          const struct wf_cli_args *args, wf_unix_ms now);

// Append text as one word of a shell, in quotes where it needs them.
void wf_text_quote(struct wf_buf *out, const char *text);

#endif
