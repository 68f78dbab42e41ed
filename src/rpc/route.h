// SPDX-License-Identifier: Apache-2.0
// Internal to rpc/: which protocol a request speaks, and the answers of HTTP to what speaks none.
#ifndef WF_RPC_ROUTE_H
#define WF_RPC_ROUTE_H

#include "rpc/call_internal.h"

enum wf_content {
    WF_CONTENT_OTHER,
    WF_CONTENT_GRPC,
    WF_CONTENT_CONNECT,        // application/proto, application/json
    WF_CONTENT_CONNECT_STREAM, // application/connect+proto, +json
    WF_CONTENT_FORM,           // what curl -d says unless told otherwise
};

// What a content-type header (may be NULL) means; *json tells the message's encoding.
enum wf_content wf_content_of(const char *content_type, bool *json);

// The codec for the exchange's request of method m, or NULL: then it has been answered with 404 (m
// is NULL), 405, 415 or 505, in the words of its protocol.
const struct wf_codec *wf_route_codec(struct wf_exchange *ex, const struct wf_method *m,
                                      bool *json);

// Answer at once and ignore the rest of the exchange.
void wf_route_refuse(struct wf_exchange *ex, const struct wf_err *err);

#endif
