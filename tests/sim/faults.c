// SPDX-License-Identifier: Apache-2.0
// What goes wrong: crashes, partitions, bad lines, slow and full disks, transfers, images.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/node_internal.h"
#include "sim.h"

static void nothing(void *ctx, const struct wf_err *err)
{
    (void)ctx;
    (void)err;
}

static struct server *any_server(struct sim *s)
{
    return &s->servers[sim_random(s, 0, s->n_servers - 1)];
}

// --- crashes -----------------------------------------------------------------------------------

static void restart(struct sim *s, struct event *e)
{
    struct server *v = e->p;

    (void)s;
    if (v->life != NULL && v->life->fatal)
        sim_server_crash(v);
    if (v->life == NULL && !v->gone && !v->removed)
        sim_server_start(v);
}

static void crash(struct sim *s, struct server *v)
{
    if (v->life == NULL)
        return;
    sim_server_crash(v);
    sim_at(s,
           s->now + (sim_chance(s, 300) ? sim_random(s, MS(5), MS(300))
                                        : sim_random(s, MS(100), SEC(6))),
           restart, v);
}

static void crash_some(struct sim *s)
{
    struct life *leader = sim_leader(s);

    if (sim_chance(s, 400) && leader != NULL) {
        crash(s, leader->server);
    } else if (sim_chance(s, 80)) {
        for (unsigned i = 0; i < s->n_servers; i++)
            crash(s, &s->servers[i]);
    } else {
        crash(s, any_server(s));
    }
}

// Machines whose node gave up (full disk, removed) are looked after now and then.
static void caretaker(struct sim *s, struct event *e)
{
    (void)e;
    for (unsigned i = 0; i < s->n_servers; i++) {
        struct server *v = &s->servers[i];

        if (v->life != NULL && v->life->fatal)
            crash(s, v);
    }
    if (s->now < MS(QUIET_MS))
        sim_at(s, s->now + MS(200), caretaker, NULL);
}

// --- the network -------------------------------------------------------------------------------

static void isolate(struct sim *s, unsigned at, bool both)
{
    for (unsigned i = 0; i < s->n_servers; i++) {
        if (i == at)
            continue;
        s->cut[i][at] = true;
        if (both)
            s->cut[at][i] = true;
    }
}

static void partition(struct sim *s)
{
    struct life *leader = sim_leader(s);

    sim_trace(s, "PARTITION");
    memset(s->cut, 0, sizeof s->cut);
    switch (sim_random(s, 0, 4)) {
    case 0:
        if (leader != NULL)
            isolate(s, leader->server->at, true);
        break;
    case 1:
        if (leader != NULL)
            isolate(s, leader->server->at, false); // it sends, but hears nothing
        break;
    case 2: { // two halves
        uint64_t side = sim_random(s, 0, UINT64_MAX);

        for (unsigned i = 0; i < s->n_servers; i++) {
            for (unsigned j = 0; j < s->n_servers; j++)
                s->cut[i][j] = ((side >> i) & 1) != ((side >> j) & 1);
        }
        break;
    }
    case 3: // one direction of one pair
        s->cut[sim_random(s, 0, s->n_servers - 1)][sim_random(s, 0, s->n_servers - 1)] = true;
        break;
    default:
        for (unsigned i = 0; i < s->n_servers; i++) {
            for (unsigned j = 0; j < s->n_servers; j++)
                s->cut[i][j] = sim_chance(s, 250);
        }
        break;
    }
}

static void bad_line(struct sim *s)
{
    s->loss_pm = sim_chance(s, 500) ? (unsigned)sim_random(s, 1, 200) : 0;
    s->dup_pm = sim_chance(s, 400) ? (unsigned)sim_random(s, 1, 100) : 0;
    s->reorder_pm = sim_chance(s, 400) ? (unsigned)sim_random(s, 1, 200) : 0;
    s->delay_max = s->delay_min + (sim_chance(s, 200) ? sim_random(s, MS(20), MS(400)) : MS(3));
}

// --- disks -------------------------------------------------------------------------------------

static void disk_trouble(struct sim *s)
{
    struct server *v = any_server(s);

    if (s->profile.disk_errors && sim_chance(s, 300)) {
        v->disk_fails = true;
    } else {
        v->disk_min = sim_chance(s, 500) ? 100000 : sim_random(s, MS(1), MS(300));
        v->disk_max = 2 * v->disk_min + MS(1);
    }
}

static void flip_a_bit(struct sim *s)
{
    struct server *v = any_server(s);

    // One at a time: a majority must be right for the wrong one to be told.
    for (unsigned i = 0; i < s->n_servers; i++) {
        if (s->servers[i].life != NULL &&
            (s->servers[i].life->fsm.corrupt || s->servers[i].life->node->fenced))
            return;
    }
    if (v->life == NULL || v->life->fsm.applied < 2 || v->life->fatal)
        return;
    sim_trace(s, "%s BIT FLIP", v->name);
    v->life->fsm.digest ^= 2;
    v->life->fsm.corrupt = true;
    s->fences++;
}

// --- the schedule ------------------------------------------------------------------------------

static void transfer(struct sim *s)
{
    struct life *l = sim_leader(s);

    if (l == NULL)
        return;
    s->transfers++;
    sim_trace(s, "TRANSFER from %s", l->server->name);
    wf_node_transfer(l->node, sim_chance(s, 500) ? "" : any_server(s)->name, nothing, NULL);
}

static void image(struct sim *s)
{
    struct server *v = any_server(s);

    if (v->life != NULL && !v->life->fatal)
        wf_node_image(v->life->node, nothing, NULL);
}

static void fault(struct sim *s, struct event *e)
{
    const struct profile *p = &s->profile;
    uint64_t dice = sim_random(s, 0, 99);

    (void)e;
    if (s->healed)
        return;
    sim_at(s, s->now + (p->harsh ? sim_random(s, MS(5), MS(350)) : sim_random(s, MS(30), MS(1600))),
           fault, NULL);
    if (dice < 22)
        crash_some(s);
    else if (dice < 42)
        partition(s);
    else if (dice < 60)
        memset(s->cut, 0, sizeof s->cut);
    else if (dice < 72)
        bad_line(s);
    else if (dice < 84 && p->transfers)
        transfer(s);
    else if (dice < 92 && p->stalls)
        disk_trouble(s);
    else if (dice < 97 && p->images)
        image(s);
    else if (p->corrupt)
        flip_a_bit(s);
}

void sim_heal(struct sim *s)
{
    sim_trace(s, "HEAL");
    s->healed = true;
    memset(s->cut, 0, sizeof s->cut);
    s->loss_pm = s->dup_pm = s->reorder_pm = 0;
    s->delay_max = s->delay_min + MS(2);
    for (unsigned i = 0; i < s->n_servers; i++) {
        struct server *v = &s->servers[i];

        v->disk_min = 100000;
        v->disk_max = MS(2);
        v->disk_fails = false;
        if (v->life == NULL && !v->gone && !v->removed)
            sim_at(s, s->now + sim_random(s, 0, MS(100)), restart, v);
    }
}

void sim_faults_start(struct sim *s)
{
    sim_at(s, MS(1000), fault, NULL);
    sim_at(s, MS(1000), caretaker, NULL);
}
