// SPDX-License-Identifier: Apache-2.0
// What an HTTP/1.1 and an HTTP/2 session have in common: the connection beneath them, behind a few
// functions so that a test or a fuzzer can be the connection, and the server around them.
#ifndef WF_HTTP_SESSION_H
#define WF_HTTP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/metrics.h"
#include "http/exchange.h"
#include "http/server.h"

struct wf_transport_ops {
    int (*write)(void *ctx, const uint8_t *data, size_t len); // as wf_conn_write()
    bool (*may_write)(void *ctx);
    size_t (*queued)(void *ctx);
    void (*wake)(void *ctx); // have the session's writable called soon, never from within
    void (*pause)(void *ctx, bool on);
    void (*close)(void *ctx, bool graceful); // the session's lost follows, later
    uint64_t (*now_ms)(void *ctx);
};

struct wf_transport {
    const struct wf_transport_ops *ops;
    void *ctx;
    const struct wf_identity *peer;
    const char *address;
    uv_loop_t *loop;
};

// What the sessions of one server share.
struct wf_http_shared {
    const struct wf_http_handler *handler;
    struct wf_http_times times;
    struct h2_stream *spare_streams; // to be used again
    unsigned n_spare;
    struct {
        struct wf_metric *requests[3]; // HTTP/1.0, 1.1, 2
        struct wf_metric *rejected;    // malformed, too large, too slow
        struct wf_metric *abusive;     // connections ended for floods
        struct wf_metric *refused;     // streams refused for lack of room
    } metric;
};

struct wf_http_session {
    const struct wf_http_session_ops *ops;
    struct wf_http_shared *shared;
    struct wf_transport transport;
    bool draining;
    bool closing;                        // the transport was told to close
    uint64_t born, last_read;            // now_ms
    uint64_t max_age;                    // of this connection; 0: any
    struct wf_http_session *prev, *next; // the server's list
};

// What the connection tells a session.
struct wf_http_session_ops {
    void (*read)(struct wf_http_session *s, const uint8_t *data, size_t len);
    void (*writable)(struct wf_http_session *s);
    void (*eof)(struct wf_http_session *s);
    void (*drain)(struct wf_http_session *s);
    void (*tick)(struct wf_http_session *s, uint64_t now_ms); // now and then
    void (*lost)(struct wf_http_session *s); // the connection is gone: tells the handler, frees s
};

// Make one; NULL when out of memory.
struct wf_http_session *wf_h2_new(struct wf_http_shared *shared, const struct wf_transport *t);
struct wf_http_session *wf_h1_new(struct wf_http_shared *shared, const struct wf_transport *t);

void wf_http_shared_init(struct wf_http_shared *shared, const struct wf_http_handler *handler,
                         struct wf_metrics *metrics);
void wf_http_shared_free(struct wf_http_shared *shared);

// For the implementations.
void wf_http_session_init(struct wf_http_session *s, const struct wf_http_session_ops *ops,
                          struct wf_http_shared *shared, const struct wf_transport *t);
uint64_t wf_http_now(const struct wf_http_session *s);
void wf_http_session_close(struct wf_http_session *s, bool graceful);

#endif
