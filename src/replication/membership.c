// SPDX-License-Identifier: Apache-2.0
// Membership changes, one at a time, and the rules (M5 to M12 of docs/libraft.md) that libraft
// leaves to its user. A promotion takes its steps here: standby, caught up, voter.
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "replication/node_internal.h"

// M7, M9: "heard" means an answer within this, or three heartbeats.
enum { RECENT_MS = 300 };
// A promotion gives up when the server has taken nothing for so long.
enum { CATCH_UP_PATIENCE_MS = 30000 };
// Proposals are held back so long at most to let a server draw level, and then go on as long.
enum { HOLD_MS = 500, NEARLY_LEVEL = 4 * WF_ENTRIES_IN_FLIGHT };

bool membership_recent(const struct wf_node *n, uint64_t id)
{
    const struct peer *p = peer_get((struct wf_node *)n, id);
    uint64_t limit = 3ull * n->opts.heartbeat_timeout_ms;

    if (limit < RECENT_MS)
        limit = RECENT_MS;
    return id == n->opts.id ||
           (p != NULL && p->answer_ms != 0 && p->answer_term == wf_raft_term(node_raft(n)) &&
            node_now_ms(n) - p->answer_ms < limit);
}

bool membership_find(const struct wf_node *n, const char *name, struct wf_member *out)
{
    const struct raft_configuration *c = wf_raft_configuration(node_raft(n));

    for (unsigned i = 0; i < c->n; i++) {
        if (wf_member_parse(&c->servers[i], out) == WF_OK && strcmp(out->name, name) == 0)
            return true;
    }
    return false;
}

// --- the rules ---------------------------------------------------------------------------------

// What would be the voters after the change.
static unsigned voters_after(const struct wf_node *n, uint64_t id, int role, uint64_t *ids)
{
    const struct raft_configuration *c = wf_raft_configuration(node_raft(n));
    unsigned k = 0;

    for (unsigned i = 0; i < c->n; i++) {
        int r = c->servers[i].id == id ? role : c->servers[i].role;

        if (r == RAFT_VOTER)
            ids[k++] = c->servers[i].id;
    }
    return k;
}

static bool holds_barrier(const struct wf_node *n, uint64_t id)
{
    struct wf_raft_progress p;

    if (id == n->opts.id)
        return true;
    // Its entries up to one of this term are ours (the barrier was applied: M5).
    return wf_raft_progress_of(node_raft(n), id, &p) && p.match != 0 &&
           wf_raft_term_of(node_raft(n), p.match) == wf_raft_term(node_raft(n));
}

// ahead: the member becomes a voter only once it has caught up, and is looked at again then.
static int check_voters(const struct wf_node *n, uint64_t id, int role, bool ahead,
                        struct wf_err *err)
{
    const struct raft_configuration *c = wf_raft_configuration(node_raft(n));
    uint64_t ids[WF_MEMBERS_MAX];
    unsigned after = voters_after(n, id, role, ids), live = 0;

    if (NODE_ON(n, M10) && after < wf_configuration_voters(c) && after < 3)
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "TOO_FEW_VOTERS",
                              "%u voters would be left, and the loss of one must be survived: add "
                              "and promote another member first",
                              after);
    for (unsigned i = 0; i < after; i++)
        live +=
            (ahead && ids[i] == id) || (membership_recent(n, ids[i]) && holds_barrier(n, ids[i]));
    if (NODE_ON(n, M9) && live <= after / 2)
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "NO_MAJORITY",
                              "only %u of the %u voters that would result are answering: bring "
                              "nodes back, or remove dead ones first",
                              live, after);
    return WF_OK;
}

static const char fenced_text[] =
    "this node leads and has fenced itself off: leadership goes to another "
    "member; ask that one";

static int check_free(const struct wf_node *n, struct wf_err *err)
{
    struct raft *r = node_raft(n);

    if (n->dead || n->stopping)
        return wf_fail(err, WF_UNAVAILABLE, "this node is stopping");
    if (!node_leads(n))
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "NOT_LEADER",
                              "this node does not lead; ask the leader");
    if (n->fenced)
        return wf_fail_reason(err, WF_UNAVAILABLE, "FENCED", "%s", fenced_text);
    if (n->change.kind != CHANGE_NONE || wf_raft_change_pending(r))
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "CHANGE_PENDING",
                              "another membership change is under way; wait until it is done");
    if (NODE_ON(n, M11) && (n->transfer.active || wf_raft_transferring(r)))
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "TRANSFER_PENDING",
                              "leadership is being transferred; ask the next leader");
    if (NODE_ON(n, M5) && !wf_guard_established(n->guard))
        return wf_fail_reason(err, WF_UNAVAILABLE, "NOT_ESTABLISHED",
                              "the leader is new and has not committed an entry yet; try again in "
                              "a moment");
    return WF_OK;
}

static int check_known(const struct wf_node *n, const char *name, struct wf_member *m,
                       struct wf_err *err)
{
    if (!membership_find(n, name, m))
        return wf_fail(err, WF_NOT_FOUND, "no member is named %s", name);
    return WF_OK;
}

