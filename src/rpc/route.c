// SPDX-License-Identifier: Apache-2.0
#include "rpc/route.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "rpc/connect.h"

// --- content types ------------------------------------------------------------------------------

// s is type, or type and parameters.
static bool is_type(const char *s, const char *type)
{
    size_t n = strlen(type);
    return strncasecmp(s, type, n) == 0 && (s[n] == '\0' || s[n] == ';' || s[n] == ' ');
}

enum wf_content wf_content_of(const char *content_type, bool *json)
{
    static const struct {
        const char *type;
        enum wf_content content;
        bool json;
    } types[] = {
        {"application/grpc", WF_CONTENT_GRPC, false},
        {"application/grpc+proto", WF_CONTENT_GRPC, false},
        {"application/grpc+json", WF_CONTENT_GRPC, true},
        {"application/proto", WF_CONTENT_CONNECT, false},
        {"application/json", WF_CONTENT_CONNECT, true},
        {"application/connect+proto", WF_CONTENT_CONNECT_STREAM, false},
        {"application/connect+json", WF_CONTENT_CONNECT_STREAM, true},
        {"application/x-www-form-urlencoded", WF_CONTENT_FORM, true},
    };

    *json = false;
    for (size_t i = 0; content_type != NULL && i < sizeof types / sizeof types[0]; i++) {
        if (!is_type(content_type, types[i].type))
            continue;
        *json = types[i].json;
        return types[i].content;
    }
    return WF_CONTENT_OTHER;
}

// --- refusals -----------------------------------------------------------------------------------

static void ignore_data(struct wf_exchange *ex, void *user, const uint8_t *data, size_t len)
{
    (void)user, (void)data;
    wf_exchange_consume(ex, len);
}

static void ignore(struct wf_exchange *ex, void *user)
{
    (void)ex, (void)user;
}

static void ignore_closed(struct wf_exchange *ex, void *user, int code)
{
    (void)ex, (void)user, (void)code;
}

static const struct wf_http_handler refused = {
    .data = ignore_data,
    .end = ignore,
    .writable = ignore,
    .drain = ignore,
    .closed = ignore_closed,
};

// gRPC's refusal is an answer with status 200.
static void refuse_grpc(struct wf_exchange *ex, const struct wf_err *err)
{
    struct wf_buf text;
    char code[4] = {0};
    struct wf_header h[] = {
        {"content-type", "application/grpc"}, {"grpc-status", code}, {"grpc-message", NULL}};

    wf_buf_init(&text, 4096);
    wf_grpc_message_put(&text, err->msg);
    const char *msg = wf_buf_cstr(&text);
    h[2].value = msg;
    code[0] = (char)(err->code < 10 ? '0' + (int)err->code : '1');
    code[1] = (char)(err->code < 10 ? '\0' : '0' + (int)err->code - 10);
    wf_exchange_respond(ex, 200, h, msg != NULL ? 3 : 2, true);
    wf_buf_free(&text);
}

// HTTP's, with a body in Connect's words. extra may be NULL.
static void refuse_http(struct wf_exchange *ex, int status, const struct wf_err *err,
                        const struct wf_header *extra)
{
    char length[24];
    struct wf_header h[3] = {{"content-type", "application/json"}, {"content-length", length}};
    struct wf_buf body;
    size_t n = 2;

    if (extra != NULL)
        h[n++] = *extra;
    wf_buf_init(&body, 4096);
    wf_connect_error_put(&body, NULL, err, NULL, NULL);
    snprintf(length, sizeof length, "%zu", body.len);
    if (wf_exchange_respond(ex, status, h, n, false) == WF_OK &&
        wf_exchange_write(ex, body.data, body.len) == WF_OK)
        wf_exchange_finish(ex, NULL, 0);
    wf_buf_free(&body);
}

void wf_route_refuse(struct wf_exchange *ex, const struct wf_err *err)
{
    bool json;

    wf_exchange_set_handler(ex, &refused, NULL);
    if (wf_content_of(wf_exchange_header(ex, "content-type"), &json) == WF_CONTENT_GRPC)
        refuse_grpc(ex, err);
    else
        refuse_http(ex, wf_connect_http_status((int)err->code), err, NULL);
}

