// SPDX-License-Identifier: Apache-2.0
// The operator: adds, promotes, demotes, removes and replaces servers, by the rules of
// docs/libraft.md.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/node_internal.h"
#include "sim.h"
#include "state/schema.h"

enum { MEMBERS_AT_MOST = 7 };

static void on_done(void *ctx, const struct wf_err *err)
{
    struct sim *s = ctx;

    sim_trace(s, "CHANGE %s", err == NULL ? "done" : err->msg);
    if (err == NULL)
        s->changes++;
    else
        s->changes_refused++;
}

static struct server *server_of(struct sim *s, uint64_t id)
{
    for (unsigned i = 0; i < s->n_servers; i++) {
        if (s->servers[i].id == id)
            return &s->servers[i];
    }
    return NULL;
}

// A new member's machine is set up once the membership with it has committed.
static void set_up_new(struct sim *s, const struct wf_node_status *st)
{
    for (unsigned i = 0; i < st->n; i++) {
        const struct wf_member *m = &st->members[i].member;
        struct server *v = server_of(s, m->id);

        if (v != NULL)
            continue;
        v = sim_server_new(s, m->id, m->name);
        if (v != NULL)
            sim_server_start(v);
    }
}

static void add(struct sim *s, struct life *l)
{
    char name[16], address[32];

    snprintf(name, sizeof name, "n%llu", (unsigned long long)++s->named + 100);
    snprintf(address, sizeof address, "h%llu:1", (unsigned long long)s->named + 100);
    sim_trace(s, "ADD %s at %s", name, l->server->name);
    wf_node_add(l->node, name, "r9", address, on_done, s);
}

// A spare gets the newer program before it takes part: it has no say in when the state goes on.
static bool is_too_old(struct sim *s, const struct wf_member *m)
{
    const struct server *v = server_of(s, m->id);

    return s->upgrading && m->role == WF_SPARE && v != NULL && v->knows < WF_SCHEMA_VERSION;
}

static void assign(struct sim *s, struct life *l, const struct wf_member *m, enum wf_role role)
{
    if (is_too_old(s, m))
        return;
    sim_trace(s, "ASSIGN %s %d at %s", m->name, (int)role, l->server->name);
    wf_node_assign(l->node, m->name, role, on_done, s);
}

static void remove_member(struct sim *s, struct life *l, const struct wf_member *m)
{
    sim_trace(s, "REMOVE %s at %s", m->name, l->server->name);
    wf_node_remove(l->node, m->name, on_done, s);
}

// Rule 4 of docs/libraft.md: while a dead voter counts, the living are added to and not taken from.
// In the middle of a demotion the one that is demoted may hold the longest log, and does not stand.
static bool counts_a_dead_voter(struct sim *s, const struct wf_node_status *st)
{
    for (unsigned i = 0; i < st->n; i++) {
        const struct server *v = server_of(s, st->members[i].member.id);

        if (st->members[i].member.role == WF_VOTER && v != NULL && (v->gone || v->damaged))
            return true;
    }
    return false;
}

static void random_change(struct sim *s, struct life *l, const struct wf_node_status *st)
{
    const struct wf_member *m = &st->members[sim_random(s, 0, st->n - 1)].member;
    bool dead = counts_a_dead_voter(s, st);
    unsigned voters = 0;

    for (unsigned i = 0; i < st->n; i++)
        voters += st->members[i].member.role == WF_VOTER;
    switch (sim_random(s, 0, 5)) {
    case 0:
        if (st->n < MEMBERS_AT_MOST && s->n_servers < SERVERS_MAX)
            add(s, l);
        break;
    case 1:
    case 2:
        if (m->role != WF_VOTER && voters < 5)
            assign(s, l, m, WF_VOTER);
        break;
    case 3:
        if (!dead)
            assign(s, l, m, sim_chance(s, 500) ? WF_STANDBY : WF_SPARE);
        break;
    case 4:
        if (st->n > 3 && !dead)
            remove_member(s, l, m);
        break;
    default: // a dead one goes first
        for (unsigned i = 0; i < st->n; i++) {
            const struct server *v = server_of(s, st->members[i].member.id);

            if (v != NULL && v->gone)
                remove_member(s, l, &st->members[i].member);
        }
        break;
    }
}

bool sim_all_quiet(struct sim *s)
{
    uint64_t index = 0;

    for (unsigned i = 0; i < s->n_servers; i++) {
        struct server *v = &s->servers[i];
        const struct raft *r;

        if ((v->gone || v->damaged) && !v->removed)
            return false; // one is dead already
        if (v->removed)
            continue;
        // Its state may fall back behind that image: the others have what was in it.
        if (v->image_rotten)
            return false;
        if (v->life == NULL || v->life->fatal)
            return false;
        r = node_raft(v->life->node);
        if (wf_raft_configuration_uncommitted(r) != 0 ||
            (index != 0 && wf_raft_configuration_index(r) != index))
            return false;
        index = wf_raft_configuration_index(r);
    }
    return true;
}

void sim_lose(struct server *v, const char *why)
{
    sim_trace(v->sim, "%s LOST for good: %s", v->name, why);
    sim_server_crash(v);
    v->gone = true;
}

// A machine is lost for good, with its disk. Only when no change is under way anywhere: to lose one
// in the middle of a change can cost the quorum, and nothing guards against that.
static void lose_one(struct sim *s, const struct wf_node_status *st)
{
    struct server *v = server_of(s, st->members[sim_random(s, 0, st->n - 1)].member.id);

    if (v == NULL || s->flips > 0 || !sim_all_quiet(s) || st->change_pending)
        return;
    sim_lose(v, "its machine burns");
}

static void grow(struct sim *s, struct life *l, const struct wf_node_status *st)
{
    for (unsigned i = 0; i < st->n; i++) {
        if (st->members[i].member.role != WF_VOTER) {
            assign(s, l, &st->members[i].member, WF_VOTER);
            return;
        }
    }
    if (st->n < s->profile.servers)
        add(s, l);
}

static void operate(struct sim *s, struct event *e)
{
    struct life *l = sim_leader(s);
    struct wf_node_status st;
    unsigned voters = 0;

    (void)e;
    if (s->now < MS(QUIET_MS))
        sim_at(s, s->now + sim_random(s, MS(10), MS(250)), operate, NULL);
    if (l == NULL)
        return;
    wf_node_status(l->node, &st);
    if (!st.change_pending && wf_guard_established(l->node->guard))
        set_up_new(s, &st);
    if (s->healed || st.n == 0)
        return;
    for (unsigned i = 0; i < st.n; i++)
        voters += st.members[i].member.role == WF_VOTER;
    if (voters < 3)
        grow(s, l, &st);
    else if (sim_chance(s, 30))
        lose_one(s, &st);
    else
        random_change(s, l, &st);
    if (l->server->life == l)
        sim_check_life(l);
}

void sim_operator_start(struct sim *s)
{
    sim_at(s, MS(1500), operate, NULL);
}
