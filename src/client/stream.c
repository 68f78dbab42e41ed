// SPDX-License-Identifier: Apache-2.0
// Server streams: on a loop, or read message by message.
#include <stdlib.h>

#include "base/assert.h"
#include "client/internal.h"

struct wf_client_stream {
    struct wf_op *op;
    struct wf_client_stream_events events;
    void *ctx;
};

static void on_message(void *ctx, ProtobufCMessage *message)
{
    struct wf_client_stream *s = ctx;
    s->events.message(s->ctx, message);
}

static void on_done(void *ctx, const struct wf_client_error *err)
{
    struct wf_client_stream *s = ctx;
    struct wf_client_stream copy = *s;
    free(s);
    copy.events.closed(copy.ctx, err);
}

struct wf_client_stream *wf_client_stream_open(struct wf_client *client, const char *method,
                                               const ProtobufCMessage *request,
                                               const struct wf_client_call_options *options,
                                               const struct wf_client_stream_events *events,
                                               void *ctx)
{
    static const struct wf_op_events op_events = {on_message, on_done};
    struct wf_client_stream *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->events = *events;
    s->ctx = ctx;
    s->op = wf_op_start(client, method, request, options, true, &op_events, s);
    if (!s->op) {
        free(s);
        return NULL;
    }
    return s;
}

void wf_client_stream_pause(struct wf_client_stream *s)
{
    wf_op_pause(s->op);
}

void wf_client_stream_resume(struct wf_client_stream *s)
{
    wf_op_resume(s->op);
}

void wf_client_stream_cancel(struct wf_client_stream *s)
{
    wf_op_cancel(s->op);
    free(s);
}

// --- reading -------------------------------------------------------------------------------------

enum { QUEUE_MAX = 64 }; // messages read ahead before the server is held back

struct queued {
    ProtobufCMessage *message;
    struct queued *next;
};

struct wf_client_reader {
    struct wf_client *client;
    struct wf_client_stream *stream; // NULL: closed
    struct queued *first, **last;
    unsigned n;
    bool failed; // out of memory
    struct wf_client_error end;
};

static void on_queued(void *ctx, ProtobufCMessage *message)
{
    struct wf_client_reader *r = ctx;
    struct queued *q = malloc(sizeof(*q));
    if (!q || r->failed) {
        protobuf_c_message_free_unpacked(message, NULL);
        free(q);
        r->failed = true;
        return;
    }
    *q = (struct queued){.message = message};
    *r->last = q;
    r->last = &q->next;
    if (++r->n == QUEUE_MAX)
        wf_client_stream_pause(r->stream);
}

static void on_ended(void *ctx, const struct wf_client_error *err)
{
    struct wf_client_reader *r = ctx;
    r->stream = NULL;
    r->end = *err;
    ((struct wf_client_error *)err)->detail = NULL; // taken over
}

static int out_of_memory(struct wf_client_error *err)
{
    struct wf_err why;
    wf_fail(&why, WF_RESOURCE_EXHAUSTED, "out of memory");
    wf_client_error_set(err, &why);
    return WF_CLIENT_RESOURCE_EXHAUSTED;
}

int wf_client_read_open(struct wf_client_reader **out, struct wf_client *client, const char *method,
                        const ProtobufCMessage *request,
                        const struct wf_client_call_options *options, struct wf_client_error *err)
{
    static const struct wf_client_stream_events events = {on_queued, on_ended};
    WF_ASSERT(client->owns_loop);
    wf_client_error_clear(err);
    struct wf_client_reader *r = calloc(1, sizeof(*r));
    if (!r)
        return out_of_memory(err);
    r->client = client;
    r->last = &r->first;
    r->stream = wf_client_stream_open(client, method, request, options, &events, r);
    if (!r->stream) {
        free(r);
        return out_of_memory(err);
    }
    *out = r;
    return WF_CLIENT_OK;
}

static ProtobufCMessage *take(struct wf_client_reader *r)
{
    struct queued *q = r->first;
    if (!q)
        return NULL;
    ProtobufCMessage *message = q->message;
    r->first = q->next;
    if (!r->first)
        r->last = &r->first;
    free(q);
    if (r->n-- == QUEUE_MAX && r->stream)
        wf_client_stream_resume(r->stream);
    return message;
}

static void on_waited(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

static void on_timer_closed(uv_handle_t *h)
{
    *(bool *)h->data = true;
}

// Run the loop until there is something to give out, or wait_ms are over (0: never).
static void wait_for_more(struct wf_client_reader *r, unsigned wait_ms)
{
    uv_timer_t timer;
    bool late = false, closed = false;
    if (wait_ms > 0) {
        int rc = uv_timer_init(r->client->loop, &timer);
        WF_ASSERT(rc == 0);
        timer.data = &late;
        rc = uv_timer_start(&timer, on_waited, wait_ms, 0);
        WF_ASSERT(rc == 0);
    }
    while (!r->first && r->stream && !r->failed && !late)
        uv_run(r->client->loop, UV_RUN_ONCE);
    if (wait_ms > 0) {
        timer.data = &closed;
        uv_close((uv_handle_t *)&timer, on_timer_closed);
        while (!closed)
            uv_run(r->client->loop, UV_RUN_ONCE);
    }
}

int wf_client_read(struct wf_client_reader *r, ProtobufCMessage **message, unsigned wait_ms,
                   struct wf_client_error *err)
{
    wf_client_error_clear(err);
    if (!r->first && r->stream)
        wait_for_more(r, wait_ms);
    *message = take(r);
    if (*message)
        return WF_CLIENT_OK;
    if (r->failed)
        return out_of_memory(err);
    if (r->stream) {
        struct wf_err why;
        wf_fail(&why, WF_DEADLINE_EXCEEDED, "no message within %u ms", wait_ms);
        wf_client_error_set(err, &why);
        return WF_CLIENT_DEADLINE_EXCEEDED;
    }
    int code = r->end.code;
    if (err) {
        *err = r->end;
        r->end.detail = NULL;
    }
    return code;
}

void wf_client_read_close(struct wf_client_reader *r)
{
    ProtobufCMessage *message;
    if (r->stream)
        wf_client_stream_cancel(r->stream);
    r->stream = NULL;
    while ((message = take(r)))
        protobuf_c_message_free_unpacked(message, NULL);
    wf_client_error_clear(&r->end);
    free(r);
}
