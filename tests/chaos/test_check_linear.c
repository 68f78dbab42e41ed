// SPDX-License-Identifier: Apache-2.0
// The search for an order against one that tries every order there is, with a model of its own, on
// small random histories: about as many that have an order as have none.
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/linear.h"
#include "check/model.h"

enum { OPS_MAX = 9, PEOPLE = 3, ROUNDS = 20000 };

struct rng {
    uint64_t x;
};

static unsigned below(struct rng *r, unsigned n)
{
    r->x += 0x9e3779b97f4a7c15u; // SplitMix64
    uint64_t z = r->x;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (unsigned)((z ^ z >> 31) % n);
}

// --- a model as plain as can be -----------------------------------------------------------------

struct plain {
    int notes[OPS_MAX], n;
    int commander, offered; // people are 1..PEOPLE; 0: nobody
    int epoch, phase, value;
    bool exists;
};

struct small_op {
    enum op_kind kind;
    enum outcome outcome;
    int call, ret;
    int value; // note, put, get; person of an offer or acceptance
    int believed, epoch, commander;
    int phase; // state; read: 0 when it was not read
    int notes[OPS_MAX], n;
};

static bool plain_read(const struct small_op *op, const struct plain *s)
{
    return op->n == s->n && memcmp(op->notes, s->notes, sizeof(int) * (size_t)s->n) == 0 &&
           op->commander == s->commander && op->epoch == s->epoch &&
           (op->phase == 0 || op->phase == s->phase);
}

static bool plain_command(const struct small_op *op, struct plain *s)
{
    bool ok = op->outcome == OUTCOME_OK;

    if ((op->believed != 0 && op->believed != s->epoch) || s->phase == PHASE_RESOLVED)
        return false;
    if (op->kind == OP_OFFER) {
        s->offered = op->value;
        return op->value != s->commander && (!ok || op->epoch == s->epoch);
    }
    if (s->offered != op->value)
        return false;
    s->offered = 0;
    s->commander = op->value;
    s->epoch++;
    return !ok || (op->epoch == s->epoch && op->commander == op->value);
}

// As model.h, but with the whole list, and every incident declared before the history.
static bool plain_step(const struct small_op *op, struct plain *s)
{
    switch (op->kind) {
    case OP_NOTE:
        s->notes[s->n++] = op->value;
        return true;
    case OP_READ:
        return plain_read(op, s);
    case OP_STATE:
        if (!model_edge((enum phase)s->phase, (enum phase)op->phase))
            return false;
        s->phase = op->phase;
        s->offered = op->phase == PHASE_RESOLVED ? 0 : s->offered;
        return true;
    case OP_PUT:
        s->value = op->value;
        return true;
    case OP_GET:
        return op->value == s->value;
    default:
        return plain_command(op, s);
    }
}

static bool any_order(const struct small_op *ops, int n, unsigned done, const struct plain *s)
{
    int first_return = INT32_MAX;

    for (int i = 0; i < n; i++) {
        if (!(done >> i & 1) && ops[i].outcome == OUTCOME_OK && ops[i].ret < first_return)
            first_return = ops[i].ret;
    }
    if (first_return == INT32_MAX)
        return true; // all that must have happened has
    for (int i = 0; i < n; i++) {
        struct plain after = *s;
        if (done >> i & 1 || ops[i].call > first_return || ops[i].outcome == OUTCOME_REFUSED)
            continue;
        if (plain_step(&ops[i], &after) && any_order(ops, n, done | 1u << i, &after))
            return true;
    }
    return false;
}

// --- random histories ---------------------------------------------------------------------------

static enum op_kind kind_of(struct rng *r, bool etcd)
{
    static const enum op_kind watchfire[] = {OP_NOTE,  OP_NOTE,  OP_READ,   OP_READ,   OP_READ,
                                             OP_OFFER, OP_OFFER, OP_ACCEPT, OP_ACCEPT, OP_STATE};

    if (etcd)
        return below(r, 2) ? OP_PUT : OP_GET;
    return watchfire[below(r, 10)];
}

