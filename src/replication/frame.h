// SPDX-License-Identifier: Apache-2.0
// How messages stand on a link between peers: u16 magic, u8 format, u8 zero, u32 length, then the
// message (wire.h). TLS below already guards against damage; this guards against strangers: nothing
// is allocated for a length beyond WF_PEER_FRAME_MAX. Pure.
#ifndef WF_REPLICATION_FRAME_H
#define WF_REPLICATION_FRAME_H

#include "base/buf.h"
#include "base/limits.h"
#include "base/result.h"
#include "replication/fsm.h"

enum { WF_FRAME_MAGIC = 0x6657, WF_FRAME_FORMAT = 1, WF_FRAME_HEADER = 8 };

// Write a header for a message of n bytes, 0 < n <= WF_PEER_FRAME_MAX.
void wf_frame_header(uint8_t out[WF_FRAME_HEADER], size_t n);

// Bytes of a link that are not yet a whole frame. The owner embeds it.
struct wf_frames {
    struct wf_buf partial;
};

void wf_frames_init(struct wf_frames *f);
void wf_frames_free(struct wf_frames *f);

// Take in bytes, in pieces of any size, and call each(arg, message) for every whole one; its bytes
// are valid during the call. each returns 0 to go on. Returns WF_OK, what each returned, or
// WF_INVALID_ARGUMENT for what is no frame; after a failure the link is of no use.
int wf_frames_feed(struct wf_frames *f, const uint8_t *data, size_t len,
                   int (*each)(void *arg, struct wf_bytes message), void *arg, struct wf_err *err);

#endif
