// SPDX-License-Identifier: Apache-2.0
// The I/O around the network: the regions' devices, the control socket, the clock. One thread,
// which does nothing else; end by SIGTERM or SIGINT.
#ifndef WAN_HUB_H
#define WAN_HUB_H

#include <stdint.h>

#include "base/result.h"
#include "wan/topology.h"

struct wan_hub_options {
    const char *netns_prefix; // region R is /run/netns/<prefix>R
    const char *control;      // path of the control socket; a socket left behind is replaced
    const char *trace;        // NULL: none
    uint64_t seed;
};

// Make everything, print "ready" on stdout, and carry packets until a signal says to end. Returns
// WF_OK then, or fills *err.
int wan_hub_run(const struct wan_topology *t, const struct wan_hub_options *o, struct wf_err *err);

#endif
