// SPDX-License-Identifier: Apache-2.0
#include "check/linear.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "check/mem.h"
#include "check/memo.h"
#include "check/model.h"

enum { OPEN_SHOWN = 8 };

// A call or a return in the list of what is not done yet, in order of time.
struct entry {
    struct entry *prev, *next;
    struct entry *match; // a call's return (NULL: it never returns); a return's call
    uint32_t op;         // in the model
    bool call;
    uint64_t at;
};

struct taken {
    struct entry *call;
    struct model_state before;
};

struct search {
    const struct model *m;
    const struct linear_limits *limits;
    struct entry head; // of the list; not itself an entry
    struct entry *entries;
    struct taken *stack;
    size_t depth, must, done; // must: operations that took effect; done: those of them in the order
    struct model_state state;
    struct memo memo;
    bool *is_done; // by operation
    uint32_t *ids; // a configuration being put together
    uint64_t steps;
    // Where it got farthest, for the report.
    size_t best;
    const struct operation *blocked;
    struct model_state blocked_state;
    const struct operation *open[OPEN_SHOWN];
    size_t n_open;
};

enum outcome_of_search { LINEAR_YES, LINEAR_NO, LINEAR_UNDECIDED };

// --- the list -----------------------------------------------------------------------------------

static int by_time(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    if (x->call != y->call)
        return x->call ? -1 : 1; // at one moment they overlap
    return x->op < y->op ? -1 : x->op > y->op;
}

static void make_list(struct search *s)
{
    size_t n = 0;
    struct entry **calls = mem_zeroed(s->m->n, sizeof *calls), *last = &s->head;

    s->entries = mem_zeroed(s->m->n * 2, sizeof *s->entries);
    for (size_t i = 0; i < s->m->n; i++) {
        const struct operation *op = s->m->ops[i];
        s->entries[n++] = (struct entry){.op = (uint32_t)i, .call = true, .at = op->call};
        if (op->outcome != OUTCOME_OK)
            continue;
        s->entries[n++] = (struct entry){.op = (uint32_t)i, .at = op->ret};
        s->must++;
    }
    mem_sort(s->entries, n, sizeof *s->entries, by_time);
    for (size_t i = 0; i < n; i++) {
        struct entry *e = &s->entries[i];
        e->prev = last;
        last->next = e;
        last = e;
        if (e->call) {
            calls[e->op] = e;
        } else {
            e->match = calls[e->op];
            calls[e->op]->match = e;
        }
    }
    free(calls);
}

static void take_out(struct entry *e)
{
    e->prev->next = e->next;
    if (e->next != NULL)
        e->next->prev = e->prev;
}

static void put_back(struct entry *e)
{
    e->prev->next = e;
    if (e->next != NULL)
        e->next->prev = e;
}

// A call and its return leave the list: the operation has its place in the order.
static void lift(struct search *s, struct entry *call)
{
    s->is_done[call->op] = true;
    take_out(call);
    if (call->match != NULL) {
        take_out(call->match);
        s->done++;
    }
}

static void unlift(struct search *s, struct entry *call)
{
    if (call->match != NULL) {
        put_back(call->match);
        s->done--;
    }
    put_back(call);
    s->is_done[call->op] = false;
}

// --- the search ---------------------------------------------------------------------------------

// Where the search is, with the state: the calls still in the list before the first return, and
// that return. Every call before it that is not in the list is done, and none after it is. Calls
// that can do nothing any more make no difference.
static bool is_new(struct search *s, const struct model_state *state)
{
    uint32_t n = 0;
    const struct entry *e = s->head.next;

    for (; e->call; e = e->next) {
        if (!model_is_past(s->m, e->op, state))
            s->ids[n++] = e->op;
    }
    s->ids[n++] = e->op;
    return memo_add(&s->memo, s->ids, n, state);
}

