// SPDX-License-Identifier: Apache-2.0
// Disks that get short of room, and have it again: one, most of them, all. What is drawn for it
// comes from a stream of its own, so that a run without it is what it was.
#include "sim.h"

static void set(struct server *v, bool low)
{
    if (v->disk_low != low)
        sim_trace(v->sim, "%s is %s", v->name, low ? "SHORT of disk" : "no longer short of disk");
    v->disk_low = low;
    sim_shortage_told(v);
}

void sim_shortage_told(struct server *v)
{
    if (v->life != NULL && !v->life->fatal)
        wf_node_set_disk_low(v->life->node, v->disk_low);
}

static void shortage(struct sim *s, struct event *e)
{
    uint64_t dice = sim_aside(s, 0, 99);
    unsigned one = (unsigned)sim_aside(s, 0, s->n_servers - 1);

    (void)e;
    if (s->healed)
        return;
    sim_at(s, s->now + sim_aside(s, MS(200), SEC(4)), shortage, NULL);
    for (unsigned i = 0; i < s->n_servers; i++) {
        struct server *v = &s->servers[i];

        if (dice < 30)
            set(v, false);
        else if (dice < 50)
            set(v, sim_aside(s, 0, 99) < 65);
        else if (i == one)
            set(v, !v->disk_low);
    }
}

void sim_shortage_start(struct sim *s)
{
    if (s->profile.shortage)
        sim_at(s, sim_aside(s, SEC(2), SEC(6)), shortage, NULL);
}

void sim_shortage_end(struct sim *s)
{
    for (unsigned i = 0; i < s->n_servers; i++)
        set(&s->servers[i], false);
}
