// SPDX-License-Identifier: Apache-2.0
#include "rpc/client_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"

enum { TOKEN_MAX = 300, DETAIL_MAX = 64 * 1024 };

// --- the request --------------------------------------------------------------------------------

static void add(struct wf_client_headers *out, const char *name, const char *value)
{
    WF_ASSERT(out->n < WF_CLIENT_HEADERS_MAX);
    out->h[out->n++] = (struct wf_header){name, value};
}

int wf_client_headers(struct wf_client_headers *out, uint64_t timeout, const char *token)
{
    out->n = 0;
    add(out, "content-type", "application/grpc");
    add(out, "te", "trailers");
    add(out, "user-agent", "watchfire/" WF_VERSION);
    if (timeout != UINT64_MAX)
        add(out, "grpc-timeout", wf_grpc_timeout_format(timeout, out->timeout));
    if (token == NULL)
        return WF_OK;
    for (const char *p = token; *p != '\0'; p++)
        if (*p <= 0x20 || *p >= 0x7f)
            return WF_INVALID_ARGUMENT;
    if (strlen(token) > TOKEN_MAX)
        return WF_INVALID_ARGUMENT;
    snprintf(out->authorization, sizeof out->authorization, "Bearer %s", token);
    add(out, "authorization", out->authorization);
    return WF_OK;
}

int wf_client_put(struct wf_buf *out, const ProtobufCMessage *message)
{
    size_t n = protobuf_c_message_get_packed_size(message);
    uint8_t *p = wf_buf_reserve(out, WF_FRAME_HEAD + n);

    if (p == NULL)
        return WF_RESOURCE_EXHAUSTED;
    wf_frame_head(p, 0, n);
    wf_buf_commit(out, WF_FRAME_HEAD + protobuf_c_message_pack(message, p + WF_FRAME_HEAD));
    return WF_OK;
}

// --- the reply ----------------------------------------------------------------------------------

void wf_client_reply_init(struct wf_client_reply *r,
                          void (*on_message)(void *ctx, const uint8_t *data, size_t len), void *ctx)
{
    *r = (struct wf_client_reply){.on_message = on_message, .ctx = ctx};
    wf_frame_reader_init(&r->frames, WF_RESPONSE_MAX);
}

void wf_client_reply_free(struct wf_client_reply *r)
{
    wf_frame_reader_free(&r->frames);
    if (r->detail != NULL)
        watchfire__v1__error_detail__free_unpacked(r->detail, NULL);
    r->detail = NULL;
}

static const char *find(const struct wf_header *h, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(h[i].name, name) == 0)
            return h[i].value;
    return NULL;
}

// grpc/doc/http-grpc-status-mapping.md: an answer that is not gRPC's, of a proxy most likely.
static enum wf_code code_of_http(int status)
{
    switch (status) {
    case 400:
        return WF_INTERNAL;
    case 401:
        return WF_UNAUTHENTICATED;
    case 403:
        return WF_PERMISSION_DENIED;
    case 404:
        return WF_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return WF_UNAVAILABLE;
    default:
        return WF_UNKNOWN;
    }
}

static void read_detail(struct wf_client_reply *r, const char *value)
{
    struct wf_buf scratch;
    struct wf_detail d;
    const ProtobufCMessageDescriptor *type = &watchfire__v1__error_detail__descriptor;
    ProtobufCMessage *message;

    wf_buf_init(&scratch, DETAIL_MAX);
    if (r->detail == NULL && wf_grpc_details_find(value, type->name, &scratch, &d) &&
        wf_client_unpack(type, d.data, d.len, &message, NULL) == WF_OK) {
        r->detail = (Watchfire__V1__ErrorDetail *)message;
        snprintf(r->err.reason, sizeof r->err.reason, "%s", r->detail->reason);
    }
    wf_buf_free(&scratch);
}

