// SPDX-License-Identifier: Apache-2.0
#include "damage.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "check/mem.h"

typedef bool (*op_filter)(const struct made_op *op);

static bool acked(const struct made_op *op, enum op_kind kind)
{
    return op->kind == kind && op->outcome == OUTCOME_OK;
}

static bool acked_note(const struct made_op *op)
{
    return acked(op, OP_NOTE);
}

static bool acked_read(const struct made_op *op)
{
    return acked(op, OP_READ);
}

static bool refused_note(const struct made_op *op)
{
    return op->kind == OP_NOTE && op->outcome == OUTCOME_REFUSED;
}

static bool unknown_note(const struct made_op *op)
{
    return op->kind == OP_NOTE && op->outcome == OUTCOME_UNKNOWN;
}

static bool acked_accept(const struct made_op *op)
{
    return acked(op, OP_ACCEPT);
}

static bool read_of_two(const struct made_op *op)
{
    return acked_read(op) && op->n_notes >= 2;
}

// A random one of those, or -1.
static int pick(struct made *m, op_filter is)
{
    size_t from = made_below(m, m->n_ops);

    for (size_t k = 0; k < m->n_ops; k++) {
        size_t i = (from + k) % m->n_ops;
        if (is(&m->ops[i]))
            return (int)i;
    }
    return -1;
}

static void name_line(char culprit[64], int op)
{
    snprintf(culprit, 64, "line %d: ", op + 2);
}

static void name_value(char culprit[64], const char *value)
{
    snprintf(culprit, 64, "\"%s\"", value);
}

static struct made_event *event_at(struct made_final *f, uint64_t seq)
{
    return &f->events[seq - 1];
}

// One more event at the end of every log.
static void append_event(struct made *m, const char *value, int incident, int op)
{
    for (int n = 0; n < MADE_NODES; n++) {
        struct made_final *f = &m->finals[n];
        size_t cap = f->n;
        f->events = mem_grow(f->events, f->n, &cap, sizeof *f->events);
        struct made_event *e = &f->events[f->n];
        *e = f->events[f->n - 1];
        e->seq = ++f->n;
        e->index = f->index;
        e->incident = incident;
        e->op = op;
        e->epoch = 0;
        snprintf(e->kind, sizeof e->kind, "note");
        snprintf(e->value, sizeof e->value, "%s", value);
    }
}

// --- the log ------------------------------------------------------------------------------------

static bool lose_at(struct made *m, char culprit[64], int nodes)
{
    int i = pick(m, acked_note);

    if (i < 0)
        return false;
    for (int n = 0; n < nodes; n++) {
        struct made_event *e = event_at(&m->finals[n], m->ops[i].seq);
        snprintf(e->kind, sizeof e->kind, "updated");
        e->value[0] = '\0';
    }
    name_line(culprit, i);
    return true;
}

static bool lose_everywhere(struct made *m, char culprit[64])
{
    return lose_at(m, culprit, MADE_NODES);
}

static bool lose_on_one(struct made *m, char culprit[64])
{
    return lose_at(m, culprit, 1);
}

static bool write_again(struct made *m, char culprit[64], op_filter is, int times)
{
    int i = pick(m, is);

    if (i < 0)
        return false;
    for (int k = 0; k < times; k++)
        append_event(m, m->ops[i].value, m->ops[i].incident, i);
    name_line(culprit, i);
    return true;
}

static bool write_twice(struct made *m, char culprit[64])
{
    return write_again(m, culprit, acked_note, 1);
}

static bool write_refused(struct made *m, char culprit[64])
{
    return write_again(m, culprit, refused_note, 1);
}

static bool write_unknown_twice(struct made *m, char culprit[64])
{
    return write_again(m, culprit, unknown_note, 2);
}

static bool write_stranger(struct made *m, char culprit[64])
{
    int i = pick(m, acked_note);

    if (i < 0)
        return false;
    append_event(m, "from nowhere", m->ops[i].incident, -1);
    name_value(culprit, "from nowhere");
    return true;
}

static bool same_place(struct made *m, char culprit[64])
{
    int i = pick(m, acked_note), j = pick(m, acked_note);

    if (i < 0 || i == j)
        return false;
    m->ops[i].seq = m->ops[j].seq;
    name_line(culprit, i);
    return true;
}

