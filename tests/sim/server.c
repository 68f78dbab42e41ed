// SPDX-License-Identifier: Apache-2.0
// Machines and the processes that live on them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "replication/node_internal.h"
#include "sim.h"
#include "state/schema.h"

struct server *sim_server_new(struct sim *s, uint64_t id, const char *name)
{
    struct server *v;

    if (s->n_servers == SERVERS_MAX)
        return NULL;
    v = &s->servers[s->n_servers];
    *v = (struct server){.sim = s, .at = s->n_servers, .id = id};
    snprintf(v->name, sizeof v->name, "%s", name);
    v->disk.first = 1;
    v->disk.identity.node_id = id;
    v->disk_min = 100000;
    v->disk_max = MS(2);
    if (s->profile.clocks)
        v->drift_ppm = (int64_t)sim_random(s, 0, 1000) - 500;
    v->wall_ms = 3 * (int64_t)v->at;
    v->knows = s->profile.upgrade && !s->upgrading ? WF_SCHEMA_VERSION - 1 : WF_SCHEMA_VERSION;
    s->n_servers++;
    return v;
}

static void on_applied(void *ctx, uint64_t index)
{
    (void)ctx;
    (void)index;
}

static void on_change(void *ctx)
{
    (void)ctx;
}

static bool is_spare(const struct life *l)
{
    const struct life *leader = sim_leader(l->sim);

    return leader != NULL && wf_raft_role(node_raft(leader->node), l->server->id) == RAFT_SPARE;
}

static void on_fatal(void *ctx, const struct wf_err *why)
{
    struct life *l = ctx;

    l->fatal = true;
    sim_trace(l->sim, "%s FATAL %s", l->server->name, why->msg);
    if (strcmp(why->reason, "REMOVED") == 0)
        l->server->removed = true;
    else if (strcmp(why->reason, "STATE_DAMAGED") == 0 && l->server->rotten)
        l->server->drop_state = true;
    else if (strcmp(why->reason, "SCHEMA_NEWER") == 0 && is_spare(l))
        l->server->knows = WF_SCHEMA_VERSION; // somebody reads what it says
    else if (!l->server->hurt)                // but for the disk errors that we made
        sim_fail(l->sim, "%s gave up: %s", l->server->name, why->msg);
}

static void fill_options(struct server *v, struct wf_node_options *o, char *image_dir)
{
    const struct profile *p = &v->sim->profile;

    snprintf(image_dir, WF_IMAGE_PATH_MAX, "%s/images", v->life->home);
    *o = (struct wf_node_options){.id = v->id,
                                  .election_timeout_ms = p->election_ms,
                                  .heartbeat_timeout_ms = p->heartbeat_ms,
                                  .image_dir = image_dir,
                                  .guards = v->sim->opts.guards,
                                  .stock = v->sim->opts.stock};
    snprintf(o->name, sizeof o->name, "%s", v->name);
    o->image_every_bytes = UINT64_MAX / 2;
    if (!p->images)
        return;
    // Over a WAN with many writes, an image is long on its way, and the log behind it must be
    // there.
    o->image_every_bytes = p->harsh ? 5000 : p->dense ? 60000 : 20000;
    o->log_trailing_bytes = p->harsh ? 1500 : p->dense ? 40000 : 8000;
}

static struct life *life_new(struct server *v)
{
    struct life *l = calloc(1, sizeof *l);

    if (l == NULL)
        abort();
    l->sim = v->sim;
    l->server = v;
    l->number = ++v->lives;
    l->next = v->sim->lives;
    v->sim->lives = l;
    v->life = l;
    v->hurt = v->disk_full || v->disk_fails || v->state_fails;
    snprintf(l->home, sizeof l->home, "%s.%u", v->name, l->number);
    sim_env_init(l);
    sim_disk_init(l);
    sim_net_init(l);
    return l;
}

// It does not come up: its disk is full, or what is on it is broken and it says so.
static void no_start(struct life *l, const struct wf_err *why)
{
    struct server *v = l->server;

    sim_trace(v->sim, "%s DOES NOT START: %s", v->name, why->msg);
    sim_state_close(l);
    l->dead = true;
    v->life = NULL;
    if (strcmp(why->reason, "STATE_DAMAGED") == 0 && v->rotten)
        v->drop_state = true;
    else if (why->code == WF_DATA_LOSS && v->damaged)
        sim_lose(v, "its log is unreadable");
    else if (!v->hurt)
        sim_fail(v->sim, "%s does not start: %s", v->name, why->msg);
}

void sim_server_start(struct server *v)
{
    struct sim *s = v->sim;
    struct life *l = life_new(v);
    char image_dir[WF_IMAGE_PATH_MAX];
    struct wf_node_options opts;
    struct wf_node_events events = {l, on_applied, on_change, on_fatal};
    struct wf_fsm fsm;
    struct wf_err err = {0};

    if (sim_state_open(l, &err) != WF_OK) {
        no_start(l, &err);
        return;
    }
    sim_state_fsm(l, &fsm);
    fill_options(v, &opts, image_dir);
    sim_trace(s, "%s START life %u, log %llu..%llu, state at %llu", v->name, l->number,
              (unsigned long long)v->disk.first,
              (unsigned long long)(v->disk.first + v->disk.n - 1),
              (unsigned long long)sim_state_applied(l));
    if (wf_node_start(&l->node, &opts, &l->env, &l->store, &l->net, &fsm, &events, &err) != WF_OK) {
        no_start(l, &err);
        return;
    }
    s->lives_open++;
    sim_net_started(l);
    sim_state_run(l);
    sim_shortage_told(v);
    sim_check_life(l);
}

static void on_stopped(void *ctx)
{
    struct life *l = ctx;

    l->node = NULL;
    l->sim->lives_open--;
    sim_state_close(l);
}

void sim_server_crash(struct server *v)
{
    struct sim *s = v->sim;
    struct life *l = v->life;
    bool power;

    if (l == NULL)
        return;
    power = sim_chance(s, 500);
    sim_trace(s, "%s CRASH%s", v->name, power ? ", power cut" : "");
    sim_disk_crash(l);
    l->dead = true;
    sim_files_crash(v, power);
    sim_net_crashed(l);
    v->life = NULL;
    v->paused_until = 0;
    s->crashes++;
    wf_node_stop(l->node, on_stopped, l);
}

struct life *sim_leader(struct sim *s)
{
    struct life *best = NULL;
    uint64_t best_term = 0;

    for (unsigned i = 0; i < s->n_servers; i++) {
        struct life *l = s->servers[i].life;

        if (l == NULL || l->fatal || !node_leads(l->node))
            continue;
        if (best == NULL || wf_raft_term(node_raft(l->node)) > best_term) {
            best = l;
            best_term = wf_raft_term(node_raft(l->node));
        }
    }
    return best;
}
