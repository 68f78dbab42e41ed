// SPDX-License-Identifier: Apache-2.0
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/limits.h"
#include "client/internal.h"

enum { STREAM_TRY_MS = 20000 };
static const uint64_t MS = 1000000;

static void begin_try(struct wf_op *op);

// --- the timer -----------------------------------------------------------------------------------

static void on_timer(uv_timer_t *timer);

static void arm(struct wf_op *op, wf_mono_ns at)
{
    wf_mono_ns now = wf_clock_mono_ns();
    if (at > op->deadline)
        at = op->deadline;
    if (at == UINT64_MAX) {
        uv_timer_stop(&op->timer);
        return;
    }
    uv_update_time(op->client->loop);
    // Rounded up: a timer that fires early would find nothing due and spin.
    uint64_t ms = at > now ? (at - now + MS - 1) / MS : 0;
    int rc = uv_timer_start(&op->timer, on_timer, ms, 0);
    WF_ASSERT(rc == 0);
}

// When the running try has waited long enough for an answer.
static wf_mono_ns try_limit(const struct wf_op *op)
{
    const struct wf_client_options *o = &op->client->options;
    if (op->answered)
        return op->idle_ms ? op->channel->heard + op->idle_ms * MS : UINT64_MAX;
    bool elsewhere = op->policy.repeatable && !op->policy.once;
    unsigned ms = op->method->server_streaming && o->try_timeout_ms < STREAM_TRY_MS
                      ? STREAM_TRY_MS
                      : o->try_timeout_ms;
    return elsewhere ? op->sent + ms * MS : UINT64_MAX;
}

// --- the end -------------------------------------------------------------------------------------

static void on_freed(uv_handle_t *h)
{
    struct wf_op *op = h->data;
    if (op->replying)
        wf_client_reply_free(&op->reply);
    wf_buf_free(&op->body);
    wf_client_error_clear(&op->err);
    free(op);
}

// Let go of connection and request; no callback of theirs comes any more.
static void detach(struct wf_op *op)
{
    if (op->phase == WF_OP_CONNECT && op->channel)
        wf_channel_unwant(op->channel, op);
    if (op->request)
        wf_http_request_cancel(op->request);
    op->request = NULL;
    op->channel = NULL;
    op->owed = 0;
}

// The memory stays until the loop has closed the timer: whoever is up the stack may still look.
static void retire(struct wf_op *op)
{
    WF_ASSERT(!op->over);
    op->over = true;
    detach(op);
    if (op->prev)
        op->prev->next = op->next;
    else
        op->client->ops = op->next;
    if (op->next)
        op->next->prev = op->prev;
    uv_close((uv_handle_t *)&op->timer, on_freed);
}

void wf_op_cancel(struct wf_op *op)
{
    if (!op->over)
        retire(op);
}

static void finish(struct wf_op *op)
{
    op->err.tries = op->policy.tries;
    retire(op);
    op->events->done(op->ctx, &op->err);
}

void wf_op_abort(struct wf_op *op, int code, const char *msg)
{
    struct wf_err err;
    wf_fail(&err, (enum wf_code)code, "%s", msg);
    wf_client_error_set(&op->err, &err);
    finish(op);
}

// --- outcomes ------------------------------------------------------------------------------------

static int leader_hint(struct wf_op *op, const Watchfire__V1__ErrorDetail *detail)
{
    if (!detail || !detail->leader_address[0] || op->client->options.no_leader_hints)
        return -1;
    return wf_channel_index(op->client, detail->leader_address);
}

// A node that turned a try away at its door, before it looked whether it knows the request.
static bool turned_away(const char *reason)
{
    return strcmp(reason, "QUEUE_FULL") == 0 || strcmp(reason, "DISK_LOW") == 0 ||
           strcmp(reason, "NO_MEMORY") == 0;
}

// "Nothing was done" is true of the last try alone, when an earlier one may have been.
static void stay_open(struct wf_op *op)
{
    struct wf_err err;
    wf_fail_reason(&err, WF_UNAVAILABLE, "UNKNOWN_OUTCOME",
                   "an earlier try may have been written, and the last one was turned away: %.700s",
                   op->err.message);
    if (op->err.detail)
        watchfire__v1__error_detail__free_unpacked(op->err.detail, NULL);
    op->err.detail = NULL;
    wf_client_error_set(&op->err, &err);
}

