// SPDX-License-Identifier: Apache-2.0
#include "rpc/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "proto/validate.h"
#include "rpc/call_internal.h"
#include "rpc/json.h"
#include "watchfire/v1/common.pb-c.h"

// --- life ---------------------------------------------------------------------------------------

struct wf_call *wf_call_new(struct wf_rpc_server *s, struct wf_exchange *ex)
{
    struct wf_call *call = malloc(sizeof *call);

    WF_ASSERT(s != NULL && ex != NULL);
    if (call == NULL)
        return NULL;
    memset(call, 0, offsetof(struct wf_call, arena));
    wf_bump_init(&call->arena, WF_CALL_MEMORY_MAX);
    call->refs = 1;
    call->server = s;
    call->ex = ex;
    call->timeout = UINT64_MAX;
    const struct wf_identity *peer = wf_exchange_peer(ex);
    if (peer != NULL)
        call->peer = *peer;
    return call;
}

struct wf_call *wf_call_ref(struct wf_call *call)
{
    WF_ASSERT(call->refs > 0);
    call->refs++;
    return call;
}

void wf_call_unref(struct wf_call *call)
{
    WF_ASSERT(call->refs > 0);
    if (--call->refs > 0)
        return;
    WF_ASSERT(call->ex == NULL && call->over);
    wf_bump_free(&call->arena);
    free(call);
}

// The call is over, whoever ended it: no timer, nothing more to read, the handler knows.
static void settle(struct wf_call *call, int code)
{
    void (*on_over)(struct wf_call *, void *) = call->on_over;

    WF_ASSERT(!call->over);
    call->over = true;
    call->on_over = NULL;
    wf_rpc_server_over(call->server, call, code);
    if (call->codec != NULL && call->codec->framed)
        wf_frame_reader_free(&call->frames);
    else if (call->codec != NULL)
        wf_buf_free(&call->body);
    if (on_over != NULL)
        on_over(call, call->user);
}

void wf_call_closed(struct wf_call *call)
{
    WF_ASSERT(call->ex != NULL); // once
    call->ex = NULL;
    if (!call->over)
        settle(call, WF_CANCELLED);
    wf_call_unref(call);
}

// --- what it is ---------------------------------------------------------------------------------

const struct wf_method *wf_call_method(const struct wf_call *call)
{
    return call->method;
}

const ProtobufCMessage *wf_call_request(const struct wf_call *call)
{
    return call->request;
}

const char *wf_call_metadata(const struct wf_call *call, const char *name)
{
    return call->ex != NULL ? wf_exchange_header(call->ex, name) : NULL;
}

const struct wf_identity *wf_call_peer(const struct wf_call *call)
{
    return &call->peer;
}

bool wf_call_over(const struct wf_call *call)
{
    return call->over;
}

void wf_call_set_user(struct wf_call *call, void *user,
                      void (*on_over)(struct wf_call *, void *user))
{
    WF_ASSERT(!call->over || on_over == NULL); // it would never be told
    call->user = user;
    call->on_over = on_over;
}

void wf_call_on_writable(struct wf_call *call, void (*fn)(struct wf_call *, void *user))
{
    call->on_writable = fn;
}

void wf_call_on_drain(struct wf_call *call, void (*fn)(struct wf_call *, void *user))
{
    call->on_drain = fn;
    if (call->draining && !call->over && fn != NULL)
        fn(call, call->user);
}

void wf_call_on_message(struct wf_call *call,
                        void (*fn)(struct wf_call *, void *user, const ProtobufCMessage *message))
{
    WF_ASSERT(call->method->client_streaming);
    call->on_message = fn;
}

void wf_call_set_metadata(struct wf_call *call, const char *name, const char *value)
{
    WF_ASSERT(strncmp(name, "grpc-", 5) != 0 && strncmp(name, "connect-", 8) != 0);
    if (call->over || call->started || call->n_metadata == WF_CALL_METADATA_MAX)
        return;
    char *n = wf_bump_strndup(&call->arena, name, strlen(name));
    char *v = wf_bump_strndup(&call->arena, value, strlen(value));
    if (n != NULL && v != NULL)
        call->metadata[call->n_metadata++] = (struct wf_header){n, v};
}

