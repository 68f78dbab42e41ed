// SPDX-License-Identifier: Apache-2.0
// What a stranger sends on a raft/1 link, in pieces: frames, and HELLO against the rules.
// The first byte says how long the pieces are.
// links: wf_replication
#include <string.h>

#include "base/assert.h"
#include "replication/frame.h"
#include "replication/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int check_peer(void *ctx, uint64_t peer, const uint8_t disk[WF_UUID_SIZE],
                      struct wf_err *err)
{
    (void)ctx;
    (void)peer;
    return disk[0] == 0xd1 ? WF_OK : wf_fail(err, WF_FAILED_PRECONDITION, "another disk");
}

static int on_frame(void *arg, struct wf_bytes message)
{
    const struct wf_hello_rules *rules = arg;
    struct wf_msg msg;
    struct wf_err err;
    int rc = wf_msg_decode(&msg, message, &err);
    if (rc != WF_OK)
        return rc;
    if (msg.kind == WF_MSG_HELLO) {
        rc = wf_hello_check(rules, &msg.hello, &err);
        WF_ASSERT(rc == WF_OK || (err.code == (enum wf_code)rc && err.msg[0] != 0));
        WF_ASSERT(strlen(msg.hello.name) < sizeof msg.hello.name);
    }
    wf_msg_free(&msg);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct wf_log_store store = {.check_peer = check_peer};
    struct wf_node_identity self = {.incarnation = 3, .node_id = 12, .name = "iad-1"};
    struct wf_peer peers[] = {{.id = 11, .name = "fra-1"}, {.id = 13, .name = "syd-1"}};
    struct wf_hello_rules rules = {&self, "fra-1", peers, 2, 0, &store};
    struct wf_frames frames;
    struct wf_err err;
    if (size == 0)
        return 0;
    memset(self.cluster_id, 0xc1, sizeof self.cluster_id);
    size_t piece = data[0] ? data[0] : size;
    wf_frames_init(&frames);
    int rc = WF_OK;
    for (size_t at = 1; at < size && rc == WF_OK; at += piece)
        rc = wf_frames_feed(&frames, data + at, size - at < piece ? size - at : piece, on_frame,
                            &rules, &err);
    WF_ASSERT(frames.partial.len <= WF_FRAME_HEADER + WF_PEER_FRAME_MAX);
    wf_frames_free(&frames);
    return 0;
}
