// SPDX-License-Identifier: Apache-2.0
#include "fake_exchange.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static char *copy(const char *s)
{
    char *c = strdup(s);
    WF_ASSERT(c != NULL);
    return c;
}

struct wf_exchange *fake_new(const char *method, const char *target, int version)
{
    struct wf_exchange *ex = calloc(1, sizeof *ex);

    WF_ASSERT(ex != NULL);
    ex->method = method;
    ex->path = copy(target);
    ex->version = version;
    char *query = strchr(ex->path, '?');
    ex->query = query != NULL ? query + 1 : "";
    if (query != NULL)
        *query = '\0';
    wf_buf_init(&ex->body, 64 * 1024 * 1024);
    return ex;
}

static void put(struct wf_header *list, size_t *n, const char *name, const char *value)
{
    WF_ASSERT(*n < FAKE_HEADERS);
    list[(*n)++] = (struct wf_header){copy(name), copy(value)};
}

void fake_header(struct wf_exchange *ex, const char *name, const char *value)
{
    put(ex->headers, &ex->n_headers, name, value);
}

bool fake_run(struct wf_rpc_server *s, struct wf_exchange *ex, const void *body, size_t len)
{
    if (!wf_rpc_server_begin(s, ex))
        return false;
    if (len > 0)
        fake_data(ex, body, len);
    fake_end(ex);
    return true;
}

void fake_data(struct wf_exchange *ex, const void *data, size_t len)
{
    WF_ASSERT(ex->handler != NULL);
    uint8_t *exact = malloc(len > 0 ? len : 1); // so that a read past the end is seen
    WF_ASSERT(exact != NULL);
    memcpy(exact, data, len);
    ex->handler->data(ex, ex->user, exact, len);
    free(exact);
}

void fake_end(struct wf_exchange *ex)
{
    ex->handler->end(ex, ex->user);
}

static void free_headers(struct wf_header *h, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free((char *)h[i].name);
        free((char *)h[i].value);
    }
}

void fake_close(struct wf_exchange *ex, int code)
{
    if (ex->handler != NULL)
        ex->handler->closed(ex, ex->user, code);
    free_headers(ex->headers, ex->n_headers);
    free_headers(ex->answer, ex->n_answer);
    free_headers(ex->trailers, ex->n_trailers);
    wf_buf_free(&ex->body);
    free(ex->path);
    free(ex);
}

static const char *find(const struct wf_header *h, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(h[i].name, name) == 0)
            return h[i].value;
    return NULL;
}

const char *fake_answer(const struct wf_exchange *ex, const char *name)
{
    const char *v = find(ex->answer, ex->n_answer, name);
    return v != NULL ? v : "";
}

const char *fake_trailer(const struct wf_exchange *ex, const char *name)
{
    const char *v = find(ex->trailers, ex->n_trailers, name);
    return v != NULL ? v : "";
}

const char *fake_text(struct wf_exchange *ex)
{
    const char *s = wf_buf_cstr(&ex->body);
    WF_ASSERT(s != NULL);
    return s;
}

// --- http/exchange.h ----------------------------------------------------------------------------

void wf_exchange_set_user(struct wf_exchange *ex, void *user)
{
    ex->user = user;
}

void wf_exchange_set_handler(struct wf_exchange *ex, const struct wf_http_handler *h, void *user)
{
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
    (void)ex;
    return "localhost";
}

int wf_exchange_version(const struct wf_exchange *ex)
{
    return ex->version;
}

const char *wf_exchange_header(const struct wf_exchange *ex, const char *name)
{
    return find(ex->headers, ex->n_headers, name);
}

const struct wf_header *wf_exchange_header_at(const struct wf_exchange *ex, size_t i)
{
    return i < ex->n_headers ? &ex->headers[i] : NULL;
}

const struct wf_identity *wf_exchange_peer(const struct wf_exchange *ex)
{
    static const struct wf_identity peer = {WF_ID_USER, "test", "ricardo"};
    (void)ex;
    return &peer;
}

uv_loop_t *wf_exchange_loop(const struct wf_exchange *ex)
{
    (void)ex;
    return uv_default_loop();
}

bool wf_exchange_draining(const struct wf_exchange *ex)
{
    return ex->draining;
}

void wf_exchange_consume(struct wf_exchange *ex, size_t n)
{
    ex->consumed += n;
}

int wf_exchange_respond(struct wf_exchange *ex, int status, const struct wf_header *headers,
                        size_t n, bool end)
{
    WF_ASSERT(ex->status == 0);
    ex->status = status;
    for (size_t i = 0; i < n; i++)
        put(ex->answer, &ex->n_answer, headers[i].name, headers[i].value);
    ex->ended_with_headers = ex->finished = end;
    return WF_OK;
}

int wf_exchange_write(struct wf_exchange *ex, const uint8_t *data, size_t len)
{
    WF_ASSERT(ex->status != 0 && !ex->finished);
    if (ex->write_max > 0 && ex->body.len > ex->write_max)
        ex->queued = SIZE_MAX;
    return wf_buf_append(&ex->body, data, len);
}

size_t wf_exchange_queued(const struct wf_exchange *ex)
{
    return ex->queued;
}

void wf_exchange_finish(struct wf_exchange *ex, const struct wf_header *trailers, size_t n)
{
    WF_ASSERT(ex->status != 0 && !ex->finished);
    for (size_t i = 0; i < n; i++)
        put(ex->trailers, &ex->n_trailers, trailers[i].name, trailers[i].value);
    ex->finished = true;
}

void wf_exchange_reply(struct wf_exchange *ex, int status, const char *content_type,
                       const void *body, size_t len)
{
    struct wf_header h = {"content-type", content_type};
    wf_exchange_respond(ex, status, &h, 1, false);
    wf_exchange_write(ex, body, len);
    wf_exchange_finish(ex, NULL, 0);
}

void wf_exchange_reset(struct wf_exchange *ex)
{
    ex->reset = true;
    ex->finished = true;
}
