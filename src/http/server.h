// SPDX-License-Identifier: Apache-2.0
// HTTP on TLS connections: gives the listener its "h2" and "http/1.1" protocols and routes what they
// carry to one handler.
#ifndef WF_HTTP_SERVER_H
#define WF_HTTP_SERVER_H

#include "base/metrics.h"
#include "http/exchange.h"
#include "tls/conn.h"

struct wf_http_server;

struct wf_http_server *wf_http_server_new(uv_loop_t *loop, const struct wf_http_handler *handler,
                                          struct wf_metrics *metrics);
// Requires that no connection is left.
void wf_http_server_free(struct wf_http_server *s);

// The two protocols, for struct wf_listener_options. The pointers live as long as the server.
struct wf_conn_proto wf_http_server_h2(struct wf_http_server *s);
struct wf_conn_proto wf_http_server_h1(struct wf_http_server *s);

#endif
