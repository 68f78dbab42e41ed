// SPDX-License-Identifier: Apache-2.0
#include "wan/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "wan/packet.h"

int wan_trace_open(struct wan_trace *t, const char *path, struct wf_err *err)
{
    *t = (struct wan_trace){.fd = -1};
    wf_buf_init(&t->buf, WAN_TRACE_BLOCK + WAN_TRACE_LINE);
    if (!path)
        return WF_OK;
    t->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (t->fd < 0)
        return wf_fail(err, wf_code_from_errno(errno), "the trace %s cannot be made: %s", path,
                       strerror(errno));
    return WF_OK;
}

static uint64_t lines(const struct wf_buf *b)
{
    uint64_t n = 0;
    for (size_t i = 0; i < b->len; i++)
        n += b->data[i] == '\n';
    return n;
}

// A disk that fails must not end the network under test: the lines are lost, counted, and said at
// the end.
static void flush(struct wan_trace *t, wf_mono_ns now)
{
    while (t->buf.len > 0) {
        ssize_t n = write(t->fd, t->buf.data, t->buf.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            t->lost += lines(&t->buf);
            break;
        }
        wf_buf_consume(&t->buf, (size_t)n);
    }
    wf_buf_reset(&t->buf);
    t->written_at = now;
}

void wan_trace_packet(struct wan_trace *t, const struct wan_topology *names, wf_mono_ns now,
                      const struct wan_packet *p, enum wan_fate fate)
{
    if (t->fd < 0)
        return;
    struct wan_flow flow = wan_packet_flow(p->data, p->len);
    uint64_t us = now / 1000;
    int rc = wf_buf_printf(
        &t->buf, "%" PRIu64 ".%06" PRIu64 " %s %s %u %s %u %u %s %" PRIu64 "%s%s\n", us / 1000000,
        us % 1000000, names->name[p->from], names->name[p->to], (unsigned)p->len, flow.protocol,
        flow.from_port, flow.to_port, wan_fate_name(fate), (now - p->taken) / 1000,
        p->copy ? " copy" : "", p->corrupt ? " corrupt" : "");
    if (rc != WF_OK)
        t->lost++;
    if (t->buf.len >= WAN_TRACE_BLOCK)
        flush(t, now);
}

void wan_trace_tick(struct wan_trace *t, wf_mono_ns now)
{
    if (t->buf.len > 0 && now - t->written_at >= 1000000000)
        flush(t, now);
}

int wan_trace_close(struct wan_trace *t, struct wf_err *err)
{
    if (t->fd < 0)
        return WF_OK;
    flush(t, t->written_at);
    if (close(t->fd) != 0 && t->lost == 0)
        t->lost = 1;
    t->fd = -1;
    wf_buf_free(&t->buf);
    if (t->lost)
        return wf_fail(err, WF_DATA_LOSS, "the trace misses %" PRIu64 " lines: is the disk full?",
                       t->lost);
    return WF_OK;
}
