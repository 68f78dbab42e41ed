// SPDX-License-Identifier: Apache-2.0
// One call, whatever it came in as (gRPC, Connect or plain JSON): a decoded request and the ways to
// answer it. Counted references, since the answer may come from another thread's work while the
// client is already gone; all functions on the call's loop thread.
//
// Exactly one of wf_call_reply*, wf_call_fail or wf_call_finish ends a call; on a call that is over
// (cancelled, deadline) they do nothing, so a handler need not look.
#ifndef WF_RPC_CALL_H
#define WF_RPC_CALL_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/clock.h"
#include "base/result.h"
#include "rpc/method.h"
#include "tls/identity.h"

struct wf_call;

struct wf_call *wf_call_ref(struct wf_call *call);
void wf_call_unref(struct wf_call *call);

const struct wf_method *wf_call_method(const struct wf_call *call);
// The decoded request, validated by descriptor (UTF-8, enums). Owned by the call.
const ProtobufCMessage *wf_call_request(const struct wf_call *call);
// Request metadata by lower-case name, or NULL; NULL, too, once the client is gone.
const char *wf_call_metadata(const struct wf_call *call, const char *name);
const struct wf_identity *wf_call_peer(const struct wf_call *call);
bool wf_call_over(const struct wf_call *call);
// Be told when the connection begins to be drained; at once (inside this call) if it is. A watch
// ends with UNAVAILABLE then, what ends by itself goes on.
void wf_call_on_drain(struct wf_call *call, void (*fn)(struct wf_call *, void *user));

// What the handler keeps with the call; on_over (may be NULL) is called once when the call is over,
// for whatever reason, before the last reference goes.
void wf_call_set_user(struct wf_call *call, void *user,
                      void (*on_over)(struct wf_call *, void *user));

// Response metadata, before the first reply or message. Keys lower case; copied. At most 16.
void wf_call_set_metadata(struct wf_call *call, const char *name, const char *value);

// End a unary call with its response, as a message or already packed (gRPC and Connect binary then
// pass it on as it is).
void wf_call_reply(struct wf_call *call, const ProtobufCMessage *response);
void wf_call_reply_packed(struct wf_call *call, const uint8_t *data, size_t len);
// End with an error. detail (may be NULL) is a message sent as google.rpc.Status detail, here
// always watchfire.v1.ErrorDetail; with NULL and a reason in err, one is made of reason and the
// field that the message begins with, if it does.
void wf_call_fail(struct wf_call *call, const struct wf_err *err, const ProtobufCMessage *detail);

// Server streams: send a message; false when the client reads too slowly for it to be queued
// (nothing was sent). on_writable is called when there is room again.
bool wf_call_send(struct wf_call *call, const ProtobufCMessage *message);
bool wf_call_send_packed(struct wf_call *call, const uint8_t *data, size_t len);
void wf_call_on_writable(struct wf_call *call, void (*fn)(struct wf_call *, void *user));
// End a stream well.
void wf_call_finish(struct wf_call *call);

// Client and bidirectional streams (reflection only): called per message, then once with NULL.
void wf_call_on_message(struct wf_call *call,
                        void (*fn)(struct wf_call *, void *user, const ProtobufCMessage *message));

#endif
