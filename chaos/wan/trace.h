// SPDX-License-Identifier: Apache-2.0
// The trace: a line for every packet's fate, written in blocks. The owner embeds it; one thread.
//
//   1234.567890 fra iad 1400 tcp 40112 7443 delivered 48512
//
// time (seconds of CLOCK_MONOTONIC, when the fate was decided), from, to, bytes of the IP packet,
// protocol, ports (0 where there are none), fate (link.h), microseconds in the WAN; then "copy"
// when it is a duplicate, "corrupt" when it was damaged.
#ifndef WAN_TRACE_H
#define WAN_TRACE_H

#include "base/buf.h"
#include "base/clock.h"
#include "wan/net.h"

struct wan_trace {
    int fd; // -1: no trace
    wf_mono_ns written_at;
    uint64_t lost; // lines that could not be written
    struct wf_buf buf;
};

// Create or empty the file; path NULL makes a trace that writes nothing. Returns WF_OK, or fills
// *err.
int wan_trace_open(struct wan_trace *t, const char *path, struct wf_err *err);

void wan_trace_packet(struct wan_trace *t, const struct wan_topology *names, wf_mono_ns now,
                      const struct wan_packet *p, enum wan_fate fate);

// To be called now and then: writes what has waited for a second.
void wan_trace_tick(struct wan_trace *t, wf_mono_ns now);

// Write the rest and close. Returns WF_OK, or WF_DATA_LOSS when lines were lost.
int wan_trace_close(struct wan_trace *t, struct wf_err *err);

#endif