// A try has failed: the next one, or the end. Takes detail over.
static void failed_try(struct wf_op *op, const struct wf_err *err,
                       Watchfire__V1__ErrorDetail *detail, bool answered, bool processed)
{
    struct wf_client *c = op->client;
    uint32_t random = 0;
    detach(op);
    wf_client_error_clear(&op->err);
    wf_client_error_set(&op->err, err);
    snprintf(op->err.endpoint, sizeof(op->err.endpoint), "%s",
             c->channels[op->policy.current]->address);
    op->err.detail = detail;
    if (answered)
        op->told = *err;
    else if (processed)
        op->told.msg[0] = '\0'; // may have done what the answer before says was not done
    struct wf_policy_outcome outcome = {.code = err->code,
                                        .reason = err->reason,
                                        .answered = answered,
                                        .processed = processed,
                                        .leader = leader_hint(op, detail)};
    // A stream that has begun is its owner's to mend; a deadline that is over cannot be.
    bool mend = !op->answered && wf_clock_mono_ns() < op->deadline;
    if (RAND_bytes((unsigned char *)&random, sizeof(random)) != 1)
        random = UINT32_MAX / 2; // only jitter
    int64_t pause = mend ? wf_policy_next(&op->policy, &outcome, c->n_channels, random) : -1;
    if (op->open && pause < 0 && turned_away(err->reason))
        stay_open(op);
    if (op->writes && processed && (!answered || strcmp(err->reason, "UNKNOWN_OUTCOME") == 0))
        op->open = true;
    if (pause < 0) {
        if (answered && err->code != WF_UNAVAILABLE)
            c->preferred = op->policy.current;
        finish(op);
        return;
    }
    op->phase = WF_OP_PAUSE;
    op->err.tries = op->policy.tries;
    if (c->options.on_retry)
        c->options.on_retry(c->options.on_retry_ctx, &op->err);
    arm(op, wf_clock_mono_ns() + (uint64_t)pause * MS);
}

void wf_op_failed(struct wf_op *op, const struct wf_err *err)
{
    WF_ASSERT(op->phase == WF_OP_CONNECT && !op->over);
    op->channel = NULL;
    failed_try(op, err, NULL, false, false);
}

// The deadline over all tries. What the last one ran into tells more than that time is up, and what
// a node says ("no leader") more than that another could not be reached.
static void out_of_time(struct wf_op *op)
{
    struct wf_err err;
    char last[800] = "";
    bool told = op->told.msg[0];
    if (told || op->err.message[0])
        snprintf(last, sizeof(last), "; last: %.700s", told ? op->told.msg : op->err.message);
    wf_fail(&err,
            op->policy.tries > 1 || op->phase != WF_OP_SENT ? WF_UNAVAILABLE : WF_DEADLINE_EXCEEDED,
            "no answer in time, tried %u times%s", op->policy.tries, last);
    snprintf(err.reason, sizeof(err.reason), "%s",
             op->open ? "UNKNOWN_OUTCOME"
             : told   ? op->told.reason
                      : op->err.reason);
    wf_client_error_set(&op->err, &err);
    finish(op);
}

static void try_timed_out(struct wf_op *op)
{
    struct wf_channel *ch = op->channel;
    struct wf_err err;
    wf_fail(&err, WF_DEADLINE_EXCEEDED, "%s: no answer", ch->address);
    if (op->answered)
        err.code = WF_UNAVAILABLE;
    bool silent = ch->heard < op->sent || op->answered;
    detach(op);
    if (silent) // not a byte since the call was sent: the way there is dead, for every call
        wf_channel_break(ch);
    failed_try(op, &err, NULL, false, true);
}

static void on_timer(uv_timer_t *timer)
{
    struct wf_op *op = timer->data;
    wf_mono_ns now = wf_clock_mono_ns();
    if (!op->method)
        finish(op); // refused before the first try
    else if (now >= op->deadline)
        out_of_time(op);
    else if (op->phase == WF_OP_PAUSE)
        begin_try(op);
    else if (op->phase == WF_OP_SENT && now >= try_limit(op))
        try_timed_out(op);
    else
        arm(op, op->phase == WF_OP_SENT ? try_limit(op) : UINT64_MAX);
}

// --- one try -------------------------------------------------------------------------------------

static void on_message(void *ctx, const uint8_t *data, size_t len)
{
    struct wf_op *op = ctx;
    ProtobufCMessage *message;
    struct wf_err err;
    if (op->over)
        return;
    if (wf_client_unpack(op->method->response, data, len, &message, &err) != WF_OK) {
        wf_op_abort(op, err.code, err.msg);
        return;
    }
    op->events->message(op->ctx, message);
}

