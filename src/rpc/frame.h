// SPDX-License-Identifier: Apache-2.0
// The envelope that gRPC and Connect's streams put around a message: one byte of flags, the length
// in four bytes, big-endian. Sans-I/O; the owner embeds the reader.
#ifndef WF_RPC_FRAME_H
#define WF_RPC_FRAME_H

#include "base/buf.h"
#include "base/result.h"

enum { WF_FRAME_HEAD = 5, WF_FRAME_COMPRESSED = 1, WF_FRAME_END_STREAM = 2 };

// Takes frames out of a byte stream as it comes in pieces. A frame that lies within one piece is
// given out in place; only what is cut is copied, and no more than has arrived is ever allocated.
struct wf_frame_reader {
    struct wf_buf partial;
    size_t max;        // largest message
    const uint8_t *in; // the piece at hand
    size_t left;
    size_t taken; // bytes of partial that the last frame used
};

struct wf_frame {
    uint8_t flags;
    const uint8_t *data; // valid until the reader is used again
    size_t len;
};

void wf_frame_reader_init(struct wf_frame_reader *r, size_t max);
void wf_frame_reader_free(struct wf_frame_reader *r);

// Give it the next piece, which must stay until wf_frame_next() has said "no more". Requires that
// the piece before was used up.
void wf_frame_feed(struct wf_frame_reader *r, const uint8_t *data, size_t len);

// The next whole frame: 1 and *f, 0 when more bytes are needed, -1 with *err for a message past max
// or no memory (both RESOURCE_EXHAUSTED).
int wf_frame_next(struct wf_frame_reader *r, struct wf_frame *f, struct wf_err *err);

// Bytes of a frame not yet complete.
size_t wf_frame_pending(const struct wf_frame_reader *r);

// Put the five bytes for a message of len bytes.
void wf_frame_head(uint8_t out[WF_FRAME_HEAD], uint8_t flags, size_t len);

#endif
