// SPDX-License-Identifier: Apache-2.0
// Internal to rpc/: the call object between server.c, which feeds it, and the codecs, which know
// how gRPC and Connect write.
#ifndef WF_RPC_CALL_INTERNAL_H
#define WF_RPC_CALL_INTERNAL_H

#include "http/exchange.h"
#include "rpc/bump.h"
#include "rpc/call.h"
#include "rpc/deadline.h"
#include "rpc/frame.h"
#include "rpc/grpc.h"
#include "rpc/server.h"

enum { WF_CALL_METADATA_MAX = 16, WF_CALL_HEADERS_MAX = WF_CALL_METADATA_MAX + 6 };

// How a protocol writes. What is sent is framed (framed) or bare.
struct wf_codec {
    bool framed;
    const char *content_type[2]; // of proto, of JSON
    // What the request's headers ask for: encodings, timeout (into call->timeout). Not WF_OK is
    // answered.
    int (*head)(struct wf_call *call, struct wf_err *err);
    // The end, after all messages; err is NULL when it went well. detail may be NULL, message is
    // the same decoded.
    void (*end)(struct wf_call *call, const struct wf_err *err, const struct wf_detail *detail,
                const ProtobufCMessage *message);
};

extern const struct wf_codec wf_codec_grpc;
extern const struct wf_codec wf_codec_connect;        // unary, POST
extern const struct wf_codec wf_codec_connect_get;    // unary, GET
extern const struct wf_codec wf_codec_connect_stream; // server and bidirectional streams

struct wf_route {
    const char *service;
    wf_rpc_handler fn;
    void *ctx;
};

struct wf_call {
    unsigned refs;
    const struct wf_codec *codec;
    struct wf_rpc_server *server;
    struct wf_exchange *ex;         // NULL once it is closed
    const struct wf_method *method; // NULL: unknown, refused with its first answer
    const struct wf_route *route;
    bool json;
    bool started;    // the response's headers are out
    bool ended;      // the request is complete
    bool dispatched; // the handler has it
    bool over;
    bool draining;

    struct wf_frame_reader frames; // of a framed request
    struct wf_buf body;            // of a bare one
    size_t buffered;               // bytes of these counted in the server's
    unsigned n_messages;
    ProtobufCMessage *request; // in arena

    struct wf_deadline deadline;
    wf_mono_ns began;
    uint64_t timeout; // as asked for, in ns; UINT64_MAX: none

    void *user;
    void (*on_over)(struct wf_call *, void *user);
    void (*on_writable)(struct wf_call *, void *user);
    void (*on_drain)(struct wf_call *, void *user);
    void (*on_message)(struct wf_call *, void *user, const ProtobufCMessage *message);

    struct wf_header metadata[WF_CALL_METADATA_MAX];
    size_t n_metadata;
    struct wf_identity peer;
    struct wf_bump arena; // last: its first block need not be cleared
};

// A call for the exchange, with one reference, the exchange's own. NULL when out of memory.
struct wf_call *wf_call_new(struct wf_rpc_server *s, struct wf_exchange *ex);

// The client is gone, or the connection.
void wf_call_closed(struct wf_call *call);

// A received message into memory of a.
int wf_call_decode(struct wf_call *call, const uint8_t *data, size_t len, struct wf_bump *a,
                   ProtobufCMessage **out, struct wf_err *err);

// Fill h (WF_CALL_HEADERS_MAX) with content type and response metadata; returns how many.
size_t wf_call_headers(const struct wf_call *call, const char *content_type, struct wf_header *h);
// Start the response if that has not been done; len is the body's length if it is bare.
void wf_call_start(struct wf_call *call, size_t len);

// server.c's side.
uv_loop_t *wf_rpc_server_loop(const struct wf_rpc_server *s);
const struct wf_schema *wf_rpc_server_schema(const struct wf_rpc_server *s);
struct wf_buf *
wf_rpc_server_scratch(struct wf_rpc_server *s); // emptied; for one message on its way
void wf_rpc_server_over(struct wf_rpc_server *s, struct wf_call *call, int code);
void wf_rpc_server_account(struct wf_rpc_server *s, struct wf_call *call, size_t buffered);

#endif
