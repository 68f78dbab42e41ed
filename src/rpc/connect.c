// SPDX-License-Identifier: Apache-2.0
#include "rpc/connect.h"

#include <string.h>

#include "base/assert.h"
#include "rpc/base64.h"
#include "rpc/json.h"

static const struct {
    const char *name;
    int status;
} codes[WF_CODE_MAX_] = {
    [WF_OK] = {"ok", 200},
    [WF_CANCELLED] = {"canceled", 499},
    [WF_UNKNOWN] = {"unknown", 500},
    [WF_INVALID_ARGUMENT] = {"invalid_argument", 400},
    [WF_DEADLINE_EXCEEDED] = {"deadline_exceeded", 504},
    [WF_NOT_FOUND] = {"not_found", 404},
    [WF_ALREADY_EXISTS] = {"already_exists", 409},
    [WF_PERMISSION_DENIED] = {"permission_denied", 403},
    [WF_RESOURCE_EXHAUSTED] = {"resource_exhausted", 429},
    [WF_FAILED_PRECONDITION] = {"failed_precondition", 400},
    [WF_ABORTED] = {"aborted", 409},
    [WF_OUT_OF_RANGE] = {"out_of_range", 400},
    [WF_UNIMPLEMENTED] = {"unimplemented", 501},
    [WF_INTERNAL] = {"internal", 500},
    [WF_UNAVAILABLE] = {"unavailable", 503},
    [WF_DATA_LOSS] = {"data_loss", 500},
    [WF_UNAUTHENTICATED] = {"unauthenticated", 401},
};

int wf_connect_http_status(int code)
{
    WF_ASSERT(code >= 0 && code < WF_CODE_MAX_);
    return codes[code].status;
}

const char *wf_connect_code_name(int code)
{
    WF_ASSERT(code >= 0 && code < WF_CODE_MAX_);
    return codes[code].name;
}

int wf_connect_timeout_parse(const char *s, uint64_t *ns)
{
    uint64_t ms = 0;
    int digits = 0;

    for (; *s >= '0' && *s <= '9' && digits <= 10; s++, digits++)
        ms = ms * 10 + (uint64_t)(*s - '0');
    if (digits < 1 || digits > 10 || *s != '\0')
        return WF_INVALID_ARGUMENT;
    *ns = ms * 1000000;
    return WF_OK;
}

int wf_connect_error_put(struct wf_buf *out, const struct wf_schema *s, const struct wf_err *err,
                         const struct wf_detail *detail, const ProtobufCMessage *message)
{
    WF_ASSERT(err->code != WF_OK);
    wf_buf_printf(out, "{\"code\":\"%s\",\"message\":", wf_connect_code_name(err->code));
    wf_json_put_string(out, err->msg, strlen(err->msg));
    if (detail != NULL) {
        wf_buf_printf(out, ",\"details\":[{\"type\":\"%s\",\"value\":\"", detail->type);
        wf_base64_put(out, detail->data, detail->len, false);
        wf_buf_puts(out, "\"");
        if (message != NULL && wf_schema_type(s, message->descriptor) != NULL) {
            wf_buf_puts(out, ",\"debug\":");
            wf_json_write(s, message, 0, out);
        }
        wf_buf_puts(out, "}]");
    }
    return wf_buf_putc(out, '}');
}

// --- GET ----------------------------------------------------------------------------------------

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Percent-decode n bytes (and '+' to a space) into out; how many came of it, or -1.
static long unescape(const char *s, size_t n, char *out)
{
    char *start = out;

    for (size_t i = 0; i < n; i++) {
        if (s[i] == '%') {
            if (i + 2 >= n || hex(s[i + 1]) < 0 || hex(s[i + 2]) < 0)
                return -1;
            *out++ = (char)(hex(s[i + 1]) << 4 | hex(s[i + 2]));
            i += 2;
        } else {
            *out++ = s[i] == '+' ? ' ' : s[i];
        }
    }
    return out - start;
}

struct params {
    const char *message; // decoded
    size_t len;
    const char *encoding;
    const char *compression;
    const char *version;
    bool base64;
};

static bool named(const char *s, size_t n, const char *name)
{
    return n == strlen(name) && memcmp(s, name, n) == 0;
}

// One "name=value" of n bytes; unknown ones are ignored.
static int read_param(const char *s, size_t n, struct wf_bump *a, struct params *p,
                      struct wf_err *err)
{
    const char *eq = memchr(s, '=', n);
    size_t name = eq != NULL ? (size_t)(eq - s) : n;
    size_t len = eq != NULL ? n - name - 1 : 0;
    char *value = wf_bump_alloc(a, len + 1);

    if (value == NULL)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "the query is too long");
    long got = len > 0 ? unescape(eq + 1, len, value) : 0;
    if (got < 0)
        return wf_fail(err, WF_INVALID_ARGUMENT, "the query has a broken %% escape");
    value[got] = '\0';
    if (named(s, name, "message"))
        p->message = value, p->len = (size_t)got;
    else if (named(s, name, "encoding"))
        p->encoding = value;
    else if (named(s, name, "compression"))
        p->compression = value;
    else if (named(s, name, "connect"))
        p->version = value;
    else if (named(s, name, "base64"))
        p->base64 = strcmp(value, "1") == 0;
    return WF_OK;
}

static int check_params(const struct params *p, struct wf_err *err)
{
    if (p->message == NULL)
        return wf_fail(err, WF_INVALID_ARGUMENT, "a GET needs ?encoding=json&message=...");
    if (p->encoding == NULL ||
        (strcmp(p->encoding, "json") != 0 && strcmp(p->encoding, "proto") != 0))
        return wf_fail(err, WF_INVALID_ARGUMENT, "?encoding= must be json or proto");
    if (p->compression != NULL && strcmp(p->compression, "identity") != 0 && *p->compression != 0)
        return wf_fail(err, WF_UNIMPLEMENTED,
                       "unknown compression \"%.40s\": supported encodings are identity",
                       p->compression);
    if (p->version != NULL && strcmp(p->version, "v1") != 0)
        return wf_fail(err, WF_INVALID_ARGUMENT, "?connect= must be v1");
    return WF_OK;
}

static int decode_message(struct wf_bump *a, struct params *p, struct wf_err *err)
{
    uint8_t *bytes = wf_bump_alloc(a, WF_BASE64_DECODED_MAX(p->len) + 1);
    if (bytes == NULL)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "the query is too long");
    long n = wf_base64_decode(p->message, p->len, bytes);
    if (n < 0)
        return wf_fail(err, WF_INVALID_ARGUMENT, "?message= is not base64");
    p->message = (const char *)bytes;
    p->len = (size_t)n;
    return WF_OK;
}

int wf_connect_query_parse(const char *query, struct wf_bump *a, struct wf_connect_query *out,
                           struct wf_err *err)
{
    struct params p = {0};
    int rc = WF_OK;

    while (*query != '\0' && rc == WF_OK) {
        size_t n = strcspn(query, "&");
        rc = read_param(query, n, a, &p, err);
        query += n + (query[n] == '&');
    }
    if (rc == WF_OK)
        rc = check_params(&p, err);
    if (rc == WF_OK && p.base64)
        rc = decode_message(a, &p, err);
    if (rc == WF_OK)
        *out = (struct wf_connect_query){p.message, p.len, strcmp(p.encoding, "json") == 0};
    return rc;
}
