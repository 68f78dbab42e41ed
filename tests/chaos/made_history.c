// SPDX-License-Identifier: Apache-2.0
#include "made_history.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "check/mem.h"
#include "check/model.h"

enum { PEOPLE = 4, LATE = 200000, SHORT = 1000 };

// An incident as it is.
struct truth {
    bool exists;
    char (*notes)[MADE_TEXT];
    size_t n_notes, cap;
    int commander, offered; // person; -1: nobody
    uint64_t epoch, seq;
    enum phase phase;
};

struct client {
    int life;
    uint64_t next;
};

struct world {
    struct made *m;
    const struct made_shape *shape;
    struct client clients[MADE_CLIENTS_MAX];
    struct truth *truths; // by incident, from 1
    int incidents;
    struct made_event *events;
    size_t n_events, events_cap;
    uint64_t index;
    bool read_here; // somebody read at this index: the next event has another
    int64_t at;
    size_t *pending; // operations that are to take effect
    size_t n_pending, pending_cap;
};

uint64_t made_below(struct made *m, uint64_t n)
{
    m->rng += 0x9e3779b97f4a7c15u; // SplitMix64
    uint64_t z = m->rng;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (z ^ z >> 31) % n;
}

static bool chance(struct made *m, int percent)
{
    return (int)made_below(m, 100) < percent;
}

static void person(char out[MADE_TEXT], int who)
{
    snprintf(out, MADE_TEXT, "person%d", who);
}

// --- taking effect ------------------------------------------------------------------------------

static uint64_t append(struct world *w, int incident, const char *kind, const char *value,
                       uint64_t epoch, int op)
{
    struct made_event *e;

    w->events = mem_grow(w->events, w->n_events, &w->events_cap, sizeof *w->events);
    e = &w->events[w->n_events++];
    if (w->read_here || made_below(w->m, 3) > 0)
        w->index += 1 + made_below(w->m, 2);
    w->read_here = false;
    w->at += (int64_t)made_below(w->m, 3);
    *e = (struct made_event){.seq = w->n_events,
                             .index = w->index,
                             .epoch = epoch,
                             .at = w->at,
                             .incident = incident,
                             .op = op};
    snprintf(e->kind, sizeof e->kind, "%s", kind);
    snprintf(e->value, sizeof e->value, "%s", value);
    if (incident > 0)
        w->truths[incident].seq = e->seq;
    return e->seq;
}

static bool add_note(struct world *w, struct made_op *op, struct truth *t, int i)
{
    t->notes = mem_grow(t->notes, t->n_notes, &t->cap, sizeof *t->notes);
    memcpy(t->notes[t->n_notes++], op->value, MADE_TEXT);
    op->at_seq = append(w, op->incident, "note", op->value, 0, i);
    return true;
}

static bool change_hands(struct world *w, struct made_op *op, struct truth *t, int i)
{
    int who = atoi(op->value + strlen("person"));

    if ((op->believed != 0 && op->believed != t->epoch) || t->phase == PHASE_RESOLVED)
        return false;
    if (op->kind == OP_OFFER) {
        if (who == t->commander || t->offered >= 0)
            return false;
        t->offered = who;
        op->epoch = t->epoch;
        op->at_seq = append(w, op->incident, "offer", op->value, 0, i);
        return true;
    }
    if (t->offered != who)
        return false;
    t->offered = -1;
    t->commander = who;
    op->epoch = ++t->epoch;
    memcpy(op->commander, op->value, MADE_TEXT);
    op->at_seq = append(w, op->incident, "commander", op->value, t->epoch, i);
    return true;
}

static bool change_state(struct world *w, struct made_op *op, struct truth *t, int i)
{
    if (!model_edge(t->phase, op->phase))
        return false;
    t->phase = op->phase;
    if (t->phase == PHASE_RESOLVED)
        t->offered = -1;
    op->at_seq = append(w, op->incident, "state", history_phase_name(op->phase), 0, i);
    return true;
}

static bool declare(struct world *w, struct made_op *op, struct truth *t, int i)
{
    *t = (struct truth){.exists = true,
                        .offered = -1,
                        .epoch = 1,
                        .phase = PHASE_INVESTIGATING,
                        .commander = (int)made_below(w->m, PEOPLE)};
    person(op->commander, t->commander);
    op->epoch = 1;
    op->at_seq = append(w, op->incident, "declared", "", 0, i);
    append(w, op->incident, "commander", op->commander, 1, i);
    return true;
}

