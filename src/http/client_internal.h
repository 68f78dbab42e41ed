// SPDX-License-Identifier: Apache-2.0
// The HTTP/2 client from the inside: client.c (the connection), client_request.c (requests and what
// nghttp2 tells of them).
#ifndef WF_HTTP_CLIENT_INTERNAL_H
#define WF_HTTP_CLIENT_INTERNAL_H

#include <nghttp2/nghttp2.h>

#include "base/limits.h"
#include "http/arena.h"
#include "http/client.h"

enum { REQUEST_HEADERS_MAX = 64 };

struct wf_http_request {
    struct wf_http_client *client;
    const struct wf_http_response_events *events; // NULL once cancelled
    void *ctx;
    int32_t id;
    bool sent;     // its HEADERS left
    bool ended;    // the response came whole
    bool is_final; // the final header section of the response came
    int status;
    struct wf_err err; // ours, code WF_OK: none
    size_t unconsumed;
    size_t header_bytes, n_headers;
    struct wf_header headers[REQUEST_HEADERS_MAX]; // of the section being received
    struct wf_http_arena arena;
    struct wf_http_request *prev, *next;
    size_t body_len, body_at;
    uint8_t body[];
};

struct wf_http_client {
    struct wf_conn *conn; // NULL once closed
    nghttp2_session *ng;
    uv_timer_t timer;
    const struct wf_http_client_events *events;
    void *ctx;
    char authority[WF_ADDRESS_MAX + 1];
    bool is_open;  // handshake done
    bool draining; // GOAWAY came, or something as final
    bool ending;   // close it once the goodbye is out
    bool closing;  // the connection was told to close
    struct wf_http_request *requests;
    unsigned n_requests;
    uint64_t last_read, ping_at; // ping_at 0: none under way
    struct wf_err err;           // why it ends, where the connection does not know
};

nghttp2_session_callbacks *wf_http_client_callbacks(void); // made once; NULL: out of memory
// Tell the request's user the end and free it.
void wf_http_request_end(struct wf_http_request *r, const struct wf_err *err, bool processed);
// Nothing is left to do on a connection that drains: close it.
void wf_http_client_settle(struct wf_http_client *c);

#endif