// Take the operation next, unless it cannot be or was tried from here.
static bool try(struct search *s, struct entry *call)
{
    struct model_state after = s->state;

    uint32_t twin = s->m->twin[call->op];

    s->steps++;
    if ((twin != MODEL_OFF && !s->is_done[twin]) || !model_step(s->m, call->op, &after))
        return false;
    lift(s, call);
    if (s->done < s->must && !is_new(s, &after)) {
        unlift(s, call);
        return false;
    }
    s->stack[s->depth++] = (struct taken){.call = call, .before = s->state};
    s->state = after;
    return true;
}

// An operation must have taken effect by now and cannot have: remember the farthest such place.
static void note_blocked(struct search *s, const struct entry *ret)
{
    if (s->blocked != NULL && s->done <= s->best)
        return;
    s->best = s->done;
    s->blocked = s->m->ops[ret->op];
    s->blocked_state = s->state;
    s->n_open = 0;
    for (const struct entry *e = s->head.next; e != ret; e = e->next) {
        if (e->op != ret->op && s->n_open < OPEN_SHOWN)
            s->open[s->n_open++] = s->m->ops[e->op];
    }
}

static bool past_limits(const struct search *s)
{
    return s->memo.bytes > s->limits->memory_max ||
           (s->steps % LINEAR_STEPS_PER_LOOK == 0 && s->limits->over(s->limits->ctx));
}

static enum outcome_of_search search(struct search *s)
{
    struct entry *e = s->head.next;

    while (s->done < s->must) {
        if (e->call && try(s, e)) {
            e = s->head.next;
        } else if (e->call) {
            e = e->next;
        } else {
            note_blocked(s, e);
            if (s->depth == 0)
                return LINEAR_NO;
            struct taken *t = &s->stack[--s->depth];
            s->state = t->before;
            unlift(s, t->call);
            e = t->call->next;
        }
        WF_ASSERT(e != NULL || s->done == s->must); // what must be done has a return in the list
        if (past_limits(s))
            return LINEAR_UNDECIDED;
    }
    return LINEAR_YES;
}

// --- reports ------------------------------------------------------------------------------------

static void say_impossible(const struct model *m, struct verdict *v)
{
    const struct history *h = m->h;

    if (m->why == MODEL_DIFFERS)
        verdict_problem(v,
                        "two reads show the same notes in another order, or other notes: no order"
                        " explains both\n    one    %s\n    other  %s",
                        report_op(h, m->impossible), report_op(h, m->spine));
    else
        verdict_problem(v, "a read shows \"%.60s\", which %s\n    %s", history_text(h, m->what),
                        m->why == MODEL_TWICE ? "was written once, twice" : "nobody wrote",
                        report_op(h, m->impossible));
}

static void put_state(struct wf_buf *b, const struct search *s)
{
    const struct history *h = s->m->h;
    const struct model_state *t = &s->blocked_state;
    const struct operation *spine = s->m->spine;

    if (!t->exists)
        wf_buf_puts(b, "it is not declared yet");
    else if (t->value != 0)
        wf_buf_printf(b, "its value is \"%.60s\"", history_text(h, t->value));
    else if (t->notes == 0)
        wf_buf_puts(b, "it has no notes");
    else if (spine == NULL || t->notes > spine->notes_n)
        wf_buf_puts(b, "it has more notes than any read showed");
    else
        wf_buf_printf(b, "its note %" PRIu32 ", the last, is \"%.60s\"", t->notes,
                      history_text(h, h->notes[spine->notes_at + t->notes - 1]));
    if (t->commander != 0)
        wf_buf_printf(b, "; %.60s commands", history_text(h, t->commander));
    if (t->epoch != 0)
        wf_buf_printf(b, ", epoch %" PRIu64, t->epoch);
    if (t->offered != 0)
        wf_buf_printf(b, "; offered to %.60s", history_text(h, t->offered));
    if (t->phase != PHASE_NONE)
        wf_buf_printf(b, "; %s", history_phase_name((enum phase)t->phase));
}

// The order of notes was taken from a read: perhaps it is that one which is wrong.
static void put_spine(struct wf_buf *b, const struct search *s)
{
    const struct history *h = s->m->h;
    const struct operation *spine = s->m->spine;

    if (spine == NULL || spine == s->blocked || s->blocked_state.notes >= spine->notes_n)
        return;
    wf_buf_printf(b, "\n    and the next note is \"%.60s\", as %s has it",
                  history_text(h, h->notes[spine->notes_at + s->blocked_state.notes]),
                  report_op(h, spine));
}

