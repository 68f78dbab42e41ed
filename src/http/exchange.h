// SPDX-License-Identifier: Apache-2.0
// One HTTP request and its response, the same over HTTP/1.1 and HTTP/2. The sessions (http/h1.h,
// http/h2.h) make exchanges and hand them to the server's one handler; the handler answers through
// the functions below. One loop thread.
//
// A handler keeps the exchange until closed; after that it must not touch it.
#ifndef WF_HTTP_EXCHANGE_H
#define WF_HTTP_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/result.h"
#include "tls/identity.h"

struct wf_exchange;

struct wf_header {
    const char *name; // lower case
    const char *value;
};

struct wf_http_handler {
    void *ctx;
    // The request's headers are complete. Store what belongs to the handler with
    // wf_exchange_set_user(). It may answer at once.
    void (*begin)(void *ctx, struct wf_exchange *ex);
    // A piece of the request's body. The bytes count against flow control until
    // wf_exchange_consume() gives them back.
    void (*data)(struct wf_exchange *ex, void *user, const uint8_t *data, size_t len);
    // The request is complete.
    void (*end)(struct wf_exchange *ex, void *user);
    // There is room for more of the response's body: bytes have gone to the connection and at most
    // WF_RESPONSE_QUEUE_LOW are left here. Not called for a response that is finished.
    void (*writable)(struct wf_exchange *ex, void *user);
    // The connection is being drained (wf_exchange_draining() is true from now on). May be NULL.
    void (*drain)(struct wf_exchange *ex, void *user);
    // The exchange is over: WF_OK when the response went out whole; WF_CANCELLED when the client
    // gave up; else an error. Last callback.
    void (*closed)(struct wf_exchange *ex, void *user, int code);
};

void wf_exchange_set_user(struct wf_exchange *ex, void *user);
// Pass the exchange on: its further callbacks (all but begin) are h's, with user. h outlives it.
void wf_exchange_set_handler(struct wf_exchange *ex, const struct wf_http_handler *h, void *user);

// The request.
const char *wf_exchange_method(const struct wf_exchange *ex);
const char *wf_exchange_path(const struct wf_exchange *ex);  // without the query
const char *wf_exchange_query(const struct wf_exchange *ex); // after '?', or ""
const char *wf_exchange_authority(const struct wf_exchange *ex);
int wf_exchange_version(const struct wf_exchange *ex); // 10, 11 or 20
// A request header's first value by lower-case name, or NULL; or the i-th of all, or NULL past the
// end.
const char *wf_exchange_header(const struct wf_exchange *ex, const char *name);
const struct wf_header *wf_exchange_header_at(const struct wf_exchange *ex, size_t i);
const struct wf_identity *wf_exchange_peer(const struct wf_exchange *ex);
uv_loop_t *wf_exchange_loop(const struct wf_exchange *ex);
// The connection is being drained: a long-lived stream should end soon.
bool wf_exchange_draining(const struct wf_exchange *ex);

// n bytes given to data have been taken in.
void wf_exchange_consume(struct wf_exchange *ex, size_t n);

// Start the response. With end, there is neither body nor trailer (gRPC's Trailers-Only has its
// grpc-status here). Requires that it has not been started. A header that HTTP does not allow, such
// as a line break in a value: WF_INVALID_ARGUMENT, and the exchange is reset.
int wf_exchange_respond(struct wf_exchange *ex, int status, const struct wf_header *headers,
                        size_t n, bool end);
// Queue a piece of the body (copied). WF_UNAVAILABLE when the exchange is over.
int wf_exchange_write(struct wf_exchange *ex, const uint8_t *data, size_t len);
// Bytes queued here and not yet given to the connection.
size_t wf_exchange_queued(const struct wf_exchange *ex);
// End the response, with trailers over HTTP/2 (HTTP/1.1 drops them: Connect needs none).
void wf_exchange_finish(struct wf_exchange *ex, const struct wf_header *trailers, size_t n);
// All at once: status, content type, body.
void wf_exchange_reply(struct wf_exchange *ex, int status, const char *content_type,
                       const void *body, size_t len);
// Break it off (RST_STREAM, or closing an HTTP/1.1 connection).
void wf_exchange_reset(struct wf_exchange *ex);

#endif
