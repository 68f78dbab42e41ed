// SPDX-License-Identifier: Apache-2.0
#include "replication/lanes.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "replication/frame.h"

struct wf_lane_frame {
    struct wf_lane_frame *next;
    size_t len;
    uint8_t *bytes;
};

void wf_lanes_init(struct wf_lanes *l)
{
    memset(l, 0, sizeof *l);
    for (int i = 0; i < WF_LANES; i++)
        l->lane[i].tail = &l->lane[i].head;
}

static void drop_first(struct wf_lanes *l, int i)
{
    struct wf_lane_frame *f = l->lane[i].head;
    l->lane[i].head = f->next;
    if (!f->next)
        l->lane[i].tail = &l->lane[i].head;
    WF_ASSERT(l->bytes >= f->len && l->lane[i].bytes >= f->len);
    l->lane[i].bytes -= f->len;
    l->bytes -= f->len;
    free(f->bytes);
    free(f);
}

void wf_lanes_clear(struct wf_lanes *l)
{
    for (int i = 0; i < WF_LANES; i++)
        while (l->lane[i].head)
            drop_first(l, i);
    WF_ASSERT(l->bytes == 0);
}

// The message with its header, in memory of its own.
static int encode(const struct wf_msg *msg, uint8_t **bytes, size_t *len)
{
    struct wf_buf b;
    uint8_t header[WF_FRAME_HEADER] = {0};
    wf_buf_init(&b, WF_FRAME_HEADER + WF_PEER_FRAME_MAX);
    wf_buf_append(&b, header, sizeof header);
    if (wf_msg_encode(msg, &b) != WF_OK) {
        wf_buf_free(&b);
        return WF_RESOURCE_EXHAUSTED;
    }
    wf_frame_header(b.data, b.len - WF_FRAME_HEADER);
    *bytes = wf_buf_take(&b, len);
    return WF_OK;
}

int wf_lanes_put(struct wf_lanes *l, const struct wf_msg *msg)
{
    enum wf_lane i = wf_msg_lane(msg->kind);
    size_t max = i == WF_LANE_BULK ? WF_PEER_QUEUE_MAX / 2 : WF_PEER_QUEUE_MAX;
    struct wf_lane_frame *f = calloc(1, sizeof *f);
    if (!f || encode(msg, &f->bytes, &f->len) != WF_OK) {
        free(f);
        return WF_RESOURCE_EXHAUSTED;
    }
    if ((i == WF_LANE_BULK ? l->lane[i].bytes : l->bytes) + f->len > max) {
        free(f->bytes);
        free(f);
        return WF_RESOURCE_EXHAUSTED;
    }
    *l->lane[i].tail = f;
    l->lane[i].tail = &f->next;
    l->lane[i].bytes += f->len;
    l->bytes += f->len;
    return WF_OK;
}

unsigned wf_lanes_take(struct wf_lanes *l, struct wf_buf *out, size_t max)
{
    unsigned n = 0;
    for (int i = 0; i < WF_LANES; i++) {
        while (l->lane[i].head) {
            const struct wf_lane_frame *f = l->lane[i].head;
            if (out->len > 0 && out->len + f->len > max)
                return n;
            if (wf_buf_append(out, f->bytes, f->len) != WF_OK) {
                out->failed = false;
                return n;
            }
            drop_first(l, i);
            n++;
        }
    }
    return n;
}
