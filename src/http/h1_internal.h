// SPDX-License-Identifier: Apache-2.0
// The HTTP/1.1 server session from the inside: h1_request.c (input), h1_response.c (output and the
// exchange's functions), h1_session.c (its life). One exchange at a time; requests that come early
// wait in the input.
#ifndef WF_HTTP_H1_INTERNAL_H
#define WF_HTTP_H1_INTERNAL_H

#include <llhttp.h>

#include "base/buf.h"
#include "http/exchange_internal.h"
#include "http/prescan.h"
#include "http/session.h"

enum { H1_FIELDS_MAX = 128 };

enum h1_phase {
    H1_IDLE, // between requests
    H1_HEAD, // some bytes of a head
    H1_BODY,
    H1_TRAILERS, // behind the last chunk
    H1_ANSWER,   // the request is complete, its response is not
    H1_OVER,     // nothing more is read
};

struct h1 {
    struct wf_exchange ex; // first; of the request under way
    struct wf_http_session base;
    enum h1_phase phase;
    uint64_t phase_at; // now_ms when it began
    struct wf_prescan scan;
    llhttp_t parser;
    struct wf_buf in; // not parsed yet
    size_t in_at;
    bool parsing;       // guards against recursion through the handler
    struct wf_buf head; // what the exchange's strings point into
    struct wf_header fields[H1_FIELDS_MAX];
    uint64_t body_bytes;
    size_t unconsumed;
    bool last_chunk;    // its size line was read
    bool served;        // a request, before this one
    bool paused;        // the transport is, for the handler or for pipelined requests
    bool keep_alive;    // as the request has it
    bool expects;       // 100-continue
    bool chunked;       // the response is
    bool wrote;         // since the handler was last asked for more
    bool close_after;   // the response
    size_t stuck_queue; // the transport's queue when it last changed, and when that was
    uint64_t stuck_at;
};

static inline struct h1 *h1_of_session(struct wf_http_session *s)
{
    return (struct h1 *)((char *)s - offsetof(struct h1, base));
}

// h1_request.c
void wf_h1_process(struct h1 *h1);
void wf_h1_take_input(struct h1 *h1, const uint8_t *data, size_t len);

// h1_response.c
extern const struct wf_exchange_ops wf_h1_exchange_ops;
void wf_h1_wake(struct h1 *h1);
// Answer in the handler's place with an error and end the connection.
void wf_h1_reject(struct h1 *h1, int status, const char *why);
void wf_h1_continue(struct h1 *h1); // 100

// h1_session.c
void wf_h1_set_phase(struct h1 *h1, enum h1_phase phase);

#endif
