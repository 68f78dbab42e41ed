// SPDX-License-Identifier: Apache-2.0
// The client's half of gRPC over HTTP/2, without a connection: what a request looks like, and how
// what comes back turns into messages and one result. Sans-I/O; one thread at a time.
#ifndef WF_RPC_CLIENT_CODEC_H
#define WF_RPC_CLIENT_CODEC_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/result.h"
#include "http/exchange.h"
#include "rpc/frame.h"
#include "rpc/grpc.h"
#include "watchfire/v1/common.pb-c.h"

enum { WF_CLIENT_HEADERS_MAX = 8 };

// The headers of one request; the values live in the struct.
struct wf_client_headers {
    struct wf_header h[WF_CLIENT_HEADERS_MAX];
    size_t n;
    char timeout[WF_GRPC_TIMEOUT_SIZE];
    char authorization[320];
};

// timeout in ns, UINT64_MAX for none; token (a bearer token) may be NULL. Returns WF_OK, or
// WF_INVALID_ARGUMENT for a token that is longer than 300 bytes or not printable.
int wf_client_headers(struct wf_client_headers *out, uint64_t timeout, const char *token);

// Append a message in its frame: a unary call's whole body. Returns as wf_buf_append() does.
int wf_client_put(struct wf_buf *out, const ProtobufCMessage *message);

// What comes back. Feed it in the order of struct wf_http_response_events.
struct wf_client_reply {
    // The owner's: called with each message's bytes, valid during the call.
    void (*on_message)(void *ctx, const uint8_t *data, size_t len);
    void *ctx;
    struct wf_frame_reader frames;
    size_t n_messages;
    bool has_headers;
    bool has_status;
    // The result, once wf_client_reply_closed() has been called; detail is NULL if there is none.
    struct wf_err err; // code WF_OK when it went well
    Watchfire__V1__ErrorDetail *detail;
};

void wf_client_reply_init(struct wf_client_reply *r,
                          void (*on_message)(void *ctx, const uint8_t *data, size_t len),
                          void *ctx);
void wf_client_reply_free(struct wf_client_reply *r);

void wf_client_reply_headers(struct wf_client_reply *r, int status, const struct wf_header *h,
                             size_t n, bool end);
// Returns WF_OK, or the code of an error that makes going on useless (r->err tells): cancel the
// request, then call wf_client_reply_closed().
int wf_client_reply_data(struct wf_client_reply *r, const uint8_t *data, size_t len);
void wf_client_reply_trailers(struct wf_client_reply *r, const struct wf_header *h, size_t n);
// The request is over; err is how the transport saw it. Returns r->err.code.
int wf_client_reply_closed(struct wf_client_reply *r, const struct wf_err *err);

// Unpack a response. Tolerant: a newer server may send enum values and fields that we do not know.
// The caller frees *out with protobuf_c_message_free_unpacked(*out, NULL).
int wf_client_unpack(const ProtobufCMessageDescriptor *d, const uint8_t *data, size_t len,
                     ProtobufCMessage **out, struct wf_err *err);

#endif
