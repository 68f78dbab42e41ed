// SPDX-License-Identifier: Apache-2.0
// gRPC over HTTP/2 (grpc/doc/PROTOCOL-HTTP2.md).
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "rpc/call_internal.h"

// grpc-message and grpc-status-details-bin of one error: longer ones than this do not go out, since
// clients take 8 KiB of trailers by default.
enum { TRAILER_MAX = 6 * 1024 };

static int head(struct wf_call *call, struct wf_err *err)
{
    const char *encoding = wf_exchange_header(call->ex, "grpc-encoding");
    const char *timeout = wf_exchange_header(call->ex, "grpc-timeout");

    if (encoding != NULL && strcmp(encoding, "identity") != 0)
        return wf_fail(err, WF_UNIMPLEMENTED,
                       "unknown compression \"%.40s\": supported encodings are identity", encoding);
    if (timeout != NULL && wf_grpc_timeout_parse(timeout, &call->timeout) != WF_OK)
        return wf_fail(err, WF_INVALID_ARGUMENT,
                       "grpc-timeout must be 1 to 8 digits and one of H, M, S, m, u, n");
    return WF_OK;
}

// The trailers of an end; texts go to *text, which the caller keeps until they are out.
static size_t trailers(const struct wf_err *err, const struct wf_detail *detail,
                       struct wf_buf *text, struct wf_header *h)
{
    static const char *const numbers[WF_CODE_MAX_] = {
        "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"};
    size_t n = 0, details;

    h[n++] = (struct wf_header){"grpc-status", numbers[err != NULL ? err->code : WF_OK]};
    if (err == NULL)
        return n;
    wf_grpc_message_put(text, err->msg);
    wf_buf_putc(text, '\0');
    details = text->len;
    if (detail != NULL)
        wf_grpc_details_put(text, (int)err->code, err->msg, detail);
    wf_buf_putc(text, '\0');
    if (text->failed) // the code alone still tells most
        return n;
    h[n++] = (struct wf_header){"grpc-message", (const char *)text->data};
    if (detail != NULL)
        h[n++] = (struct wf_header){"grpc-status-details-bin", (const char *)text->data + details};
    if (err->code == WF_UNIMPLEMENTED)
        h[n++] = (struct wf_header){"grpc-accept-encoding", "identity"};
    return n;
}

static void end(struct wf_call *call, const struct wf_err *err, const struct wf_detail *detail,
                const ProtobufCMessage *message)
{
    struct wf_header h[WF_CALL_HEADERS_MAX];
    struct wf_buf text;
    size_t n = 0;

    (void)message;
    wf_buf_init(&text, TRAILER_MAX);
    if (err != NULL && !call->started) { // Trailers-Only
        call->started = true;
        n = wf_call_headers(call, call->codec->content_type[call->json], h);
        n += trailers(err, detail, &text, h + n);
        WF_ASSERT(n <= WF_CALL_HEADERS_MAX);
        wf_exchange_respond(call->ex, 200, h, n, true);
    } else {
        wf_call_start(call, 0);
        n = trailers(err, detail, &text, h);
        if (call->ex != NULL)
            wf_exchange_finish(call->ex, h, n);
    }
    wf_buf_free(&text);
}

const struct wf_codec wf_codec_grpc = {
    .framed = true,
    .content_type = {"application/grpc", "application/grpc+json"},
    .head = head,
    .end = end,
};
