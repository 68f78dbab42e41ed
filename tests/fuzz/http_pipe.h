// SPDX-License-Identifier: Apache-2.0
// A transport of nothing and a handler that echoes, for the fuzzers of HTTP sessions.
#ifndef WF_TESTS_FUZZ_HTTP_PIPE_H
#define WF_TESTS_FUZZ_HTTP_PIPE_H

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "http/session.h"

struct fuzz_pipe {
    uint64_t now;
    size_t written;
    unsigned begun, over;
    bool wake, closed, choked;
};

static inline int fuzz_write(void *ctx, const uint8_t *data, size_t len)
{
    struct fuzz_pipe *p = ctx;
    (void)data;
    p->written += len;
    return WF_OK;
}

static inline bool fuzz_may_write(void *ctx)
{
    struct fuzz_pipe *p = ctx;
    return !p->closed && !p->choked;
}

static inline size_t fuzz_queued(void *ctx)
{
    return ((struct fuzz_pipe *)ctx)->choked ? 1000000 : 0;
}

static inline void fuzz_wake(void *ctx)
{
    ((struct fuzz_pipe *)ctx)->wake = true;
}

static inline void fuzz_pause(void *ctx, bool on)
{
    (void)ctx, (void)on;
}

static inline void fuzz_close(void *ctx, bool graceful)
{
    (void)graceful;
    ((struct fuzz_pipe *)ctx)->closed = true;
}

static inline uint64_t fuzz_now(void *ctx)
{
    return ((struct fuzz_pipe *)ctx)->now;
}

static inline void fuzz_begin(void *ctx, struct wf_exchange *ex)
{
    struct wf_buf *body = malloc(sizeof *body);
    WF_ASSERT(body != NULL);
    wf_buf_init(body, 1024 * 1024);
    wf_exchange_set_user(ex, body);
    ((struct fuzz_pipe *)ctx)->begun++;
    WF_ASSERT(wf_exchange_method(ex) && wf_exchange_path(ex)[0] == '/');
}

static inline void fuzz_data(struct wf_exchange *ex, void *user, const uint8_t *data, size_t len)
{
    wf_buf_append(user, data, len);
    // Paths decide, so that the fuzzer can: answer early, keep the bytes, or give them back.
    if (wf_exchange_path(ex)[1] == 'e')
        wf_exchange_reset(ex);
    else if (wf_exchange_path(ex)[1] != 'k')
        wf_exchange_consume(ex, len);
}

static inline void fuzz_end(struct wf_exchange *ex, void *user)
{
    const struct wf_buf *body = user;
    wf_exchange_reply(ex, 200, "text/plain", body->data, body->len);
}

static inline struct fuzz_pipe **fuzz_current(void)
{
    static struct fuzz_pipe *p;
    return &p;
}

static inline void fuzz_closed(struct wf_exchange *ex, void *user, int code)
{
    (void)ex, (void)code;
    wf_buf_free(user);
    free(user);
    (*fuzz_current())->over++;
}

static inline void fuzz_step(struct fuzz_pipe *p, struct wf_http_session *s)
{
    for (int i = 0; i < 100 && p->wake && !p->closed; i++) {
        p->wake = false;
        s->ops->writable(s);
    }
}

// A byte of the input says how much of the rest comes next, and whether time passes or the output
// is stuck meanwhile.
static inline void
fuzz_session(struct wf_http_session *(*make)(struct wf_http_shared *, const struct wf_transport *),
             const uint8_t *prefix, size_t prefix_len, const uint8_t *data, size_t size)
{
    static const struct wf_transport_ops ops = {fuzz_write, fuzz_may_write, fuzz_queued, fuzz_wake,
                                                fuzz_pause, fuzz_close,     fuzz_now};
    struct fuzz_pipe p = {.now = 1};
    struct wf_identity nobody = {0};
    struct wf_http_shared shared;
    const struct wf_http_handler handler = {
        .ctx = &p, .begin = fuzz_begin, .data = fuzz_data, .end = fuzz_end, .closed = fuzz_closed};
    const struct wf_transport t = {.ops = &ops, .ctx = &p, .peer = &nobody, .address = "fuzz"};
    *fuzz_current() = &p;
    wf_http_shared_init(&shared, &handler, NULL);
    struct wf_http_session *s = make(&shared, &t);
    WF_ASSERT(s != NULL);
    if (prefix_len > 0)
        s->ops->read(s, prefix, prefix_len);
    while (size > 1 && !p.closed) {
        size_t n = 1 + (data[0] & 0x3f) * 8u;
        p.choked = data[0] & 0x40;
        if (data[0] & 0x80) {
            p.now += 997;
            s->ops->tick(s, p.now);
        }
        data++, size--;
        n = n < size ? n : size;
        if (!p.closed)
            s->ops->read(s, data, n);
        data += n, size -= n;
        fuzz_step(&p, s);
    }
    p.choked = false;
    fuzz_step(&p, s);
    s->ops->lost(s);
    WF_ASSERT(p.begun == p.over);
    wf_http_shared_free(&shared);
}

#endif