static bool look(struct world *w, struct made_op *op, const struct truth *t)
{
    w->read_here = true;
    op->seq = t->seq;
    op->index = w->index;
    op->epoch = t->epoch;
    op->phase = t->phase;
    person(op->commander, t->commander);
    op->notes = mem_zeroed(t->n_notes, MADE_TEXT);
    op->n_notes = t->n_notes;
    if (t->n_notes > 0)
        memcpy(op->notes, t->notes, t->n_notes * MADE_TEXT);
    return true;
}

static bool carry_out(struct world *w, struct made_op *op, int i)
{
    struct truth *t = &w->truths[op->incident];

    if (op->kind == OP_DECLARE)
        return declare(w, op, t, i);
    if (!t->exists)
        return false;
    switch (op->kind) {
    case OP_NOTE:
        return !chance(w->m, 3) && add_note(w, op, t, i); // refused: the node was busy
    case OP_READ:
        return look(w, op, t);
    case OP_STATE:
        return change_state(w, op, t, i);
    default:
        return change_hands(w, op, t, i);
    }
}

static void take_effect(struct world *w, size_t i)
{
    struct made_op *op = &w->m->ops[i];
    bool done = carry_out(w, op, (int)i);

    if (chance(w->m, 5))
        append(w, 0, "cluster", "", 0, -1);
    if (op->outcome == OUTCOME_UNKNOWN)
        return;
    op->outcome = done ? OUTCOME_OK : OUTCOME_REFUSED;
    if (done && (op->kind == OP_NOTE || op->kind == OP_STATE))
        op->seq = op->at_seq;
}

// --- calling ------------------------------------------------------------------------------------

static enum op_kind choose(struct world *w)
{
    uint64_t x = made_below(w->m, 100);

    return x < 45 ? OP_NOTE : x < 70 ? OP_READ : x < 82 ? OP_OFFER : x < 95 ? OP_ACCEPT : OP_STATE;
}

static void fill(struct world *w, struct made_op *op, size_t i)
{
    const struct truth *t = &w->truths[op->incident];
    int who = t->exists && t->offered >= 0 ? t->offered : (int)made_below(w->m, PEOPLE);

    if (op->kind == OP_NOTE)
        snprintf(op->value, MADE_TEXT, "note %zu", i);
    else if (op->kind == OP_OFFER || op->kind == OP_ACCEPT)
        person(op->value, op->kind == OP_ACCEPT ? who : (int)made_below(w->m, PEOPLE));
    else if (op->kind == OP_STATE)
        op->phase = PHASE_INVESTIGATING + (enum phase)made_below(w->m, 4);
    if (op->kind == OP_OFFER || op->kind == OP_ACCEPT)
        op->believed = made_below(w->m, 4) > 0 ? t->epoch : 0;
}

// When it takes effect and when its client hears of it. A lost call may still come true later.
static void time_it(struct world *w, struct made_op *op)
{
    struct made *m = w->m;

    op->effect = op->call + 1 + made_below(m, SHORT);
    op->ret = op->effect + 1 + made_below(m, SHORT);
    if (op->kind == OP_DECLARE || !chance(m, w->shape->lost_percent))
        return;
    op->outcome = OUTCOME_UNKNOWN;
    op->ret = chance(m, 20) ? HISTORY_OPEN : op->call + 1 + made_below(m, 3 * SHORT);
    if (chance(m, 40))
        op->effect = 0;
    else if (chance(m, 50))
        op->effect = op->call + 1 + made_below(m, LATE);
}

static void call(struct world *w, int c, uint64_t now)
{
    struct made *m = w->m;
    int first = 1 + (int)(m->n_ops / (size_t)w->shape->ops_per_incident);
    size_t i = m->n_ops;

    m->ops = mem_grow(m->ops, m->n_ops, &m->ops_cap, sizeof *m->ops);
    struct made_op *op = &m->ops[m->n_ops++];
    *op = (struct made_op){.client = c, .life = w->clients[c].life, .call = now};
    op->incident = first + (int)made_below(m, (uint64_t)w->shape->incidents_at_once);
    op->kind = w->incidents < op->incident ? OP_DECLARE : choose(w);
    if (op->kind == OP_DECLARE)
        op->incident = ++w->incidents;
    fill(w, op, i);
    time_it(w, op);
    if (op->effect != 0) {
        w->pending = mem_grow(w->pending, w->n_pending, &w->pending_cap, sizeof *w->pending);
        w->pending[w->n_pending++] = i;
    }
    w->clients[c].life += op->outcome == OUTCOME_UNKNOWN;
    w->clients[c].next =
        (op->ret == HISTORY_OPEN ? op->call + SHORT : op->ret) + 1 + made_below(m, SHORT);
}

