// SPDX-License-Identifier: Apache-2.0
// What the parts of libwatchfire share. One loop thread.
#ifndef WF_CLIENT_INTERNAL_H
#define WF_CLIENT_INTERNAL_H

#include <uv.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/result.h"
#include "client/policy.h"
#include "client/watchfire.h"
#include "http/client.h"
#include "rpc/client_codec.h"
#include "rpc/method.h"
#include "rpc/schema.h"
#include "tls/tls.h"

struct wf_op;
struct wf_channel;

// One connection, from dialing to its last callback. A channel lets go of a connection that drains;
// it then lives on for the calls it carries.
struct wf_link {
    struct wf_client *client;   // NULL: freed
    struct wf_channel *channel; // NULL: let go
    struct wf_http_client *http;
    struct wf_link *prev, *next; // in client->links
};

// A node: its address, and the connection to it that new calls use.
struct wf_channel {
    struct wf_client *client;
    char address[264];
    struct wf_link *link; // NULL: not connected
    bool open;
    wf_mono_ns heard;      // when bytes last came
    struct wf_op *waiting; // calls that wait for the connection
    uv_timer_t *timer;     // bounds the dialing; owned by the loop's close callback
};

struct wf_client {
    uv_loop_t *loop;
    uv_loop_t own_loop;
    bool owns_loop, closing;
    struct wf_tls *tls;
    struct wf_schema *schema;
    struct wf_method_table *methods;
    char *token;
    struct wf_client_options options; // strings not used
    struct wf_channel *channels[WF_POLICY_NODES_MAX];
    unsigned n_channels;
    unsigned preferred; // the node that answered last
    struct wf_link *links;
    struct wf_op *ops;
};

// --- channel.c -----------------------------------------------------------------------------------

struct wf_channel *wf_channel_new(struct wf_client *client, const char *address);
// Requires that no call waits on it or uses it.
void wf_channel_free(struct wf_channel *ch);
// Connect if need be; the op is told by wf_op_connected(), now or later, or by wf_op_failed(),
// later.
void wf_channel_want(struct wf_channel *ch, struct wf_op *op);
void wf_channel_unwant(struct wf_channel *ch, struct wf_op *op);
// The connection is dead as far as anybody can tell: break it.
void wf_channel_break(struct wf_channel *ch);
// The client's channel of that address, added if it is new and there is room; -1 otherwise.
int wf_channel_index(struct wf_client *client, const char *address);

// --- op.c: one call or stream over all its tries -------------------------------------------------

struct wf_op_events {
    void (*message)(void *ctx, ProtobufCMessage *message); // belongs to the callee
    // The last callback; err->code is 0 when it went well. The error is the op's.
    void (*done)(void *ctx, const struct wf_client_error *err);
};

struct wf_op {
    struct wf_client *client;
    const struct wf_method *method; // NULL: refused before the first try
    struct wf_buf body;
    struct wf_policy policy;
    wf_mono_ns deadline; // UINT64_MAX: none
    unsigned idle_ms;    // a stream that is silent for so long is broken; 0: any silence is fine
    bool over;           // done or cancelled: nothing is called any more
    bool answered;       // headers or a message came
    bool writes;         // it is a change
    bool open;           // which a try that is over may have done
    bool paused;
    size_t owed; // bytes that flow control has not been given back
    wf_mono_ns sent;
    enum { WF_OP_PAUSE, WF_OP_CONNECT, WF_OP_SENT } phase;
    struct wf_channel *channel; // WF_OP_CONNECT: that it waits for; WF_OP_SENT: that it uses
    struct wf_http_request *request;
    struct wf_client_reply reply;
    bool replying; // reply is initialised
    struct wf_client_error err;
    struct wf_err told; // what a node answered last, when no try since was heard; else no message
    const struct wf_op_events *events;
    void *ctx;
    uv_timer_t timer;
    struct wf_op *prev, *next;  // in client->ops
    struct wf_op *next_waiting; // in channel->waiting
};

// Begin. Never calls an event before it has returned. NULL only when out of memory.
struct wf_op *wf_op_start(struct wf_client *client, const char *method,
                          const ProtobufCMessage *request,
                          const struct wf_client_call_options *options, bool stream,
                          const struct wf_op_events *events, void *ctx);
// Break it off; no event is called any more.
void wf_op_cancel(struct wf_op *op);
// End it now with that code, telling its owner.
void wf_op_abort(struct wf_op *op, int code, const char *msg);
void wf_op_pause(struct wf_op *op);
void wf_op_resume(struct wf_op *op);

// By the channel.
void wf_op_connected(struct wf_op *op);
void wf_op_failed(struct wf_op *op, const struct wf_err *err);

// --- client.c ------------------------------------------------------------------------------------

void wf_client_error_set(struct wf_client_error *out, const struct wf_err *err);

#endif
