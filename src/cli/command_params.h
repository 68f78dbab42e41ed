// SPDX-License-Identifier: Apache-2.0
// Shorthand for the lines of the command table. Included by the table's files only.
#ifndef WF_CLI_COMMAND_PARAMS_H
#define WF_CLI_COMMAND_PARAMS_H

#include "cli/command.h"

#define PARAMS(...)                                                                                \
    (const struct wf_cli_param[])                                                                  \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
#define PRESETS(...)                                                                               \
    (const struct wf_cli_preset[])                                                                 \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

#define ARG(n, f, k, h)                                                                            \
    {                                                                                              \
        .name = n, .field = f, .kind = WF_PARAM_##k, .help = h, .required = true                   \
    }
#define OPT_ARG(n, f, k, h)                                                                        \
    {                                                                                              \
        .name = n, .field = f, .kind = WF_PARAM_##k, .help = h                                     \
    }
#define FLAG(n, l, f, k, h)                                                                        \
    {                                                                                              \
        .name = n, .letter = l, .field = f, .kind = WF_PARAM_##k, .help = h, .flag = true          \
    }
#define NEED_FLAG(n, l, f, k, h)                                                                   \
    {                                                                                              \
        .name = n, .letter = l, .field = f, .kind = WF_PARAM_##k, .help = h, .flag = true,         \
        .required = true                                                                           \
    }

// An enum of which the command takes some values only.
#define CHOSEN_ARG(n, f, v, h)                                                                     \
    {                                                                                              \
        .name = n, .field = f, .kind = WF_PARAM_ENUM, .values = v, .help = h                       \
    }
#define CHOSEN_FLAG(n, f, v, h)                                                                    \
    {                                                                                              \
        .name = n, .field = f, .kind = WF_PARAM_ENUM, .values = v, .help = h, .flag = true         \
    }

#define INCIDENT_ARG ARG("INCIDENT", "incident_id", INCIDENT, "the incident, \"INC-42\" or 42")
#define EPOCH_FLAG                                                                                 \
    FLAG("epoch", 0, "epoch", NUMBER,                                                              \
         "the command's epoch you believe in; another is refused (default: not checked)")
#define STALE_FLAG                                                                                 \
    FLAG("stale", 0, "stale", BOOL, "answer at once from one node's state, maybe not the newest")
#define FILE_FLAG  FLAG("file", 'f', NULL, STRING, "read the text from FILE (\"-\": standard input)")
#define LIMIT_FLAG FLAG("limit", 'n', "page_size", NUMBER, "at most this many, 1 to 1000 (100)")

#define INCIDENT_CALL(m) .service = "watchfire.v1.IncidentService", .method = m
#define LOG_CALL(m)      .service = "watchfire.v1.LogService", .method = m
#define CLUSTER_CALL(m)  .service = "watchfire.v1.ClusterService", .method = m
#define ACCESS_CALL(m)   .service = "watchfire.v1.AccessService", .method = m

#endif