static void read_status(struct wf_client_reply *r, const struct wf_header *h, size_t n)
{
    const char *status = find(h, n, "grpc-status");
    const char *message = find(h, n, "grpc-message");
    const char *details = find(h, n, "grpc-status-details-bin");
    char *end;

    if (status == NULL || r->has_status)
        return;
    long code = strtol(status, &end, 10);
    if (end == status || *end != '\0' || code < 0 || code >= WF_CODE_MAX_)
        code = WF_UNKNOWN;
    r->has_status = true;
    r->err = (struct wf_err){.code = (enum wf_code)code};
    snprintf(r->err.msg, sizeof r->err.msg, "%s", message != NULL ? message : "");
    wf_grpc_message_decode(r->err.msg);
    if (code != WF_OK && details != NULL)
        read_detail(r, details);
    if (code != WF_OK && r->err.msg[0] == '\0')
        snprintf(r->err.msg, sizeof r->err.msg, "the server says %s", wf_code_name((int)code));
}

static bool is_grpc(const char *type)
{
    const char grpc[] = "application/grpc";
    size_t n = sizeof grpc - 1;
    return type != NULL && strncmp(type, grpc, n) == 0 &&
           (type[n] == '\0' || type[n] == '+' || type[n] == ';');
}

void wf_client_reply_headers(struct wf_client_reply *r, int status, const struct wf_header *h,
                             size_t n, bool end)
{
    r->has_headers = true;
    if (status != 200 || !is_grpc(find(h, n, "content-type"))) {
        r->has_status = true;
        wf_fail(&r->err, status == 200 ? WF_UNKNOWN : code_of_http(status),
                "the answer is not gRPC but HTTP status %d: is this a Watchfire node?", status);
        return;
    }
    const char *encoding = find(h, n, "grpc-encoding");
    if (encoding != NULL && strcmp(encoding, "identity") != 0) {
        r->has_status = true;
        wf_fail(&r->err, WF_INTERNAL, "the server compresses its answer, which was not asked for");
    }
    if (end)
        read_status(r, h, n);
}

int wf_client_reply_data(struct wf_client_reply *r, const uint8_t *data, size_t len)
{
    struct wf_frame f;
    int got;

    if (r->has_status) // not gRPC's body
        return (int)r->err.code;
    wf_frame_feed(&r->frames, data, len);
    while ((got = wf_frame_next(&r->frames, &f, &r->err)) == 1) {
        if (f.flags != 0) {
            r->has_status = true;
            return wf_fail(&r->err, WF_INTERNAL, "the server sent a message with flags %u",
                           f.flags);
        }
        r->n_messages++;
        r->on_message(r->ctx, f.data, f.len);
    }
    if (got < 0)
        r->has_status = true;
    return got < 0 ? (int)r->err.code : WF_OK;
}

void wf_client_reply_trailers(struct wf_client_reply *r, const struct wf_header *h, size_t n)
{
    read_status(r, h, n);
}

int wf_client_reply_closed(struct wf_client_reply *r, const struct wf_err *err)
{
    if (r->has_status && r->err.code == WF_OK && wf_frame_pending(&r->frames) > 0)
        return wf_fail(&r->err, WF_INTERNAL, "the answer ends within a message");
    if (r->has_status)
        return (int)r->err.code;
    if (err != NULL && err->code != WF_OK)
        r->err = *err;
    else
        wf_fail(&r->err, WF_UNAVAILABLE, "the connection ended before the answer did");
    return (int)r->err.code;
}

int wf_client_unpack(const ProtobufCMessageDescriptor *d, const uint8_t *data, size_t len,
                     ProtobufCMessage **out, struct wf_err *err)
{
    WF_ASSERT(d != NULL && (data != NULL || len == 0));
    *out = protobuf_c_message_unpack(d, NULL, len, data);
    if (*out == NULL)
        return wf_fail(err, WF_INTERNAL, "the server sent a %s that cannot be read", d->short_name);
    return WF_OK;
}
