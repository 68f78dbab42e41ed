// SPDX-License-Identifier: Apache-2.0
#include "base/hash.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/result.h"

// Fetching the algorithm per use costs more than hashing a record does: each thread fetches it
// once, with a context that is reset for each one-shot, and gives both back when it ends.
struct per_thread {
    EVP_MD *md;
    EVP_MD_CTX *once;
};

static once_flag made = ONCE_FLAG_INIT;
static tss_t key;

static void thread_ended(void *arg)
{
    struct per_thread *t = arg;
    EVP_MD_CTX_free(t->once);
    EVP_MD_free(t->md);
    free(t);
}

static void make_key(void)
{
    int rc = tss_create(&key, thread_ended);
    WF_ASSERT(rc == thrd_success);
}

static const struct per_thread *here(void)
{
    static _Thread_local struct per_thread *t;
    if (t)
        return t;
    call_once(&made, make_key);
    t = wf_need(calloc(1, sizeof *t), "a hash");
    t->md = wf_need(EVP_MD_fetch(NULL, "SHA256", NULL), "a hash");
    t->once = wf_need(EVP_MD_CTX_new(), "a hash");
    if (tss_set(key, t) != thrd_success)
        wf_out_of_memory("a hash");
    return t;
}

// A step of OpenSSL's. Nothing but memory can be missing to it.
static void done(int ok)
{
    if (ok != 1)
        wf_out_of_memory("a hash");
}

void wf_hash_init(struct wf_hash *h)
{
    h->ctx = wf_need(EVP_MD_CTX_new(), "a hash");
    done(EVP_DigestInit_ex(h->ctx, here()->md, NULL));
}

void wf_hash_update(struct wf_hash *h, const void *data, size_t n)
{
    WF_ASSERT(h->ctx != NULL);
    done(EVP_DigestUpdate(h->ctx, data, n));
}

void wf_hash_u64(struct wf_hash *h, uint64_t v)
{
    uint8_t le[8];
    for (int i = 0; i < 8; i++)
        le[i] = (uint8_t)(v >> (8 * i));
    wf_hash_update(h, le, sizeof le);
}

void wf_hash_final(struct wf_hash *h, uint8_t out[WF_HASH_SIZE])
{
    unsigned n = 0;
    done(EVP_DigestFinal_ex(h->ctx, out, &n));
    WF_ASSERT(n == WF_HASH_SIZE);
    EVP_MD_CTX_free(h->ctx);
    h->ctx = NULL;
}

void wf_hash_pair(const void *a, size_t an, const void *b, size_t bn, uint8_t out[WF_HASH_SIZE])
{
    EVP_MD_CTX *ctx = here()->once;
    unsigned n = 0;
    done(EVP_DigestInit_ex(ctx, here()->md, NULL) && EVP_DigestUpdate(ctx, a, an) &&
         EVP_DigestUpdate(ctx, b, bn) && EVP_DigestFinal_ex(ctx, out, &n));
    WF_ASSERT(n == WF_HASH_SIZE);
}

char *wf_hex(const uint8_t *data, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 15];
    }
    out[2 * n] = 0;
    return out;
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int wf_unhex(const char *s, uint8_t *out, size_t n)
{
    if (strlen(s) != 2 * n)
        return WF_INVALID_ARGUMENT;
    for (size_t i = 0; i < n; i++) {
        int hi = nibble(s[2 * i]), lo = nibble(s[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return WF_INVALID_ARGUMENT;
        out[i] = (uint8_t)(hi << 4 | lo);
    }
    return WF_OK;
}
