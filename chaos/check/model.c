// SPDX-License-Identifier: Apache-2.0
#include "check/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "check/mem.h"

bool model_edge(enum phase from, enum phase to)
{
    // src/state/incident.h has them in words.
    static const bool edges[PHASES][PHASES] = {
        [PHASE_INVESTIGATING] =
            {[PHASE_CONFIRMED] = true, [PHASE_MAJOR] = true, [PHASE_RESOLVED] = true},
        [PHASE_CONFIRMED] = {[PHASE_MAJOR] = true, [PHASE_RESOLVED] = true},
        [PHASE_MAJOR] = {[PHASE_CONFIRMED] = true, [PHASE_RESOLVED] = true},
        [PHASE_RESOLVED] = {[PHASE_INVESTIGATING] = true},
    };

    WF_ASSERT(from < PHASES && to < PHASES);
    return edges[from][to];
}

// --- preparing ----------------------------------------------------------------------------------

static void find_spine(struct model *m, const struct operation *const *ops, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (ops[i]->kind == OP_READ && (m->spine == NULL || ops[i]->notes_n > m->spine->notes_n))
            m->spine = ops[i];
    }
}

static name_id spine_at(const struct model *m, size_t i)
{
    return m->h->notes[m->spine->notes_at + i];
}

// places[text]: the note's place on the spine and one more; 0 for none.
static void place_notes(const struct model *m, uint32_t *places)
{
    size_t n = m->spine != NULL ? m->spine->notes_n : 0;

    for (size_t i = n; i-- > 0;)
        places[spine_at(m, i)] = (uint32_t)i + 1;
}

static void impossible(struct model *m, const struct operation *op, enum model_why why,
                       name_id what)
{
    if (m->impossible != NULL)
        return;
    m->impossible = op;
    m->why = why;
    m->what = what;
}

static void check_read(struct model *m, const struct operation *op)
{
    const name_id *list = m->h->notes;

    if (op->notes_n > 0 &&
        memcmp(list + op->notes_at, list + m->spine->notes_at, op->notes_n * sizeof *list) != 0)
        impossible(m, op, MODEL_DIFFERS, 0);
}

// Marks in seen[] the values that gets showed.
static void see_gets(const struct operation *const *ops, size_t n, bool *seen)
{
    for (size_t i = 0; i < n; i++) {
        if (ops[i]->kind == OP_GET)
            seen[ops[i]->value] = true;
    }
}

static bool matters(const struct operation *op, const uint32_t *places, const bool *seen)
{
    if (op->outcome != OUTCOME_UNKNOWN)
        return true;
    if (op->kind == OP_NOTE)
        return places[op->value] != 0;
    return op->kind != OP_PUT || seen[op->value];
}

// Everything that was shown was written by somebody, and no note is there twice.
static void check_written(struct model *m)
{
    bool *written = mem_zeroed(m->h->names.n, sizeof *written);
    bool *shown = mem_zeroed(m->h->names.n, sizeof *shown);

    written[0] = true; // a register that was never put
    for (size_t i = 0; i < m->n; i++) {
        if (m->ops[i]->kind == OP_NOTE || m->ops[i]->kind == OP_PUT)
            written[m->ops[i]->value] = true;
    }
    for (size_t i = 0; m->spine != NULL && i < m->spine->notes_n; i++) {
        name_id note = spine_at(m, i);
        if (!written[note] || shown[note])
            impossible(m, m->spine, shown[note] ? MODEL_TWICE : MODEL_NOBODYS, note);
        shown[note] = true;
    }
    for (size_t i = 0; i < m->n; i++) {
        if (m->ops[i]->kind == OP_GET && !written[m->ops[i]->value])
            impossible(m, m->ops[i], MODEL_NOBODYS, m->ops[i]->value);
    }
    free(shown);
    free(written);
}

static bool same_effect(const struct operation *a, const struct operation *b)
{
    return a->kind == b->kind && a->value == b->value && a->phase == b->phase &&
           a->believed == b->believed;
}

static void find_twins(struct model *m)
{
    for (size_t i = 0; i < m->n; i++) {
        m->twin[i] = MODEL_OFF;
        m->kind[i] = (uint32_t)i;
        for (size_t k = i; m->ops[i]->outcome == OUTCOME_UNKNOWN && k-- > 0;) {
            if (m->ops[k]->outcome != OUTCOME_UNKNOWN || !same_effect(m->ops[i], m->ops[k]))
                continue;
            m->twin[i] = (uint32_t)k;
            m->kind[i] = m->kind[k];
            break;
        }
    }
}

void model_init(struct model *m, const struct history *h, const struct operation *const *ops,
                size_t n)
{
    uint32_t *places = mem_zeroed(h->names.n, sizeof *places);
    bool *seen = mem_zeroed(h->names.n, sizeof *seen);

    *m = (struct model){.h = h};
    m->ops = mem_zeroed(n, sizeof *m->ops);
    m->place = mem_zeroed(n, sizeof *m->place);
    m->twin = mem_zeroed(n, sizeof *m->twin);
    m->kind = mem_zeroed(n, sizeof *m->kind);
    find_spine(m, ops, n);
    place_notes(m, places);
    see_gets(ops, n, seen);
    for (size_t i = 0; i < n; i++) {
        if (!matters(ops[i], places, seen))
            continue;
        if (ops[i]->kind == OP_NOTE)
            m->place[m->n] = places[ops[i]->value] != 0 ? places[ops[i]->value] - 1 : MODEL_OFF;
        if (ops[i]->kind == OP_READ)
            m->place[m->n] = ops[i]->notes_n;
        if (ops[i]->kind == OP_READ)
            check_read(m, ops[i]);
        m->ops[m->n++] = ops[i];
    }
    check_written(m);
    find_twins(m);
    free(places);
    free(seen);
}