// --- the run ------------------------------------------------------------------------------------

// The pending operation that takes effect first, or SIZE_MAX.
static size_t first_pending(const struct world *w)
{
    size_t best = SIZE_MAX;

    for (size_t k = 0; k < w->n_pending; k++) {
        if (best == SIZE_MAX ||
            w->m->ops[w->pending[k]].effect < w->m->ops[w->pending[best]].effect)
            best = k;
    }
    return best;
}

static int first_client(const struct world *w)
{
    int best = 0;

    for (int c = 1; c < w->shape->clients; c++) {
        if (w->clients[c].next < w->clients[best].next)
            best = c;
    }
    return best;
}

static void effect_of(struct world *w, size_t k)
{
    size_t i = w->pending[k];

    w->pending[k] = w->pending[--w->n_pending];
    take_effect(w, i);
}

static void run(struct world *w)
{
    for (;;) {
        size_t k = first_pending(w);
        int c = first_client(w);
        bool calls = w->m->n_ops < w->shape->ops;
        if (!calls && k == SIZE_MAX)
            return;
        if (k != SIZE_MAX && (!calls || w->m->ops[w->pending[k]].effect <= w->clients[c].next))
            effect_of(w, k);
        else
            call(w, c, w->clients[c].next);
    }
}

static void collect(struct world *w)
{
    struct made *m = w->m;

    for (int n = 0; n < MADE_NODES; n++) {
        struct made_final *f = &m->finals[n];
        f->events = mem_zeroed(w->n_events, sizeof *f->events);
        memcpy(f->events, w->events, w->n_events * sizeof *f->events);
        f->n = w->n_events;
        f->index = w->index + 1;
        snprintf(f->digest, MADE_TEXT, "d%" PRIu64, f->index);
    }
    for (; m->n_views < 64; m->n_views++) {
        struct made_view *v = &m->views[m->n_views];
        v->term = 1 + m->n_views / 16;
        v->leader = (int)(v->term % MADE_NODES);
        v->node = (int)(m->n_views % MADE_NODES);
        v->applied = 1 + made_below(m, w->index);
        snprintf(v->digest, MADE_TEXT, "d%" PRIu64, v->applied);
    }
}

void made_make(struct made *m, uint64_t seed, const struct made_shape *shape)
{
    struct world w = {.m = m, .shape = shape, .index = 1, .at = 1353456789000};

    WF_ASSERT(shape->clients <= MADE_CLIENTS_MAX && shape->ops > 0);
    memset(m, 0, sizeof *m);
    m->rng = seed;
    w.truths = mem_zeroed(shape->ops + 2, sizeof *w.truths);
    for (int c = 0; c < shape->clients; c++)
        w.clients[c].next = 1 + made_below(m, SHORT);
    append(&w, 0, "cluster", "", 0, -1);
    run(&w);
    collect(&w);
    for (size_t i = 0; i < shape->ops + 2; i++)
        free(w.truths[i].notes);
    free(w.truths);
    free(w.events);
    free(w.pending);
}

void made_free(struct made *m)
{
    for (size_t i = 0; i < m->n_ops; i++)
        free(m->ops[i].notes);
    free(m->ops);
    for (int n = 0; n < MADE_NODES; n++)
        free(m->finals[n].events);
    memset(m, 0, sizeof *m);
}

// --- writing ------------------------------------------------------------------------------------

static const char *const node_names[MADE_NODES] = {"fra", "iad", "syd"};

static void write_result(const struct made_op *op, FILE *out)
{
    if (op->seq != 0)
        fprintf(out, ",\"seq\":%" PRIu64, op->seq);
    if (op->epoch != 0)
        fprintf(out, ",\"epoch\":%" PRIu64, op->epoch);
    if (op->commander[0] != '\0')
        fprintf(out, ",\"commander\":\"%s\"", op->commander);
    if (op->kind != OP_READ)
        return;
    fprintf(out, ",\"index\":%" PRIu64 ",\"state\":\"%s\",\"notes\":[", op->index,
            history_phase_name(op->phase));
    for (size_t i = 0; i < op->n_notes; i++)
        fprintf(out, "%s\"%s\"", i > 0 ? "," : "", op->notes[i]);
    fputs("]", out);
}