// Carried out in order of i, so that what it answers is often right.
static void answer(struct rng *r, struct small_op *op, struct plain *s, unsigned lost_percent)
{
    struct plain after = *s;

    op->epoch = s->epoch + (op->kind == OP_ACCEPT);
    op->commander = op->kind == OP_ACCEPT ? op->value : s->commander;
    if (op->kind == OP_READ) {
        op->phase = below(r, 2) ? s->phase : 0;
        op->n = s->n;
        memcpy(op->notes, s->notes, sizeof s->notes);
    }
    if (op->kind == OP_GET)
        op->value = s->value;
    if (below(r, 100) < lost_percent) {
        op->outcome = OUTCOME_UNKNOWN;
        if (below(r, 2) || !plain_step(op, &after))
            return;
    } else if (!plain_step(op, &after)) {
        op->outcome = OUTCOME_REFUSED;
        return;
    }
    *s = after;
}

// An answer that may be wrong.
static void spoil(struct rng *r, struct small_op *op)
{
    unsigned what = below(r, 4);

    if (op->kind == OP_GET)
        op->value = (int)below(r, 2) * (100 + (int)below(r, OPS_MAX));
    else if (what == 0)
        op->epoch++;
    else if (what == 1)
        op->commander = 1 + (int)below(r, PEOPLE);
    else if (what == 2 && op->kind == OP_READ && op->n > 1)
        op->notes[0] = op->notes[1], op->notes[1] = op->notes[0] == 100 ? 101 : 100;
    else if (op->phase != 0 && below(r, 2))
        op->phase = 1 + (int)below(r, 4);
    else
        op->n -= op->n > 0;
}

static int make(struct rng *r, struct small_op *ops, bool etcd)
{
    struct plain s = {.commander = 1, .epoch = 1, .phase = PHASE_INVESTIGATING, .exists = true};
    int n = 3 + (int)below(r, OPS_MAX - 2);
    unsigned lost_percent = below(r, 3) * 25;

    for (int i = 0; i < n; i++) {
        struct small_op *op = &ops[i];
        *op = (struct small_op){.kind = kind_of(r, etcd)};
        op->call = 1 + i * 3 + (int)below(r, 8) - 4 + 4;
        op->ret = op->call + 1 + (int)below(r, 12);
        op->value = op->kind == OP_NOTE || op->kind == OP_PUT ? 100 + i : 1 + (int)below(r, PEOPLE);
        if (op->kind == OP_ACCEPT && s.offered != 0 && below(r, 4))
            op->value = s.offered;
        if (op->kind == OP_OFFER || op->kind == OP_ACCEPT)
            op->believed = below(r, 2) ? s.epoch : 0;
        if (op->kind == OP_STATE)
            op->phase = 1 + (int)below(r, 4);
        answer(r, op, &s, lost_percent);
    }
    for (unsigned k = below(r, 5); k > 0; k--)
        spoil(r, &ops[below(r, (unsigned)n)]);
    return n;
}

// --- the same for the checker -------------------------------------------------------------------

static name_id value_id(struct history *h, const char *prefix, int value)
{
    char text[32];

    if (value == 0)
        return 0;
    snprintf(text, sizeof text, "%s%d", prefix, value);
    return names_id(&h->names, text, strlen(text));
}

static struct operation convert(struct history *h, const struct small_op *s, name_id *notes,
                                size_t *n_notes, uint32_t line)
{
    bool person = s->kind == OP_OFFER || s->kind == OP_ACCEPT;
    struct operation op = {.kind = s->kind,
                           .outcome = s->outcome,
                           .phase = (enum phase)s->phase,
                           .line = line,
                           .call = (uint64_t)s->call,
                           .ret = (uint64_t)s->ret,
                           .epoch = (uint64_t)s->epoch,
                           .believed = (uint64_t)s->believed};

    op.incident = value_id(h, "INC-", 1);
    op.client = value_id(h, "c", (int)line);
    op.value = value_id(h, person ? "p" : "v", s->value);
    op.commander = value_id(h, "p", s->commander);
    op.notes_at = *n_notes;
    op.notes_n = (uint32_t)s->n;
    for (int i = 0; i < s->n; i++)
        notes[(*n_notes)++] = value_id(h, "v", s->notes[i]);
    return op;
}

static bool never(void *ctx)
{
    (void)ctx;
    return false;
}

