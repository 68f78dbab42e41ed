// SPDX-License-Identifier: Apache-2.0
// The network between the regions: every link, and every packet under way. Packets and time in,
// packets out; no file descriptor and no clock. The owner embeds it; one thread.
//
//   wan_net_room -> fill in a packet -> wan_net_take
//   wan_net_next -> wait -> wan_net_due until NULL
#ifndef WAN_NET_H
#define WAN_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/result.h"
#include "wan/heap.h"
#include "wan/lateness.h"
#include "wan/limits.h"
#include "wan/link.h"
#include "wan/random.h"
#include "wan/topology.h"

enum { WAN_NONE = UINT32_MAX };

struct wan_packet {
    wf_mono_ns taken;
    uint32_t next; // of the free list, or of a clogged link's packets
    uint16_t len;
    uint8_t from, to; // regions
    bool corrupt, copy;
    uint8_t data[WAN_MTU];
};

// Packets that a clog holds, in the order they would have arrived.
struct wan_held {
    uint32_t first, last; // WAN_NONE when empty
    uint32_t n;
};

// Told the fate of every packet and copy, at the time it is decided.
typedef void wan_fate_fn(void *ctx, wf_mono_ns now, const struct wan_packet *p, enum wan_fate fate);

struct wan_net {
    struct wan_topology topology;                           // as it began
    struct wan_matrix rules;                                // as it is now
    struct wan_link link[WAN_REGIONS_MAX][WAN_REGIONS_MAX]; // [from][to]
    struct wan_held held[WAN_REGIONS_MAX][WAN_REGIONS_MAX];
    bool dark[WAN_REGIONS_MAX];
    struct wan_heap heap;
    struct wan_packet *packets;
    uint32_t free;    // list of unused packets
    uint32_t room;    // the one that wan_net_room lends
    uint32_t leaving; // the one that wan_net_due lent last
    struct wan_random dice;
    uint64_t refused; // packets a region's device did not take, counted by its owner
    uint64_t stray;   // packets for nobody: other protocols than IPv4, other addresses
    struct wan_lateness lateness;
    wan_fate_fn *on_fate; // may be NULL
    void *ctx;
};

// Returns WF_OK or WF_RESOURCE_EXHAUSTED.
int wan_net_init(struct wan_net *net, const struct wan_topology *t, uint64_t seed,
                 struct wf_err *err);
void wan_net_free(struct wan_net *net);

// Where the next packet may be written, WAN_MTU bytes, until the next call.
uint8_t *wan_net_room(struct wan_net *net);

// The len bytes just written there came out of region from. Requires len <= WAN_MTU.
void wan_net_take(struct wan_net *net, wf_mono_ns now, unsigned from, size_t len);

// When the next packet is due; false when nothing is under way.
bool wan_net_next(const struct wan_net *net, wf_mono_ns *at);

// The next packet to be given to its region now, or NULL; valid until the next call.
const struct wan_packet *wan_net_due(struct wan_net *net, wf_mono_ns now);

// Hold back what arrives on a link. Unclogging lets all of it arrive at once, in order.
void wan_net_clog(struct wan_net *net, unsigned from, unsigned to, bool clogged, wf_mono_ns now);

// A dark region hears nobody, and nobody hears it; cuts stay what they are.
void wan_net_dark(struct wan_net *net, unsigned region, bool dark);

// All rules as the topology says; nothing cut, clogged or dark.
void wan_net_reset(struct wan_net *net, wf_mono_ns now);

#endif
