// SPDX-License-Identifier: Apache-2.0
// HTTP on TLS connections: gives the listener its "h2" and "http/1.1" protocols and routes what
// they carry to one handler.
#ifndef WF_HTTP_SERVER_H
#define WF_HTTP_SERVER_H

#include "base/metrics.h"
#include "http/exchange.h"
#include "tls/conn.h"

struct wf_http_server;

// Times in milliseconds; the defaults are in base/limits.h.
struct wf_http_times {
    unsigned request_head;   // first byte to the end of the header fields
    unsigned request_body;   // for a body, plus a millisecond per byte
    unsigned h1_idle;        // between two requests
    unsigned h2_idle;        // without a stream
    unsigned keepalive;      // silence before a ping, with streams
    unsigned keepalive_wait; // for its answer
    unsigned max_age;        // of a connection before it is drained, with 10 % jitter; 0: any
};

struct wf_http_server *wf_http_server_new(uv_loop_t *loop, const struct wf_http_handler *handler,
                                          struct wf_metrics *metrics);
// Set other times, before the first connection.
void wf_http_server_set_times(struct wf_http_server *s, const struct wf_http_times *times);
// Requires that no connection is left. The loop runs on until its handles are closed.
void wf_http_server_free(struct wf_http_server *s);

// The two protocols, for struct wf_listener_options. The pointers live as long as the server.
struct wf_conn_proto wf_http_server_h2(struct wf_http_server *s);
struct wf_conn_proto wf_http_server_h1(struct wf_http_server *s);

#endif