// The first sign of an answer. From now on a stream has no deadline.
static void heard(struct wf_op *op)
{
    op->channel->heard = wf_clock_mono_ns();
    if (op->answered || !op->method->server_streaming)
        return;
    op->answered = true;
    op->deadline = UINT64_MAX;
    op->client->preferred = op->policy.current;
    arm(op, try_limit(op));
}

static void on_headers(void *ctx, int status, const struct wf_header *h, size_t n, bool end)
{
    struct wf_op *op = ctx;
    wf_client_reply_headers(&op->reply, status, h, n, end);
    if (!end && !op->reply.has_status)
        heard(op);
    else
        op->channel->heard = wf_clock_mono_ns();
}

static void on_data(void *ctx, const uint8_t *data, size_t len)
{
    struct wf_op *op = ctx;
    heard(op);
    if (wf_client_reply_data(&op->reply, data, len) != WF_OK && !op->over) {
        struct wf_err none = {0};
        wf_client_reply_closed(&op->reply, &none);
        Watchfire__V1__ErrorDetail *detail = op->reply.detail;
        op->reply.detail = NULL;
        failed_try(op, &op->reply.err, detail, true, true);
        return;
    }
    if (op->over)
        return;
    if (op->paused)
        op->owed += len;
    else
        wf_http_request_consume(op->request, len);
}

static void on_trailers(void *ctx, const struct wf_header *h, size_t n)
{
    struct wf_op *op = ctx;
    op->channel->heard = wf_clock_mono_ns();
    wf_client_reply_trailers(&op->reply, h, n);
}

// A unary answer has exactly one message.
static int check_count(struct wf_op *op)
{
    if (op->method->server_streaming || op->reply.n_messages == 1)
        return WF_OK;
    return wf_fail(&op->reply.err, WF_INTERNAL, "the server answered with %zu messages",
                   op->reply.n_messages);
}

static void on_closed(void *ctx, const struct wf_err *err, bool processed)
{
    struct wf_op *op = ctx;
    op->request = NULL;
    bool answered = op->reply.has_status;
    int rc = wf_client_reply_closed(&op->reply, err);
    if (rc == WF_OK)
        rc = check_count(op);
    Watchfire__V1__ErrorDetail *detail = op->reply.detail;
    op->reply.detail = NULL;
    if (rc != WF_OK) {
        struct wf_err why = op->reply.err;
        if (!answered && why.code != WF_UNAUTHENTICATED)
            why.code = WF_UNAVAILABLE; // whatever befell the connection
        failed_try(op, &why, detail, answered, processed);
        return;
    }
    if (detail)
        watchfire__v1__error_detail__free_unpacked(detail, NULL);
    op->client->preferred = op->policy.current;
    wf_client_error_clear(&op->err);
    finish(op);
}

static void send_request(struct wf_op *op)
{
    static const struct wf_http_response_events events = {on_headers, on_data, on_trailers,
                                                          on_closed};
    struct wf_client_headers headers;
    wf_mono_ns now = wf_clock_mono_ns();
    uint64_t left = op->deadline > now ? op->deadline - now : 1;
    int rc = wf_client_headers(&headers, op->method->server_streaming ? UINT64_MAX : left,
                               op->client->token);
    WF_ASSERT(rc == WF_OK); // wf_client_new() has tried the token
    if (op->replying)
        wf_client_reply_free(&op->reply);
    wf_client_reply_init(&op->reply, on_message, op);
    op->replying = true;
    op->phase = WF_OP_SENT;
    op->sent = now;
    op->request =
        wf_http_client_request(op->channel->link->http, "POST", op->method->path, headers.h,
                               headers.n, op->body.data, op->body.len, &events, op);
    if (op->request) {
        arm(op, try_limit(op));
        return;
    }
    struct wf_err err;
    wf_fail(&err, WF_UNAVAILABLE, "%s: the connection takes no more calls now",
            op->channel->address);
    failed_try(op, &err, NULL, false, false);
}

void wf_op_connected(struct wf_op *op)
{
    WF_ASSERT(op->phase == WF_OP_CONNECT && !op->over);
    send_request(op);
}

