// SPDX-License-Identifier: Apache-2.0
// The texts of the Connect protocol (connectrpc.com/docs/protocol). Pure functions, any thread.
#ifndef WF_RPC_CONNECT_H
#define WF_RPC_CONNECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/result.h"
#include "rpc/bump.h"
#include "rpc/grpc.h"
#include "rpc/schema.h"

// The HTTP status that goes with a code, and its name in lower case ("deadline_exceeded").
int wf_connect_http_status(int code);
const char *wf_connect_code_name(int code);

// One to ten digits of milliseconds, in nanoseconds. Returns WF_OK or WF_INVALID_ARGUMENT.
int wf_connect_timeout_parse(const char *s, uint64_t *ns);

// Append {"code":...,"message":...,"details":[...]}. detail may be NULL; message is the same
// decoded, for the "debug" member, or NULL.
int wf_connect_error_put(struct wf_buf *out, const struct wf_schema *s, const struct wf_err *err,
                         const struct wf_detail *detail, const ProtobufCMessage *message);

// A GET request's query.
struct wf_connect_query {
    const char *message; // decoded; not NUL-terminated
    size_t len;
    bool json;
};

// Parse; the message's bytes are allocated from a. Errors: INVALID_ARGUMENT, UNIMPLEMENTED (a
// compression), RESOURCE_EXHAUSTED.
int wf_connect_query_parse(const char *query, struct wf_bump *a, struct wf_connect_query *out,
                           struct wf_err *err);

#endif