static int check_not_self(const struct wf_node *n, const struct wf_member *m, struct wf_err *err)
{
    if (NODE_ON(n, M12) && m->id == n->opts.id)
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "IS_LEADER",
                              "%s leads: transfer leadership to another voter first", m->name);
    return WF_OK;
}

// --- doing it ----------------------------------------------------------------------------------

static void finish(struct wf_node *n, const struct wf_err *err)
{
    struct answer *a = n->change.answer;

    wf_metric_add(n->metrics.changes, err == NULL);
    n->change = (struct change){0};
    n->changed = true;
    node_answer(n, a, err);
    node_wake(n);
}

static void fail(struct wf_node *n, int rv)
{
    struct wf_err err;

    if (rv == RAFT_LEADERSHIPLOST || rv == RAFT_SHUTDOWN)
        wf_fail_reason(&err, WF_UNAVAILABLE, "UNKNOWN_OUTCOME",
                       "leadership was lost during the change: look at the members on the new "
                       "leader before repeating it");
    else
        wf_fail(&err, rv == RAFT_NOMEM ? WF_RESOURCE_EXHAUSTED : WF_FAILED_PRECONDITION,
                "the membership change was refused: %s", raft_strerror(rv));
    finish(n, &err);
}

// B19: inside libraft, take notes only.
static void on_changed(struct raft_change *req, int status)
{
    struct wf_node *n = req->data;

    n->change.done = true;
    n->change.status = status;
    node_wake(n);
}

static void begin(struct wf_node *n, enum change_kind kind, uint64_t id, struct answer *a)
{
    WF_ASSERT(n->change.kind == CHANGE_NONE && kind != CHANGE_NONE && id != 0); // one at a time
    n->change = (struct change){.kind = kind, .id = id, .answer = a};
    n->change.req.data = n;
    n->change.progress_ms = node_now_ms(n);
    n->changed = true;
}

static void submitted(struct wf_node *n, int rv)
{
    if (rv != 0)
        fail(n, rv);
    else
        n->change.submitted = true;
}

static uint64_t new_id(const struct wf_node *n)
{
    uint64_t id;

    // Never used twice: the civil time in it grows, the random part covers clocks that do not.
    do {
        id = ((uint64_t)n->env->unix_ms(n->env->ctx) << 20 |
              n->env->random(n->env->ctx, 0, (1u << 20) - 1)) &
             INT64_MAX;
    } while (id == 0 || wf_raft_role(node_raft(n), id) >= 0);
    return id;
}

int wf_node_add(struct wf_node *n, const char *name, const char *region, const char *address,
                wf_change_cb cb, void *ctx)
{
    struct answer *a = node_answer_new(cb, ctx);
    struct wf_member m = {.role = WF_SPARE}, other;
    char string[WF_MEMBER_ADDRESS_MAX];
    struct wf_err err = {0};
    int rc = check_free(n, &err);

    if (a == NULL)
        return WF_RESOURCE_EXHAUSTED;
    m.id = 1;
    snprintf(m.name, sizeof m.name, "%s", name);
    snprintf(m.region, sizeof m.region, "%s", region);
    snprintf(m.address, sizeof m.address, "%s", address);
    if (rc == WF_OK)
        rc = wf_member_check(&m, &err);
    if (rc == WF_OK && membership_find(n, name, &other))
        rc = wf_fail(&err, WF_ALREADY_EXISTS,
                     "%s is a member already; remove it first, or choose another name", name);
    if (rc == WF_OK && wf_raft_configuration(node_raft(n))->n >= WF_MEMBERS_MAX)
        rc = wf_fail(&err, WF_RESOURCE_EXHAUSTED, "a cluster has at most %d members",
                     WF_MEMBERS_MAX);
    if (rc == WF_OK)
        rc = check_voters(n, 0, 0, false, &err);
    if (rc != WF_OK) {
        node_answer(n, a, &err);
        return WF_OK;
    }
    wf_member_address(&m, string);
    begin(n, CHANGE_ADD, new_id(n), a);
    submitted(n, wf_guard_add(n->guard, &n->change.req, n->change.id, string, on_changed));
    return WF_OK;
}

static bool is_level(struct wf_node *n, uint64_t id, uint64_t *match)
{
    struct wf_raft_progress p;

    *match = wf_raft_progress_of(node_raft(n), id, &p) ? p.match : 0;
    return *match == wf_raft_last(node_raft(n)) && membership_recent(n, id);
}

// One step. Each makes a membership of its own, for which the rules must hold.
static void assign_now(struct wf_node *n, int role)
{
    struct change *c = &n->change;
    struct wf_err err = {0};

    WF_ASSERT(c->kind == CHANGE_ASSIGN && !c->submitted);
    if (check_voters(n, c->id, role, false, &err) != WF_OK) {
        finish(n, &err);
        return;
    }
    c->pause_ms = 0;
    submitted(n, wf_guard_assign(n->guard, &c->req, c->id, role, on_changed));
}

