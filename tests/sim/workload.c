// SPDX-License-Identifier: Apache-2.0
// Clients: writes and linearizable reads at random nodes.
#include <stdlib.h>
#include <string.h>

#include "replication/node_internal.h"
#include "sim.h"

struct call {
    struct life *life;
    uint64_t id;
    uint64_t acked_index; // when it was asked
    bool after;           // asked after the heal
    uint64_t asked;
};

static struct life *any_life(struct sim *s)
{
    unsigned start = (unsigned)sim_random(s, 0, s->n_servers - 1);

    for (unsigned i = 0; i < s->n_servers; i++) {
        struct life *l = s->servers[(start + i) % s->n_servers].life;

        if (l != NULL && !l->fatal && !l->dead &&
            wf_raft_role(node_raft(l->node), l->server->id) >= 0)
            return l;
    }
    return NULL;
}

static struct call *call_new(struct life *l)
{
    struct call *c = calloc(1, sizeof *c);

    if (c == NULL)
        abort();
    c->life = l;
    c->asked = l->sim->now;
    c->acked_index = l->sim->acked_index;
    c->after = l->sim->healed;
    return c;
}

static void note_acked(struct sim *s, uint64_t id, uint64_t index)
{
    if (s->n_acked == s->acked_cap) {
        s->acked_cap = s->acked_cap != 0 ? 2 * s->acked_cap : 1024;
        s->acked = realloc(s->acked, s->acked_cap * sizeof *s->acked);
        if (s->acked == NULL)
            abort();
    }
    s->acked[s->n_acked++] = id;
    if (index > s->acked_index)
        s->acked_index = index;
}

static void on_written(void *ctx, const struct wf_err *err, uint64_t index, struct wf_bytes result)
{
    struct call *c = ctx;
    struct sim *s = c->life->sim;
    uint64_t id = 0;

    if (c->life->dead) {
        // the client sees a broken connection
    } else if (err != NULL) {
        s->writes_failed++;
    } else {
        if (result.len == sizeof id)
            memcpy(&id, result.data, sizeof id);
        if (id != c->id)
            sim_fail(s, "%s: the answer to command %llu is another's (%llu)", c->life->server->name,
                     (unsigned long long)c->id, (unsigned long long)id);
        s->writes++;
        s->writes_after += c->after;
        if (c->asked >= MS(STEADY_MS) && s->now < MS(QUIET_MS)) {
            s->writes_under_load++;
            s->waited += s->now - c->asked;
        }
        note_acked(s, c->id, index);
    }
    free(c);
}

static void write_one(struct sim *s, struct life *l)
{
    struct call *c = call_new(l);
    uint8_t bytes[64] = {0};

    c->id = ++s->next_command;
    memcpy(bytes, &c->id, sizeof c->id);
    wf_node_propose(l->node, (struct wf_bytes){bytes, sim_random(s, 8, sizeof bytes)}, on_written,
                    c);
}

static void on_read(void *ctx, const struct wf_err *err, uint64_t index)
{
    struct call *c = ctx;
    struct sim *s = c->life->sim;

    if (c->life->dead) {
        // the client sees a broken connection
    } else if (err != NULL) {
        s->reads_failed++;
    } else {
        if (index < c->acked_index || c->life->fsm.applied < c->acked_index)
            sim_fail(s, "%s: stale read at %llu (state at %llu), but %llu was acknowledged before",
                     c->life->server->name, (unsigned long long)index,
                     (unsigned long long)c->life->fsm.applied, (unsigned long long)c->acked_index);
        s->reads++;
        s->reads_after += c->after;
    }
    free(c);
}

static void workload(struct sim *s, struct event *e)
{
    struct life *l = any_life(s);

    (void)e;
    if (s->now >= MS(QUIET_MS))
        return;
    sim_at(s, s->now + 1000 * sim_random(s, 1, 2 * s->profile.propose_every_us), workload, NULL);
    if (l == NULL)
        return;
    for (uint64_t n = sim_chance(s, 50) ? sim_random(s, 2, 40) : 1; n > 0; n--)
        write_one(s, l);
    if (s->opts.stock)
        return; // libraft has no linearizable reads of its own
    if (sim_chance(s, 400))
        wf_node_read(l->node, on_read, call_new(l));
    if (sim_chance(s, 300) && (l = any_life(s)) != NULL)
        wf_node_read(l->node, on_read, call_new(l));
}

void sim_workload_start(struct sim *s)
{
    sim_at(s, MS(300), workload, NULL);
}