size_t wf_call_headers(const struct wf_call *call, const char *content_type, struct wf_header *h)
{
    size_t n = 0;

    h[n++] = (struct wf_header){"content-type", content_type};
    for (size_t i = 0; i < call->n_metadata; i++)
        h[n++] = call->metadata[i];
    return n;
}

void wf_call_start(struct wf_call *call, size_t len)
{
    struct wf_header h[WF_CALL_HEADERS_MAX];
    char length[24];

    if (call->started || call->ex == NULL)
        return;
    call->started = true;
    size_t n = wf_call_headers(call, call->codec->content_type[call->json], h);
    if (!call->codec->framed) {
        snprintf(length, sizeof length, "%zu", len);
        h[n++] = (struct wf_header){"content-length", length};
    }
    wf_exchange_respond(call->ex, 200, h, n, false);
}

// --- messages -----------------------------------------------------------------------------------

int wf_call_decode(struct wf_call *call, const uint8_t *data, size_t len, struct wf_bump *a,
                   ProtobufCMessage **out, struct wf_err *err)
{
    const ProtobufCMessageDescriptor *d = call->method->request;

    if (len == 0) // an empty body has no address
        data = (const uint8_t *)"";
    if (call->json)
        return wf_json_read(wf_rpc_server_schema(call->server), d, (const char *)data, len, a, out,
                            err);
    int rc = wf_proto_check(d, data, len, WF_MESSAGE_MAX, err);
    if (rc != WF_OK)
        return rc;
    // Nothing malformed is left: only memory can fail here.
    *out = protobuf_c_message_unpack(d, &a->allocator, len, data);
    if (*out == NULL)
        return wf_fail_reason(err, WF_RESOURCE_EXHAUSTED, "TOO_LONG",
                              "the request takes more than %d bytes when decoded",
                              WF_CALL_MEMORY_MAX);
    return WF_OK;
}

static int put_json(struct wf_call *call, const ProtobufCMessage *message, struct wf_buf *out)
{
    return wf_json_write(wf_rpc_server_schema(call->server), message, 0, out);
}

static int put_message(struct wf_call *call, const ProtobufCMessage *message, struct wf_buf *out)
{
    if (call->json)
        return put_json(call, message, out);
    size_t n = protobuf_c_message_get_packed_size(message);
    if (n == 0) // nothing to reserve, and nothing to be had from an empty buffer
        return WF_OK;
    uint8_t *p = wf_buf_reserve(out, n);
    if (p == NULL)
        return WF_RESOURCE_EXHAUSTED;
    wf_buf_commit(out, protobuf_c_message_pack(message, p));
    return WF_OK;
}

static int put_packed(struct wf_call *call, const uint8_t *data, size_t len, struct wf_buf *out)
{
    if (!call->json)
        return wf_buf_append(out, data, len);
    struct wf_bump a;
    wf_bump_init(&a, WF_CALL_MEMORY_MAX);
    ProtobufCMessage *message =
        protobuf_c_message_unpack(call->method->response, &a.allocator, len, data);
    int rc = message != NULL ? put_json(call, message, out) : WF_RESOURCE_EXHAUSTED;
    wf_bump_free(&a);
    return rc;
}

// Room for the frame's head before the message, if the codec frames.
static struct wf_buf *open_message(struct wf_call *call)
{
    struct wf_buf *out = wf_rpc_server_scratch(call->server);

    if (call->codec->framed)
        wf_buf_append(out, (uint8_t[WF_FRAME_HEAD]){0}, WF_FRAME_HEAD);
    return out;
}

