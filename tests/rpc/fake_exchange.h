// SPDX-License-Identifier: Apache-2.0
// An HTTP exchange without a connection, behind the same functions as the real one: the test plays
// the client and looks at what was answered.
#ifndef WF_TESTS_FAKE_EXCHANGE_H
#define WF_TESTS_FAKE_EXCHANGE_H

#include "base/buf.h"
#include "http/exchange.h"
#include "rpc/server.h"

enum { FAKE_HEADERS = 64 };

struct wf_exchange {
    const char *method;
    char *path;
    const char *query;
    int version;
    struct wf_header headers[FAKE_HEADERS];
    size_t n_headers;
    bool draining;
    const struct wf_http_handler *handler;
    void *user;
    // The answer.
    int status;
    struct wf_header answer[FAKE_HEADERS];
    size_t n_answer;
    struct wf_header trailers[FAKE_HEADERS];
    size_t n_trailers;
    struct wf_buf body;
    size_t queued;    // what wf_exchange_queued() says
    size_t write_max; // when more than this has been written, queued says "full"; 0: never
    size_t consumed;
    bool ended_with_headers;
    bool finished;
    bool reset;
};

// target may have a query. version as wf_exchange_version().
struct wf_exchange *fake_new(const char *method, const char *target, int version);
void fake_header(struct wf_exchange *ex, const char *name, const char *value);
// The whole request: false when it is not the server's. body may be NULL.
bool fake_run(struct wf_rpc_server *s, struct wf_exchange *ex, const void *body, size_t len);
void fake_data(struct wf_exchange *ex, const void *data, size_t len);
void fake_end(struct wf_exchange *ex);
// The exchange ends with code (unless it was refused by begin); then it is freed.
void fake_close(struct wf_exchange *ex, int code);
// A header of the answer, then of its trailers; "" when there is none.
const char *fake_answer(const struct wf_exchange *ex, const char *name);
const char *fake_trailer(const struct wf_exchange *ex, const char *name);
// The body as text.
const char *fake_text(struct wf_exchange *ex);

#endif
