// SPDX-License-Identifier: Apache-2.0
// A witness reads from leaders that were deposed and have not heard of it: the moments in which a
// read can be stale are short, and clients seldom ask in one.
#include <stdlib.h>

#include "replication/node_internal.h"
#include "sim.h"

enum { LOOK_MS = 10 };

struct question {
    struct life *life;
    uint64_t acked; // when it was asked
};

static void on_answer(void *ctx, const struct wf_err *err, uint64_t index)
{
    struct question *q = ctx;
    const struct life *l = q->life;

    if (err == NULL && !l->dead && index < q->acked)
        sim_fail(l->sim, "%s: stale read at %llu, but %llu was acknowledged before",
                 l->server->name, (unsigned long long)index, (unsigned long long)q->acked);
    free(q);
}

static void ask(struct life *l)
{
    struct question *q = malloc(sizeof *q);

    if (q == NULL)
        abort();
    *q = (struct question){l, l->sim->acked_index};
    wf_node_read(l->node, on_answer, q);
}

static void look(struct sim *s, struct event *e)
{
    const struct life *leader = sim_leader(s);

    (void)e;
    if (s->healed)
        return;
    sim_at(s, s->now + MS(LOOK_MS), look, NULL);
    for (unsigned i = 0; i < s->n_servers; i++) {
        const struct server *v = &s->servers[i];

        if (v->life != NULL && v->life != leader && !v->life->fatal && v->paused_until <= s->now &&
            node_leads(v->life->node))
            ask(v->life);
    }
}

void sim_witness_start(struct sim *s)
{
    if (!s->opts.stock) // libraft has no linearizable reads of its own
        sim_at(s, MS(1000), look, NULL);
}
