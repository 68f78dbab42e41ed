// SPDX-License-Identifier: Apache-2.0
// Proposals: queued, packed into entries turn by turn, answered when their entry is applied.
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "replication/batch.h"
#include "replication/node_internal.h"

struct proposal *proposal_new(struct wf_bytes command)
{
    struct proposal *p = malloc(sizeof *p + command.len);

    if (p == NULL)
        return NULL;
    memset(p, 0, sizeof *p);
    p->len = command.len;
    if (command.len > 0)
        memcpy(p->data, command.data, command.len);
    return p;
}

void proposal_push(struct proposal_queue *q, struct proposal *p)
{
    WF_ASSERT((q->n == 0) == (q->tail == NULL) && (q->tail == NULL || q->tail->next == NULL));
    p->next = NULL;
    if (q->tail != NULL)
        q->tail->next = p;
    else
        q->head = p;
    q->tail = p;
    q->n++;
}

struct proposal *proposal_pop(struct proposal_queue *q)
{
    struct proposal *p = q->head;

    if (p == NULL)
        return NULL;
    q->head = p->next;
    WF_ASSERT(q->n > 0 && (q->n == 1) == (q->head == NULL));
    if (q->head == NULL)
        q->tail = NULL;
    q->n--;
    p->next = NULL;
    return p;
}

// Put b before what is in a.
static void queue_prepend(struct proposal_queue *a, struct proposal_queue *b)
{
    if (b->n == 0)
        return;
    b->tail->next = a->head;
    if (a->tail == NULL)
        a->tail = b->tail;
    a->head = b->head;
    a->n += b->n;
    *b = (struct proposal_queue){0};
}

void proposal_finish(struct wf_node *n, struct proposal *p, enum wf_code code, const char *reason)
{
    WF_ASSERT((code == WF_OK) == (reason == NULL));   // whoever is refused hears why
    WF_ASSERT(p->code == WF_OK && p->reason == NULL); // once
    p->code = code;
    p->reason = reason;
    proposal_push(&n->finished, p);
    node_wake(n);
}

// --- taking them in ----------------------------------------------------------------------------

void propose_accept(struct wf_node *n, struct proposal *p)
{
    WF_ASSERT((p->cb != NULL) != (p->peer != 0)); // one of them is answered
    if (n->stopping || n->dead) {
        proposal_finish(n, p, WF_UNAVAILABLE, "STOPPING");
    } else if (p->len > WF_COMMAND_MAX) {
        proposal_finish(n, p, WF_INVALID_ARGUMENT, "TOO_LONG");
    } else if (n->fenced && node_leads(n)) {
        proposal_finish(n, p, WF_UNAVAILABLE, "FENCED");
    } else if (n->refusing && !p->own && node_leads(n)) {
        wf_metric_add(n->metrics.disk_low, 1);
        proposal_finish(n, p, WF_RESOURCE_EXHAUSTED, "DISK_LOW");
    } else if (n->waiting.n + n->n_forwarded >= WF_PROPOSALS_MAX) {
        wf_metric_add(n->metrics.limit, 1);
        proposal_finish(n, p, WF_RESOURCE_EXHAUSTED, "QUEUE_FULL");
    } else {
        p->deadline_ms = node_now_ms(n) + 2 * n->opts.election_timeout_ms;
        proposal_push(&n->waiting, p);
        node_wake(n);
    }
}

static int propose(struct wf_node *n, struct wf_bytes command, bool own, wf_propose_cb cb,
                   void *ctx)
{
    bool fits = command.len <= WF_COMMAND_MAX;
    struct proposal *p = proposal_new(fits ? command : (struct wf_bytes){NULL, 0});

    if (p == NULL)
        return WF_RESOURCE_EXHAUSTED;
    if (!fits)
        p->len = command.len;
    p->own = own;
    p->cb = cb;
    p->ctx = ctx;
    propose_accept(n, p);
    return WF_OK;
}

int wf_node_propose(struct wf_node *n, struct wf_bytes command, wf_propose_cb cb, void *ctx)
{
    return propose(n, command, false, cb, ctx);
}

int wf_node_propose_own(struct wf_node *n, struct wf_bytes command, wf_propose_cb cb, void *ctx)
{
    return propose(n, command, true, cb, ctx);
}

// --- entries -----------------------------------------------------------------------------------

static void entry_unlink(struct wf_node *n, struct entry *e)
{
    WF_ASSERT(n->n_entries > 0 && (e->prev != NULL ? e->prev->next : n->entries) == e);
    if (e->prev != NULL)
        e->prev->next = e->next;
    else
        n->entries = e->next;
    if (e->next != NULL)
        e->next->prev = e->prev;
    n->n_entries--;
}

