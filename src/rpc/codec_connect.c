// SPDX-License-Identifier: Apache-2.0
// Connect over HTTP/1.1 and HTTP/2 (connectrpc.com/docs/protocol): unary calls by POST and GET, and
// streams in envelopes.
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "rpc/call_internal.h"
#include "rpc/connect.h"
#include "rpc/json.h"

enum { ERROR_MAX = 64 * 1024 };

static int check_encoding(const struct wf_call *call, const char *header, struct wf_err *err)
{
    const char *encoding = wf_exchange_header(call->ex, header);

    if (encoding == NULL || *encoding == '\0' || strcmp(encoding, "identity") == 0)
        return WF_OK;
    return wf_fail(err, WF_UNIMPLEMENTED,
                   "unknown compression \"%.40s\": supported encodings are identity", encoding);
}

static int head(struct wf_call *call, struct wf_err *err)
{
    const char *version = wf_exchange_header(call->ex, "connect-protocol-version");
    const char *timeout = wf_exchange_header(call->ex, "connect-timeout-ms");

    if (version != NULL && strcmp(version, "1") != 0)
        return wf_fail(err, WF_INVALID_ARGUMENT,
                       "connect-protocol-version must be 1, not \"%.20s\"", version);
    if (timeout != NULL && wf_connect_timeout_parse(timeout, &call->timeout) != WF_OK)
        return wf_fail(err, WF_INVALID_ARGUMENT, "connect-timeout-ms must be 1 to 10 digits");
    return check_encoding(
        call, call->codec->framed ? "connect-content-encoding" : "content-encoding", err);
}

// --- unary --------------------------------------------------------------------------------------

static void end_error(struct wf_call *call, const struct wf_err *err,
                      const struct wf_detail *detail, const ProtobufCMessage *message)
{
    struct wf_header h[WF_CALL_HEADERS_MAX];
    struct wf_buf body;
    char length[24];
    size_t n = wf_call_headers(call, "application/json", h);

    if (err->code == WF_UNIMPLEMENTED)
        h[n++] = (struct wf_header){"accept-encoding", "identity"};
    wf_buf_init(&body, ERROR_MAX);
    wf_connect_error_put(&body, wf_rpc_server_schema(call->server), err, detail, message);
    if (body.failed) {
        wf_buf_reset(&body);
        wf_buf_printf(&body, "{\"code\":\"%s\"}", wf_connect_code_name((int)err->code));
    }
    snprintf(length, sizeof length, "%zu", body.len);
    h[n++] = (struct wf_header){"content-length", length};
    call->started = true;
    wf_exchange_respond(call->ex, wf_connect_http_status((int)err->code), h, n, false);
    if (call->ex != NULL)
        wf_exchange_write(call->ex, body.data, body.len);
    if (call->ex != NULL)
        wf_exchange_finish(call->ex, NULL, 0);
    wf_buf_free(&body);
}

static void end_unary(struct wf_call *call, const struct wf_err *err,
                      const struct wf_detail *detail, const ProtobufCMessage *message)
{
    if (err == NULL)
        wf_exchange_finish(call->ex, NULL, 0);
    else if (!call->started)
        end_error(call, err, detail, message);
    else
        wf_exchange_reset(call->ex); // the body is on its way: it must not look whole
}

// --- streams ------------------------------------------------------------------------------------

static void end_stream(struct wf_call *call, const struct wf_err *err,
                       const struct wf_detail *detail, const ProtobufCMessage *message)
{
    struct wf_buf b;

    wf_buf_init(&b, ERROR_MAX);
    wf_buf_append(&b, (uint8_t[WF_FRAME_HEAD]){0}, WF_FRAME_HEAD);
    if (err == NULL) {
        wf_buf_puts(&b, "{}");
    } else {
        wf_buf_puts(&b, "{\"error\":");
        wf_connect_error_put(&b, wf_rpc_server_schema(call->server), err, detail, message);
        wf_buf_putc(&b, '}');
    }
    wf_call_start(call, 0);
    if (b.failed && call->ex != NULL) {
        wf_exchange_reset(call->ex);
    } else if (call->ex != NULL) {
        wf_frame_head(b.data, WF_FRAME_END_STREAM, b.len - WF_FRAME_HEAD);
        wf_exchange_write(call->ex, b.data, b.len);
        if (call->ex != NULL)
            wf_exchange_finish(call->ex, NULL, 0);
    }
    wf_buf_free(&b);
}

const struct wf_codec wf_codec_connect = {
    .content_type = {"application/proto", "application/json"},
    .head = head,
    .end = end_unary,
};

const struct wf_codec wf_codec_connect_get = {
    .content_type = {"application/proto", "application/json"},
    .head = head,
    .end = end_unary,
};

const struct wf_codec wf_codec_connect_stream = {
    .framed = true,
    .content_type = {"application/connect+proto", "application/connect+json"},
    .head = head,
    .end = end_stream,
};