// Two notes of one incident change places, though the one was over when the other began.
static bool turn_round(struct made *m, char culprit[64])
{
    int i = pick(m, acked_note);
    struct made_op *a = &m->ops[i < 0 ? 0 : i], *b = NULL;

    for (size_t k = 0; i >= 0 && k < m->n_ops && b == NULL; k++) {
        if (acked_note(&m->ops[k]) && m->ops[k].call > a->ret)
            b = &m->ops[k];
    }
    if (b == NULL)
        return false;
    for (int n = 0; n < MADE_NODES; n++) {
        struct made_event *x = event_at(&m->finals[n], a->seq);
        struct made_event *y = event_at(&m->finals[n], b->seq), z = *x;
        x->incident = y->incident, x->op = y->op, memcpy(x->value, y->value, sizeof x->value);
        y->incident = z.incident, y->op = z.op, memcpy(y->value, z.value, sizeof y->value);
    }
    uint64_t seq = a->seq;
    a->seq = b->seq;
    b->seq = seq;
    name_line(culprit, (int)(b - m->ops));
    return true;
}

static bool time_goes_back(struct made *m, char culprit[64])
{
    size_t i = made_below(m, m->finals[0].n - 1);

    for (int n = 0; n < MADE_NODES; n++)
        m->finals[n].events[i].at += 1000000;
    snprintf(culprit, 64, "seq %zu is of", i + 1);
    return true;
}

static bool leave_a_gap(struct made *m, char culprit[64])
{
    size_t i = 1 + made_below(m, m->finals[0].n - 2);

    for (int n = 0; n < MADE_NODES; n++) {
        struct made_final *f = &m->finals[n];
        memmove(&f->events[i], &f->events[i + 1], (--f->n - i) * sizeof *f->events);
    }
    snprintf(culprit, 64, "goes from seq %zu to seq %zu", i, i + 2);
    return true;
}

static bool part(struct made *m, char culprit[64])
{
    size_t i = made_below(m, m->finals[0].n);
    struct made_event *e = &m->finals[1].events[i];

    e->at++;
    snprintf(culprit, 64, "event %zu is", i + 1);
    return true;
}

static bool shorten(struct made *m, char culprit[64])
{
    m->finals[2].n--;
    snprintf(culprit, 64, "both at index %" PRIu64, m->finals[2].index);
    return true;
}

// The n-th event of that kind, counted from a random place; or NULL.
static struct made_event *pick_event(struct made *m, const char *kind)
{
    struct made_final *f = &m->finals[0];
    size_t from = made_below(m, f->n);

    for (size_t k = 0; k < f->n; k++) {
        struct made_event *e = &f->events[(from + k) % f->n];
        if (strcmp(e->kind, kind) == 0 && (strcmp(kind, "commander") != 0 || e->epoch > 1))
            return e;
    }
    return NULL;
}

static bool epoch_stays(struct made *m, char culprit[64])
{
    struct made_event *e = pick_event(m, "commander");

    if (e == NULL)
        return false;
    uint64_t seq = e->seq, epoch = e->epoch - 1;
    for (int n = 0; n < MADE_NODES; n++)
        event_at(&m->finals[n], seq)->epoch = epoch;
    snprintf(culprit, 64, "epoch %" PRIu64 " at seq %" PRIu64, epoch, seq);
    return true;
}

static bool illegal_edge(struct made *m, char culprit[64])
{
    struct made_event *e = pick_event(m, "state");

    if (e == NULL)
        return false;
    uint64_t seq = e->seq;
    append_event(m, "", e->incident, e->op); // makes room; then it is turned into a state event
    for (int n = 0; n < MADE_NODES; n++) {
        struct made_final *f = &m->finals[n];
        struct made_event *last = &f->events[f->n - 1], *was = last;
        for (size_t i = 0; i < f->n - 1; i++) {
            if (f->events[i].incident == last->incident && strcmp(f->events[i].kind, "state") == 0)
                was = &f->events[i];
        }
        WF_ASSERT(was->seq >= seq && was != last);
        snprintf(last->kind, sizeof last->kind, "state");
        memcpy(last->value, was->value, sizeof last->value); // to where it is
        last->op = -1;
        snprintf(culprit, 64, "at seq %" PRIu64 " is no legal edge", last->seq);
    }
    return true;
}

// --- reads --------------------------------------------------------------------------------------

static void copy_answer(struct made_op *to, const struct made_op *from)
{
    free(to->notes);
    to->notes = mem_zeroed(from->n_notes, MADE_TEXT);
    if (from->n_notes > 0)
        memcpy(to->notes, from->notes, from->n_notes * MADE_TEXT);
    to->n_notes = from->n_notes;
    to->seq = from->seq;
    to->index = from->index;
    to->epoch = from->epoch;
    to->phase = from->phase;
    memcpy(to->commander, from->commander, MADE_TEXT);
}

// An acknowledged note of the incident in places (after, upto], which was over before the moment or
// (later) began after it.
static bool note_between(const struct made *m, int incident, uint64_t after, uint64_t upto,
                         uint64_t moment, bool later, bool unknown)
{
    for (size_t i = 0; i < m->n_ops; i++) {
        const struct made_op *op = &m->ops[i];
        bool of_kind = unknown ? unknown_note(op) : acked_note(op);
        if (of_kind && op->incident == incident && op->at_seq > after && op->at_seq <= upto &&
            (later ? op->call > moment : op->ret < moment))
            return true;
    }
    return false;
}

