// SPDX-License-Identifier: Apache-2.0
#include "rpc/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "rpc/call_internal.h"
#include "rpc/connect.h"
#include "rpc/health.h"
#include "rpc/reflection.h"
#include "rpc/route.h"

enum { ROUTES_MAX = 32 };

struct wf_rpc_server {
    uv_loop_t *loop;
    const struct wf_schema *schema;
    const struct wf_method_table *methods;
    struct wf_route routes[ROUTES_MAX];
    size_t n_routes;
    const struct wf_route **route_of; // by place in the method table
    struct wf_deadlines deadlines;
    uv_timer_t *timer;   // for the first of them
    wf_mono_ns timer_at; // UINT64_MAX: not running
    struct wf_buf scratch;
    size_t buffered; // bytes of requests that are not complete
    size_t calls;    // not over
    struct wf_health *health;
    struct wf_reflection reflection;
    struct wf_metric *ended[WF_CODE_MAX_];
    struct wf_metric *seconds;
    struct wf_metric *limit_hit;
};

// --- deadlines ----------------------------------------------------------------------------------

static void arm_timer(struct wf_rpc_server *s);

static struct wf_call *call_of(struct wf_deadline *d)
{
    return (struct wf_call *)(void *)((char *)d - offsetof(struct wf_call, deadline));
}

static void on_timer(uv_timer_t *timer)
{
    struct wf_rpc_server *s = timer->data;
    wf_mono_ns now = wf_clock_mono_ns();
    struct wf_deadline *d;
    struct wf_err err;

    s->timer_at = UINT64_MAX;
    wf_fail(&err, WF_DEADLINE_EXCEEDED, "the deadline passed before there was an answer");
    while ((d = wf_deadlines_first(&s->deadlines)) != NULL && d->at <= now)
        wf_call_fail(call_of(d), &err, NULL);
    arm_timer(s);
}

// Deadlines that are met leave the timer alone: it may fire early, but never late.
static void arm_timer(struct wf_rpc_server *s)
{
    const struct wf_deadline *first = wf_deadlines_first(&s->deadlines);

    if (first == NULL || s->timer_at <= first->at)
        return;
    wf_mono_ns now = wf_clock_mono_ns();
    uint64_t ms = first->at > now ? (first->at - now + 999999) / 1000000 : 0;
    s->timer_at = first->at;
    uv_update_time(s->loop);
    uv_timer_start(s->timer, on_timer, ms, 0);
}

static wf_mono_ns deadline_of(const struct wf_call *call)
{
    uint64_t timeout = call->timeout, at;

    if (!call->method->server_streaming && !call->method->client_streaming) {
        if (timeout == UINT64_MAX)
            timeout = WF_DEADLINE_DEFAULT_MS * 1000000;
        if (timeout > WF_DEADLINE_MAX_MS * 1000000)
            timeout = WF_DEADLINE_MAX_MS * 1000000;
    }
    return __builtin_add_overflow(call->began, timeout, &at) ? UINT64_MAX : at;
}

static int arm(struct wf_rpc_server *s, struct wf_call *call, struct wf_err *err)
{
    wf_mono_ns at = deadline_of(call);

    call->deadline.at = at;
    if (at == UINT64_MAX)
        return WF_OK;
    if (wf_deadlines_add(&s->deadlines, &call->deadline, at) != WF_OK)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "the node is out of memory");
    arm_timer(s);
    return WF_OK;
}

// --- the calls' side ----------------------------------------------------------------------------

const struct wf_schema *wf_rpc_server_schema(const struct wf_rpc_server *s)
{
    return s->schema;
}

uv_loop_t *wf_rpc_server_loop(const struct wf_rpc_server *s)
{
    return s->loop;
}

struct wf_buf *wf_rpc_server_scratch(struct wf_rpc_server *s)
{
    enum { KEEP = 64 * 1024 };

    if (s->scratch.cap > KEEP)
        wf_buf_free(&s->scratch);
    wf_buf_reset(&s->scratch);
    return &s->scratch;
}

void wf_rpc_server_account(struct wf_rpc_server *s, struct wf_call *call, size_t buffered)
{
    WF_ASSERT(s->buffered >= call->buffered);
    s->buffered = s->buffered - call->buffered + buffered;
    call->buffered = buffered;
}

void wf_rpc_server_over(struct wf_rpc_server *s, struct wf_call *call, int code)
{
    WF_ASSERT(s->calls > 0);
    s->calls--;
    wf_deadlines_remove(&s->deadlines, &call->deadline);
    wf_rpc_server_account(s, call, 0);
    wf_metric_add(s->ended[code], 1);
    if (!call->method->server_streaming)
        wf_metric_observe(s->seconds, (double)(wf_clock_mono_ns() - call->began) / 1e9);
}

