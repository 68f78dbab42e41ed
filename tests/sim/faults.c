// SPDX-License-Identifier: Apache-2.0
// What goes wrong: crashes, pauses, partitions, bad and clogged lines, slow, failing, full and
// lying disks, clocks that drift and jump, transfers, images. Then the peace, in which what is left
// of a majority must work again.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "replication/node_internal.h"
#include "sim.h"
#include "state/schema.h"

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
    v->restarting = false;
    if (v->life != NULL && v->life->fatal)
        sim_server_crash(v);
    if (v->life == NULL && !v->gone && !v->removed && !v->left_out)
        sim_server_start(v);
}

static void restart_in(struct server *v, uint64_t in)
{
    v->restarting = true;
    sim_at(v->sim, v->sim->now + in, restart, v);
}

static void crash(struct sim *s, struct server *v)
{
    if (v->life == NULL)
        return;
    sim_server_crash(v);
    // (In peace it is for a node that gave up before.)
    bool soon = sim_chance(s, 300) || s->healed;
    restart_in(v, soon ? sim_random(s, MS(5), MS(300)) : sim_random(s, MS(100), SEC(6)));
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

// Machines whose node gave up or did not start (full disk, removed) are looked after now and then.
static void caretaker(struct sim *s, struct event *e)
{
    (void)e;
    for (unsigned i = 0; i < s->n_servers; i++) {
        struct server *v = &s->servers[i];

        if (v->life != NULL && v->life->fatal)
            crash(s, v);
        if (v->life == NULL && !v->restarting && !v->gone && !v->removed && !v->left_out)
            restart_in(v, sim_random(s, MS(100), SEC(2)));
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
    const struct profile *p = &s->profile;

    s->loss_pm = sim_chance(s, 500) ? (unsigned)sim_random(s, 0, p->loss_pm) : 0;
    s->dup_pm = sim_chance(s, 400) ? (unsigned)sim_random(s, 0, p->dup_pm) : 0;
    s->reorder_pm = sim_chance(s, 400) ? (unsigned)sim_random(s, 0, p->reorder_pm) : 0;
    s->delay_max = s->delay_min + (sim_chance(s, 200) ? sim_random(s, MS(3), p->jitter) : MS(3));
    sim_trace(s, "LINES lose %u, repeat %u, reorder %u of 1000, up to %llu ms late", s->loss_pm,
              s->dup_pm, s->reorder_pm, (unsigned long long)s->delay_max / 1000000);
}

static void unclog(struct sim *s, struct event *e)
{
    s->clogged[e->from / SERVERS_MAX][e->from % SERVERS_MAX] = false;
}

// What is on a line, and what is sent on it meanwhile, arrives when it is free again.
static void clog_one(struct sim *s)
{
    unsigned from = (unsigned)sim_random(s, 0, s->n_servers - 1);
    unsigned to = (unsigned)sim_random(s, 0, s->n_servers - 1);
    uint64_t until = s->now + sim_random(s, MS(50), SEC(5));
    struct event *e;

    if (from == to || s->clogged[from][to])
        return;
    until = until < MS(FAULTS_MS) ? until : MS(FAULTS_MS);
    sim_trace(s, "CLOG %s to %s until %.3f s", s->servers[from].name, s->servers[to].name,
              (double)until / 1e9);
    s->clogged[from][to] = true;
    s->clogged_until[from][to] = until;
    e = sim_at(s, until, unclog, NULL);
    e->from = from * SERVERS_MAX + to;
}

// --- machines ----------------------------------------------------------------------------------

// What reaches a process that is stopped waits for its end; so one pause ends before the next, and
// before the peace.
static void pause_one(struct sim *s)
{
    struct life *leader = sim_leader(s);
    struct server *v = leader != NULL && sim_chance(s, 400) ? leader->server : any_server(s);
    uint64_t until = s->now + (sim_chance(s, 700) ? sim_random(s, MS(50), SEC(2))
                                                  : sim_random(s, SEC(2), SEC(10)));

    if (v->life == NULL || v->paused_until > s->now)
        return;
    v->paused_until = until < MS(FAULTS_MS) ? until : MS(FAULTS_MS);
    sim_trace(s, "%s PAUSED until %.3f s", v->name, (double)v->paused_until / 1e9);
}

// Up to an hour off either way; or, as after a boot without a battery, in 1970.
static void set_clock(struct sim *s)
{
    struct server *v = any_server(s);

    if (sim_chance(s, 200))
        v->wall_ms = -1700000000000;
    else
        v->wall_ms = (int64_t)sim_random(s, 0, 7200000) - 3600000;
    sim_trace(s, "%s has its CLOCK set, %lld ms off", v->name, (long long)v->wall_ms);
}

// --- disks -------------------------------------------------------------------------------------

static void make_room(struct sim *s, struct event *e)
{
    struct server *v = e->p;

    (void)s;
    v->disk_full = false;
}

static void break_disk(struct sim *s, struct server *v)
{
    v->hurt = true;
    if (sim_chance(s, 400)) {
        v->disk_full = true;
        sim_at(s, s->now + sim_random(s, MS(100), SEC(5)), make_room, v);
    } else if (sim_chance(s, 500)) {
        v->disk_fails = true;
    } else {
        v->state_fails = true;
    }
    sim_trace(s, "%s has its DISK %s", v->name, v->disk_full ? "full" : "fail");
}

static void disk_trouble(struct sim *s)
{
    struct server *v = any_server(s);

    if (s->profile.disk_errors && sim_chance(s, 300)) {
        break_disk(s, v);
    } else {
        v->disk_min = sim_chance(s, 500) ? 100000 : sim_random(s, MS(1), MS(300));
        v->disk_max = 2 * v->disk_min + MS(1);
    }
}

static unsigned lost(const struct sim *s)
{
    unsigned n = 0;

    for (unsigned i = 0; i < s->n_servers; i++)
        n += s->servers[i].gone || s->servers[i].damaged;
    return n;
}

static bool an_image_rots(const struct sim *s)
{
    for (unsigned i = 0; i < s->n_servers; i++) {
        if (s->servers[i].image_rotten)
            return true;
    }
    return false;
}

// A leader whose image rots makes another once something is committed; so a majority must not be in
// need of that very image.
bool sim_image_may_rot(const struct life *l)
{
    struct sim *s = l->sim;
    const struct life *leader = sim_leader(s);

    return !s->profile.core_only && lost(s) == 0 && !l->server->rotten &&
           (l->server->image_rotten || !an_image_rots(s)) && leader != NULL &&
           wf_configuration_voters(wf_raft_configuration(node_raft(leader->node))) >= 3;
}

// Whether a voter may still be lost, or the run could not be won.
static bool may_lose_one(struct sim *s)
{
    const struct life *l = sim_leader(s);

    if (s->flips > 0 || an_image_rots(s))
        return false; // one of them may be wrong
    if (s->profile.membership)
        return l != NULL && sim_all_quiet(s) &&
               wf_configuration_voters(wf_raft_configuration(node_raft(l->node))) >= 3;
    return lost(s) < (s->profile.servers - 1) / 2;
}

// A bit of the state's file flips, which its sums tell, so that it is made anew. (Not of its WAL:
// once that was written back in part, a state that ends earlier is none, and looks like one.)
static void rot(struct sim *s, struct server *v)
{
    struct sim_file *f = v->files;
    uint64_t at;

    while (f != NULL && strcmp(f->name, "state.db") != 0)
        f = f->next;
    if (f == NULL || f->kept_len < 1024 || f->kept_len > f->len || v->image_rotten)
        return;
    crash(s, v);
    for (f = v->files; f != NULL && strcmp(f->name, "state.db") != 0;)
        f = f->next;
    if (f == NULL || f->changes_len > 0 || f->len == 0)
        return;
    at = sim_random(s, 0, f->len - 1);
    f->data[at] ^= (uint8_t)(1u << sim_random(s, 0, 7));
    f->kept[at] = f->data[at];
    v->rotten = true;
    sim_trace(s, "%s has a BIT of its state FLIPPED at rest", v->name);
}

// A disk that lies is found out at the next start.
static void damage(struct sim *s)
{
    struct server *v = any_server(s);

    if (v->life == NULL || v->damaged)
        return;
    if (sim_chance(s, 600)) {
        rot(s, v);
        return;
    }
    if (!may_lose_one(s))
        return;
    crash(s, v);
    v->damaged = sim_disk_damage(v);
    if (v->damaged)
        sim_trace(s, "%s is DAMAGED at rest", v->name);
}

static void flip_a_bit(struct sim *s)
{
    struct server *v = any_server(s);

    // One in a run: a majority must be right for the wrong one to be told, and a wrong image may be
    // lying about.
    if (s->flips > 0 || lost(s) > 0)
        return;
    if (v->life == NULL || sim_state_applied(v->life) < 2 || v->life->node->take.running)
        return; // (what is being copied in is looked at before it counts)
    sim_trace(s, "%s BIT FLIP", v->name);
    s->flips++;
    sim_state_flip(v->life);
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
    if (dice < 20)
        crash_some(s);
    else if (dice < 36)
        partition(s);
    else if (dice < 52)
        memset(s->cut, 0, sizeof s->cut);
    else if (dice < 62)
        bad_line(s);
    else if (dice < 72 && p->transfers)
        transfer(s);
    else if (dice < 80 && p->stalls)
        disk_trouble(s);
    else if (dice < 84 && p->images)
        image(s);
    else if (dice < 88 && p->pauses)
        pause_one(s);
    else if (dice < 92 && p->clogs)
        clog_one(s);
    else if (dice < 95 && p->clocks)
        set_clock(s);
    else if (dice < 97 && p->damage)
        damage(s);
    else if (p->corrupt)
        flip_a_bit(s);
}

// --- the peace ---------------------------------------------------------------------------------

// In some runs a minority does not come back: down for good, or beyond a cut.
static void leave_some_out(struct sim *s)
{
    unsigned out = (s->profile.servers - 1) / 2 - lost(s);

    for (unsigned i = 0; i < s->n_servers && out > 0; i++) {
        struct server *v = &s->servers[i];

        if (v->gone || v->damaged || !sim_chance(s, 600))
            continue;
        sim_trace(s, "%s is LEFT OUT", v->name);
        v->left_out = true;
        out--;
        if (sim_chance(s, 500))
            isolate(s, i, sim_chance(s, 700));
        else
            sim_server_crash(v);
    }
}

void sim_heal(struct sim *s)
{
    sim_trace(s, "HEAL");
    s->healed = true;
    sim_shortage_end(s);
    memset(s->cut, 0, sizeof s->cut);
    s->loss_pm = s->dup_pm = s->reorder_pm = 0;
    s->profile.capacity = 0;
    s->delay_max = s->delay_min + MS(2);
    if (s->profile.core_only)
        leave_some_out(s);
    for (unsigned i = 0; i < s->n_servers; i++) {
        struct server *v = &s->servers[i];

        if (v->left_out)
            continue;
        v->disk_min = 100000;
        v->disk_max = MS(2);
        v->disk_fails = v->state_fails = v->disk_full = false;
        if (v->rotten) { // what has not been found yet must not disturb the peace
            sim_server_crash(v);
            v->drop_state = !v->gone;
        }
        if (v->life == NULL && !v->gone && !v->removed)
            restart_in(v, sim_random(s, 0, MS(100)));
    }
}

// A machine gets the newer program, and is started anew with it.
static void upgrade(struct sim *s, struct event *e)
{
    struct server *v = NULL;
    unsigned n = 0;

    (void)e;
    if (s->healed)
        return;
    s->upgrading = true;
    for (unsigned i = 0; i < s->n_servers; i++) {
        if (s->servers[i].knows < WF_SCHEMA_VERSION && sim_random(s, 0, n++) == 0)
            v = &s->servers[i];
    }
    if (v == NULL)
        return;
    sim_trace(s, "%s is UPGRADED", v->name);
    crash(s, v);
    v->knows = WF_SCHEMA_VERSION;
    sim_at(s, s->now + sim_random(s, MS(100), SEC(4)), upgrade, NULL);
}

void sim_faults_start(struct sim *s)
{
    if (s->profile.upgrade)
        sim_at(s, sim_random(s, SEC(2), SEC(20)), upgrade, NULL);
    sim_at(s, MS(1000), fault, NULL);
    sim_at(s, MS(1000), caretaker, NULL);
}
