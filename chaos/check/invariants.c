// SPDX-License-Identifier: Apache-2.0
#include "check/invariants.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "check/log.h"
#include "check/mem.h"
#include "check/model.h"

// Two moments that must agree: a key, what was said of it, and by whom.
struct claim {
    uint64_t key, key2;
    name_id value;
    name_id node;
    uint32_t line;
};

struct claims {
    struct claim *of;
    size_t n, cap;
};

static void claim(struct claims *c, uint64_t key, uint64_t key2, name_id value, name_id node,
                  uint32_t line)
{
    c->of = mem_grow(c->of, c->n, &c->cap, sizeof *c->of);
    c->of[c->n++] = (struct claim){key, key2, value, node, line};
}

static int by_key(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (x->key2 != y->key2)
        return x->key2 < y->key2 ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

// Every claim on one key has one value; differ() says what it means if not. Frees the claims.
static void agree(const struct history *h, struct verdict *v, struct claims *c,
                  void (*differ)(const struct history *, struct verdict *, const struct claim *,
                                 const struct claim *))
{
    mem_sort(c->of, c->n, sizeof *c->of, by_key);
    for (size_t i = 1; i < c->n; i++) {
        const struct claim *a = &c->of[i - 1], *b = &c->of[i];
        if (a->key == b->key && a->key2 == b->key2 && a->value != b->value)
            differ(h, v, a, b);
    }
    free(c->of);
}

// --- terms, digests, commanders -----------------------------------------------------------------

static void two_leaders(const struct history *h, struct verdict *v, const struct claim *a,
                        const struct claim *b)
{
    verdict_problem(v,
                    "two leaders in term %" PRIu64 ": %s, says %s (line %" PRIu32
                    "); %s, says %s (line %" PRIu32 ")",
                    a->key, history_text(h, a->value), history_text(h, a->node), a->line,
                    history_text(h, b->value), history_text(h, b->node), b->line);
}

static void two_digests(const struct history *h, struct verdict *v, const struct claim *a,
                        const struct claim *b)
{
    verdict_problem(v,
                    "two states at index %" PRIu64 ": %s has digest %.64s (line %" PRIu32
                    "), %s has %.64s (line %" PRIu32 ")",
                    a->key, history_text(h, a->node), history_text(h, a->value), a->line,
                    history_text(h, b->node), history_text(h, b->value), b->line);
}

static void two_commanders(const struct history *h, struct verdict *v, const struct claim *a,
                           const struct claim *b)
{
    verdict_problem(v,
                    "two commanders of %s in epoch %" PRIu64 ": %s (line %" PRIu32
                    "), %s (line %" PRIu32 ")",
                    history_text(h, (name_id)a->key), a->key2, history_text(h, a->value), a->line,
                    history_text(h, b->value), b->line);
}

static void check_observations(const struct history *h, struct verdict *v)
{
    struct claims leaders = {0}, digests = {0};

    for (size_t i = 0; i < h->n_observations; i++) {
        const struct observation *o = &h->observations[i];
        if (o->leader != 0)
            claim(&leaders, o->term, 0, o->leader, o->node, o->line);
        if (o->leads)
            claim(&leaders, o->term, 0, o->node, o->node, o->line);
        if (o->digest != 0)
            claim(&digests, o->applied, 0, o->digest, o->node, o->line);
    }
    for (size_t i = 0; i < h->n_finals; i++) {
        const struct final *f = &h->finals[i];
        if (!f->gone)
            claim(&digests, f->index, 0, f->digest, f->node, f->line);
    }
    agree(h, v, &leaders, two_leaders);
    agree(h, v, &digests, two_digests);
}

static void check_commanders(const struct history *h, struct verdict *v)
{
    struct claims commanders = {0};
    const struct final *f = history_longest(h);

    for (size_t i = 0; i < h->n_ops; i++) {
        const struct operation *op = &h->ops[i];
        if (op->outcome == OUTCOME_OK && op->commander != 0)
            claim(&commanders, op->incident, op->epoch, op->commander, op->node, op->line);
    }
    for (size_t i = 0; f != NULL && i < f->events_n; i++) {
        const struct event *e = &h->events[f->events_at + i];
        if (e->kind == EVENT_COMMANDER)
            claim(&commanders, e->incident, e->epoch, e->value, f->node, f->line);
    }
    agree(h, v, &commanders, two_commanders);
}

// --- one log ------------------------------------------------------------------------------------

// Of one incident, as the log goes on.
struct course {
    enum phase phase;
    uint64_t epoch;
    uint64_t seq; // of the event that said so
};

static const char *node_of(const struct log *l)
{
    return history_text(l->h, l->final->node);
}

static void check_course(const struct log *l, struct verdict *v, const struct event *e,
                         struct course *c)
{
    const char *incident = history_text(l->h, e->incident);

    if (e->kind == EVENT_DECLARED) {
        if (c->phase != PHASE_NONE)
            verdict_problem(v, "%s in the log of %s: declared again at seq %" PRIu64, incident,
                            node_of(l), e->seq);
        c->phase = PHASE_INVESTIGATING;
    } else if (e->kind == EVENT_STATE) {
        if (c->phase != PHASE_NONE && !model_edge(c->phase, e->phase))
            verdict_problem(
                v, "%s in the log of %s: from %s to %s at seq %" PRIu64 " is no legal edge",
                incident, node_of(l), history_phase_name(c->phase), history_phase_name(e->phase),
                e->seq);
        c->phase = e->phase;
    } else if (e->kind == EVENT_COMMANDER) {
        if (e->epoch <= c->epoch)
            verdict_problem(v,
                            "%s in the log of %s: epoch %" PRIu64 " at seq %" PRIu64
                            " does not rise above %" PRIu64 " at seq %" PRIu64,
                            incident, node_of(l), e->epoch, e->seq, c->epoch, c->seq);
        c->epoch = e->epoch;
        c->seq = e->seq;
    }
}

static void check_next(const struct log *l, struct verdict *v, const struct event *a,
                       const struct event *b)
{
    if (b->seq != a->seq + 1)
        verdict_problem(v, "the log of %s goes from seq %" PRIu64 " to seq %" PRIu64, node_of(l),
                        a->seq, b->seq);
    if (b->at < a->at)
        verdict_problem(v,
                        "time goes back in the log of %s: seq %" PRIu64 " is of %" PRId64
                        ", seq %" PRIu64 " of %" PRId64,
                        node_of(l), a->seq, a->at, b->seq, b->at);
    if (b->index < a->index && b->index != 0)
        verdict_problem(
            v, "the log of %s: seq %" PRIu64 " has index %" PRIu64 ", seq %" PRIu64 " has %" PRIu64,
            node_of(l), a->seq, a->index, b->seq, b->index);
}

static void check_log(const struct log *l, struct verdict *v)
{
    struct course *courses = mem_zeroed(l->h->names.n, sizeof *courses);

    if (!l->final->chain_valid)
        verdict_problem(v, "the chain of %s is broken (line %" PRIu32 ")", node_of(l),
                        l->final->line);
    if (l->n > 0 && l->events[0].seq != 1 && !l->h->etcd)
        verdict_problem(v, "the log of %s begins with seq %" PRIu64, node_of(l), l->events[0].seq);
    for (size_t i = 0; i < l->n; i++) {
        if (i > 0 && !l->h->etcd)
            check_next(l, v, &l->events[i - 1], &l->events[i]);
        if (l->events[i].index > l->final->index)
            verdict_problem(v,
                            "the log of %s: seq %" PRIu64 " has index %" PRIu64
                            ", but it has applied no more than %" PRIu64,
                            node_of(l), l->events[i].seq, l->events[i].index, l->final->index);
        check_course(l, v, &l->events[i], &courses[l->events[i].incident]);
    }
    free(courses);
}

// --- operations against one log -----------------------------------------------------------------

// The event at the place that was told is the operation's.
static bool is_its(const struct operation *op, const struct event *e)
{
    if (e->incident != op->incident || (op->request != 0 && e->request != op->request))
        return false;
    switch (op->kind) {
    case OP_NOTE:
    case OP_PUT:
        return e->kind == EVENT_NOTE && e->value == op->value;
    case OP_ACCEPT:
        return e->kind == EVENT_COMMANDER && e->value == op->value && e->epoch == op->epoch;
    case OP_STATE:
        return e->kind == EVENT_STATE && e->phase == op->phase;
    case OP_OFFER:
        return e->kind == EVENT_OFFER && e->value == op->value;
    default: // a declaration makes several events
        return true;
    }
}

static void check_acknowledged(const struct log *l, struct verdict *v, const struct operation *op,
                               const struct event *found, uint32_t n)
{
    const struct event *e = op->seq != 0 ? log_at(l, op->seq) : found;

    if (n != 1)
        verdict_problem(v, "%s: acknowledged, but %" PRIu32 " times in the log of %s\n    %s",
                        n == 0 ? "a lost write" : "a write twice", n, node_of(l),
                        report_op(l->h, op));
    else if (e == NULL || !is_its(op, e))
        verdict_problem(v, "another event is at seq %" PRIu64 " in the log of %s%s\n    %s",
                        e != NULL ? e->seq : op->seq, node_of(l), e == NULL ? ": none" : "",
                        report_op(l->h, op));
}

static void check_operation(const struct log *l, struct verdict *v, const struct operation *op)
{
    const struct event *found = NULL;
    uint32_t n = log_count(l, op, &found);

    if (op->outcome == OUTCOME_OK)
        check_acknowledged(l, v, op, found, n);
    else if (op->outcome == OUTCOME_REFUSED && n > 0)
        verdict_problem(v, "refused, but at seq %" PRIu64 " in the log of %s\n    %s", found->seq,
                        node_of(l), report_op(l->h, op));
    else if (n > 1)
        verdict_problem(v, "an unknown write is %" PRIu32 " times in the log of %s\n    %s", n,
                        node_of(l), report_op(l->h, op));
}

// A note that nobody wrote, in an incident that the clients wrote to.
static void check_strangers(const struct log *l, struct verdict *v)
{
    const struct history *h = l->h;
    bool *written = mem_zeroed(h->names.n, sizeof *written);
    bool *used = mem_zeroed(h->names.n, sizeof *used);

    for (size_t i = 0; i < h->n_ops; i++) {
        used[h->ops[i].incident] = true;
        if (h->ops[i].kind == OP_NOTE || h->ops[i].kind == OP_PUT)
            written[h->ops[i].value] = true;
    }
    for (size_t i = 0; i < l->n; i++) {
        const struct event *e = &l->events[i];
        if (e->kind == EVENT_NOTE && used[e->incident] && !written[e->value])
            verdict_problem(
                v, "a note that nobody wrote: \"%.60s\" at seq %" PRIu64 " in the log of %s",
                history_text(h, e->value), e->seq, node_of(l));
    }
    free(used);
    free(written);
}

// --- logs against each other --------------------------------------------------------------------

static bool same_event(const struct event *a, const struct event *b)
{
    return a->seq == b->seq && a->index == b->index && a->epoch == b->epoch && a->at == b->at &&
           a->incident == b->incident && a->value == b->value && a->request == b->request &&
           a->kind == b->kind && a->phase == b->phase;
}

// Both are beginnings of one log; at equal index they are equal.
static void check_equal(const struct history *h, struct verdict *v, const struct final *a,
                        const struct final *b)
{
    size_t n = a->events_n < b->events_n ? a->events_n : b->events_n;
    const char *x = history_text(h, a->node), *y = history_text(h, b->node);

    for (size_t i = 0; i < n; i++) {
        const struct event *e = &h->events[a->events_at + i], *g = &h->events[b->events_at + i];
        if (same_event(e, g))
            continue;
        verdict_problem(
            v,
            "the logs of %s and %s part: event %zu is seq %" PRIu64 " \"%.60s\" in one, seq"
            " %" PRIu64 " \"%.60s\" in the other",
            x, y, i + 1, e->seq, history_text(h, e->value), g->seq, history_text(h, g->value));
        return;
    }
    if (a->events_n != b->events_n && a->index == b->index)
        verdict_problem(v, "%s has %zu events, %s has %zu, both at index %" PRIu64, x, a->events_n,
                        y, b->events_n, a->index);
}

static bool has_final(const struct history *h, name_id node)
{
    for (size_t i = 0; i < h->n_finals; i++) {
        if (h->finals[i].node == node)
            return true;
    }
    return false;
}

static void check_finals(const struct history *h, struct verdict *v)
{
    const struct final *longest = history_longest(h);

    if (longest == NULL && !h->etcd)
        verdict_problem(v, "no node's final state was recorded");
    for (size_t i = 0; i < h->n_nodes && longest != NULL; i++) {
        if (!has_final(h, h->nodes[i]))
            verdict_problem(v, "no final state of %s was recorded", history_text(h, h->nodes[i]));
    }
    for (size_t i = 0; i < h->n_finals; i++) {
        const struct final *f = &h->finals[i];
        struct log l;
        if (f->gone)
            continue;
        log_open(&l, h, f);
        check_log(&l, v);
        for (size_t k = 0; k < h->n_ops; k++) {
            if (history_is_write(h->ops[k].kind))
                check_operation(&l, v, &h->ops[k]);
        }
        check_strangers(&l, v);
        log_close(&l);
        if (f != longest)
            check_equal(h, v, longest, f);
    }
}

void invariants_check(const struct history *h, struct verdict *v)
{
    const struct final *f = history_longest(h);

    check_observations(h, v);
    check_commanders(h, v);
    check_finals(h, v);
    verdict_looked_at(v, "%zu final states of up to %zu events, %zu observations", h->n_finals,
                      f != NULL ? f->events_n : 0, h->n_observations);
}
