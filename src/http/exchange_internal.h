// SPDX-License-Identifier: Apache-2.0
// An exchange from the inside: embedded first in an HTTP/2 stream and in an HTTP/1.1 session.
#ifndef WF_HTTP_EXCHANGE_INTERNAL_H
#define WF_HTTP_EXCHANGE_INTERNAL_H

#include "http/exchange.h"
#include "http/session.h"

struct wf_exchange_ops {
    int (*respond)(struct wf_exchange *ex, int status, const struct wf_header *headers, size_t n,
                   bool end);
    int (*write)(struct wf_exchange *ex, const uint8_t *data, size_t len);
    size_t (*queued)(const struct wf_exchange *ex);
    void (*finish)(struct wf_exchange *ex, const struct wf_header *trailers, size_t n);
    void (*reset)(struct wf_exchange *ex);
    void (*consume)(struct wf_exchange *ex, size_t n);
};

struct wf_exchange {
    const struct wf_exchange_ops *ops;
    struct wf_http_session *session;
    const struct wf_http_handler *handler; // NULL: the server's
    void *user;
    const char *method, *path, *query, *authority;
    int version;
    struct wf_header *headers;
    size_t n_headers;
    bool begun;     // the handler knows it
    bool responded; // the status is on its way
    bool no_body;   // HEAD, 204, 304: what is written is dropped
    bool finished;  // the response is complete
    bool over;      // reset by us
};

// What the sessions tell the handler.
void wf_exchange_begin(struct wf_exchange *ex);
void wf_exchange_data(struct wf_exchange *ex, const uint8_t *data, size_t len);
void wf_exchange_end(struct wf_exchange *ex);
void wf_exchange_writable(struct wf_exchange *ex);
void wf_exchange_drain(struct wf_exchange *ex);
void wf_exchange_closed(struct wf_exchange *ex, int code);

// "/path?query" in place: cuts target at the '?'.
void wf_exchange_set_target(struct wf_exchange *ex, char *target);

#endif