// M7: libraft's catch-up rounds give up after 5 s and promote a server that is behind. Wait until
// it has everything, holding proposals back for moments when it nearly has.
static void catch_up(struct wf_node *n)
{
    struct change *c = &n->change;
    uint64_t match, now = node_now_ms(n), last = wf_raft_last(node_raft(n));
    struct wf_err err;

    if (n->fenced) { // it can be sent no image from here, and leadership must be free to go
        wf_fail_reason(&err, WF_UNAVAILABLE, "FENCED", "%s", fenced_text);
        finish(n, &err);
        return;
    }
    if (is_level(n, c->id, &match) || !NODE_ON(n, M7)) {
        assign_now(n, RAFT_VOTER);
        return;
    }
    if (match > c->progress_match) {
        c->progress_match = match;
        c->progress_ms = now;
    }
    if (now - c->progress_ms > CATCH_UP_PATIENCE_MS) {
        wf_fail_reason(&err, WF_DEADLINE_EXCEEDED, "NOT_CAUGHT_UP",
                       "the member has taken nothing for %d s (it has %llu of %llu): is it "
                       "running, and does it reach this node?",
                       CATCH_UP_PATIENCE_MS / 1000, (unsigned long long)match,
                       (unsigned long long)last);
        finish(n, &err);
        return;
    }
    if (match + NEARLY_LEVEL >= last && now - c->pause_ms > 2 * HOLD_MS)
        c->pause_ms = now;
}

bool membership_holds_back(const struct wf_node *n)
{
    return n->change.pause_ms != 0 && node_now_ms(n) - n->change.pause_ms < HOLD_MS;
}

static void step_assign(struct wf_node *n)
{
    struct change *c = &n->change;
    int role = wf_raft_role(node_raft(n), c->id);

    if (role < 0 || !node_leads(n)) {
        fail(n, RAFT_LEADERSHIPLOST);
    } else if (role == (int)c->role) {
        finish(n, NULL);
    } else if (c->role != WF_VOTER) {
        assign_now(n, (int)c->role);
    } else if (role == RAFT_SPARE) {
        assign_now(n, RAFT_STANDBY);
    } else {
        catch_up(n);
    }
}

int wf_node_assign(struct wf_node *n, const char *name, enum wf_role role, wf_change_cb cb,
                   void *ctx)
{
    struct answer *a = node_answer_new(cb, ctx);
    struct wf_member m;
    struct wf_err err = {0};
    int rc = check_free(n, &err);

    if (a == NULL)
        return WF_RESOURCE_EXHAUSTED;
    if (rc == WF_OK && (unsigned)role > WF_SPARE)
        rc = wf_fail(&err, WF_INVALID_ARGUMENT, "no such role");
    if (rc == WF_OK)
        rc = check_known(n, name, &m, &err);
    if (rc == WF_OK && m.role == role)
        rc = wf_fail(&err, WF_ALREADY_EXISTS, "%s has this role already", name);
    if (rc == WF_OK && m.role == WF_VOTER)
        rc = check_not_self(n, &m, &err);
    if (rc == WF_OK)
        rc = check_voters(n, m.id, (int)role, role == WF_VOTER, &err);
    if (rc == WF_OK && role == WF_VOTER && m.role == WF_STANDBY && NODE_ON(n, M7) &&
        !membership_recent(n, m.id))
        rc = wf_fail_reason(&err, WF_FAILED_PRECONDITION, "NOT_ANSWERING",
                            "%s is not answering; start it, or look at its log", name);
    if (rc != WF_OK) {
        node_answer(n, a, &err);
        return WF_OK;
    }
    begin(n, CHANGE_ASSIGN, m.id, a);
    n->change.role = role;
    step_assign(n);
    return WF_OK;
}

int wf_node_remove(struct wf_node *n, const char *name, wf_change_cb cb, void *ctx)
{
    struct answer *a = node_answer_new(cb, ctx);
    struct wf_member m;
    struct wf_err err = {0};
    int rc = check_free(n, &err);

    if (a == NULL)
        return WF_RESOURCE_EXHAUSTED;
    if (rc == WF_OK)
        rc = check_known(n, name, &m, &err);
    if (rc == WF_OK)
        rc = check_not_self(n, &m, &err);
    if (rc == WF_OK)
        rc = check_voters(n, m.id, -1, false, &err);
    if (rc != WF_OK) {
        node_answer(n, a, &err);
        return WF_OK;
    }
    begin(n, CHANGE_REMOVE, m.id, a);
    submitted(n, wf_guard_remove(n->guard, &n->change.req, m.id, on_changed));
    return WF_OK;
}

void membership_tick(struct wf_node *n)
{
    struct change *c = &n->change;

    if (c->kind == CHANGE_NONE)
        return;
    if (c->submitted && !c->done) {
        if (!node_leads(n)) // libraft has forgotten it with its leadership
            fail(n, RAFT_LEADERSHIPLOST);
        return;
    }
    if (c->done && c->status != 0) {
        fail(n, c->status);
        return;
    }
    if (c->done && c->kind != CHANGE_ASSIGN) {
        finish(n, NULL);
        return;
    }
    c->submitted = c->done = false;
    step_assign(n);
}

void membership_abort(struct wf_node *n)
{
    if (n->change.kind != CHANGE_NONE)
        fail(n, RAFT_SHUTDOWN);
}
