// SPDX-License-Identifier: Apache-2.0
// A message from a peer. What decodes must encode to the same bytes again.
// links: wf_replication
#include <string.h>

#include "base/assert.h"
#include "replication/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wf_msg msg;
    if (size > WF_PEER_FRAME_MAX)
        return 0;
    if (wf_msg_decode(&msg, (struct wf_bytes){data, size}, NULL) != WF_OK)
        return 0;
    struct wf_buf again;
    wf_buf_init(&again, WF_PEER_FRAME_MAX);
    int rc = wf_msg_encode(&msg, &again);
    WF_ASSERT(rc == WF_OK && again.len == size && memcmp(again.data, data, size) == 0);
    wf_buf_free(&again);
    wf_msg_free(&msg);
    return 0;
}
