// SPDX-License-Identifier: Apache-2.0
// Handing leadership over: proposals pause, the target draws level, and only then is it told (B13).
#include <string.h>

#include "base/assert.h"
#include "replication/node_internal.h"

static void finish(struct wf_node *n, const struct wf_err *err)
{
    struct answer *a = n->transfer.answer;

    n->transfer.active = n->transfer.submitted = n->transfer.done = false;
    n->transfer.answer = NULL;
    n->changed = true;
    node_answer(n, a, err);
    node_wake(n);
}

static void fail(struct wf_node *n, const char *why)
{
    struct wf_err err;

    wf_fail_reason(&err, WF_UNAVAILABLE, "TRANSFER_FAILED",
                   "leadership was not transferred: %s; this node leads on, try again", why);
    finish(n, &err);
}

static bool fenced(const struct wf_node *n, uint64_t id)
{
    const struct peer *p = peer_get((struct wf_node *)n, id);

    return p != NULL && p->has_status && p->status.fenced;
}

// The voter that is furthest along among those that answer and serve; one that is short of disk
// only where all of them are.
static uint64_t best_target(const struct wf_node *n)
{
    const struct raft_configuration *c = wf_raft_configuration(node_raft(n));
    uint64_t best = 0, best_match = 0;
    bool best_low = false;
    struct wf_raft_progress p;

    for (unsigned i = 0; i < c->n; i++) {
        uint64_t id = c->servers[i].id;
        bool low = disk_low_told(n, id);

        if (id == n->opts.id || c->servers[i].role != RAFT_VOTER || !membership_recent(n, id) ||
            fenced(n, id) || !wf_raft_progress_of(node_raft(n), id, &p))
            continue;
        if (best == 0 || (best_low && !low) || (best_low == low && p.match > best_match)) {
            best = id;
            best_match = p.match;
            best_low = low;
        }
    }
    return best;
}

bool transfer_to_room(const struct wf_node *n)
{
    uint64_t best = best_target(n);

    return best != 0 && !disk_low_told(n, best);
}

static int check(struct wf_node *n, const char *name, uint64_t *id, struct wf_err *err)
{
    struct wf_member m;

    if (n->dead || n->stopping)
        return wf_fail(err, WF_UNAVAILABLE, "this node is stopping");
    if (!node_leads(n))
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "NOT_LEADER",
                              "this node does not lead; ask the leader");
    if (n->transfer.active || wf_raft_transferring(node_raft(n)))
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "TRANSFER_PENDING",
                              "leadership is being transferred already");
    if (NODE_ON(n, M11) && (n->change.kind != CHANGE_NONE || wf_raft_change_pending(node_raft(n))))
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "CHANGE_PENDING",
                              "a membership change is under way; wait until it is done");
    if (name[0] == '\0') {
        *id = best_target(n);
        if (*id == 0)
            return wf_fail_reason(err, WF_FAILED_PRECONDITION, "NO_TARGET",
                                  "no other voter is answering");
        return WF_OK;
    }
    if (!membership_find(n, name, &m))
        return wf_fail(err, WF_NOT_FOUND, "no member is named %s", name);
    if (m.role != WF_VOTER)
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "NOT_A_VOTER",
                              "%s is no voter; promote it first", name);
    if (m.id == n->opts.id)
        return wf_fail(err, WF_ALREADY_EXISTS, "%s leads already", name);
    *id = m.id;
    return WF_OK;
}

// B19: inside libraft, take notes only.
static void on_transferred(struct raft_transfer *req)
{
    struct wf_node *n = req->data;

    n->transfer.done = true;
    node_wake(n);
}

int wf_node_transfer(struct wf_node *n, const char *name, wf_change_cb cb, void *ctx)
{
    struct answer *a = node_answer_new(cb, ctx);
    struct wf_err err = {0};
    uint64_t id = 0;

    if (a == NULL)
        return WF_RESOURCE_EXHAUSTED;
    if (check(n, name, &id, &err) != WF_OK) {
        node_answer(n, a, &err);
        return WF_OK;
    }
    WF_ASSERT(n->transfer.answer == NULL && id != 0 && id != n->opts.id);
    n->transfer.active = true;
    n->transfer.submitted = n->transfer.done = false;
    n->transfer.id = id;
    n->transfer.answer = a;
    n->transfer.deadline_ms = node_now_ms(n) + n->opts.election_timeout_ms;
    transfer_tick(n);
    return WF_OK;
}

void transfer_tick(struct wf_node *n)
{
    struct transfer *t = &n->transfer;
    struct wf_raft_progress p;
    int rv;

    if (!t->active)
        return;
    if (!node_leads(n)) {
        finish(n, NULL); // somebody else will
    } else if (t->done) {
        fail(n, "the target did not win an election in time");
    } else if (t->submitted) {
        return;
    } else if (!NODE_ON(n, B13) || (wf_raft_progress_of(node_raft(n), t->id, &p) &&
                                    p.match == wf_raft_last(node_raft(n)))) {
        t->req.data = n;
        rv = wf_guard_transfer(n->guard, &t->req, t->id, on_transferred);
        if (rv != 0)
            fail(n, raft_strerror(rv));
        else
            t->submitted = true;
    } else if (node_now_ms(n) > t->deadline_ms) {
        fail(n, "the target is behind and did not draw level");
    }
}

void transfer_abort(struct wf_node *n)
{
    if (n->transfer.active)
        fail(n, "this node is stopping");
}
