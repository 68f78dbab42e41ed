// SPDX-License-Identifier: Apache-2.0
// A gRPC request's body, from framing to the answer: byte 0 chooses method and encoding, byte 1 the
// size of the pieces it comes in. Whatever comes, there is one answer with a status.
// links: wf_fake_exchange
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const methods[] = {"Echo", "Read", "Count", "Fail", "FailStream", "Chat"};

static void feed(struct wf_exchange *ex, const uint8_t *data, size_t size, size_t piece)
{
    for (size_t at = 0; at < size; at += piece)
        fake_data(ex, data + at, size - at < piece ? size - at : piece);
    fake_end(ex);
}

// Counting to four billion is no fault of the framing.
static bool endless(const struct wf_exchange *ex)
{
    return !ex->finished && ex->queued > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void *rig;

    if (rig == NULL)
        rig_setup(&rig);
    if (size < 2)
        return 0;
    char path[64] = TEST_PATH;
    strcat(path, methods[data[0] % 6]);
    struct wf_exchange *ex = fake_new("POST", path, 20);
    fake_header(ex, "content-type", data[0] & 0x80 ? "application/grpc+json" : "application/grpc");
    bool taken = wf_rpc_server_begin(((struct rig *)rig)->server, ex);
    WF_ASSERT(taken);
    ex->write_max = 64 * 1024;
    feed(ex, data + 2, size - 2, (size_t)data[1] + 1);
    if (!endless(ex)) {
        const char *status = ex->ended_with_headers ? fake_answer(ex, "grpc-status")
                                                    : fake_trailer(ex, "grpc-status");
        WF_ASSERT(ex->finished && ex->status == 200 && status[0] != '\0');
    }
    fake_close(ex, WF_OK);
    return 0;
}
