// SPDX-License-Identifier: Apache-2.0
#include "wan/net.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "wan/packet.h"

// One is lent for reading, one for writing.
enum { PACKETS = WAN_PACKETS_MAX + 2 };

static uint32_t get_packet(struct wan_net *net)
{
    uint32_t i = net->free;
    if (i != WAN_NONE)
        net->free = net->packets[i].next;
    return i;
}

static void put_packet(struct wan_net *net, uint32_t i)
{
    WF_ASSERT(i < PACKETS);
    net->packets[i].next = net->free;
    net->free = i;
}

int wan_net_init(struct wan_net *net, const struct wan_topology *t, uint64_t seed,
                 struct wf_err *err)
{
    *net = (struct wan_net){.topology = *t,
                            .rules = t->matrix,
                            .free = WAN_NONE,
                            .leaving = WAN_NONE,
                            .dice = {seed},
                            .packets = malloc(PACKETS * sizeof *net->packets)};
    if (!net->packets)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory for %d packets", PACKETS);
    int rc = wan_heap_init(&net->heap, PACKETS, err);
    if (rc != WF_OK) {
        free(net->packets);
        return rc;
    }
    for (uint32_t i = PACKETS;
         i-- > 0;) // the first ones are used again and again, and stay in the cache
        put_packet(net, i);
    for (unsigned a = 0; a < WAN_REGIONS_MAX; a++)
        for (unsigned b = 0; b < WAN_REGIONS_MAX; b++)
            net->held[a][b] = (struct wan_held){WAN_NONE, WAN_NONE, 0};
    net->room = get_packet(net);
    return WF_OK;
}

void wan_net_free(struct wan_net *net)
{
    wan_heap_free(&net->heap);
    free(net->packets);
    net->packets = NULL;
}

uint8_t *wan_net_room(struct wan_net *net)
{
    return net->packets[net->room].data;
}

static void tell(struct wan_net *net, wf_mono_ns now, const struct wan_packet *p,
                 enum wan_fate fate)
{
    if (net->on_fate)
        net->on_fate(net->ctx, now, p, fate);
}

// The packet's way ends here.
static void end(struct wan_net *net, wf_mono_ns now, const struct wan_packet *p, enum wan_fate fate)
{
    wan_link_end(&net->link[p->from][p->to], p->len, fate);
    tell(net, now, p, fate);
}

static void send_copy(struct wan_net *net, const struct wan_packet *p, wf_mono_ns at)
{
    uint32_t i = get_packet(net);
    if (i == WAN_NONE) {
        end(net, p->taken, p, WAN_NO_ROOM);
        return;
    }
    struct wan_packet *copy = &net->packets[i];
    memcpy(copy, p, offsetof(struct wan_packet, data) + p->len);
    copy->copy = true;
    wan_heap_push(&net->heap, at, i);
}

void wan_net_take(struct wan_net *net, wf_mono_ns now, unsigned from, size_t len)
{
    WF_ASSERT(from < net->topology.n && len <= WAN_MTU);
    struct wan_packet *p = &net->packets[net->room];
    int to = wan_packet_region(p->data, len, net->topology.n);
    if (to < 0 || (unsigned)to == from) {
        net->stray++;
        return;
    }
    p->taken = now;
    p->len = (uint16_t)len;
    p->from = (uint8_t)from;
    p->to = (uint8_t)to;
    p->corrupt = p->copy = false;
    struct wan_link *l = &net->link[from][to];
    struct wan_plan plan = wan_link_take(l, &net->rules.rule[from][to], now, len, &net->dice);
    if (plan.fate != WAN_DELIVERED) {
        tell(net, now, p, plan.fate);
        return;
    }
    if (plan.copies == 2)
        send_copy(net, p, plan.at[1]);
    uint32_t room = get_packet(net);
    if (room == WAN_NONE) {
        end(net, now, p, WAN_NO_ROOM);
        return;
    }
    if (plan.corrupt) {
        p->corrupt = true;
        wan_packet_corrupt(p->data, len, &net->dice);
    }
    wan_heap_push(&net->heap, plan.at[0], net->room);
    net->room = room;
}

bool wan_net_next(const struct wan_net *net, wf_mono_ns *at)
{
    const struct wan_heap_item *first = wan_heap_first(&net->heap);
    if (first)
        *at = first->at;
    return first != NULL;
}

static void hold(struct wan_net *net, uint32_t i)
{
    struct wan_packet *p = &net->packets[i];
    struct wan_held *h = &net->held[p->from][p->to];
    p->next = WAN_NONE;
    if (h->n++ == 0)
        h->first = i;
    else
        net->packets[h->last].next = i;
    h->last = i;
}

const struct wan_packet *wan_net_due(struct wan_net *net, wf_mono_ns now)
{
    if (net->leaving != WAN_NONE)
        put_packet(net, net->leaving);
    net->leaving = WAN_NONE;
    const struct wan_heap_item *first;
    while ((first = wan_heap_first(&net->heap)) && first->at <= now) {
        wf_mono_ns at = first->at;
        uint32_t i = wan_heap_pop(&net->heap);
        const struct wan_packet *p = &net->packets[i];
        const struct wan_link *l = &net->link[p->from][p->to];
        if (wan_link_blocked(l)) { // cut while it was under way
            end(net, now, p, WAN_CUT);
            put_packet(net, i);
        } else if (l->clogged) {
            hold(net, i);
        } else {
            wan_lateness_add(&net->lateness, now - at);
            end(net, now, p, WAN_DELIVERED);
            net->leaving = i;
            return p;
        }
    }
    return NULL;
}

void wan_net_clog(struct wan_net *net, unsigned from, unsigned to, bool clogged, wf_mono_ns now)
{
    net->link[from][to].clogged = clogged;
    struct wan_held *h = &net->held[from][to];
    if (clogged || h->n == 0)
        return;
    for (uint32_t i = h->first; i != WAN_NONE; i = net->packets[i].next)
        wan_heap_push(&net->heap, now, i);
    *h = (struct wan_held){WAN_NONE, WAN_NONE, 0};
}

void wan_net_dark(struct wan_net *net, unsigned region, bool dark)
{
    net->dark[region] = dark;
    for (unsigned a = 0; a < net->topology.n; a++)
        for (unsigned b = 0; b < net->topology.n; b++)
            net->link[a][b].dark = net->dark[a] || net->dark[b];
}

void wan_net_reset(struct wan_net *net, wf_mono_ns now)
{
    net->rules = net->topology.matrix;
    for (unsigned a = 0; a < net->topology.n; a++) {
        wan_net_dark(net, a, false);
        for (unsigned b = 0; b < net->topology.n; b++) {
            net->link[a][b].cut = false;
            wan_net_clog(net, a, b, false, now);
        }
    }
}