static int write_message(struct wf_call *call, struct wf_buf *out, int rc)
{
    struct wf_err err;

    if (rc != WF_OK || out->failed) {
        wf_fail_reason(&err, WF_RESOURCE_EXHAUSTED, "TOO_LONG",
                       "the answer is larger than %d bytes: ask for less", WF_RESPONSE_MAX);
        wf_call_fail(call, &err, NULL);
        return WF_RESOURCE_EXHAUSTED;
    }
    if (call->codec->framed)
        wf_frame_head(out->data, 0, out->len - WF_FRAME_HEAD);
    wf_call_start(call, out->len);
    if (call->ex != NULL)
        wf_exchange_write(call->ex, out->data, out->len);
    return WF_OK;
}

// --- ends ---------------------------------------------------------------------------------------

static void end(struct wf_call *call, const struct wf_err *err, const struct wf_detail *detail,
                const ProtobufCMessage *message)
{
    wf_call_ref(call);
    settle(call, err != NULL ? (int)err->code : WF_OK);
    if (call->ex != NULL)
        call->codec->end(call, err, detail, message);
    wf_call_unref(call);
}

void wf_call_finish(struct wf_call *call)
{
    if (call->over)
        return;
    WF_ASSERT(call->method->server_streaming);
    end(call, NULL, NULL, NULL);
}

void wf_call_reply(struct wf_call *call, const ProtobufCMessage *response)
{
    if (call->over)
        return;
    WF_ASSERT(!call->method->server_streaming && response->descriptor == call->method->response);
    struct wf_buf *out = open_message(call);
    if (write_message(call, out, put_message(call, response, out)) == WF_OK && !call->over)
        end(call, NULL, NULL, NULL);
}

void wf_call_reply_packed(struct wf_call *call, const uint8_t *data, size_t len)
{
    if (call->over)
        return;
    WF_ASSERT(!call->method->server_streaming);
    struct wf_buf *out = open_message(call);
    if (write_message(call, out, put_packed(call, data, len, out)) == WF_OK && !call->over)
        end(call, NULL, NULL, NULL);
}

// With detail packed, or without when it is too large for a header.
static void fail_packed(struct wf_call *call, const struct wf_err *err,
                        const ProtobufCMessage *message)
{
    enum { DETAIL_MAX = 4096 };
    uint8_t packed[DETAIL_MAX];
    struct wf_detail detail = {message->descriptor->name, packed, 0};

    if (protobuf_c_message_get_packed_size(message) > sizeof packed) {
        end(call, err, NULL, NULL);
        return;
    }
    detail.len = protobuf_c_message_pack(message, packed);
    end(call, err, &detail, message);
}

void wf_call_fail(struct wf_call *call, const struct wf_err *err, const ProtobufCMessage *detail)
{
    char field[200];

    WF_ASSERT(err->code != WF_OK);
    if (call->over)
        return;
    if (detail == NULL && err->reason[0] == '\0') {
        end(call, err, NULL, NULL);
        return;
    }
    Watchfire__V1__ErrorDetail own = WATCHFIRE__V1__ERROR_DETAIL__INIT;
    own.reason = (char *)err->reason;
    own.field = wf_proto_err_field(err, field, sizeof field);
    fail_packed(call, err, detail != NULL ? detail : &own.base);
}

// --- streams ------------------------------------------------------------------------------------

static bool may_send(const struct wf_call *call)
{
    WF_ASSERT(call->method->server_streaming);
    return wf_exchange_queued(call->ex) < WF_STREAM_QUEUE_MAX;
}

bool wf_call_send(struct wf_call *call, const ProtobufCMessage *message)
{
    if (call->over || !may_send(call))
        return false;
    WF_ASSERT(message->descriptor == call->method->response);
    struct wf_buf *out = open_message(call);
    return write_message(call, out, put_message(call, message, out)) == WF_OK;
}

bool wf_call_send_packed(struct wf_call *call, const uint8_t *data, size_t len)
{
    if (call->over || !may_send(call))
        return false;
    struct wf_buf *out = open_message(call);
    return write_message(call, out, put_packed(call, data, len, out)) == WF_OK;
}
