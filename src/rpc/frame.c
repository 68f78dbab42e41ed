// SPDX-License-Identifier: Apache-2.0
#include "rpc/frame.h"

#include "base/assert.h"

void wf_frame_reader_init(struct wf_frame_reader *r, size_t max)
{
    *r = (struct wf_frame_reader){.max = max};
    wf_buf_init(&r->partial, max + WF_FRAME_HEAD);
}

void wf_frame_reader_free(struct wf_frame_reader *r)
{
    wf_buf_free(&r->partial);
}

void wf_frame_feed(struct wf_frame_reader *r, const uint8_t *data, size_t len)
{
    WF_ASSERT(r->left == 0);
    r->in = data;
    r->left = len;
}

static size_t body_len(const uint8_t *head)
{
    return (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4];
}

static int check_len(const struct wf_frame_reader *r, const uint8_t *head, struct wf_err *err)
{
    if (body_len(head) > r->max)
        return wf_fail_reason(err, WF_RESOURCE_EXHAUSTED, "TOO_LONG",
                              "message of %zu bytes, at most %zu are taken", body_len(head),
                              r->max);
    return WF_OK;
}

// Copy bytes of the piece until partial holds n.
static int top_up(struct wf_frame_reader *r, size_t n, struct wf_err *err)
{
    if (r->partial.len >= n)
        return WF_OK;
    size_t want = n - r->partial.len;
    size_t k = want < r->left ? want : r->left;
    if (wf_buf_append(&r->partial, r->in, k) != WF_OK)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory for a message");
    r->in += k;
    r->left -= k;
    return WF_OK;
}

static void give(const uint8_t *head, struct wf_frame *f)
{
    f->flags = head[0];
    f->len = body_len(head);
    f->data = head + WF_FRAME_HEAD;
}

// The frame is cut: it is put together in partial.
static int next_partial(struct wf_frame_reader *r, struct wf_frame *f, struct wf_err *err)
{
    if (top_up(r, WF_FRAME_HEAD, err) != WF_OK)
        return -1;
    if (r->partial.len < WF_FRAME_HEAD)
        return 0;
    if (check_len(r, r->partial.data, err) != WF_OK)
        return -1;
    size_t whole = WF_FRAME_HEAD + body_len(r->partial.data);
    if (top_up(r, whole, err) != WF_OK)
        return -1;
    if (r->partial.len < whole)
        return 0;
    give(r->partial.data, f);
    r->taken = whole;
    return 1;
}

int wf_frame_next(struct wf_frame_reader *r, struct wf_frame *f, struct wf_err *err)
{
    if (r->taken > 0) {
        WF_ASSERT(r->taken == r->partial.len);
        wf_buf_reset(&r->partial);
        r->taken = 0;
    }
    if (r->partial.len > 0 || (r->left > 0 && r->left < WF_FRAME_HEAD))
        return next_partial(r, f, err);
    if (r->left == 0)
        return 0;
    if (check_len(r, r->in, err) != WF_OK)
        return -1;
    size_t whole = WF_FRAME_HEAD + body_len(r->in);
    if (r->left < whole)
        return next_partial(r, f, err);
    give(r->in, f);
    r->in += whole;
    r->left -= whole;
    return 1;
}

size_t wf_frame_pending(const struct wf_frame_reader *r)
{
    return r->partial.len - r->taken;
}

void wf_frame_head(uint8_t out[WF_FRAME_HEAD], uint8_t flags, size_t len)
{
    WF_ASSERT(len <= UINT32_MAX);
    out[0] = flags;
    out[1] = (uint8_t)(len >> 24);
    out[2] = (uint8_t)(len >> 16);
    out[3] = (uint8_t)(len >> 8);
    out[4] = (uint8_t)len;
}
