// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 output. The response goes to the connection as it is written: its queue is the
// connection's.
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/log.h"
#include "http/h1_internal.h"

enum { HEAD_MAX = 64 * 1024 };

static struct h1 *h1_of(struct wf_exchange *ex)
{
    return (struct h1 *)ex;
}

void wf_h1_wake(struct h1 *h1)
{
    h1->base.transport.ops->wake(h1->base.transport.ctx);
}

static int put(struct h1 *h1, const void *data, size_t len)
{
    const struct wf_transport *t = &h1->base.transport;
    if (h1->base.closing)
        return WF_UNAVAILABLE;
    return len > 0 ? t->ops->write(t->ctx, data, len) : WF_OK;
}

static const char *phrase(int status)
{
    static const struct {
        int status;
        const char *text;
    } all[] = {{200, "OK"},
               {201, "Created"},
               {202, "Accepted"},
               {204, "No Content"},
               {301, "Moved Permanently"},
               {302, "Found"},
               {304, "Not Modified"},
               {400, "Bad Request"},
               {401, "Unauthorized"},
               {403, "Forbidden"},
               {404, "Not Found"},
               {405, "Method Not Allowed"},
               {408, "Request Timeout"},
               {409, "Conflict"},
               {413, "Content Too Large"},
               {414, "URI Too Long"},
               {415, "Unsupported Media Type"},
               {417, "Expectation Failed"},
               {429, "Too Many Requests"},
               {431, "Request Header Fields Too Large"},
               {499, "Client Closed Request"},
               {500, "Internal Server Error"},
               {501, "Not Implemented"},
               {503, "Service Unavailable"},
               {504, "Gateway Timeout"}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i].status == status)
            return all[i].text;
    return ""; // RFC 9112 4: may be empty
}

// Framing is ours to say.
static bool is_ours(const char *name)
{
    return strcmp(name, "connection") == 0 || strcmp(name, "transfer-encoding") == 0 ||
           strcmp(name, "keep-alive") == 0;
}

static void put_framing(struct h1 *h1, struct wf_buf *b, int status, bool has_length, bool end)
{
    bool bodiless = status == 204 || status == 304;
    if (end && !has_length && !bodiless && !h1->ex.no_body)
        wf_buf_puts(b, "content-length: 0\r\n");
    h1->chunked = !end && !has_length && h1->ex.version == 11;
    if (h1->chunked)
        wf_buf_puts(b, "transfer-encoding: chunked\r\n");
    else if (!end && !has_length)
        h1->close_after = true; // HTTP/1.0 knows no other end
    // What the client still sends would have to be read through: rather close.
    h1->close_after |= h1->phase < H1_ANSWER || h1->base.draining;
    if (h1->close_after)
        wf_buf_puts(b, "connection: close\r\n");
    else if (h1->ex.version == 10)
        wf_buf_puts(b, "connection: keep-alive\r\n");
    wf_buf_puts(b, "\r\n");
}

static int h1_respond(struct wf_exchange *ex, int status, const struct wf_header *headers, size_t n,
                      bool end)
{
    struct h1 *h1 = h1_of(ex);
    struct wf_buf b;
    bool has_length = false;
    wf_buf_init(&b, HEAD_MAX);
    wf_buf_printf(&b, "HTTP/1.1 %d %s\r\n", status, phrase(status));
    for (size_t i = 0; i < n; i++) {
        if (is_ours(headers[i].name))
            continue;
        has_length |= strcmp(headers[i].name, "content-length") == 0;
        wf_buf_puts(&b, headers[i].name);
        wf_buf_puts(&b, ": ");
        wf_buf_puts(&b, headers[i].value);
        wf_buf_puts(&b, "\r\n");
    }
    put_framing(h1, &b, status, has_length, end);
    int rc = b.failed ? WF_RESOURCE_EXHAUSTED : put(h1, b.data, b.len);
    wf_buf_free(&b);
    if (rc != WF_OK)
        wf_exchange_reset(ex);
    wf_h1_wake(h1);
    return rc;
}

static int h1_write(struct wf_exchange *ex, const uint8_t *data, size_t len)
{
    struct h1 *h1 = h1_of(ex);
    char size[24];
    int n = snprintf(size, sizeof size, "%zx\r\n", len);
    int rc = h1->chunked ? put(h1, size, (size_t)n) : WF_OK;
    if (rc == WF_OK)
        rc = put(h1, data, len);
    if (rc == WF_OK && h1->chunked)
        rc = put(h1, "\r\n", 2);
    h1->wrote = true;
    wf_h1_wake(h1);
    return rc;
}

static size_t h1_queued(const struct wf_exchange *ex)
{
    const struct wf_transport *t = &ex->session->transport;
    return t->ops->queued(t->ctx);
}

static void h1_finish(struct wf_exchange *ex, const struct wf_header *trailers, size_t n)
{
    struct h1 *h1 = h1_of(ex);
    (void)trailers, (void)n; // nobody has asked for them with TE: trailers
    if (h1->chunked)
        (void)put(h1, "0\r\n\r\n", 5); // a failure has closed the connection
    wf_h1_wake(h1);
}

static void h1_reset(struct wf_exchange *ex)
{
    wf_http_session_close(ex->session, false);
}

static void h1_consume(struct wf_exchange *ex, size_t n)
{
    struct h1 *h1 = h1_of(ex);
    WF_ASSERT(n <= h1->unconsumed);
    h1->unconsumed -= n;
    if (h1->paused)
        wf_h1_wake(h1);
}

const struct wf_exchange_ops wf_h1_exchange_ops = {
    .respond = h1_respond,
    .write = h1_write,
    .queued = h1_queued,
    .finish = h1_finish,
    .reset = h1_reset,
    .consume = h1_consume,
};

void wf_h1_continue(struct h1 *h1)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    (void)put(h1, text, sizeof text - 1); // a failure has closed the connection
}

void wf_h1_reject(struct h1 *h1, int status, const char *why)
{
    struct wf_buf b;
    wf_metric_add(h1->base.shared->metric.rejected, 1);
    wf_log(WF_LOG_DEBUG, "HTTP/1.1 request rejected", "peer", h1->base.transport.address, "status",
           wf_log_i(status), "why", why, NULL);
    wf_h1_set_phase(h1, H1_OVER);
    if (!h1->ex.responded) {
        wf_buf_init(&b, 4096);
        wf_buf_printf(&b,
                      "HTTP/1.1 %d %s\r\ncontent-type: text/plain; charset=utf-8\r\n"
                      "content-length: %zu\r\nconnection: close\r\n\r\n%s\n",
                      status, phrase(status), strlen(why) + 1, why);
        if (!b.failed)
            (void)put(h1, b.data, b.len);
        wf_buf_free(&b);
    }
    h1->ex.over = true;
    wf_exchange_closed(&h1->ex, WF_INVALID_ARGUMENT);
    wf_http_session_close(&h1->base, true);
}
