// SPDX-License-Identifier: Apache-2.0
// Unary calls: started on a loop, or waited for.
#include <stdlib.h>

#include "base/assert.h"
#include "client/internal.h"

struct wf_client_request {
    struct wf_op *op;
    ProtobufCMessage *response;
    wf_client_done done;
    void *ctx;
};

static void on_message(void *ctx, ProtobufCMessage *message)
{
    struct wf_client_request *r = ctx;
    if (r->response)
        protobuf_c_message_free_unpacked(message, NULL); // one too many; the op will say so
    else
        r->response = message;
}

static void on_done(void *ctx, const struct wf_client_error *err)
{
    struct wf_client_request *r = ctx;
    struct wf_client_request copy = *r;
    free(r);
    if (err->code != WF_CLIENT_OK && copy.response) {
        protobuf_c_message_free_unpacked(copy.response, NULL);
        copy.response = NULL;
    }
    copy.done(copy.ctx, copy.response, err);
}

struct wf_client_request *wf_client_start(struct wf_client *client, const char *method,
                                          const ProtobufCMessage *request,
                                          const struct wf_client_call_options *options,
                                          wf_client_done done, void *ctx)
{
    static const struct wf_op_events events = {on_message, on_done};
    struct wf_client_request *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->done = done;
    r->ctx = ctx;
    r->op = wf_op_start(client, method, request, options, false, &events, r);
    if (!r->op) {
        free(r);
        return NULL;
    }
    return r;
}

void wf_client_request_cancel(struct wf_client_request *r)
{
    wf_op_cancel(r->op);
    if (r->response)
        protobuf_c_message_free_unpacked(r->response, NULL);
    free(r);
}

// --- waiting -------------------------------------------------------------------------------------

struct waited {
    ProtobufCMessage *response;
    struct wf_client_error *err;
    int code;
    bool over;
};

// An error outlives its call: what it points to is taken over.
static void keep_error(struct wf_client_error *out, const struct wf_client_error *err)
{
    if (!out)
        return;
    *out = *err;
    ((struct wf_client_error *)err)->detail = NULL;
}

static void on_waited(void *ctx, ProtobufCMessage *response, const struct wf_client_error *err)
{
    struct waited *w = ctx;
    w->response = response;
    w->code = err->code;
    w->over = true;
    keep_error(w->err, err);
}

int wf_client_call(struct wf_client *client, const char *method, const ProtobufCMessage *request,
                   ProtobufCMessage **response, const struct wf_client_call_options *options,
                   struct wf_client_error *err)
{
    WF_ASSERT(client->owns_loop);
    struct waited w = {.err = err};
    wf_client_error_clear(err);
    if (!wf_client_start(client, method, request, options, on_waited, &w)) {
        struct wf_err why;
        wf_client_error_set(err, (wf_fail(&why, WF_RESOURCE_EXHAUSTED, "out of memory"), &why));
        return WF_CLIENT_RESOURCE_EXHAUSTED;
    }
    while (!w.over)
        uv_run(client->loop, UV_RUN_ONCE);
    if (response)
        *response = w.response;
    else if (w.response)
        protobuf_c_message_free_unpacked(w.response, NULL);
    return w.code;
}