// --- requests coming in -------------------------------------------------------------------------

static void dispatch(struct wf_call *call)
{
    WF_ASSERT(!call->dispatched && !call->over);
    call->dispatched = true;
    call->route->fn(call->route->ctx, call);
}

static int too_busy(struct wf_err *err)
{
    return wf_fail_reason(err, WF_RESOURCE_EXHAUSTED, "QUEUE_FULL",
                          "the node is reading %d MiB of requests already: try again later",
                          WF_REQUEST_BYTES_MAX / 1024 / 1024);
}

// A message of a client stream, in memory of its own that goes with the callback.
static int take_streamed(struct wf_call *call, const struct wf_frame *f, struct wf_err *err)
{
    struct wf_bump a;
    ProtobufCMessage *message;

    wf_bump_init(&a, WF_CALL_MEMORY_MAX);
    int rc = wf_call_decode(call, f->data, f->len, &a, &message, err);
    if (rc == WF_OK && call->on_message != NULL)
        call->on_message(call, call->user, message);
    wf_bump_free(&a);
    return rc;
}

static int take_message(struct wf_call *call, const struct wf_frame *f, struct wf_err *err)
{
    if ((f->flags & WF_FRAME_COMPRESSED) != 0)
        return wf_fail(err, WF_INTERNAL, "a compressed message without an encoding that says how");
    if (f->flags != 0)
        return wf_fail(err, WF_INVALID_ARGUMENT, "unknown flags in a message's envelope");
    if (call->method->client_streaming)
        return take_streamed(call, f, err);
    if (call->n_messages++ > 0)
        return wf_fail(err, WF_UNIMPLEMENTED, "%s takes one request message, not several",
                       call->method->path);
    return wf_call_decode(call, f->data, f->len, &call->arena, &call->request, err);
}

static int take_frames(struct wf_call *call, const uint8_t *data, size_t len, struct wf_err *err)
{
    struct wf_frame f;
    int got;

    wf_frame_feed(&call->frames, data, len);
    while ((got = wf_frame_next(&call->frames, &f, err)) == 1) {
        int rc = take_message(call, &f, err);
        if (rc != WF_OK)
            return rc;
        if (call->over) // the handler has ended it, the reader is gone
            return WF_OK;
    }
    if (got < 0)
        return (int)err->code;
    wf_rpc_server_account(call->server, call, wf_frame_pending(&call->frames));
    return WF_OK;
}

static int take_body(struct wf_call *call, const uint8_t *data, size_t len, struct wf_err *err)
{
    if (wf_buf_append(&call->body, data, len) != WF_OK)
        return wf_fail_reason(err, WF_RESOURCE_EXHAUSTED, "TOO_LONG",
                              "message of more than %zu bytes", call->body.max);
    wf_rpc_server_account(call->server, call, call->body.len);
    return WF_OK;
}

static void on_data(struct wf_exchange *ex, void *user, const uint8_t *data, size_t len)
{
    struct wf_call *call = wf_call_ref(user);
    struct wf_rpc_server *s = call->server;
    struct wf_err err;
    int rc = WF_OK;

    WF_ASSERT(call->ex == ex);
    if (!call->over && !call->ended)
        rc = call->codec->framed ? take_frames(call, data, len, &err)
                                 : take_body(call, data, len, &err);
    if (rc == WF_OK && s->buffered > WF_REQUEST_BYTES_MAX && !call->over)
        rc = too_busy(&err);
    if (rc != WF_OK) {
        wf_metric_add(s->limit_hit, rc == WF_RESOURCE_EXHAUSTED);
        wf_call_fail(call, &err, NULL);
    }
    if (call->ex != NULL)
        wf_exchange_consume(ex, len);
    wf_call_unref(call);
}

static int complete_framed(struct wf_call *call, struct wf_err *err)
{
    if (wf_frame_pending(&call->frames) > 0)
        return wf_fail(err, WF_INVALID_ARGUMENT, "the request ends within a message");
    if (!call->method->client_streaming && call->n_messages == 0)
        return wf_fail(err, WF_UNIMPLEMENTED, "%s takes one request message, not none",
                       call->method->path);
    return WF_OK;
}