static void begin_try(struct wf_op *op)
{
    wf_policy_begin(&op->policy);
    op->phase = WF_OP_CONNECT;
    op->channel = op->client->channels[op->policy.current];
    arm(op, UINT64_MAX);
    wf_channel_want(op->channel, op);
}

// --- the beginning -------------------------------------------------------------------------------

// The request with a request id of ours where it has an empty one.
static int pack(struct wf_op *op, const ProtobufCMessage *request, struct wf_err *err)
{
    const ProtobufCFieldDescriptor *f =
        protobuf_c_message_descriptor_get_field_by_name(request->descriptor, "request_id");
    op->writes = f != NULL;
    op->policy.repeatable = f || op->method->no_side_effects || op->method->server_streaming;
    uint8_t random[16];
    char id[33];
    ProtobufCMessage *copy = NULL;
    if (f && !(*(char *const *)((const char *)request + f->offset))[0]) {
        copy = malloc(request->descriptor->sizeof_message);
        if (!copy || RAND_bytes(random, sizeof(random)) != 1) {
            free(copy);
            return wf_fail(err, WF_INTERNAL, "cannot make a request id");
        }
        memcpy(copy, request, request->descriptor->sizeof_message);
        *(char **)((char *)copy + f->offset) = wf_hex(random, sizeof(random), id);
    }
    int rc = wf_client_put(&op->body, copy ? copy : request);
    free(copy);
    return rc == WF_OK ? rc
                       : wf_fail(err, WF_INVALID_ARGUMENT, "the request is longer than %d bytes",
                                 WF_MESSAGE_MAX);
}

static int prepare(struct wf_op *op, const char *path, const ProtobufCMessage *request, bool stream,
                   const char *endpoint, struct wf_err *err)
{
    const struct wf_method *m = wf_method_find(op->client->methods, path);
    if (!m)
        return wf_fail(err, WF_UNIMPLEMENTED, "there is no method %s", path);
    if (m->client_streaming || m->server_streaming != stream)
        return wf_fail(err, WF_INVALID_ARGUMENT, "%s is %s stream", path,
                       m->server_streaming ? "a" : "no");
    if (strcmp(m->request->name, request->descriptor->name) != 0)
        return wf_fail(err, WF_INVALID_ARGUMENT, "%s takes a %s, not a %s", path, m->request->name,
                       request->descriptor->name);
    op->method = m;
    int rc = pack(op, request, err);
    if (rc == WF_OK && endpoint) {
        int i = wf_channel_index(op->client, endpoint);
        if (i < 0)
            rc = wf_fail(err, WF_INVALID_ARGUMENT, "%s is one endpoint too many", endpoint);
        else
            op->policy.current = (unsigned)i;
    }
    if (rc != WF_OK)
        op->method = NULL;
    return rc;
}

struct wf_op *wf_op_start(struct wf_client *client, const char *method,
                          const ProtobufCMessage *request,
                          const struct wf_client_call_options *options, bool stream,
                          const struct wf_op_events *events, void *ctx)
{
    static const struct wf_client_call_options none = {0};
    WF_ASSERT(!client->closing);
    const struct wf_client_call_options *o = options ? options : &none;
    struct wf_op *op = calloc(1, sizeof(*op));
    if (!op)
        return NULL;
    *op = (struct wf_op){.client = client, .events = events, .ctx = ctx, .next = client->ops};
    wf_buf_init(&op->body, WF_MESSAGE_MAX);
    wf_policy_init(&op->policy, client->preferred, client->options.backoff_ms,
                   client->options.backoff_max_ms);
    op->policy.once = o->once || o->endpoint;
    unsigned timeout = o->timeout_ms ? o->timeout_ms : client->options.timeout_ms;
    op->deadline = wf_clock_mono_ns() + timeout * MS;
    if (client->ops)
        client->ops->prev = op;
    client->ops = op;
    int rc = uv_timer_init(client->loop, &op->timer);
    WF_ASSERT(rc == 0);
    op->timer.data = op;
    struct wf_err err;
    if (prepare(op, method, request, stream, o->endpoint, &err) != WF_OK)
        wf_client_error_set(&op->err, &err);
    op->phase = WF_OP_PAUSE; // the first try begins in the loop: no event before we return
    arm(op, 0);
    return op;
}

void wf_op_pause(struct wf_op *op)
{
    op->paused = true;
}

void wf_op_resume(struct wf_op *op)
{
    op->paused = false;
    if (op->request && op->owed > 0)
        wf_http_request_consume(op->request, op->owed);
    op->owed = 0;
}