static void not_found(struct wf_exchange *ex, enum wf_content content)
{
    struct wf_err err;

    wf_fail(&err, WF_UNIMPLEMENTED, "there is no method %.300s", wf_exchange_path(ex));
    wf_exchange_set_handler(ex, &refused, NULL);
    if (content == WF_CONTENT_GRPC)
        refuse_grpc(ex, &err);
    else
        refuse_http(ex, 404, &err, NULL);
}

static void wrong_verb(struct wf_exchange *ex, const struct wf_method *m)
{
    struct wf_err err;
    bool get = m->no_side_effects && !m->client_streaming && !m->server_streaming;
    struct wf_header allow = {"allow", get ? "GET, POST" : "POST"};

    wf_fail(&err, WF_UNIMPLEMENTED, "%s is called with %s, not %.20s", m->path, allow.value,
            wf_exchange_method(ex));
    wf_exchange_set_handler(ex, &refused, NULL);
    refuse_http(ex, 405, &err, &allow);
}

static void wrong_type(struct wf_exchange *ex, const struct wf_method *m)
{
    struct wf_err err;
    bool stream = m->client_streaming || m->server_streaming;
    struct wf_header accept = {
        "accept-post", stream ? "application/connect+json, application/connect+proto, "
                                "application/grpc, application/grpc+json, application/grpc+proto"
                              : "application/json, application/proto, application/grpc, "
                                "application/grpc+json, application/grpc+proto"};

    wf_fail(&err, WF_INVALID_ARGUMENT, "%s takes a content-type of: %s", m->path, accept.value);
    wf_exchange_set_handler(ex, &refused, NULL);
    refuse_http(ex, 415, &err, &accept);
}

static void wrong_version(struct wf_exchange *ex, const struct wf_method *m)
{
    struct wf_err err;

    wf_fail(&err, WF_UNIMPLEMENTED, "%s needs HTTP/2 in this protocol", m->path);
    wf_exchange_set_handler(ex, &refused, NULL);
    refuse_http(ex, 505, &err, NULL);
}

// --- the choice ---------------------------------------------------------------------------------

// A form that a browser sends across sites carries an origin: only a program's is taken for JSON.
static bool from_curl(const struct wf_exchange *ex)
{
    return wf_exchange_header(ex, "origin") == NULL &&
           wf_exchange_header(ex, "sec-fetch-site") == NULL;
}

static const struct wf_codec *by_content(const struct wf_exchange *ex, const struct wf_method *m,
                                         enum wf_content content)
{
    bool stream = m->client_streaming || m->server_streaming;

    switch (content) {
    case WF_CONTENT_GRPC:
        return &wf_codec_grpc;
    case WF_CONTENT_CONNECT_STREAM:
        return stream ? &wf_codec_connect_stream : NULL;
    case WF_CONTENT_CONNECT:
        return stream ? NULL : &wf_codec_connect;
    case WF_CONTENT_FORM:
        return !stream && from_curl(ex) ? &wf_codec_connect : NULL;
    default:
        return NULL;
    }
}

const struct wf_codec *wf_route_codec(struct wf_exchange *ex, const struct wf_method *m, bool *json)
{
    enum wf_content content = wf_content_of(wf_exchange_header(ex, "content-type"), json);
    const char *verb = wf_exchange_method(ex);

    if (m == NULL) {
        not_found(ex, content);
        return NULL;
    }
    if (strcmp(verb, "GET") == 0 && content != WF_CONTENT_GRPC && m->no_side_effects &&
        !m->client_streaming && !m->server_streaming)
        return &wf_codec_connect_get;
    if (strcmp(verb, "POST") != 0) {
        wrong_verb(ex, m);
        return NULL;
    }
    const struct wf_codec *codec = by_content(ex, m, content);
    if (codec == NULL) {
        wrong_type(ex, m);
        return NULL;
    }
    if (wf_exchange_version(ex) < 20 && (content == WF_CONTENT_GRPC || m->client_streaming)) {
        wrong_version(ex, m);
        return NULL;
    }
    return codec;
}