// Some read gets the answer of another one of its incident: of an earlier state that lacks a note
// which was acknowledged before it was called, or of a later one that has a note called afterwards.
static bool answer_of_another(struct made *m, char culprit[64], bool future, bool unknown)
{
    size_t from = made_below(m, m->n_ops);

    for (size_t k = 0; k < m->n_ops; k++) {
        struct made_op *r = &m->ops[(from + k) % m->n_ops];
        for (size_t j = 0; acked_read(r) && j < m->n_ops; j++) {
            const struct made_op *o = &m->ops[j];
            if (!acked_read(o) || o->incident != r->incident)
                continue;
            if (future ? !note_between(m, r->incident, r->seq, o->seq, r->ret, true, unknown)
                       : !note_between(m, r->incident, o->seq, r->seq, r->call, false, unknown))
                continue;
            copy_answer(r, o);
            name_line(culprit, (int)(r - m->ops));
            return true;
        }
    }
    return false;
}

static bool stale_read(struct made *m, char culprit[64])
{
    return answer_of_another(m, culprit, false, false);
}

static bool future_read(struct made *m, char culprit[64])
{
    return answer_of_another(m, culprit, true, false);
}

static bool future_unknown(struct made *m, char culprit[64])
{
    return answer_of_another(m, culprit, true, true);
}

static bool index_goes_back(struct made *m, char culprit[64])
{
    int i = pick(m, acked_read);

    for (size_t k = 0; i >= 0 && k < m->n_ops; k++) {
        const struct made_op *o = &m->ops[k];
        if (!acked_read(o) || o->ret >= m->ops[i].call || o->index < 3)
            continue;
        m->ops[i].index = o->index - 1;
        name_line(culprit, i);
        return true;
    }
    return false;
}

static bool place_of_nothing(struct made *m, char culprit[64])
{
    int i = pick(m, acked_read);

    if (i < 0)
        return false;
    m->ops[i].seq = m->finals[0].n + 7;
    name_line(culprit, i);
    return true;
}

static bool forget_a_note(struct made *m, char culprit[64])
{
    int i = pick(m, read_of_two);

    if (i < 0)
        return false;
    struct made_op *r = &m->ops[i];
    memmove(r->notes[0], r->notes[1], --r->n_notes * MADE_TEXT);
    name_line(culprit, i);
    return true;
}

static bool swap_notes(struct made *m, char culprit[64])
{
    int i = pick(m, read_of_two);
    char note[MADE_TEXT];

    if (i < 0)
        return false;
    struct made_op *r = &m->ops[i];
    size_t k = made_below(m, r->n_notes - 1);
    memcpy(note, r->notes[k], MADE_TEXT);
    memcpy(r->notes[k], r->notes[k + 1], MADE_TEXT);
    memcpy(r->notes[k + 1], note, MADE_TEXT);
    name_line(culprit, i);
    return true;
}

static bool show_a_ghost(struct made *m, char culprit[64])
{
    int i = pick(m, read_of_two);

    if (i < 0)
        return false;
    struct made_op *r = &m->ops[i];
    snprintf(r->notes[made_below(m, r->n_notes)], MADE_TEXT, "a ghost");
    name_line(culprit, i);
    return true;
}

static bool show_twice(struct made *m, char culprit[64])
{
    int i = pick(m, read_of_two);

    if (i < 0)
        return false;
    struct made_op *r = &m->ops[i];
    memcpy(r->notes[r->n_notes - 1], r->notes[0], MADE_TEXT);
    name_line(culprit, i);
    return true;
}

static bool show_refused(struct made *m, char culprit[64])
{
    int i = pick(m, refused_note);

    for (size_t k = 0; i >= 0 && k < m->n_ops; k++) {
        struct made_op *r = &m->ops[k];
        if (!read_of_two(r) || r->incident != m->ops[i].incident)
            continue;
        memcpy(r->notes[r->n_notes - 1], m->ops[i].value, MADE_TEXT);
        name_line(culprit, (int)k);
        return true;
    }
    return false;
}

static bool other_commander(struct made *m, char culprit[64])
{
    int i = pick(m, acked_read);

    if (i < 0)
        return false;
    snprintf(m->ops[i].commander, MADE_TEXT, "person9");
    name_line(culprit, i);
    return true;
}

static bool other_epoch(struct made *m, char culprit[64])
{
    int i = pick(m, acked_read);

    if (i < 0)
        return false;
    m->ops[i].epoch += 9;
    name_line(culprit, i);
    return true;
}