static int complete_bare(struct wf_call *call, struct wf_err *err)
{
    struct wf_connect_query q;

    if (call->codec == &wf_codec_connect_get) {
        int rc = wf_connect_query_parse(wf_exchange_query(call->ex), &call->arena, &q, err);
        if (rc != WF_OK)
            return rc;
        call->json = q.json;
        return wf_call_decode(call, (const uint8_t *)q.message, q.len, &call->arena, &call->request,
                              err);
    }
    if (call->json && call->body.len == 0)
        return wf_fail(err, WF_INVALID_ARGUMENT, "an empty body is not JSON: send at least {}");
    int rc =
        wf_call_decode(call, call->body.data, call->body.len, &call->arena, &call->request, err);
    wf_buf_free(&call->body);
    wf_rpc_server_account(call->server, call, 0);
    return rc;
}

static void on_end(struct wf_exchange *ex, void *user)
{
    struct wf_call *call = wf_call_ref(user);
    struct wf_err err;

    WF_ASSERT(call->ex == ex);
    if (!call->over && !call->ended) {
        call->ended = true;
        int rc = call->codec->framed ? complete_framed(call, &err) : complete_bare(call, &err);
        if (rc != WF_OK)
            wf_call_fail(call, &err, NULL);
        else if (!call->method->client_streaming)
            dispatch(call);
        else if (call->on_message != NULL)
            call->on_message(call, call->user, NULL);
    }
    wf_call_unref(call);
}

static void on_writable(struct wf_exchange *ex, void *user)
{
    struct wf_call *call = wf_call_ref(user);

    WF_ASSERT(call->ex == ex);
    if (!call->over && call->on_writable != NULL)
        call->on_writable(call, call->user);
    wf_call_unref(call);
}

static void on_drain(struct wf_exchange *ex, void *user)
{
    struct wf_call *call = wf_call_ref(user);

    WF_ASSERT(call->ex == ex);
    call->draining = true;
    if (!call->over && call->on_drain != NULL)
        call->on_drain(call, call->user);
    wf_call_unref(call);
}

static void on_closed(struct wf_exchange *ex, void *user, int code)
{
    struct wf_call *call = user;

    (void)code;
    WF_ASSERT(call->ex == ex);
    wf_call_closed(call);
}

static const struct wf_http_handler exchange_handler = {
    .data = on_data,
    .end = on_end,
    .writable = on_writable,
    .drain = on_drain,
    .closed = on_closed,
};

// --- new calls ----------------------------------------------------------------------------------

static const struct wf_route *find_route(const struct wf_rpc_server *s, const char *service,
                                         size_t len)
{
    for (size_t i = 0; i < s->n_routes; i++)
        if (strlen(s->routes[i].service) == len && memcmp(s->routes[i].service, service, len) == 0)
            return &s->routes[i];
    return NULL;
}

// "/package.Service/Method" of a service that is served.
static bool known_service(const struct wf_rpc_server *s, const char *path)
{
    const char *slash = path[0] == '/' ? strchr(path + 1, '/') : NULL;
    return slash != NULL && find_route(s, path + 1, (size_t)(slash - path - 1)) != NULL;
}

static void start_call(struct wf_rpc_server *s, struct wf_exchange *ex, struct wf_call *call)
{
    size_t max = call->json ? WF_JSON_MAX : WF_MESSAGE_MAX;
    struct wf_err err;

    s->calls++;
    call->began = wf_clock_mono_ns();
    if (call->codec->framed)
        wf_frame_reader_init(&call->frames, max);
    else
        wf_buf_init(&call->body, max);
    call->draining = wf_exchange_draining(ex);
    wf_exchange_set_handler(ex, &exchange_handler, call);
    wf_call_ref(call);
    int rc = call->codec->head(call, &err);
    if (rc == WF_OK)
        rc = arm(s, call, &err);
    if (rc != WF_OK)
        wf_call_fail(call, &err, NULL);
    else if (call->method->client_streaming)
        dispatch(call);
    wf_call_unref(call);
}

bool wf_rpc_server_begin(struct wf_rpc_server *s, struct wf_exchange *ex)
{
    const char *path = wf_exchange_path(ex);
    const struct wf_method *m = wf_method_find(s->methods, path);
    const struct wf_route *route = m != NULL ? s->route_of[m - wf_method_at(s->methods, 0)] : NULL;
    struct wf_err err;
    bool json;

    if (route == NULL && !known_service(s, path) &&
        wf_content_of(wf_exchange_header(ex, "content-type"), &json) != WF_CONTENT_GRPC)
        return false;
    const struct wf_codec *codec = wf_route_codec(ex, route != NULL ? m : NULL, &json);
    if (codec == NULL)
        return true;
    struct wf_call *call = wf_call_new(s, ex);
    if (call == NULL) {
        wf_fail(&err, WF_RESOURCE_EXHAUSTED, "the node is out of memory");
        wf_route_refuse(ex, &err);
        return true;
    }
    call->codec = codec;
    call->method = m;
    call->route = route;
    call->json = json;
    start_call(s, ex, call);
    return true;
}

