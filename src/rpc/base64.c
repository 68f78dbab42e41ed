// SPDX-License-Identifier: Apache-2.0
#include "rpc/base64.h"

#include "base/assert.h"
#include "base/result.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int wf_base64_put(struct wf_buf *out, const uint8_t *data, size_t n, bool padded)
{
    size_t i = 0;

    if (n == 0)
        return out->failed ? WF_RESOURCE_EXHAUSTED : WF_OK;
    uint8_t *p = wf_buf_reserve(out, (n + 2) / 3 * 4);
    uint8_t *start = p;
    if (p == NULL)
        return WF_RESOURCE_EXHAUSTED;
    for (; i + 3 <= n; i += 3) {
        uint32_t v = (uint32_t)data[i] << 16 | (uint32_t)data[i + 1] << 8 | data[i + 2];
        *p++ = (uint8_t)alphabet[v >> 18];
        *p++ = (uint8_t)alphabet[v >> 12 & 63];
        *p++ = (uint8_t)alphabet[v >> 6 & 63];
        *p++ = (uint8_t)alphabet[v & 63];
    }
    if (i < n) {
        uint32_t v = (uint32_t)data[i] << 16 | (i + 1 < n ? (uint32_t)data[i + 1] << 8 : 0);
        *p++ = (uint8_t)alphabet[v >> 18];
        *p++ = (uint8_t)alphabet[v >> 12 & 63];
        if (i + 1 < n)
            *p++ = (uint8_t)alphabet[v >> 6 & 63];
        else if (padded)
            *p++ = '=';
        if (padded)
            *p++ = '=';
    }
    wf_buf_commit(out, (size_t)(p - start));
    return 0;
}

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

long wf_base64_decode(const char *s, size_t n, uint8_t *out)
{
    uint32_t v = 0;
    unsigned bits = 0;
    long len = 0;

    WF_ASSERT(s != NULL || n == 0);
    if (n > 0 && n % 4 == 0)
        n -= s[n - 1] == '=' ? 1 + (s[n - 2] == '=') : 0;
    if (n % 4 == 1)
        return -1;
    for (size_t i = 0; i < n; i++) {
        int d = digit(s[i]);
        if (d < 0)
            return -1;
        v = v << 6 | (uint32_t)d;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[len++] = (uint8_t)(v >> bits);
        }
    }
    return len;
}