// (Where a change of state is unknown, an order of its own may explain it.)
static bool other_state(struct made *m, char culprit[64])
{
    int i = pick(m, acked_read);

    if (i < 0)
        return false;
    m->ops[i].phase = m->ops[i].phase == PHASE_MAJOR ? PHASE_CONFIRMED : PHASE_MAJOR;
    name_line(culprit, i);
    return true;
}

static bool epoch_of_another(struct made *m, char culprit[64])
{
    int i = pick(m, acked_accept);

    if (i < 0)
        return false;
    m->ops[i].epoch += 5;
    name_line(culprit, i);
    return true;
}

// --- nodes --------------------------------------------------------------------------------------

static bool two_leaders(struct made *m, char culprit[64])
{
    struct made_view *v = &m->views[made_below(m, m->n_views)];

    v->leader = (v->leader + 1) % MADE_NODES;
    snprintf(culprit, 64, "two leaders in term %" PRIu64, v->term);
    return true;
}

// It must be seen twice at that index to be seen to differ.
static bool two_states(struct made *m, char culprit[64])
{
    struct made_view *v = &m->views[made_below(m, m->n_views - 1)];

    v[1].applied = v[0].applied;
    snprintf(v[1].digest, MADE_TEXT, "other");
    snprintf(culprit, 64, "two states at index %" PRIu64, v->applied);
    return true;
}

static bool two_final_states(struct made *m, char culprit[64])
{
    snprintf(m->finals[made_below(m, MADE_NODES)].digest, MADE_TEXT, "other");
    snprintf(culprit, 64, "two states at index %" PRIu64, m->finals[0].index);
    return true;
}

static bool break_the_chain(struct made *m, char culprit[64])
{
    m->finals[1].broken = true;
    snprintf(culprit, 64, "the chain of iad");
    return true;
}

static bool lose_a_node(struct made *m, char culprit[64])
{
    m->finals[2].missing = true;
    snprintf(culprit, 64, "no final state of syd");
    return true;
}

static bool beyond_its_index(struct made *m, char culprit[64])
{
    for (int n = 0; n < MADE_NODES; n++)
        m->finals[n].events[m->finals[n].n - 1].index = m->finals[n].index + 1;
    snprintf(culprit, 64, "seq %zu has index", m->finals[0].n);
    return true;
}

#define ORDER      DAMAGE_ORDER
#define LINEAR     DAMAGE_LINEAR
#define INVARIANTS DAMAGE_INVARIANTS

const struct damage damages[] = {
    {"an acknowledged write is lost", INVARIANTS, lose_everywhere},
    {"an acknowledged write is lost on one node", INVARIANTS, lose_on_one},
    {"an acknowledged write is there twice", INVARIANTS, write_twice},
    {"a refused write is there", INVARIANTS, write_refused},
    {"an unknown write is there twice", INVARIANTS, write_unknown_twice},
    {"a note that nobody wrote is there", INVARIANTS, write_stranger},
    {"two writes have one place", ORDER | INVARIANTS, same_place},
    {"the log's order is not that of time", ORDER, turn_round},
    {"the log's time goes back", INVARIANTS, time_goes_back},
    {"the log has a gap", INVARIANTS, leave_a_gap},
    {"two nodes have different logs", INVARIANTS, part},
    {"two nodes have logs of different length", INVARIANTS, shorten},
    {"a change of command does not raise the epoch", INVARIANTS, epoch_stays},
    {"a state follows that cannot follow", INVARIANTS, illegal_edge},
    {"a stale read", ORDER | LINEAR, stale_read},
    {"a read from the future", ORDER | LINEAR, future_read},
    {"an unknown write is seen before it was called", ORDER | LINEAR, future_unknown},
    {"a read's index goes back", ORDER, index_goes_back},
    {"a read names a place that is no event", ORDER, place_of_nothing},
    {"a read forgets a note", ORDER | LINEAR, forget_a_note},
    {"a read swaps two notes", ORDER | LINEAR, swap_notes},
    {"a read shows a note that nobody wrote", ORDER | LINEAR, show_a_ghost},
    {"a read shows a note twice", ORDER | LINEAR, show_twice},
    {"a read shows a refused note", ORDER | LINEAR, show_refused},
    {"a read shows another commander", ORDER | LINEAR | INVARIANTS, other_commander},
    {"a read shows another epoch", ORDER | LINEAR, other_epoch},
    {"a read shows another state", ORDER, other_state},
    {"an acceptance has another epoch", LINEAR | INVARIANTS, epoch_of_another},
    {"two leaders in one term", INVARIANTS, two_leaders},
    {"two states at one index", INVARIANTS, two_states},
    {"two states at the end", INVARIANTS, two_final_states},
    {"a chain is broken", INVARIANTS, break_the_chain},
    {"a node's final state is missing", INVARIANTS, lose_a_node},
    {"an event lies beyond what was applied", INVARIANTS, beyond_its_index},
};
const size_t n_damages = sizeof damages / sizeof damages[0];
