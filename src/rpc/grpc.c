// SPDX-License-Identifier: Apache-2.0
#include "rpc/grpc.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/result.h"
#include "base/utf8.h"
#include "rpc/base64.h"
#include "rpc/wire.h"

static const struct {
    char name;
    uint64_t ns;
} units[] = {{'n', 1},          {'u', 1000},        {'m', 1000000},
             {'S', 1000000000}, {'M', 60000000000}, {'H', 3600000000000}};

enum { N_UNITS = sizeof units / sizeof units[0] };

int wf_grpc_timeout_parse(const char *s, uint64_t *ns)
{
    uint64_t v = 0;
    int digits = 0;

    for (; *s >= '0' && *s <= '9'; s++, digits++)
        v = v * 10 + (uint64_t)(*s - '0');
    if (digits < 1 || digits > 8 || s[0] == '\0' || s[1] != '\0')
        return WF_INVALID_ARGUMENT;
    for (int i = 0; i < N_UNITS; i++) {
        if (units[i].name != *s)
            continue;
        if (__builtin_mul_overflow(v, units[i].ns, ns))
            *ns = UINT64_MAX;
        return WF_OK;
    }
    return WF_INVALID_ARGUMENT;
}

char *wf_grpc_timeout_format(uint64_t ns, char out[WF_GRPC_TIMEOUT_SIZE])
{
    int i = 0;

    while (i < N_UNITS - 1 && ns / units[i].ns > 99999999)
        i++;
    snprintf(out, WF_GRPC_TIMEOUT_SIZE, "%u%c", (unsigned)(ns / units[i].ns), units[i].name);
    return out;
}

int wf_grpc_message_put(struct wf_buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c >= 0x20 && c <= 0x7e && c != '%')
            wf_buf_putc(out, (char)c);
        else
            wf_buf_printf(out, "%%%02X", c);
    }
    return out->failed ? WF_RESOURCE_EXHAUSTED : WF_OK;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void wf_grpc_message_decode(char *text)
{
    char *out = text;

    for (const char *p = text; *p != '\0'; out++) {
        if (*p == '%' && hex(p[1]) >= 0 && hex(p[2]) >= 0) {
            *out = (char)(hex(p[1]) << 4 | hex(p[2]));
            p += 3;
        } else {
            *out = *p++;
        }
    }
    size_t n = (size_t)(out - text);
    *out = '\0';
    for (size_t ok = 0; (ok += wf_utf8_valid_prefix(text + ok, n - ok)) < n;)
        text[ok] = '?';
}

// --- google.rpc.Status --------------------------------------------------------------------------

enum { STATUS_CODE = 1, STATUS_MESSAGE = 2, STATUS_DETAILS = 3, ANY_TYPE = 1, ANY_VALUE = 2 };
enum { WIRE_VARINT = 0, WIRE_BYTES = 2, STATUS_MAX = 64 * 1024 };

static const char type_prefix[] = "type.googleapis.com/";

static void put_varint(struct wf_buf *b, uint64_t v)
{
    for (; v > 0x7f; v >>= 7)
        wf_buf_put_u8(b, (uint8_t)(v | 0x80));
    wf_buf_put_u8(b, (uint8_t)v);
}

static void put_bytes(struct wf_buf *b, unsigned field, const void *data, size_t n)
{
    put_varint(b, field << 3 | WIRE_BYTES);
    put_varint(b, n);
    wf_buf_append(b, data, n);
}

static void put_any(struct wf_buf *b, const struct wf_detail *d)
{
    char url[256];

    snprintf(url, sizeof url, "%s%s", type_prefix, d->type);
    put_bytes(b, ANY_TYPE, url, strlen(url));
    put_bytes(b, ANY_VALUE, d->data, d->len);
}

int wf_grpc_details_put(struct wf_buf *out, int code, const char *msg,
                        const struct wf_detail *detail)
{
    struct wf_buf status, any;

    wf_buf_init(&status, STATUS_MAX);
    wf_buf_init(&any, STATUS_MAX);
    put_any(&any, detail);
    put_varint(&status, STATUS_CODE << 3 | WIRE_VARINT);
    put_varint(&status, (uint64_t)code);
    put_bytes(&status, STATUS_MESSAGE, msg, strlen(msg));
    put_bytes(&status, STATUS_DETAILS, any.data, any.len);
    int rc = status.failed || any.failed ? WF_RESOURCE_EXHAUSTED
                                         : wf_base64_put(out, status.data, status.len, false);
    wf_buf_free(&any);
    wf_buf_free(&status);
    return rc;
}

static bool read_any(const uint8_t *data, size_t len, const char *type, struct wf_detail *out)
{
    struct wf_wire w = {data, data + len};
    struct wf_wire_field f;
    bool found = false;
    size_t prefix = sizeof type_prefix - 1, n = strlen(type);

    *out = (struct wf_detail){.type = type};
    while (wf_wire_next(&w, &f)) {
        if (f.number == ANY_TYPE && f.data != NULL)
            found = f.len == prefix + n && memcmp(f.data, type_prefix, prefix) == 0 &&
                    memcmp(f.data + prefix, type, n) == 0;
        if (f.number == ANY_VALUE && f.data != NULL)
            out->data = f.data, out->len = f.len;
    }
    return found;
}

bool wf_grpc_details_find(const char *value, const char *type, struct wf_buf *scratch,
                          struct wf_detail *out)
{
    size_t n = strcspn(value, ","); // of several headers in one, the first
    struct wf_wire_field f;

    WF_ASSERT(type != NULL);
    wf_buf_reset(scratch);
    uint8_t *bytes = wf_buf_reserve(scratch, WF_BASE64_DECODED_MAX(n) + 1);
    long len = bytes != NULL ? wf_base64_decode(value, n, bytes) : -1;
    if (len < 0)
        return false;
    struct wf_wire w = {bytes, bytes + len};
    while (wf_wire_next(&w, &f))
        if (f.number == STATUS_DETAILS && f.data != NULL && read_any(f.data, f.len, type, out))
            return true;
    return false;
}