static bool checker_says(const struct small_op *small, int n, bool etcd)
{
    const struct linear_limits limits = {never, NULL, LINEAR_MEMORY_MAX};
    struct operation ops[OPS_MAX + 1];
    name_id notes[OPS_MAX * OPS_MAX];
    struct history h;
    struct verdict v;
    struct small_op begin = {.kind = OP_DECLARE, .ret = 0, .commander = 1, .epoch = 1};

    history_init(&h);
    h.etcd = etcd;
    if (!etcd)
        ops[h.n_ops++] = convert(&h, &begin, notes, &h.n_notes, 1);
    for (int i = 0; i < n; i++) {
        ops[h.n_ops] = convert(&h, &small[i], notes, &h.n_notes, (uint32_t)i + 2);
        h.n_ops++;
    }
    h.ops = ops;
    h.notes = notes;
    verdict_init(&v, "linear");
    linear_check(&h, &limits, &v);
    bool ok = verdict_ok(&v);
    verdict_free(&v);
    h.ops = NULL;
    h.notes = NULL;
    history_free(&h);
    return ok;
}

static void print_small(const struct small_op *ops, int n)
{
    for (int i = 0; i < n; i++) {
        const struct small_op *op = &ops[i];
        print_message("%s %d..%d outcome %d value %d believed %d epoch %d commander %d phase %d:",
                      history_op_name(op->kind), op->call, op->ret, (int)op->outcome, op->value,
                      op->believed, op->epoch, op->commander, op->phase);
        for (int k = 0; k < op->n; k++)
            print_message(" %d", op->notes[k]);
        print_message("\n");
    }
}

static void compare(bool etcd, uint64_t seed)
{
    struct plain start = {.commander = 1, .epoch = 1, .phase = PHASE_INVESTIGATING, .exists = true};
    int have = 0;

    for (int round = 0; round < ROUNDS; round++) {
        struct rng r = {seed + (uint64_t)round * 1000003};
        struct small_op ops[OPS_MAX];
        int n = make(&r, ops, etcd);
        bool want = any_order(ops, n, 0, &start);
        if (checker_says(ops, n, etcd) != want) {
            print_small(ops, n);
            fail_msg("round %d: an order %s", round, want ? "exists" : "does not exist");
        }
        have += want;
    }
    print_message("%d of %d have an order\n", have, ROUNDS);
    assert_in_range(have, ROUNDS / 5, ROUNDS - ROUNDS / 5);
}

static void agrees_with_every_order_of_an_incident(void **state)
{
    (void)state;
    compare(false, 1);
}

static void agrees_with_every_order_of_a_register(void **state)
{
    (void)state;
    compare(true, 2);
}

// --- limits -------------------------------------------------------------------------------------

static bool at_once(void *ctx)
{
    ++*(int *)ctx;
    return true;
}

// Puts that all overlap, and a get that shows what nobody put last: every order would have to be
// tried.
static size_t overlapping_puts(struct history *h, struct operation *ops, size_t n)
{
    name_id incident = value_id(h, "INC-", 1);

    for (size_t i = 0; i < n; i++)
        ops[i] = (struct operation){.kind = OP_PUT,
                                    .line = (uint32_t)i + 2,
                                    .incident = incident,
                                    .value = value_id(h, "v", (int)i + 1),
                                    .call = 1,
                                    .ret = 100};
    for (size_t i = 0; i < 2; i++)
        ops[n + i] = (struct operation){.kind = OP_GET,
                                        .line = (uint32_t)(n + i) + 2,
                                        .incident = incident,
                                        .value = ops[i].value,
                                        .call = 200 + i * 100,
                                        .ret = 250 + i * 100};
    return n + 2;
}

static void gives_up_loudly(void **state)
{
    struct operation ops[32];
    struct history h;
    int asked = 0;

    (void)state;
    for (int memory = 0; memory < 2; memory++) {
        struct linear_limits limits = {memory ? never : at_once, &asked,
                                       memory ? 100000 : LINEAR_MEMORY_MAX};
        struct verdict v;
        history_init(&h);
        h.ops = ops;
        h.n_ops = overlapping_puts(&h, ops, 20);
        verdict_init(&v, "linear");
        linear_check(&h, &limits, &v);
        assert_false(verdict_ok(&v));
        assert_int_equal(v.n_problems, 0); // it is not said to be wrong either
        assert_non_null(strstr(v.gave_up, memory ? "want of memory" : "want of time"));
        verdict_free(&v);
        h.ops = NULL;
        history_free(&h);
    }
    assert_true(asked > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_every_order_of_an_incident),
        cmocka_unit_test(agrees_with_every_order_of_a_register),
        cmocka_unit_test(gives_up_loudly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