static void write_op(const struct made_op *op, size_t i, FILE *out)
{
    static const char *const outcomes[] = {"ok", "refused", "unknown"};

    fprintf(out, "{\"op\":\"%s\",\"client\":\"c%d.%d\",\"incident\":\"INC-%d\",\"call\":%" PRIu64,
            history_op_name(op->kind), op->client, op->life, op->incident, op->call);
    if (op->ret == HISTORY_OPEN)
        fputs(",\"return\":null", out);
    else
        fprintf(out, ",\"return\":%" PRIu64, op->ret);
    fprintf(out, ",\"outcome\":\"%s\",\"node\":\"%s\",\"request\":\"q%zu\"", outcomes[op->outcome],
            node_names[i % MADE_NODES], i);
    if (op->kind == OP_NOTE)
        fprintf(out, ",\"value\":\"%s\"", op->value);
    else if (op->kind == OP_OFFER || op->kind == OP_ACCEPT)
        fprintf(out, ",\"%s\":\"%s\",\"believed\":%" PRIu64, op->kind == OP_OFFER ? "to" : "by",
                op->value, op->believed);
    else if (op->kind == OP_STATE)
        fprintf(out, ",\"to\":\"%s\"", history_phase_name(op->phase));
    if (op->outcome == OUTCOME_OK)
        write_result(op, out);
    fputs("}\n", out);
}

static void write_event(const struct made_event *e, FILE *out)
{
    fprintf(out, "{\"seq\":%" PRIu64 ",\"index\":%" PRIu64 ",\"at\":%" PRId64 ",\"kind\":\"%s\"",
            e->seq, e->index, e->at, e->kind);
    if (e->incident > 0)
        fprintf(out, ",\"incident\":\"INC-%d\"", e->incident);
    else
        fputs(",\"incident\":\"\"", out);
    if (e->value[0] != '\0')
        fprintf(out, ",\"value\":\"%s\"", e->value);
    if (e->op >= 0)
        fprintf(out, ",\"request\":\"q%d\"", e->op);
    fprintf(out, ",\"epoch\":%" PRIu64 "}", e->epoch);
}

static void write_final(const struct made_final *f, int node, FILE *out)
{
    fprintf(out,
            "{\"final\":\"%s\",\"index\":%" PRIu64
            ",\"digest\":\"%s\",\"chain\":\"%s\",\"events\":[",
            node_names[node], f->index, f->digest, f->broken ? "broken" : "valid");
    for (size_t i = 0; i < f->n; i++) {
        if (i > 0)
            fputc(',', out);
        write_event(&f->events[i], out);
    }
    fputs("]}\n", out);
}

static void write_view(const struct made_view *v, FILE *out)
{
    fprintf(out,
            "{\"observe\":%" PRIu64 ",\"node\":\"%s\",\"term\":%" PRIu64
            ",\"leader\":\"%s\",\"role\":\"%s\",\"applied\":%" PRIu64 ",\"digest\":\"%s\"}\n",
            v->term, node_names[v->node], v->term, node_names[v->leader],
            v->leader == v->node ? "leader" : "follower", v->applied, v->digest);
}

void made_write(const struct made *m, FILE *out)
{
    fprintf(out,
            "{\"history\":1,\"system\":\"watchfire\",\"scenario\":\"made\",\"seed\":%" PRIu64
            ",\"start\":0,\"nodes\":[\"fra\",\"iad\",\"syd\"]}\n",
            m->rng >> 1);
    for (size_t i = 0; i < m->n_ops; i++)
        write_op(&m->ops[i], i, out);
    for (size_t i = 0; i < m->n_views; i++)
        write_view(&m->views[i], out);
    fputs("{\"fault\":\"cut\",\"at\":5,\"detail\":\"fra->iad\"}\n{\"heal\":\"cut\",\"at\":9}\n",
          out);
    for (int n = 0; n < MADE_NODES; n++) {
        if (!m->finals[n].missing)
            write_final(&m->finals[n], n, out);
    }
}
