// SPDX-License-Identifier: Apache-2.0
// Linearizable reads without a disk write (Raft dissertation, 6.4): the leader notes its commit
// index and asks the voters whether its term is still theirs. All reads of a turn share a round;
// rounds may overlap, and an answer to one confirms all before it.
//
// A read moves through four queues: reads_new (no index yet), reads_asked (a round of ours or a
// question to the leader is under way), reads_known (waiting until the index is applied here),
// reads_done (to be answered).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "replication/node_internal.h"

static void push(struct read_queue *q, struct read *r)
{
    WF_ASSERT((q->n == 0) == (q->tail == NULL));
    r->next = NULL;
    if (q->tail != NULL)
        q->tail->next = r;
    else
        q->head = r;
    q->tail = r;
    q->n++;
}

static struct read *pop(struct read_queue *q)
{
    struct read *r = q->head;

    if (r == NULL)
        return NULL;
    q->head = r->next;
    if (q->head == NULL)
        q->tail = NULL;
    q->n--;
    return r;
}

static void finish(struct wf_node *n, struct read *r, enum wf_code code, const char *reason)
{
    WF_ASSERT((code == WF_OK) == (reason == NULL)); // whoever is refused hears why
    WF_ASSERT(code != WF_OK || r->index > 0);
    r->code = code;
    r->reason = reason;
    wf_metric_add(code == WF_OK                   ? n->metrics.reads
                  : code == WF_RESOURCE_EXHAUSTED ? n->metrics.limit
                                                  : n->metrics.failed,
                  1);
    push(&n->reads_done, r);
    node_wake(n);
}

static unsigned waiting(const struct wf_node *n)
{
    return n->reads_new.n + n->reads_asked.n + n->reads_known.n;
}

static void accept(struct wf_node *n, struct read *r)
{
    r->deadline_ms = node_now_ms(n) + 2 * n->opts.election_timeout_ms;
    if (n->stopping || n->dead)
        finish(n, r, WF_UNAVAILABLE, "STOPPING");
    else if (n->fenced)
        finish(n, r, WF_UNAVAILABLE, "FENCED");
    else if (waiting(n) >= WF_READS_MAX)
        finish(n, r, WF_RESOURCE_EXHAUSTED, "QUEUE_FULL");
    else
        push(&n->reads_new, r);
    node_wake(n);
}

int wf_node_read(struct wf_node *n, wf_read_cb cb, void *ctx)
{
    struct read *r = calloc(1, sizeof *r);

    if (r == NULL)
        return WF_RESOURCE_EXHAUSTED;
    r->cb = cb;
    r->ctx = ctx;
    accept(n, r);
    return WF_OK;
}

// --- the leader's rounds -----------------------------------------------------------------------

static bool round_confirmed(const struct wf_node *n, uint64_t round)
{
    const struct raft_configuration *c = wf_raft_configuration(node_raft(n));
    uint64_t term = wf_raft_term(node_raft(n));
    unsigned voters = 0, yes = 0;

    for (unsigned i = 0; i < c->n; i++) {
        if (c->servers[i].role != RAFT_VOTER)
            continue;
        voters++;
        if (c->servers[i].id == n->opts.id) {
            yes++;
            continue;
        }
        const struct peer *p = peer_get((struct wf_node *)n, c->servers[i].id);

        yes += p != NULL && p->confirmed_term == term && p->confirmed >= round;
    }
    return yes > voters / 2;
}

static void ask_voters(struct wf_node *n)
{
    const struct raft_configuration *c = wf_raft_configuration(node_raft(n));
    struct wf_msg m = {.kind = WF_MSG_CONFIRM,
                       .confirm = {wf_raft_term(node_raft(n)), n->read_round}};

    n->read_sent_ms = node_now_ms(n);
    for (unsigned i = 0; i < c->n; i++) {
        if (c->servers[i].role == RAFT_VOTER && c->servers[i].id != n->opts.id)
            (void)node_send(n, c->servers[i].id, &m);
    }
}

static void know(struct wf_node *n, struct read *r)
{
    if (r->peer != 0)
        finish(n, r, WF_OK, NULL); // the follower waits by itself
    else
        push(&n->reads_known, r);
}

static void settle_rounds(struct wf_node *n)
{
    while (n->reads_asked.head != NULL && round_confirmed(n, n->reads_asked.head->round))
        know(n, pop(&n->reads_asked));
}

static void start_round(struct wf_node *n)
{
    struct read *r;
    uint64_t commit = wf_raft_commit(node_raft(n));

    // Before an entry of its own term is committed a leader does not know what is.
    WF_ASSERT(wf_guard_established(n->guard) && !n->fenced);
    n->read_round++;
    while ((r = pop(&n->reads_new)) != NULL) {
        r->round = n->read_round;
        r->index = commit;
        push(&n->reads_asked, r);
    }
    if (!round_confirmed(n, n->read_round)) // a sole voter answers itself
        ask_voters(n);
    settle_rounds(n);
}

void read_confirm(struct wf_node *n, uint64_t from, const struct wf_msg_confirm *m)
{
    struct wf_msg answer = {.kind = WF_MSG_CONFIRM_OK, .confirm = *m};

    // Only to the term that asks: an answer can then never be taken for one to a later leadership
    // of the same node, whose rounds count anew.
    if (m->term == wf_raft_term(node_raft(n)))
        (void)node_send(n, from, &answer);
}

void read_confirmed(struct wf_node *n, uint64_t from, const struct wf_msg_confirm *m)
{
    struct peer *p = peer_get(n, from);

    if (p == NULL || !node_leads(n) || m->term != wf_raft_term(node_raft(n)))
        return;
    if (p->confirmed_term != m->term || p->confirmed < m->seq) {
        p->confirmed_term = m->term;
        p->confirmed = m->seq;
    }
    settle_rounds(n);
    node_wake(n);
}

