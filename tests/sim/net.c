// SPDX-License-Identifier: Apache-2.0
// A network between lives. Every message goes through the real codec. Within a lane the order is
// kept, as TCP does, unless this run reorders; a process that dies takes its links along.
#include <stdlib.h>
#include <string.h>

#include "replication/wire.h"
#include "sim.h"

enum { HELD_MAX = WF_PEER_QUEUE_MAX };

static struct server *server_by_id(struct sim *s, uint64_t id)
{
    for (unsigned i = 0; i < s->n_servers; i++) {
        if (s->servers[i].id == id)
            return &s->servers[i];
    }
    return NULL;
}

static bool reaches(struct sim *s, unsigned from, unsigned to)
{
    return !s->cut[from][to];
}

static void deliver(struct sim *s, struct event *e)
{
    struct life *l = e->to;
    struct server *from = &s->servers[e->from];
    struct wf_msg msg;

    s->flying[e->from][l->server->at] -= e->len;
    s->on_the_way[e->from][l->server->at]--;
    if (l->dead || l->fatal || l->server->life != l || !reaches(s, e->from, l->server->at))
        return;
    // A link does not outlive the process at either end, once the next one has come up.
    if (from->life == NULL ? sim_chance(s, 500) : from->life->number != e->from_life)
        return;
    if (wf_msg_decode(&msg, (struct wf_bytes){e->bytes, e->len}, NULL) != WF_OK) {
        sim_fail(s, "a message of kind %u does not decode", e->len > 0 ? e->bytes[0] : 0u);
        return;
    }
    sim_trace(s, "%s <- %s %s", l->server->name, from->name, wf_msg_name(msg.kind));
    sim_check_heard(l, e->from, &msg);
    l->net_events->on_message(l->net_events->ctx, from->id, &msg);
    l->told = false;
    wf_msg_free(&msg);
    sim_check_life(l);
}

static void launch(struct life *l, struct server *to, enum wf_lane lane, const struct wf_buf *b)
{
    struct sim *s = l->sim;
    unsigned from = l->server->at;
    uint64_t at = s->now + s->pair_delay[from][to->at] + sim_random(s, s->delay_min, s->delay_max);
    uint64_t *last = &s->last_at[from][to->at][lane];
    struct event *e;

    if (s->clogged[from][to->at] && at < s->clogged_until[from][to->at])
        at = s->clogged_until[from][to->at];
    if (!sim_chance(s, s->reorder_pm)) {
        if (at <= *last)
            at = *last + 1;
        *last = at;
    }
    e = sim_at(s, at, deliver, NULL);
    e->to = to->life;
    e->from = from;
    e->from_life = l->number;
    e->len = b->len;
    e->bytes = malloc(b->len + 1);
    if (e->bytes == NULL)
        abort();
    memcpy(e->bytes, b->data, b->len);
    s->flying[from][to->at] += b->len;
    s->on_the_way[from][to->at]++;
}

static int net_send(void *ctx, uint64_t to_id, const struct wf_msg *msg)
{
    struct life *l = ctx;
    struct sim *s = l->sim;
    struct server *to = server_by_id(s, to_id);
    struct wf_buf b;

    if (l->dead || to == NULL || to == l->server || l->up[to->at] == 0)
        return WF_UNAVAILABLE;
    if (msg->kind == WF_MSG_TIMEOUT_NOW)
        sim_check_timeout_now(l, to_id);
    if (s->flying[l->server->at][to->at] > HELD_MAX)
        return WF_RESOURCE_EXHAUSTED;
    if (s->profile.capacity != 0 && s->on_the_way[l->server->at][to->at] >= s->profile.capacity)
        return WF_OK; // a narrow line drops what it cannot hold
    if (to->life == NULL || to->life->dead || !reaches(s, l->server->at, to->at) ||
        sim_chance(s, s->loss_pm))
        return WF_OK; // sent, and lost
    wf_buf_init(&b, 64u << 20);
    if (wf_msg_encode(msg, &b) != WF_OK)
        abort();
    launch(l, to, wf_msg_lane(msg->kind), &b);
    if (sim_chance(s, s->dup_pm))
        launch(l, to, wf_msg_lane(msg->kind), &b);
    wf_buf_free(&b);
    return WF_OK;
}

