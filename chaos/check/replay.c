// SPDX-License-Identifier: Apache-2.0
#include "check/replay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check/mem.h"

// One incident as the log leaves it after some of its events.
struct replay {
    const struct event *last, *next;
    name_id *notes;
    size_t n_notes, cap;
    name_id commander;
    uint64_t epoch;
    enum phase phase;
};

static int by_incident_events(const void *a, const void *b)
{
    const struct event *x = *(const struct event *const *)a;
    const struct event *y = *(const struct event *const *)b;

    if (x->incident != y->incident)
        return x->incident < y->incident ? -1 : 1;
    return x->seq != y->seq ? (x->seq < y->seq ? -1 : 1) : 0;
}

static int by_incident_reads(const void *a, const void *b)
{
    const struct operation *x = *(const struct operation *const *)a;
    const struct operation *y = *(const struct operation *const *)b;

    if (x->incident != y->incident)
        return x->incident < y->incident ? -1 : 1;
    return x->seq != y->seq ? (x->seq < y->seq ? -1 : 1) : 0;
}

static void follow(struct replay *r, const struct event *e)
{
    r->last = e;
    if (e->kind == EVENT_NOTE) {
        r->notes = mem_grow(r->notes, r->n_notes, &r->cap, sizeof *r->notes);
        r->notes[r->n_notes++] = e->value;
    } else if (e->kind == EVENT_COMMANDER) {
        r->commander = e->value;
        r->epoch = e->epoch;
    } else if (e->kind == EVENT_DECLARED) {
        r->phase = PHASE_INVESTIGATING;
    } else if (e->kind == EVENT_STATE) {
        r->phase = e->phase;
    }
}

// --- one read -----------------------------------------------------------------------------------

static void check_place(const struct history *h, struct verdict *v, const struct replay *r,
                        const struct operation *op)
{
    uint64_t there = r->last != NULL ? r->last->seq : 0;

    if (there != op->seq)
        verdict_problem(v,
                        "seq %" PRIu64 " is no event of the incident (the one before it is %" PRIu64
                        ")\n    %s",
                        op->seq, there, report_op(h, op));
    if (op->index == 0)
        return;
    if (r->last != NULL && r->last->index > op->index)
        verdict_problem(v, "a read from the future: its newest event has index %" PRIu64 "\n    %s",
                        r->last->index, report_op(h, op));
    if (r->next != NULL && r->next->index != 0 && r->next->index <= op->index)
        verdict_problem(v,
                        "a stale read: the event of seq %" PRIu64 ", index %" PRIu64
                        ", is not in it\n    %s",
                        r->next->seq, r->next->index, report_op(h, op));
}

static void check_notes(const struct history *h, struct verdict *v, const struct replay *r,
                        const struct operation *op)
{
    size_t same = 0;

    while (same < r->n_notes && same < op->notes_n &&
           h->notes[op->notes_at + same] == r->notes[same])
        same++;
    if (same == r->n_notes && same == op->notes_n)
        return;
    const char *want = same < r->n_notes ? history_text(h, r->notes[same]) : NULL;
    const char *got = same < op->notes_n ? history_text(h, h->notes[op->notes_at + same]) : NULL;
    verdict_problem(
        v,
        "a read shows other notes than the log at its place: note %zu of %zu is %s%.60s%s"
        " in the log, %s%.60s%s in the read\n    %s",
        same + 1, r->n_notes, want ? "\"" : "", want ? want : "not there", want ? "\"" : "",
        got ? "\"" : "", got ? got : "not there", got ? "\"" : "", report_op(h, op));
}

static void check_read(const struct history *h, struct verdict *v, const struct replay *r,
                       const struct operation *op)
{
    check_place(h, v, r, op);
    check_notes(h, v, r, op);
    if (h->etcd)
        return;
    if (r->commander != op->commander || r->epoch != op->epoch)
        verdict_problem(v,
                        "a read shows another commander than the log at its place: there it is %s,"
                        " epoch %" PRIu64 "\n    %s",
                        r->commander != 0 ? history_text(h, r->commander) : "nobody", r->epoch,
                        report_op(h, op));
    if (op->phase != PHASE_NONE && op->phase != r->phase)
        verdict_problem(
            v, "a read shows another state than the log at its place: there it is %s\n    %s",
            history_phase_name(r->phase), report_op(h, op));
}

// --- all reads ----------------------------------------------------------------------------------

static size_t collect_reads(const struct history *h, const struct operation **reads)
{
    size_t n = 0;

    for (size_t i = 0; i < h->n_ops; i++) {
        if (h->ops[i].kind == OP_READ && h->ops[i].outcome == OUTCOME_OK)
            reads[n++] = &h->ops[i];
    }
    mem_sort(reads, n, sizeof *reads, by_incident_reads);
    return n;
}

void replay_reads(const struct log *l, struct verdict *v)
{
    const struct history *h = l->h;
    const struct operation **reads = mem_zeroed(h->n_ops, sizeof *reads);
    const struct event **events = mem_zeroed(l->n, sizeof *events);
    size_t n = collect_reads(h, reads), at = 0;
    struct replay r = {0};

    memcpy(events, l->by_seq, l->n * sizeof *events);
    mem_sort(events, l->n, sizeof *events, by_incident_events);
    for (size_t i = 0; i < n; i++) {
        name_id incident = reads[i]->incident;
        if (i == 0 || reads[i - 1]->incident != incident) {
            r = (struct replay){.notes = r.notes, .cap = r.cap};
            while (at < l->n && events[at]->incident < incident)
                at++;
        }
        for (; at < l->n && events[at]->incident == incident && events[at]->seq <= reads[i]->seq;
             at++)
            follow(&r, events[at]);
        r.next = at < l->n && events[at]->incident == incident ? events[at] : NULL;
        check_read(h, v, &r, reads[i]);
    }
    free(r.notes);
    free(events);
    free(reads);
}

void replay_gets(const struct history *h, struct verdict *v)
{
    const struct operation **puts = mem_zeroed(h->names.n, sizeof *puts);

    for (size_t i = 0; i < h->n_ops; i++) {
        if (h->ops[i].kind == OP_PUT)
            puts[h->ops[i].value] = &h->ops[i];
    }
    for (size_t i = 0; i < h->n_ops; i++) {
        const struct operation *op = &h->ops[i], *put = puts[op->value];
        if (op->kind != OP_GET || op->outcome != OUTCOME_OK || op->value == 0)
            continue;
        if (put == NULL || put->incident != op->incident || put->outcome == OUTCOME_REFUSED)
            verdict_problem(v, "a value that nobody put there\n    %s", report_op(h, op));
        else if (put->outcome == OUTCOME_OK && put->seq != op->seq)
            verdict_problem(
                v, "a value is not at the revision of its put\n    put    %s\n    got    %s",
                report_op(h, put), report_op(h, op));
    }
    free(puts);
}
