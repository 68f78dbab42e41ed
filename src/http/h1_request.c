// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 input: head, body, trailers. The head is read whole, prescanned, then given to llhttp,
// which also frames the body.
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "http/h1_internal.h"

enum { TRAILERS_MAX = 4096 };

static size_t in_left(const struct h1 *h1)
{
    return h1->in.len - h1->in_at;
}

static const uint8_t *in_data(const struct h1 *h1)
{
    return h1->in.data + h1->in_at;
}

static void take(struct h1 *h1, size_t n)
{
    WF_ASSERT(n <= in_left(h1));
    h1->in_at += n;
    if (in_left(h1) > 0)
        return;
    h1->in_at = 0;
    wf_buf_reset(&h1->in);
}

// --- llhttp's callbacks ---

static struct h1 *h1_of(llhttp_t *parser)
{
    return parser->data;
}

static int on_headers_complete(llhttp_t *parser)
{
    h1_of(parser)->keep_alive = llhttp_should_keep_alive(parser) != 0;
    parser->upgrade = 0; // not taken up: RFC 9110 7.8 has us go on as if it had not been asked for
    return 0;
}

static int on_body(llhttp_t *parser, const char *data, size_t len)
{
    struct h1 *h1 = h1_of(parser);
    h1->body_bytes += len;
    h1->unconsumed += len;
    wf_exchange_data(&h1->ex, (const uint8_t *)data, len);
    return 0;
}

// Extensions mean nothing here and have been a way to smuggle.
static int on_extension(llhttp_t *parser, const char *at, size_t len)
{
    (void)parser, (void)at, (void)len;
    return HPE_USER;
}

static int on_chunk_header(llhttp_t *parser)
{
    if (parser->content_length > 0)
        return 0;
    h1_of(parser)->last_chunk = true;
    return HPE_PAUSED;
}

static int on_message_complete(llhttp_t *parser)
{
    wf_h1_set_phase(h1_of(parser), H1_ANSWER);
    return HPE_PAUSED;
}

static llhttp_settings_t settings = {
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_chunk_extension_name = on_extension,
    .on_chunk_header = on_chunk_header,
    .on_message_complete = on_message_complete,
};

// Run the parser over data. *taken is how far it came. Returns false on an error.
static bool run(struct h1 *h1, const uint8_t *data, size_t len, size_t *taken)
{
    llhttp_errno_t rc = llhttp_execute(&h1->parser, (const char *)data, len);
    *taken = len;
    if (rc == HPE_PAUSED) {
        *taken = (size_t)((const uint8_t *)llhttp_get_error_pos(&h1->parser) - data);
        WF_ASSERT(*taken <= len);
        llhttp_resume(&h1->parser);
        return true;
    }
    return rc == HPE_OK;
}

// --- the head ---

// "http://host/path" is as good as "/path" with that Host (RFC 9112 3.2.2).
static bool set_target(struct h1 *h1, char *target)
{
    struct wf_exchange *ex = &h1->ex;
    const char *host = wf_exchange_header(ex, "host");
    ex->authority = host ? host : "";
    if (strncmp(target, "http://", 7) == 0 || strncmp(target, "https://", 8) == 0) {
        char *authority = strstr(target, "//") + 2;
        size_t n = strcspn(authority, "/?");
        if (n == 0 || authority[n] != '/')
            return false;
        // Shift the authority over the slashes, so that a NUL fits before the path.
        memmove(authority - 1, authority, n);
        authority[n - 1] = 0;
        ex->authority = authority - 1;
        target = authority + n;
    }
    wf_exchange_set_target(ex, target);
    return target[0] == '/';
}

static void begin(struct h1 *h1)
{
    struct wf_exchange *ex = &h1->ex;
    struct wf_head head;
    wf_head_split((char *)h1->head.data, h1->head.len, &head, h1->fields, H1_FIELDS_MAX);
    ex->method = head.method;
    ex->version = head.version;
    ex->headers = h1->fields;
    ex->n_headers = head.n < H1_FIELDS_MAX ? head.n : H1_FIELDS_MAX;
    if (head.n > H1_FIELDS_MAX) {
        wf_h1_reject(h1, 431, "too many header fields");
        return;
    }
    if (!set_target(h1, head.target)) {
        wf_h1_reject(h1, strcmp(head.target, "*") == 0 ? 404 : 400, "a target that is no path");
        return;
    }
    const char *expect = wf_exchange_header(ex, "expect");
    if (expect && strcasecmp(expect, "100-continue") != 0) {
        wf_h1_reject(h1, 417, "only 100-continue can be expected");
        return;
    }
    h1->expects = expect && ex->version == 11 && h1->phase == H1_BODY;
    h1->close_after = !h1->keep_alive || h1->base.draining;
    wf_exchange_begin(ex);
    if (h1->expects && !ex->responded && !ex->over)
        wf_h1_continue(h1);
    if (h1->phase == H1_ANSWER)
        wf_exchange_end(ex);
}

