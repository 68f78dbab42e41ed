// SPDX-License-Identifier: Apache-2.0
#include "http/exchange.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "http/exchange_internal.h"

// --- towards the handler ---

static const struct wf_http_handler *handler(const struct wf_exchange *ex)
{
    return ex->handler ? ex->handler : ex->session->shared->handler;
}

void wf_exchange_begin(struct wf_exchange *ex)
{
    WF_ASSERT(!ex->responded && !ex->finished && !ex->over);
    WF_ASSERT(!ex->begun && ex->method && ex->path && ex->query && ex->authority);
    int v = ex->version == 20 ? 2 : ex->version - 10;
    wf_metric_add(ex->session->shared->metric.requests[v], 1);
    ex->begun = true;
    ex->no_body = strcmp(ex->method, "HEAD") == 0;
    handler(ex)->begin(handler(ex)->ctx, ex);
}

// A handler that has answered is not bothered with the rest of the request.
void wf_exchange_data(struct wf_exchange *ex, const uint8_t *data, size_t len)
{
    WF_ASSERT(ex->begun);
    if (ex->finished || ex->over || !handler(ex)->data)
        ex->ops->consume(ex, len);
    else
        handler(ex)->data(ex, ex->user, data, len);
}

void wf_exchange_end(struct wf_exchange *ex)
{
    WF_ASSERT(ex->begun);
    if (!ex->finished && !ex->over && handler(ex)->end)
        handler(ex)->end(ex, ex->user);
}

void wf_exchange_writable(struct wf_exchange *ex)
{
    if (ex->begun && !ex->finished && !ex->over && handler(ex)->writable)
        handler(ex)->writable(ex, ex->user);
}

void wf_exchange_drain(struct wf_exchange *ex)
{
    if (ex->begun && !ex->finished && !ex->over && handler(ex)->drain)
        handler(ex)->drain(ex, ex->user);
}

void wf_exchange_closed(struct wf_exchange *ex, int code)
{
    WF_ASSERT(!ex->finished || ex->responded);
    if (ex->begun && handler(ex)->closed)
        handler(ex)->closed(ex, ex->user, code);
    ex->begun = false;
}

void wf_exchange_set_target(struct wf_exchange *ex, char *target)
{
    WF_ASSERT(!ex->begun && target != NULL);
    char *mark = strchr(target, '?');
    if (mark)
        *mark = 0;
    ex->path = target;
    ex->query = mark ? mark + 1 : "";
}

// --- the request ---

void wf_exchange_set_user(struct wf_exchange *ex, void *user)
{
    ex->user = user;
}

void wf_exchange_set_handler(struct wf_exchange *ex, const struct wf_http_handler *h, void *user)
{
    WF_ASSERT(h != NULL);
    ex->handler = h;
    ex->user = user;
}

const char *wf_exchange_method(const struct wf_exchange *ex)
{
    return ex->method;
}

const char *wf_exchange_path(const struct wf_exchange *ex)
{
    return ex->path;
}

const char *wf_exchange_query(const struct wf_exchange *ex)
{
    return ex->query;
}

const char *wf_exchange_authority(const struct wf_exchange *ex)
{
    return ex->authority;
}

int wf_exchange_version(const struct wf_exchange *ex)
{
    return ex->version;
}

const char *wf_exchange_header(const struct wf_exchange *ex, const char *name)
{
    for (size_t i = 0; i < ex->n_headers; i++)
        if (strcmp(ex->headers[i].name, name) == 0)
            return ex->headers[i].value;
    return NULL;
}

const struct wf_header *wf_exchange_header_at(const struct wf_exchange *ex, size_t i)
{
    return i < ex->n_headers ? &ex->headers[i] : NULL;
}

const struct wf_identity *wf_exchange_peer(const struct wf_exchange *ex)
{
    return ex->session->transport.peer;
}

uv_loop_t *wf_exchange_loop(const struct wf_exchange *ex)
{
    return ex->session->transport.loop;
}

bool wf_exchange_draining(const struct wf_exchange *ex)
{
    return ex->session->draining;
}

void wf_exchange_consume(struct wf_exchange *ex, size_t n)
{
    WF_ASSERT(ex->ops != NULL);
    if (n > 0)
        ex->ops->consume(ex, n);
}

// --- the response ---

// Header injection ends here: no line breaks, no control bytes, lower-case names.
static bool allowed(const struct wf_header *h, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uint8_t *name = (const uint8_t *)h[i].name, *value = (const uint8_t *)h[i].value;
        if (!nghttp2_check_header_name(name, strlen(h[i].name)) || h[i].name[0] == ':' ||
            !nghttp2_check_header_value(value, strlen(h[i].value))) {
            wf_log(WF_LOG_ERROR, "response header not allowed", "name", h[i].name, NULL);
            return false;
        }
    }
    return true;
}

int wf_exchange_respond(struct wf_exchange *ex, int status, const struct wf_header *headers,
                        size_t n, bool end)
{
    WF_ASSERT(!ex->responded && status >= 200 && status <= 999);
    WF_ASSERT(n == 0 || headers != NULL);
    if (ex->over || ex->session->closing)
        return WF_UNAVAILABLE;
    if (!allowed(headers, n)) {
        wf_exchange_reset(ex);
        return WF_INVALID_ARGUMENT;
    }
    ex->responded = true;
    ex->no_body |= status == 204 || status == 304;
    bool last = end || ex->no_body;
    int rc = ex->ops->respond(ex, status, headers, n, last);
    if (last)
        ex->finished = true;
    return rc;
}

int wf_exchange_write(struct wf_exchange *ex, const uint8_t *data, size_t len)
{
    WF_ASSERT(ex->responded && (len == 0 || data != NULL));
    if (ex->no_body)
        return WF_OK;
    if (ex->over || ex->finished || ex->session->closing)
        return WF_UNAVAILABLE;
    return len > 0 ? ex->ops->write(ex, data, len) : WF_OK;
}

size_t wf_exchange_queued(const struct wf_exchange *ex)
{
    return ex->ops->queued(ex);
}

void wf_exchange_finish(struct wf_exchange *ex, const struct wf_header *trailers, size_t n)
{
    if (ex->over || ex->finished || ex->session->closing)
        return;
    WF_ASSERT(ex->responded);
    if (!allowed(trailers, n)) {
        wf_exchange_reset(ex);
        return;
    }
    ex->finished = true;
    ex->ops->finish(ex, trailers, n);
}

void wf_exchange_reply(struct wf_exchange *ex, int status, const char *content_type,
                       const void *body, size_t len)
{
    char length[24];
    snprintf(length, sizeof length, "%zu", len);
    const struct wf_header headers[] = {{"content-type", content_type}, {"content-length", length}};
    size_t n = status == 204 || status == 304 ? 0 : 2; // these have no content to describe
    if (wf_exchange_respond(ex, status, headers, n, len == 0) != WF_OK || len == 0)
        return;
    if (wf_exchange_write(ex, body, len) == WF_OK)
        wf_exchange_finish(ex, NULL, 0);
}

void wf_exchange_reset(struct wf_exchange *ex)
{
    if (ex->over || ex->session->closing)
        return;
    ex->over = true;
    ex->ops->reset(ex);
}
