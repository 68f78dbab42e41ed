// SPDX-License-Identifier: Apache-2.0
#include "replication/frame.h"

#include "base/assert.h"

void wf_frame_header(uint8_t out[WF_FRAME_HEADER], size_t n)
{
    WF_ASSERT(n > 0 && n <= WF_PEER_FRAME_MAX);
    out[0] = WF_FRAME_MAGIC & 0xff;
    out[1] = WF_FRAME_MAGIC >> 8;
    out[2] = WF_FRAME_FORMAT;
    out[3] = 0;
    for (int i = 0; i < 4; i++)
        out[4 + i] = (uint8_t)(n >> (8 * i));
}

void wf_frames_init(struct wf_frames *f)
{
    wf_buf_init(&f->partial, WF_FRAME_HEADER + WF_PEER_FRAME_MAX);
}

void wf_frames_free(struct wf_frames *f)
{
    wf_buf_free(&f->partial);
}

// The length of the message whose header stands at p.
static int read_header(const uint8_t *p, size_t *n, struct wf_err *err)
{
    struct wf_reader r = wf_reader_of(p, WF_FRAME_HEADER);
    uint16_t magic = wf_get_u16(&r);
    uint8_t format = wf_get_u8(&r), zero = wf_get_u8(&r);
    *n = wf_get_u32(&r);
    if (magic != WF_FRAME_MAGIC || zero != 0)
        return wf_fail(err, WF_INVALID_ARGUMENT, "what was sent is no frame of the raft protocol");
    if (format != WF_FRAME_FORMAT)
        return wf_fail(err, WF_INVALID_ARGUMENT,
                       "the peer frames messages in format %u, and this program in %u", format,
                       WF_FRAME_FORMAT);
    if (*n == 0 || *n > WF_PEER_FRAME_MAX)
        return wf_fail(err, WF_INVALID_ARGUMENT, "a frame of %zu bytes; the limit is %d", *n,
                       WF_PEER_FRAME_MAX);
    return WF_OK;
}

// Hand over the whole frames at the front of data; *used says how far they reach.
static int hand_over(const uint8_t *data, size_t len, size_t *used,
                     int (*each)(void *arg, struct wf_bytes message), void *arg, struct wf_err *err)
{
    size_t n = 0;
    int rc = WF_OK;
    *used = 0;
    while (rc == WF_OK && len - *used >= WF_FRAME_HEADER) {
        rc = read_header(data + *used, &n, err);
        if (rc != WF_OK || len - *used - WF_FRAME_HEADER < n)
            break;
        rc = each(arg, (struct wf_bytes){data + *used + WF_FRAME_HEADER, n});
        *used += WF_FRAME_HEADER + n;
    }
    return rc;
}

// How many more bytes the partial frame wants before it can be looked at again.
static int wanted(const struct wf_buf *b, size_t *out, struct wf_err *err)
{
    size_t n = 0;
    if (b->len < WF_FRAME_HEADER) {
        *out = WF_FRAME_HEADER - b->len;
        return WF_OK;
    }
    int rc = read_header(b->data, &n, err);
    *out = WF_FRAME_HEADER + n - b->len;
    return rc;
}

int wf_frames_feed(struct wf_frames *f, const uint8_t *data, size_t len,
                   int (*each)(void *arg, struct wf_bytes message), void *arg, struct wf_err *err)
{
    size_t used;
    int rc;
    // Complete the frame that an earlier piece began.
    while (f->partial.len > 0 && len > 0) {
        size_t want;
        rc = wanted(&f->partial, &want, err);
        if (rc != WF_OK)
            return rc;
        size_t n = want < len ? want : len;
        if (wf_buf_append(&f->partial, data, n) != WF_OK)
            return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory for a frame");
        data += n;
        len -= n;
        rc = hand_over(f->partial.data, f->partial.len, &used, each, arg, err);
        if (rc != WF_OK)
            return rc;
        if (used > 0)
            wf_buf_reset(&f->partial);
    }
    rc = hand_over(data, len, &used, each, arg, err);
    if (rc == WF_OK && used < len && wf_buf_append(&f->partial, data + used, len - used) != WF_OK)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory for a frame");
    return rc;
}