static void head_complete(struct h1 *h1, size_t len)
{
    struct wf_err err = {0};
    size_t taken;
    wf_buf_reset(&h1->head);
    if (wf_buf_append(&h1->head, in_data(h1), len) != WF_OK) {
        wf_h1_reject(h1, 431, "header fields too large");
        return;
    }
    take(h1, len);
    if (wf_prescan_request((const char *)h1->head.data, len, &err) != WF_OK) {
        wf_h1_reject(h1, 400, err.msg);
        return;
    }
    llhttp_init(&h1->parser, HTTP_REQUEST, &settings);
    h1->parser.data = h1;
    h1->last_chunk = false;
    h1->body_bytes = 0;
    wf_h1_set_phase(h1, H1_BODY);
    if (!run(h1, h1->head.data, len, &taken) || taken != len || h1->parser.method == HTTP_CONNECT) {
        wf_h1_reject(h1, 400, "a request that cannot be read");
        return;
    }
    begin(h1);
}

static bool read_head(struct h1 *h1)
{
    if (in_left(h1) == 0)
        return false;
    if (h1->phase == H1_IDLE) {
        wf_h1_set_phase(h1, H1_HEAD);
        h1->scan = (struct wf_prescan){0};
    }
    switch (wf_prescan(&h1->scan, in_data(h1), in_left(h1))) {
    case WF_PRESCAN_DONE:
        if (h1->scan.at > WF_HEADERS_MAX)
            wf_h1_reject(h1, 431, "header fields too large");
        else
            head_complete(h1, h1->scan.at);
        return true;
    case WF_PRESCAN_BAD:
        wf_h1_reject(h1, 400, h1->scan.why);
        return true;
    default:
        if (in_left(h1) <= WF_HEADERS_MAX)
            return false;
        wf_h1_reject(h1, h1->scan.begun ? 431 : 414, "header fields too large");
        return true;
    }
}

// --- the rest ---

static void spoiled(struct h1 *h1, const char *why)
{
    wf_h1_reject(h1, 400, why);
}

static bool read_body(struct h1 *h1)
{
    size_t taken;
    if (in_left(h1) == 0 || h1->unconsumed >= WF_STREAM_WINDOW)
        return false;
    size_t n = in_left(h1) < WF_STREAM_WINDOW ? in_left(h1) : WF_STREAM_WINDOW;
    if (!run(h1, in_data(h1), n, &taken)) {
        spoiled(h1, "a chunk that cannot be read");
        return true;
    }
    take(h1, taken);
    if (h1->phase == H1_ANSWER)
        wf_exchange_end(&h1->ex);
    else if (h1->last_chunk) {
        wf_h1_set_phase(h1, H1_TRAILERS);
        h1->scan = (struct wf_prescan){.trailers = true};
    }
    return true;
}

static bool read_trailers(struct h1 *h1)
{
    struct wf_err err = {0};
    size_t taken;
    if (in_left(h1) == 0)
        return false;
    enum wf_prescan_state state = wf_prescan(&h1->scan, in_data(h1), in_left(h1));
    size_t len = h1->scan.at;
    if (state == WF_PRESCAN_MORE && in_left(h1) <= TRAILERS_MAX)
        return false;
    if (state != WF_PRESCAN_DONE || len > TRAILERS_MAX) {
        spoiled(h1, state == WF_PRESCAN_BAD ? h1->scan.why : "trailers too large");
        return true;
    }
    if (wf_prescan_trailers((const char *)in_data(h1), len, &err) != WF_OK ||
        !run(h1, in_data(h1), len, &taken) || taken != len || h1->phase != H1_ANSWER) {
        spoiled(h1, err.code != WF_OK ? err.msg : "trailers that cannot be read");
        return true;
    }
    take(h1, len);
    wf_exchange_end(&h1->ex);
    return true;
}

// Reading stops while the handler owes us the last bytes, or a client sends requests ahead.
static void set_pause(struct h1 *h1)
{
    bool on = h1->phase != H1_OVER && (h1->unconsumed >= WF_STREAM_WINDOW ||
                                       (h1->phase == H1_ANSWER && in_left(h1) >= WF_PIPELINE_MAX));
    if (on == h1->paused || h1->base.closing)
        return;
    h1->paused = on;
    h1->base.transport.ops->pause(h1->base.transport.ctx, on);
}

static bool step(struct h1 *h1)
{
    switch (h1->phase) {
    case H1_IDLE:
    case H1_HEAD:
        return read_head(h1);
    case H1_BODY:
        return read_body(h1);
    case H1_TRAILERS:
        return read_trailers(h1);
    case H1_OVER:
        take(h1, in_left(h1));
        return false;
    default:
        return false;
    }
}

void wf_h1_process(struct h1 *h1)
{
    if (h1->parsing)
        return;
    h1->parsing = true;
    while (!h1->base.closing && step(h1))
        continue;
    h1->parsing = false;
    set_pause(h1);
}

void wf_h1_take_input(struct h1 *h1, const uint8_t *data, size_t len)
{
    if (h1->in_at > 0) {
        wf_buf_consume(&h1->in, h1->in_at);
        h1->in_at = 0;
    }
    if (wf_buf_append(&h1->in, data, len) != WF_OK)
        wf_http_session_close(&h1->base, false);
}
