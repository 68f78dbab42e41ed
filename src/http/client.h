// SPDX-License-Identifier: Apache-2.0
// An HTTP/2 client connection: many requests on one TLS connection. One loop thread.
#ifndef WF_HTTP_CLIENT_H
#define WF_HTTP_CLIENT_H

#include "http/exchange.h"
#include "tls/conn.h"

struct wf_http_client;
struct wf_http_request;

struct wf_http_client_events {
    void (*open)(void *ctx); // ready for requests
    // Over; every request has been told before. Last callback; then the client is freed. refused
    // counts as an error of the connection: err says why, in words for a person.
    void (*closed)(void *ctx, const struct wf_err *err);
};

struct wf_http_client *wf_http_client_dial(uv_loop_t *loop, struct wf_tls *t, const char *host_port,
                                           const struct wf_http_client_events *events, void *ctx);
void wf_http_client_close(struct wf_http_client *c);
// The server has said GOAWAY: open another connection for new requests.
bool wf_http_client_draining(const struct wf_http_client *c);

struct wf_http_response_events {
    // Response headers (also those of a Trailers-Only answer, then with end).
    void (*headers)(void *ctx, int status, const struct wf_header *h, size_t n, bool end);
    void (*data)(void *ctx, const uint8_t *data, size_t len); // give back with .._consume
    void (*trailers)(void *ctx, const struct wf_header *h, size_t n);
    // Over: WF_OK, or why not. processed is false when the server certainly did nothing with it
    // (REFUSED_STREAM, GOAWAY below its id, never sent): safe to send again elsewhere. Last
    // callback.
    void (*closed)(void *ctx, const struct wf_err *err, bool processed);
};

// Start a request with method and path and the whole body. Returns NULL when the connection cannot
// take one now (closing, or too many streams).
struct wf_http_request *wf_http_client_request(struct wf_http_client *c, const char *method,
                                               const char *path, const struct wf_header *headers,
                                               size_t n, const void *body, size_t len,
                                               const struct wf_http_response_events *events,
                                               void *ctx);
void wf_http_request_consume(struct wf_http_request *r, size_t n);
// Give up: RST_STREAM(CANCEL). closed is not called.
void wf_http_request_cancel(struct wf_http_request *r);

#endif
