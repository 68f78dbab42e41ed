// SPDX-License-Identifier: Apache-2.0
// Machines and the processes that live on them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/node_internal.h"
#include "sim.h"

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

static void on_fatal(void *ctx, const struct wf_err *why)
{
    struct life *l = ctx;

    l->fatal = true;
    sim_trace(l->sim, "%s FATAL %s", l->server->name, why->msg);
    if (strcmp(why->reason, "REMOVED") == 0)
        l->server->removed = true;
    else if (why->code != WF_RESOURCE_EXHAUSTED) // but for the disk errors that we made
        sim_fail(l->sim, "%s gave up: %s", l->server->name, why->msg);
}

static void fill_options(struct server *v, struct wf_node_options *o)
{
    const struct profile *p = &v->sim->profile;

    *o = (struct wf_node_options){.id = v->id,
                                  .election_timeout_ms = p->election_ms,
                                  .heartbeat_timeout_ms = p->heartbeat_ms,
                                  .image_dir = "images",
                                  .guards = v->sim->opts.guards,
                                  .stock = v->sim->opts.stock};
    snprintf(o->name, sizeof o->name, "%s", v->name);
    o->image_every_bytes = p->images ? (p->harsh ? 2500 : 6000) : UINT64_MAX / 2;
    o->log_trailing_bytes = p->images ? (p->harsh ? 600 : 3000) : 0;
}

void sim_server_start(struct server *v)
{
    struct sim *s = v->sim;
    struct life *l = calloc(1, sizeof *l);
    struct wf_node_options opts;
    struct wf_node_events events = {l, on_applied, on_change, on_fatal};
    struct wf_fsm fsm;
    struct wf_err err = {0};

    if (l == NULL)
        abort();
    l->next = s->lives;
    s->lives = l;
    l->sim = s;
    l->server = v;
    l->number = ++v->lives;
    v->life = l;
    fsm_copy(&l->fsm, &v->fsm);
    sim_env_init(l);
    sim_disk_init(l);
    sim_net_init(l);
    sim_fsm_init(l, &fsm);
    fill_options(v, &opts);
    sim_trace(s, "%s START life %u, log %llu..%llu, state at %llu", v->name, l->number,
              (unsigned long long)v->disk.first,
              (unsigned long long)(v->disk.first + v->disk.n - 1),
              (unsigned long long)l->fsm.applied);
    if (wf_node_start(&l->node, &opts, &l->env, &l->store, &l->net, &fsm, &events, &err) != WF_OK) {
        sim_fail(s, "%s does not start: %s", v->name, err.msg);
        l->dead = true;
        v->life = NULL;
        return;
    }
    s->lives_open++;
    sim_net_started(l);
    sim_check_life(l);
}

static void on_stopped(void *ctx)
{
    struct life *l = ctx;

    l->node = NULL;
    l->sim->lives_open--;
    fsm_free(&l->fsm);
}

void sim_server_crash(struct server *v)
{
    struct sim *s = v->sim;
    struct life *l = v->life;

    if (l == NULL)
        return;
    sim_trace(s, "%s CRASH", v->name);
    sim_disk_crash(l);
    sim_files_crash(v);
    l->dead = true;
    sim_net_crashed(l);
    v->life = NULL;
    s->crashes++;
    // The state's file is not synced: after a crash it is as it was, or gone.
    fsm_free(&v->fsm);
    if (sim_chance(s, 700) && !l->fsm.corrupt)
        fsm_copy(&v->fsm, &l->fsm);
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