// --- links up and down -------------------------------------------------------------------------

static void link_event(struct sim *s, struct event *e)
{
    struct life *l = e->to;
    struct server *peer = &s->servers[e->from];
    bool up = e->p != NULL;

    if (l->dead || l->fatal || l->server->life != l || l->net_events == NULL)
        return;
    // News of a life that is not the present one any more.
    if (up ? peer->life == NULL || peer->life->number != e->from_life || l->up[e->from] != 0
           : l->up[e->from] != e->from_life)
        return;
    l->up[e->from] = up ? (unsigned)e->from_life : 0;
    l->net_events->on_peer(l->net_events->ctx, peer->id, up);
    sim_check_life(l);
}

static void link_at(struct life *l, struct life *peer, uint64_t in, bool up)
{
    struct event *e = sim_at(l->sim, l->sim->now + in, link_event, up ? peer : NULL);

    e->to = l;
    e->from = peer->server->at;
    e->from_life = peer->number;
}

void sim_net_started(struct life *l)
{
    struct sim *s = l->sim;

    for (unsigned i = 0; i < s->n_servers; i++) {
        struct life *other = s->servers[i].life;

        if (other == NULL || other == l || other->dead)
            continue;
        if (other->up[l->server->at] != 0) { // its old link to us dies first
            struct life old = {.server = l->server, .number = other->up[l->server->at]};

            link_at(other, &old, MS(1), false);
        }
        link_at(l, other, sim_random(s, MS(2), MS(120)), true);
        link_at(other, l, sim_random(s, MS(2), MS(300)), true);
    }
}

void sim_net_crashed(struct life *l)
{
    struct sim *s = l->sim;

    for (unsigned i = 0; i < s->n_servers; i++) {
        struct life *other = s->servers[i].life;

        // A killed process resets its links at once; a machine that is gone says nothing for long.
        if (other != NULL && other != l && !other->dead)
            link_at(other, l,
                    sim_chance(s, 500) ? sim_random(s, MS(1), MS(200))
                                       : sim_random(s, SEC(1), SEC(3)),
                    false);
    }
}

// --- struct wf_peer_net ------------------------------------------------------------------------

static int net_start(void *ctx, const struct wf_peer_net_events *events, struct wf_err *err)
{
    struct life *l = ctx;

    (void)err;
    l->net_events = events;
    return WF_OK;
}

static void net_set_peers(void *ctx, const struct wf_peer *peers, unsigned n)
{
    (void)ctx; // everybody is connected to everybody here; strangers are answered too
    (void)peers;
    (void)n;
}

static size_t net_queued(void *ctx, uint64_t to, enum wf_lane lane)
{
    (void)ctx;
    (void)to;
    (void)lane;
    return 0;
}

static bool net_connected(void *ctx, uint64_t to)
{
    struct life *l = ctx;
    struct server *v = server_by_id(l->sim, to);

    return v != NULL && l->up[v->at] != 0;
}

static void stopped_event(struct sim *s, struct event *e)
{
    struct life *l = e->to;

    (void)s;
    l->net_stopped(l->net_stopped_arg);
}

static void net_stop(void *ctx, void (*done)(void *arg), void *arg)
{
    struct life *l = ctx;

    l->net_stopped = done;
    l->net_stopped_arg = arg;
    sim_at(l->sim, l->sim->now, stopped_event, NULL)->to = l;
}

static void net_accept(void *ctx, struct wf_link *link, const char *peer)
{
    (void)ctx;
    (void)link;
    (void)peer;
}

void sim_net_init(struct life *l)
{
    l->net = (struct wf_peer_net){.ctx = l,
                                  .start = net_start,
                                  .set_peers = net_set_peers,
                                  .send = net_send,
                                  .queued = net_queued,
                                  .connected = net_connected,
                                  .accept = net_accept,
                                  .stop = net_stop};
}