static void say_blocked(const struct search *s, struct verdict *v)
{
    const struct history *h = s->m->h;
    struct wf_buf b;

    wf_buf_init(&b, 8192);
    wf_buf_printf(
        &b,
        "no order explains %.60s: %zu of its %zu operations fit, but then this cannot have"
        " been so\n    %s\n    because when it was over, at the latest, ",
        history_text(h, s->blocked->incident), s->best, s->must, report_op(h, s->blocked));
    put_state(&b, s);
    put_spine(&b, s);
    for (size_t i = 0; i < s->n_open; i++)
        wf_buf_printf(&b, "\n    %s %s", i == 0 ? "open then:" : "          ",
                      report_op(h, s->open[i]));
    verdict_problem(v, "%s", wf_buf_cstr(&b) != NULL ? wf_buf_cstr(&b) : "no order explains it");
    wf_buf_free(&b);
}

static void say_undecided(const struct search *s, const char *incident, struct verdict *v)
{
    verdict_gave_up(v,
                    "gave up on %.60s after %" PRIu64 " steps and %zu configurations, for want of"
                    " %s: this decides nothing; allow more time, or record with fewer clients",
                    incident, s->steps, s->memo.n,
                    s->memo.bytes > s->limits->memory_max ? "memory" : "time");
}

// --- one incident after the other ---------------------------------------------------------------

static uint64_t check_incident(const struct model *m, const struct linear_limits *limits,
                               struct verdict *v)
{
    struct search s = {.m = m, .limits = limits, .state = model_start(m)};

    if (m->impossible != NULL) {
        say_impossible(m, v);
        return 0;
    }
    make_list(&s);
    s.stack = mem_zeroed(m->n, sizeof *s.stack);
    s.ids = mem_zeroed(m->n + 1, sizeof *s.ids);
    s.is_done = mem_zeroed(m->n, sizeof *s.is_done);
    memo_init(&s.memo);
    enum outcome_of_search found = search(&s);
    if (found == LINEAR_NO)
        say_blocked(&s, v);
    if (found == LINEAR_UNDECIDED)
        say_undecided(&s, history_text(m->h, m->ops[0]->incident), v);
    memo_free(&s.memo);
    free(s.ids);
    free(s.is_done);
    free(s.stack);
    free(s.entries);
    return s.steps;
}

static int by_incident(const void *a, const void *b)
{
    const struct operation *x = *(const struct operation *const *)a;
    const struct operation *y = *(const struct operation *const *)b;

    if (x->incident != y->incident)
        return x->incident < y->incident ? -1 : 1;
    if (x->call != y->call)
        return x->call < y->call ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

// Refused operations did not happen, and a read without an answer says nothing.
static bool says_something(const struct operation *op)
{
    return op->incident != 0 && op->outcome != OUTCOME_REFUSED &&
           (op->outcome == OUTCOME_OK || history_is_write(op->kind));
}

void linear_check(const struct history *h, const struct linear_limits *limits, struct verdict *v)
{
    const struct operation **ops = mem_zeroed(h->n_ops, sizeof *ops);
    size_t n = 0, incidents = 0;
    uint64_t steps = 0;

    for (size_t i = 0; i < h->n_ops; i++) {
        if (says_something(&h->ops[i]))
            ops[n++] = &h->ops[i];
    }
    mem_sort(ops, n, sizeof *ops, by_incident);
    for (size_t i = 0, end; i < n && v->gave_up[0] == '\0'; i = end) {
        struct model m;
        for (end = i; end < n && ops[end]->incident == ops[i]->incident;)
            end++;
        model_init(&m, h, ops + i, end - i);
        steps += check_incident(&m, limits, v);
        model_free(&m);
        incidents++;
    }
    verdict_looked_at(v, "%zu operations on %zu incident%s, %" PRIu64 " steps", n, incidents,
                      incidents == 1 ? "" : "s", steps);
    free(ops);
}