void model_free(struct model *m)
{
    free(m->ops);
    free(m->place);
    free(m->twin);
    free(m->kind);
    memset(m, 0, sizeof *m);
}

struct model_state model_start(const struct model *m)
{
    struct model_state s = {.exists = 1};

    for (size_t i = 0; i < m->n; i++) {
        if (m->ops[i]->kind == OP_DECLARE)
            s.exists = 0;
    }
    return s;
}

// --- steps --------------------------------------------------------------------------------------

// The operation tells the state's commander or epoch: it is that, or it was not known.
static bool agree_epoch(struct model_state *s, uint64_t epoch)
{
    if (s->epoch == 0)
        s->epoch = epoch;
    return s->epoch == epoch;
}

static bool agree_commander(struct model_state *s, name_id commander)
{
    if (s->commander == 0)
        s->commander = commander;
    return s->commander == commander;
}

static bool step_note(const struct model *m, size_t i, struct model_state *s)
{
    uint32_t spine = m->spine != NULL ? m->spine->notes_n : 0;

    if (s->notes < spine)
        return m->place[i] == s->notes++;
    s->notes = spine + 1;
    return m->place[i] == MODEL_OFF;
}

static bool step_read(const struct model *m, size_t i, struct model_state *s)
{
    const struct operation *op = m->ops[i];

    if (m->place[i] != s->notes)
        return false;
    if (m->h->etcd)
        return true;
    if (op->phase != PHASE_NONE && s->phase == PHASE_NONE)
        s->phase = op->phase;
    return (op->phase == PHASE_NONE || s->phase == op->phase) &&
           agree_commander(s, op->commander) && agree_epoch(s, op->epoch);
}

static bool step_offer(const struct operation *op, struct model_state *s)
{
    if (op->believed != 0 && !agree_epoch(s, op->believed))
        return false;
    if (op->outcome == OUTCOME_OK && !agree_epoch(s, op->epoch))
        return false;
    if (s->phase == PHASE_RESOLVED || s->commander == op->value)
        return false;
    s->offered = op->value; // an offer before it must have lapsed
    return true;
}

static bool step_accept(const struct operation *op, struct model_state *s)
{
    if (op->believed != 0 && !agree_epoch(s, op->believed))
        return false;
    if (op->outcome == OUTCOME_OK &&
        (op->commander != op->value || op->epoch < 2 || !agree_epoch(s, op->epoch - 1)))
        return false;
    if (s->offered != op->value)
        return false;
    s->commander = op->value;
    s->epoch += s->epoch != 0;
    s->offered = 0;
    return true;
}

static bool step_state(const struct operation *op, struct model_state *s)
{
    if (s->phase != PHASE_NONE && !model_edge((enum phase)s->phase, op->phase))
        return false;
    s->phase = op->phase;
    if (s->phase == PHASE_RESOLVED)
        s->offered = 0;
    return true;
}

static bool step_declare(const struct operation *op, struct model_state *s)
{
    if (s->exists)
        return false;
    s->exists = 1;
    s->phase = PHASE_INVESTIGATING;
    s->commander = op->commander;
    s->epoch = op->epoch;
    return op->outcome != OUTCOME_OK || op->epoch == 1;
}

// Whether x shows or needs what the unknown operation u did.
static bool concerns(const struct operation *u, const struct operation *x)
{
    switch (u->kind) {
    case OP_NOTE:
        return x->kind == OP_NOTE || x->kind == OP_READ;
    case OP_OFFER:
        return x->kind == OP_ACCEPT && x->value == u->value;
    case OP_ACCEPT:
        return x->kind == OP_READ || x->kind == OP_OFFER || x->kind == OP_ACCEPT ||
               (x->kind == OP_STATE && x->phase == PHASE_RESOLVED);
    case OP_STATE:
        return (x->kind == OP_READ && x->phase != PHASE_NONE) || x->kind == OP_STATE ||
               x->kind == OP_OFFER || x->kind == OP_ACCEPT;
    case OP_PUT:
        return x->kind == OP_GET && x->value == u->value;
    default: // a declaration
        return true;
    }
}

// Operation i may come right after the unknown operation u.
static bool may_follow(const struct model *m, size_t u, size_t i)
{
    const struct operation *a = m->ops[u], *b = m->ops[i];

    if (concerns(a, b))
        return true;
    return b->outcome == OUTCOME_UNKNOWN && b->kind != a->kind && m->kind[u] < m->kind[i];
}

static bool step(const struct model *m, size_t i, struct model_state *s)
{
    const struct operation *op = m->ops[i];

    if (op->kind == OP_DECLARE)
        return step_declare(op, s);
    if (!s->exists)
        return false;
    switch (op->kind) {
    case OP_NOTE:
        return step_note(m, i, s);
    case OP_READ:
        return step_read(m, i, s);
    case OP_OFFER:
        return step_offer(op, s);
    case OP_ACCEPT:
        return step_accept(op, s);
    case OP_STATE:
        return step_state(op, s);
    case OP_PUT:
        s->value = op->value;
        return true;
    default:
        WF_ASSERT(op->kind == OP_GET);
        return s->value == op->value;
    }
}

bool model_step(const struct model *m, size_t i, struct model_state *s)
{
    WF_ASSERT(i < m->n);
    if (s->open != 0 && !may_follow(m, s->open - 1, i))
        return false;
    s->open = m->ops[i]->outcome == OUTCOME_UNKNOWN ? (uint32_t)i + 1 : 0;
    return step(m, i, s);
}

bool model_is_past(const struct model *m, size_t i, const struct model_state *s)
{
    const struct operation *op = m->ops[i];

    return op->outcome == OUTCOME_UNKNOWN && op->believed != 0 && op->believed < s->epoch;
}