void proposal_finish_with(struct wf_node *n, struct proposal *p, uint64_t index,
                          struct wf_bytes result)
{
    p->index = index;
    if (result.len > 0 && (p->result = malloc(result.len)) == NULL) {
        proposal_finish(n, p, WF_UNAVAILABLE, "UNKNOWN_OUTCOME"); // done, and no room to say what
        return;
    }
    if (result.len > 0)
        memcpy(p->result, result.data, result.len);
    p->result_len = result.len;
    proposal_finish(n, p, WF_OK, NULL);
}

// B19: inside libraft, take notes only.
static void on_entry(struct raft_apply *req, int status, void *result)
{
    struct entry *e = req->data;
    struct wf_node *n = e->node;
    struct proposal *p;
    unsigned i = 0;

    (void)result;
    if (status == 0)
        wf_metric_observe(n->metrics.commit_seconds,
                          (double)(n->env->mono_ns(n->env->ctx) - e->since) / 1e9);
    wf_metric_add(status == 0 ? n->metrics.committed : n->metrics.failed, e->proposals.n);
    entry_unlink(n, e);
    if (status == 0 && take_busy(n))
        status = RAFT_LEADERSHIPLOST; // it leads with a state that is being replaced: no results
    WF_ASSERT(status != 0 || (n->result_index == e->index && n->n_results == e->proposals.n));
    while ((p = proposal_pop(&e->proposals)) != NULL) {
        if (status == 0)
            proposal_finish_with(n, p, e->index, n->results[i++]);
        else
            proposal_finish(n, p, WF_UNAVAILABLE, "UNKNOWN_OUTCOME");
    }
    free(e);
}

// Move what fits into one entry from the queue; returns its bytes' size.
static size_t take_batch(struct wf_node *n, struct proposal_queue *out)
{
    size_t size = WF_BATCH_HEADER;

    while (n->waiting.head != NULL && out->n < WF_ENTRY_COMMANDS_MAX) {
        size_t more = WF_BATCH_PER_COMMAND + n->waiting.head->len;

        if (out->n > 0 && size + more > WF_ENTRY_MAX)
            break;
        size += more;
        proposal_push(out, proposal_pop(&n->waiting));
    }
    return size;
}

// The time of the last entry in our log, applied or not.
static wf_unix_ms last_time(struct wf_node *n)
{
    struct raft *r = node_raft(n);
    wf_unix_ms latest = n->newest_time;
    struct wf_record record;

    for (uint64_t i = wf_raft_last(r); i > wf_raft_applied(r) && wf_raft_entry(r, i, &record);
         i--) {
        struct wf_batch batch;

        if (record.type != WF_RECORD_COMMAND)
            continue;
        if (wf_batch_decode(record.data, n->commands, &batch) == WF_OK && batch.time > latest)
            latest = batch.time;
        break;
    }
    return latest;
}

static void pack(struct wf_node *n, struct entry *e, struct raft_buffer *buf)
{
    wf_unix_ms now = n->env->unix_ms(n->env->ctx);
    uint64_t term = wf_raft_term(node_raft(n));
    uint8_t *p = buf->base;

    if (n->stamped_term != term) // our first entry of this term: never before a predecessor's
        n->stamped = last_time(n);
    n->stamped_term = term;
    if (now > n->stamped)
        n->stamped = now;
    WF_ASSERT(n->stamped >= n->newest_time); // no entry's time is before an earlier one's
    wf_batch_put_header(p, e->index, n->stamped, e->proposals.n);
    p += WF_BATCH_HEADER;
    for (struct proposal *c = e->proposals.head; c != NULL; c = c->next)
        p = wf_batch_put_command(p, (struct wf_bytes){c->data, c->len});
    WF_ASSERT(p == (uint8_t *)buf->base + buf->len);
}

// Returns false when the entry could not be handed to libraft; its proposals wait again.
static bool submit(struct wf_node *n, struct entry *e, size_t size)
{
    struct raft_buffer buf = {malloc(size), size};
    int rv;

    e->node = n;
    e->since = n->env->mono_ns(n->env->ctx);
    e->req.data = e;
    e->index = wf_raft_last(node_raft(n)) + 1;
    if (buf.base != NULL) {
        pack(n, e, &buf);
        e->next = n->entries;
        if (e->next != NULL)
            e->next->prev = e;
        n->entries = e;
        n->n_entries++;
        rv = wf_guard_apply(n->guard, &e->req, &buf, on_entry);
        if (rv == 0)
            return true;
        entry_unlink(n, e);
        raft_free(buf.base);
    }
    queue_prepend(&n->waiting, &e->proposals);
    free(e);
    return false;
}

