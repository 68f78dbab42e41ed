// SPDX-License-Identifier: Apache-2.0
// The HTTP/2 server session from the inside: h2_session.c (its life: bytes, time, drain),
// h2_callbacks.c (what nghttp2 tells), h2_stream.c (streams as exchanges).
#ifndef WF_HTTP_H2_INTERNAL_H
#define WF_HTTP_H2_INTERNAL_H

#include <nghttp2/nghttp2.h>

#include "base/buf.h"
#include "http/arena.h"
#include "http/exchange_internal.h"
#include "http/session.h"

enum { H2_HEADERS_FIRST = 16 };

struct h2_stream {
    struct wf_exchange ex; // first
    struct h2 *h2;
    int32_t id;
    bool too_large;    // its header list: answered with 431
    bool request_done; // END_STREAM came
    bool sent;         // our END_STREAM left
    bool deferred;     // nghttp2 waits for wf_exchange_write()
    bool hungry;       // in the list of those to be asked for more
    size_t header_bytes, header_room;
    size_t unconsumed; // request bytes the handler has and has not given back
    struct wf_buf out; // response body
    size_t out_at;
    struct wf_header *trailers;
    size_t n_trailers;
    struct h2_stream *prev, *next; // of the session; next also links spare ones
    struct h2_stream *next_hungry;
    struct wf_header first_headers[H2_HEADERS_FIRST];
    struct wf_http_arena arena;
};

enum h2_drain { H2_SERVING, H2_NOTICED, H2_GOING };

struct h2 {
    struct wf_http_session base; // first
    nghttp2_session *ng;
    struct h2_stream *streams;
    unsigned n_streams;
    struct h2_stream *hungry;
    size_t buffered; // request bytes not given back and response bytes not taken, of all streams
    struct wf_buf stash; // input not fed yet: the output is stuck
    bool stuck;          // reading is paused for it
    uint64_t ended_at;
    bool ended; // close once the output is pumped
    bool got_settings;
    enum h2_drain drain;
    uint64_t noticed_at; // when the first GOAWAY was queued
    uint64_t idle_since; // when the last stream ended
    uint64_t ping_at;    // our keepalive ping; 0: none under way
    uint64_t last_ping;  // the client's
    unsigned strikes;    // pings of the client that came too soon
    uint64_t control_at; // when the tokens were last topped up
    unsigned control;    // tokens left for control frames
};

// h2_callbacks.c
nghttp2_session_callbacks *wf_h2_callbacks(void); // made once, never freed; NULL: out of memory

// h2_stream.c
struct h2_stream *wf_h2_stream_new(struct h2 *h2, int32_t id);
void wf_h2_stream_free(struct h2_stream *st);
void wf_h2_stream_reject(struct h2_stream *st, int status);
void wf_h2_stream_hungry(struct h2_stream *st);
void wf_h2_free_spares(struct wf_http_shared *shared);

// h2_session.c
void wf_h2_wake(struct h2 *h2);
void wf_h2_ping_answered(struct h2 *h2, const uint8_t opaque[8]);
// End the connection with a GOAWAY: error is NGHTTP2_..., debug may be "".
void wf_h2_abort(struct h2 *h2, uint32_t error, const char *debug);

#endif