// --- a follower's questions --------------------------------------------------------------------

static void ask_leader(struct wf_node *n, uint64_t leader)
{
    struct wf_msg m = {.kind = WF_MSG_READ_INDEX};
    struct read_queue all = n->reads_new;
    struct read *r;

    m.read_index.seq = ++n->read_round;
    if (node_send(n, leader, &m) != WF_OK)
        return; // again in a later turn, until the deadline
    n->read_sent_ms = node_now_ms(n);
    n->reads_new = (struct read_queue){0};
    while ((r = pop(&all)) != NULL) {
        if (r->peer != 0) {
            finish(n, r, WF_UNAVAILABLE, "NO_LEADER");
            continue;
        }
        r->round = m.read_index.seq;
        push(&n->reads_asked, r);
    }
}

void read_asked(struct wf_node *n, uint64_t from, const struct wf_msg_read_index *m)
{
    struct read *r = calloc(1, sizeof *r);

    if (r == NULL)
        return; // as if the message had been lost
    r->peer = from;
    r->seq = m->seq;
    if (!node_leads(n))
        finish(n, r, WF_UNAVAILABLE, "NO_LEADER");
    else
        accept(n, r);
}

void read_told(struct wf_node *n, uint64_t from, const struct wf_msg_result *m)
{
    struct read_queue all = n->reads_asked;
    struct read *r;

    if (node_leads(n) || from != node_leader(n))
        return; // the questions to it were taken back
    n->reads_asked = (struct read_queue){0};
    while ((r = pop(&all)) != NULL) {
        if (r->round != m->seq) {
            push(&n->reads_asked, r);
        } else if (m->code == WF_OK) {
            r->index = m->index;
            push(&n->reads_known, r);
        } else {
            r->round = 0;
            push(&n->reads_new, r);
        }
    }
    node_wake(n);
}

// --- the turn ----------------------------------------------------------------------------------

void read_turn(struct wf_node *n)
{
    uint64_t applied = apply_index(n), leader = node_leader(n);

    if (n->reads_new.n > 0) {
        if (node_leads(n)) {
            if (wf_guard_established(n->guard))
                start_round(n);
        } else if (leader != 0) {
            ask_leader(n, leader);
        }
    }
    while (n->reads_known.head != NULL && n->reads_known.head->index <= applied)
        finish(n, pop(&n->reads_known), WF_OK, NULL);
}

void read_leader_changed(struct wf_node *n)
{
    struct read *r;

    // A read changes nothing: ask again, of whoever leads now.
    while ((r = pop(&n->reads_asked)) != NULL) {
        r->round = 0;
        push(&n->reads_new, r);
    }
}

static void expire(struct wf_node *n, struct read_queue *q, const char *reason)
{
    struct read_queue all = *q;
    uint64_t now = node_now_ms(n);
    struct read *r;

    if (all.n == 0)
        return;
    *q = (struct read_queue){0};
    while ((r = pop(&all)) != NULL) {
        if (r->deadline_ms <= now)
            finish(n, r, WF_UNAVAILABLE, reason);
        else
            push(q, r);
    }
}

void read_tick(struct wf_node *n)
{
    expire(n, &n->reads_new, "NO_LEADER");
    expire(n, &n->reads_asked, "NO_LEADER");
    expire(n, &n->reads_known, "BEHIND");
    // A lost question or answer: ask once more.
    if (n->reads_asked.n > 0 &&
        node_now_ms(n) - n->read_sent_ms > n->opts.election_timeout_ms / 2) {
        if (node_leads(n))
            ask_voters(n);
        else
            read_leader_changed(n);
    }
    if (n->reads_new.n > 0)
        node_wake(n);
}

static const char *text_of(const char *reason)
{
    if (strcmp(reason, "QUEUE_FULL") == 0)
        return "too many reads are waiting on this node; try again later";
    if (strcmp(reason, "FENCED") == 0)
        return "this node has fenced itself off and serves nothing; ask another one";
    if (strcmp(reason, "STOPPING") == 0)
        return "this node is stopping; ask another one";
    if (strcmp(reason, "BEHIND") == 0)
        return "this node is too far behind the others; ask another one, or read stale";
    return "no majority answered in time; try again, or read stale";
}

static void answer_peer(struct wf_node *n, const struct read *r)
{
    struct wf_msg m = {.kind = WF_MSG_READ_INDEX_RESULT};

    m.result.seq = r->seq;
    m.result.index = r->index;
    m.result.code = (uint8_t)r->code;
    if (r->reason != NULL)
        snprintf(m.result.reason, sizeof m.result.reason, "%s", r->reason);
    (void)node_send(n, r->peer, &m);
}

void read_deliver(struct wf_node *n)
{
    struct read *r;

    while ((r = pop(&n->reads_done)) != NULL) {
        if (r->peer != 0) {
            answer_peer(n, r);
        } else if (r->code == WF_OK) {
            r->cb(r->ctx, NULL, r->index);
        } else {
            struct wf_err err;

            wf_fail_reason(&err, r->code, r->reason, "%s", text_of(r->reason));
            r->cb(r->ctx, &err, 0);
        }
        free(r);
    }
}

void read_fail_all(struct wf_node *n, const char *reason)
{
    struct read_queue *queues[] = {&n->reads_new, &n->reads_asked, &n->reads_known};
    struct read *r;

    for (unsigned i = 0; i < 3; i++) {
        while ((r = pop(queues[i])) != NULL)
            finish(n, r, WF_UNAVAILABLE, reason);
    }
}
