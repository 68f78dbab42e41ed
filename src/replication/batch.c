// SPDX-License-Identifier: Apache-2.0
#include "replication/batch.h"

#include <string.h>

#include "base/assert.h"
#include "base/buf.h"

enum { BATCH_VERSION = 1 };

static uint8_t *put_le(uint8_t *out, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        *out++ = (uint8_t)(v >> (8 * i));
    return out;
}

void wf_batch_put_header(uint8_t *out, uint64_t index, wf_unix_ms time, uint32_t n)
{
    WF_ASSERT(n <= WF_ENTRY_COMMANDS_MAX);
    out = put_le(out, BATCH_VERSION, 1);
    out = put_le(out, index, 8);
    out = put_le(out, (uint64_t)time, 8);
    put_le(out, n, 4);
}

uint8_t *wf_batch_put_command(uint8_t *out, struct wf_bytes command)
{
    WF_ASSERT(command.len <= WF_COMMAND_MAX);
    out = put_le(out, command.len, WF_BATCH_PER_COMMAND);
    if (command.len > 0)
        memcpy(out, command.data, command.len);
    return out + command.len;
}

int wf_batch_decode(struct wf_bytes in, struct wf_bytes *commands, struct wf_batch *out)
{
    struct wf_reader r = wf_reader_of(in.data, in.len);
    uint8_t version = wf_get_u8(&r);
    uint64_t index = wf_get_u64(&r);
    wf_unix_ms time = (wf_unix_ms)wf_get_u64(&r);
    uint32_t n = wf_get_u32(&r);

    if (r.failed || version != BATCH_VERSION || n > WF_ENTRY_COMMANDS_MAX)
        return WF_DATA_LOSS;
    for (uint32_t i = 0; i < n; i++) {
        commands[i].len = wf_get_u32(&r);
        commands[i].data = wf_get_bytes(&r, commands[i].len);
        if (r.failed || commands[i].len > WF_COMMAND_MAX)
            return WF_DATA_LOSS;
    }
    if (r.left != 0)
        return WF_DATA_LOSS;
    out->index = index;
    out->time = time;
    out->commands = commands;
    out->n = n;
    return WF_OK;
}