bool propose_paused(const struct wf_node *n)
{
    return n->transfer.active || membership_holds_back(n) || wf_raft_transferring(node_raft(n));
}

static void flush_leader(struct wf_node *n)
{
    while (n->waiting.n > 0 && n->n_entries < WF_ENTRIES_IN_FLIGHT && node_leads(n) &&
           !propose_paused(n)) {
        struct entry *e = calloc(1, sizeof *e);
        size_t size;

        if (e == NULL)
            return;
        size = take_batch(n, &e->proposals);
        if (!submit(n, e, size))
            return;
    }
}

void propose_nothing(struct wf_node *n)
{
    struct entry *e;

    if (!node_leads(n) || propose_paused(n) || n->n_entries >= WF_ENTRIES_IN_FLIGHT)
        return;
    e = calloc(1, sizeof *e);
    if (e != NULL)
        (void)submit(n, e, WF_BATCH_HEADER);
}

void propose_flush(struct wf_node *n)
{
    uint64_t leader = node_leader(n);

    if (node_leads(n)) {
        flush_leader(n);
    } else if (leader != 0) {
        // As many as there were: what cannot be sent comes back to the queue's end.
        for (unsigned left = n->waiting.n; left > 0; left--)
            forward_send(n, proposal_pop(&n->waiting), leader);
    }
}

void propose_expire(struct wf_node *n)
{
    uint64_t now = node_now_ms(n);
    bool leads = node_leads(n);

    // A busy leader's queue is bounded by its length; without one, a client should hear of it.
    while (n->waiting.head != NULL && n->waiting.head->deadline_ms <= now &&
           (!leads || propose_paused(n)))
        proposal_finish(n, proposal_pop(&n->waiting), WF_UNAVAILABLE, "NO_LEADER");
}

static void on_due_done(void *ctx, const struct wf_err *err, uint64_t index, struct wf_bytes result)
{
    struct wf_node *n = ctx;

    (void)err; // if it was lost, it is still due, and proposed again
    (void)index;
    (void)result;
    n->due_pending = false;
}

void propose_due(struct wf_node *n)
{
    struct wf_bytes command;

    // What is due waits for room, too: an offer that lapses late harms less than a full disk.
    if (n->due_pending || !wf_guard_established(n->guard) || n->fenced || n->refusing)
        return;
    if (n->fsm.all_know != NULL)
        n->fsm.all_know(n->fsm.ctx, peers_all_know(n));
    if (n->fsm.next_due(n->fsm.ctx) > n->env->unix_ms(n->env->ctx))
        return;
    command = n->fsm.tick_command(n->fsm.ctx);
    if (command.len == 0)
        return;
    n->due_pending = wf_node_propose(n, command, on_due_done, n) == WF_OK;
}

// --- answering ---------------------------------------------------------------------------------

static const char *text_of(const char *reason)
{
    if (strcmp(reason, "NO_LEADER") == 0)
        return "no leader is known: nothing was written; try again";
    if (strcmp(reason, "UNKNOWN_OUTCOME") == 0)
        return "the answer was lost on the way, with leadership, a link or for want of memory: the "
               "command may or may not have been written; repeat it with the same request id";
    if (strcmp(reason, "QUEUE_FULL") == 0)
        return "too many commands are waiting on this node: nothing was written; try again later";
    if (strcmp(reason, "DISK_LOW") == 0)
        return "too few voters have room on their disks: nothing was written; make room on them "
               "(cluster status names them), and writes go on by themselves";
    if (strcmp(reason, "TOO_LONG") == 0)
        return "the command is too long";
    if (strcmp(reason, "FENCED") == 0)
        return "this node has fenced itself off and serves nothing";
    return "this node is stopping: nothing was written; try another one";
}

void propose_deliver(struct wf_node *n)
{
    struct proposal *p;

    while ((p = proposal_pop(&n->finished)) != NULL) {
        if (p->peer != 0) {
            forward_answer(n, p);
        } else if (p->code == WF_OK) {
            p->cb(p->ctx, NULL, p->index, (struct wf_bytes){p->result, p->result_len});
        } else {
            struct wf_err err;

            wf_fail_reason(&err, p->code, p->reason, "%s", text_of(p->reason));
            p->cb(p->ctx, &err, 0, (struct wf_bytes){NULL, 0});
        }
        free(p->result);
        free(p);
    }
}

void propose_fail_all(struct wf_node *n)
{
    struct proposal *p;

    while ((p = proposal_pop(&n->waiting)) != NULL)
        proposal_finish(n, p, WF_UNAVAILABLE, "STOPPING");
    forward_lost(n, 0);
}
