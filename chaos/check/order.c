// SPDX-License-Identifier: Apache-2.0
#include "check/order.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/assert.h"
#include "check/log.h"
#include "check/mem.h"
#include "check/replay.h"

// An operation and its place: twice the log's for a write, one more for a read, which comes after
// the write it shows and before the next.
struct mark {
    const struct operation *op;
    uint64_t ret; // HISTORY_OPEN when its end says nothing
    uint64_t key;
};

struct marks {
    struct mark *of;
    size_t n, cap;
    const char *place; // what the keys are: "seq", "index"
};

static void add(struct marks *m, const struct operation *op, uint64_t place)
{
    m->of = mem_grow(m->of, m->n, &m->cap, sizeof *m->of);
    m->of[m->n++] = (struct mark){
        .op = op,
        .ret = op->outcome == OUTCOME_OK ? op->ret : HISTORY_OPEN,
        .key = place * 2 + !history_is_write(op->kind),
    };
}

static int by_incident(const void *a, const void *b)
{
    const struct mark *x = a, *y = b;

    if (x->op->incident != y->op->incident)
        return x->op->incident < y->op->incident ? -1 : 1;
    return x->op->call != y->op->call ? (x->op->call < y->op->call ? -1 : 1) : 0;
}

static int by_call(const void *a, const void *b)
{
    const struct mark *x = a, *y = b;

    return x->op->call != y->op->call ? (x->op->call < y->op->call ? -1 : 1) : 0;
}

static int by_return(const void *a, const void *b)
{
    const struct mark *x = *(const struct mark *const *)a, *y = *(const struct mark *const *)b;

    return x->ret != y->ret ? (x->ret < y->ret ? -1 : 1) : 0;
}

static int by_key(const void *a, const void *b)
{
    const struct mark *x = a, *y = b;

    return x->key != y->key ? (x->key < y->key ? -1 : 1) : 0;
}

// --- real time ----------------------------------------------------------------------------------

static void turned_round(const struct history *h, struct verdict *v, const struct marks *m,
                         const struct mark *a, const struct mark *b)
{
    bool wa = history_is_write(a->op->kind), wb = history_is_write(b->op->kind);
    const char *what = wa && wb ? "the log's order is not that of time"
                       : wa     ? "a stale read"
                       : wb     ? "a read from the future"
                                : "reads go back in time";

    verdict_problem(v,
                    "%s: %s %" PRIu64 " was over before %s %" PRIu64 " began\n    first  %s\n"
                    "    then   %s",
                    what, m->place, a->key / 2, m->place, b->key / 2, report_op(h, a->op),
                    report_op(h, b->op));
}

// Whatever is over before an operation is called has a lower place. Requires marks sorted by call.
static void sweep(const struct history *h, struct verdict *v, const struct marks *m,
                  const struct mark *marks, size_t n)
{
    const struct mark **over = mem_zeroed(n, sizeof *over), *highest = NULL;
    size_t done = 0;

    for (size_t i = 0; i < n; i++)
        over[i] = &marks[i];
    mem_sort(over, n, sizeof *over, by_return);
    for (size_t i = 0; i < n; i++) {
        const struct mark *b = &marks[i];
        for (; over[done]->ret < b->op->call; done++) {
            if (highest == NULL || over[done]->key > highest->key)
                highest = over[done];
        }
        if (highest != NULL && highest->key > b->key)
            turned_round(h, v, m, highest, b);
    }
    free(over);
}

static void sweep_all(const struct history *h, struct verdict *v, struct marks *m)
{
    mem_sort(m->of, m->n, sizeof *m->of, by_call);
    sweep(h, v, m, m->of, m->n);
}

static void sweep_incidents(const struct history *h, struct verdict *v, struct marks *m)
{
    mem_sort(m->of, m->n, sizeof *m->of, by_incident);
    for (size_t i = 0, end; i < m->n; i = end) {
        for (end = i; end < m->n && m->of[end].op->incident == m->of[i].op->incident;)
            end++;
        sweep(h, v, m, m->of + i, end - i);
    }
}

// No two writes have one place.
static void check_places(const struct history *h, struct verdict *v, struct marks *m)
{
    mem_sort(m->of, m->n, sizeof *m->of, by_key);
    for (size_t i = 1; i < m->n; i++) {
        if (m->of[i].key == m->of[i - 1].key)
            verdict_problem(v, "two writes have seq %" PRIu64 "\n    one    %s\n    other  %s",
                            m->of[i].key / 2, report_op(h, m->of[i - 1].op),
                            report_op(h, m->of[i].op));
    }
}

// --- which places -------------------------------------------------------------------------------

static uint64_t seq_of(const struct operation *op, const struct event *e)
{
    if (op->outcome == OUTCOME_OK && op->seq != 0)
        return op->seq;
    return e != NULL ? e->seq : 0;
}

struct places {
    struct marks writes, incidents, indices;
    size_t n;
};

// A write whose place nobody knows is not in the log: what that means is for invariants.h to say.
static void place(struct places *p, const struct log *l, const struct operation *op)
{
    bool write = history_is_write(op->kind);
    const struct event *e = write && l != NULL ? log_event_of(l, op) : NULL;
    uint64_t seq = seq_of(op, e), index = write ? (e != NULL ? e->index : 0) : op->index;

    if (op->outcome == OUTCOME_REFUSED || (!write && op->outcome != OUTCOME_OK))
        return;
    p->n++;
    if (write && seq != 0)
        add(&p->writes, op, seq);
    if (seq != 0 || !write)
        add(&p->incidents, op, seq);
    if (index != 0)
        add(&p->indices, op, index);
}

void order_check(const struct history *h, struct verdict *v)
{
    struct places p = {{.place = "seq"}, {.place = "seq"}, {.place = "index"}, 0};
    const struct final *f = history_longest(h);
    struct log l;

    if (f != NULL)
        log_open(&l, h, f);
    for (size_t i = 0; i < h->n_ops; i++)
        place(&p, f != NULL ? &l : NULL, &h->ops[i]);
    check_places(h, v, &p.writes);
    sweep_all(h, v, &p.writes);
    sweep_incidents(h, v, &p.incidents);
    sweep_all(h, v, &p.indices);
    if (f != NULL) {
        replay_reads(&l, v);
        log_close(&l);
    }
    replay_gets(h, v);
    verdict_looked_at(v, "%zu operations", p.n);
    free(p.writes.of);
    free(p.incidents.of);
    free(p.indices.of);
}
