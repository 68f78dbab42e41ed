// SPDX-License-Identifier: Apache-2.0
// The columns of a list of messages, by type: what fits a line and matters. Constant; any thread.
#ifndef WF_CLI_COLUMNS_H
#define WF_CLI_COLUMNS_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "cli/text.h"

struct wf_column {
    const char *header; // NULL ends the list
    const char *path;
    bool right;
    const char *otherwise[2]; // the paths to show where those before are empty; may be NULL
    enum wf_text_time time;
    bool code;      // a gRPC code, by its name
    bool method;    // a call's path, by its last part
    bool above_one; // 1 goes without saying
};

// NULL for a type that never stands in a list.
const struct wf_column *wf_columns_of(const ProtobufCMessageDescriptor *type);

#endif
