// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/result.h"

enum { FIRST_CAP = 256 };

void wf_buf_init(struct wf_buf *b, size_t max)
{
    WF_ASSERT(max > 0);
    *b = (struct wf_buf){.max = max};
}

void wf_buf_free(struct wf_buf *b)
{
    free(b->data);
    *b = (struct wf_buf){.max = b->max};
}

void wf_buf_reset(struct wf_buf *b)
{
    b->len = 0;
    b->failed = false;
}

// Grow so that n more bytes fit.
static int grow(struct wf_buf *b, size_t n)
{
    WF_ASSERT(b->max > 0);
    if (b->failed || n > b->max - b->len) {
        b->failed = true;
        return WF_RESOURCE_EXHAUSTED;
    }
    size_t need = b->len + n;
    if (need <= b->cap)
        return WF_OK;
    size_t cap = b->cap ? b->cap : FIRST_CAP;
    while (cap < need)
        cap *= 2;
    if (cap > b->max)
        cap = b->max;
    uint8_t *data = realloc(b->data, cap);
    if (!data) {
        b->failed = true;
        return WF_RESOURCE_EXHAUSTED;
    }
    b->data = data;
    b->cap = cap;
    return WF_OK;
}

int wf_buf_append(struct wf_buf *b, const void *data, size_t n)
{
    int rc = grow(b, n);
    if (rc != WF_OK)
        return rc;
    if (n > 0)
        memcpy(b->data + b->len, data, n);
    b->len += n;
    return WF_OK;
}

int wf_buf_puts(struct wf_buf *b, const char *s)
{
    return wf_buf_append(b, s, strlen(s));
}

int wf_buf_putc(struct wf_buf *b, char c)
{
    return wf_buf_append(b, &c, 1);
}

int wf_buf_printf(struct wf_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    WF_ASSERT(n >= 0);
    // vsnprintf writes its own NUL: ask for one byte more and give it back.
    int rc = grow(b, (size_t)n + 1);
    if (rc != WF_OK)
        return rc;
    va_start(ap, fmt);
    vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
    return WF_OK;
}

int wf_buf_put_size(struct wf_buf *b, uint64_t n)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    if (n < 1000)
        return wf_buf_printf(b, "%" PRIu64 " B", n);
    double d = (double)n / 1000;
    int u = 0;
    for (; d >= 999.95 && u < 5; u++)
        d /= 1000;
    return wf_buf_printf(b, "%.1f %s", d, units[u]);
}

int wf_buf_put_u8(struct wf_buf *b, uint8_t v)
{
    return wf_buf_append(b, &v, 1);
}

int wf_buf_put_u16(struct wf_buf *b, uint16_t v)
{
    uint8_t le[2] = {(uint8_t)v, (uint8_t)(v >> 8)};
    return wf_buf_append(b, le, sizeof le);
}

int wf_buf_put_u32(struct wf_buf *b, uint32_t v)
{
    uint8_t le[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    return wf_buf_append(b, le, sizeof le);
}

int wf_buf_put_u64(struct wf_buf *b, uint64_t v)
{
    uint8_t le[8];
    for (int i = 0; i < 8; i++)
        le[i] = (uint8_t)(v >> (8 * i));
    return wf_buf_append(b, le, sizeof le);
}

uint8_t *wf_buf_reserve(struct wf_buf *b, size_t n)
{
    return grow(b, n) == WF_OK ? b->data + b->len : NULL;
}

void wf_buf_commit(struct wf_buf *b, size_t n)
{
    WF_ASSERT(n <= b->cap - b->len);
    b->len += n;
}

void wf_buf_consume(struct wf_buf *b, size_t n)
{
    WF_ASSERT(n <= b->len);
    b->len -= n;
    if (b->len > 0 && n > 0)
        memmove(b->data, b->data + n, b->len);
}

const char *wf_buf_cstr(struct wf_buf *b)
{
    if (grow(b, 1) != WF_OK)
        return NULL;
    b->data[b->len] = 0;
    return (const char *)b->data;
}

uint8_t *wf_buf_take(struct wf_buf *b, size_t *len)
{
    uint8_t *data = b->data;
    *len = b->len;
    *b = (struct wf_buf){.max = b->max};
    return data;
}

struct wf_reader wf_reader_of(const void *data, size_t len)
{
    WF_ASSERT(data != NULL || len == 0);
    return (struct wf_reader){.p = data, .left = len};
}

const uint8_t *wf_get_bytes(struct wf_reader *r, size_t n)
{
    if (r->failed || n > r->left) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *p = r->p;
    r->p += n;
    r->left -= n;
    return p;
}

static uint64_t get_le(struct wf_reader *r, size_t n)
{
    const uint8_t *p = wf_get_bytes(r, n);
    uint64_t v = 0;
    for (size_t i = 0; p && i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

uint8_t wf_get_u8(struct wf_reader *r)
{
    return (uint8_t)get_le(r, 1);
}

uint16_t wf_get_u16(struct wf_reader *r)
{
    return (uint16_t)get_le(r, 2);
}

uint32_t wf_get_u32(struct wf_reader *r)
{
    return (uint32_t)get_le(r, 4);
}

uint64_t wf_get_u64(struct wf_reader *r)
{
    return get_le(r, 8);
}
