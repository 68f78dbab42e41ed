// SPDX-License-Identifier: Apache-2.0
// A transport made of buffers and a clock made of a number: HTTP sessions without sockets. And a
// handler that notes what it is told and answers by path.
#ifndef WF_TESTS_HTTP_PIPE_H
#define WF_TESTS_HTTP_PIPE_H

#include "base/buf.h"
#include "http/session.h"

struct pipe {
    struct wf_http_handler handler;
    struct wf_http_shared shared;
    struct wf_http_session *session;
    struct wf_buf out; // what the session wrote
    size_t room;       // it may write while out is shorter
    uint64_t now;
    bool wake, paused, closed, graceful;
    struct wf_identity peer;
    // What the handler saw.
    unsigned begun, ended, over, drained, writables;
    int last_code;
    struct wf_exchange *last;
    struct wf_buf log;  // "GET /x?q=1 host\n" and so on
    struct wf_buf body; // of all requests
    bool hold;          // the handler takes bytes and does not give them back
    size_t held;
    bool silent; // the handler does not answer by itself
};

// The handler: /hello answers "hello"; /echo the body; /big?N N bytes as there is room; /trailers
// with trailers; /early at begin; /silent never; others 404.
// Prepare p, zeroed, to be its memory; pipe_new() does so itself.
struct wf_http_handler pipe_handler(struct pipe *p);
void pipe_forget(struct pipe *p);
typedef struct wf_http_session *(*pipe_maker)(struct wf_http_shared *, const struct wf_transport *);
struct pipe *pipe_new(pipe_maker make);
void pipe_free(struct pipe *p);

// Give bytes to the session, in pieces of step (0: whole), and let it write until it has no more to
// say.
void pipe_feed(struct pipe *p, const void *data, size_t len, size_t step);
void pipe_puts(struct pipe *p, const char *text);
void pipe_run(struct pipe *p);
// Let time pass: ticks of ms/10.
void pipe_pass(struct pipe *p, unsigned ms);

#endif