// --- the server ---------------------------------------------------------------------------------

static void make_metrics(struct wf_rpc_server *s, struct wf_metrics *m)
{
    char label[64];

    if (m == NULL)
        return;
    for (int i = 0; i < WF_CODE_MAX_; i++) {
        snprintf(label, sizeof label, "code=\"%s\"", wf_code_name(i));
        s->ended[i] = wf_counter(m, "watchfire_rpc_calls", label, "Calls that ended, by code.");
    }
    s->seconds = wf_histogram(m, "watchfire_rpc_duration_seconds", "",
                              "Unary calls from their headers to their answer.", 0.0001, 30);
    s->limit_hit = wf_counter(m, "watchfire_limit_hits", "limit=\"request_bytes\"",
                              "Requests refused because a limit was hit.");
}

static bool serves(const struct wf_rpc_server *s, const char *service)
{
    return find_route(s, service, strlen(service)) != NULL;
}

static size_t count_methods(const struct wf_method_table *t)
{
    size_t n = 0;

    while (wf_method_at(t, n) != NULL)
        n++;
    return n;
}

static int make_parts(struct wf_rpc_server *s)
{
    s->route_of = calloc(count_methods(s->methods) + 1, sizeof *s->route_of);
    s->timer = malloc(sizeof *s->timer);
    if (s->route_of == NULL || s->timer == NULL)
        return -1;
    s->health = wf_health_new();
    s->reflection = (struct wf_reflection){s->schema, serves, s};
    return s->health != NULL ? 0 : -1;
}

struct wf_rpc_server *wf_rpc_server_new(uv_loop_t *loop, const struct wf_schema *schema,
                                        const struct wf_method_table *methods,
                                        struct wf_metrics *metrics)
{
    struct wf_rpc_server *s = calloc(1, sizeof *s);

    WF_ASSERT(loop != NULL && schema != NULL && methods != NULL);
    if (s == NULL)
        return NULL;
    s->loop = loop;
    s->schema = schema;
    s->methods = methods;
    s->timer_at = UINT64_MAX;
    wf_buf_init(&s->scratch, WF_RESPONSE_MAX + WF_FRAME_HEAD);
    wf_deadlines_init(&s->deadlines);
    make_metrics(s, metrics);
    if (make_parts(s) != 0) {
        wf_health_free(s->health);
        free(s->route_of);
        free(s->timer);
        free(s);
        return NULL;
    }
    uv_timer_init(loop, s->timer);
    s->timer->data = s;
    uv_unref((uv_handle_t *)s->timer);
    wf_rpc_server_handle(s, "grpc.health.v1.Health", wf_health_call, s->health);
    wf_rpc_server_handle(s, "grpc.reflection.v1.ServerReflection", wf_reflection_call,
                         &s->reflection);
    wf_rpc_server_handle(s, "grpc.reflection.v1alpha.ServerReflection", wf_reflection_call,
                         &s->reflection);
    return s;
}

static void free_handle(uv_handle_t *h)
{
    free(h);
}

void wf_rpc_server_free(struct wf_rpc_server *s)
{
    if (s == NULL)
        return;
    WF_ASSERT(s->calls == 0 && s->buffered == 0);
    wf_health_free(s->health);
    wf_deadlines_free(&s->deadlines);
    wf_buf_free(&s->scratch);
    free(s->route_of);
    uv_close((uv_handle_t *)s->timer, free_handle);
    free(s);
}

void wf_rpc_server_handle(struct wf_rpc_server *s, const char *service, wf_rpc_handler fn,
                          void *ctx)
{
    const struct wf_method *m;
    size_t found = 0;

    WF_ASSERT(fn != NULL && s->n_routes < ROUTES_MAX &&
              find_route(s, service, strlen(service)) == NULL);
    struct wf_route *route = &s->routes[s->n_routes++];
    *route = (struct wf_route){service, fn, ctx};
    for (size_t i = 0; (m = wf_method_at(s->methods, i)) != NULL; i++) {
        if (strcmp(m->service, service) != 0)
            continue;
        s->route_of[i] = route;
        found++;
    }
    WF_ASSERT(found > 0);
    wf_health_set(s->health, service, true);
}

void wf_rpc_server_set_health(struct wf_rpc_server *s, const char *service, bool serving)
{
    wf_health_set(s->health, service, serving);
}

void wf_rpc_server_drain(struct wf_rpc_server *s)
{
    wf_health_drain(s->health);
}
