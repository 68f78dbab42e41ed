// SPDX-License-Identifier: Apache-2.0
// What must be true.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "model.h"
#include "replication/node_internal.h"
#include "sim.h"
#include "state/schema.h"

// No two nodes hold different states at the same index.
void sim_check_applied(struct life *l, uint64_t index, uint64_t digest)
{
    struct sim *s = l->sim;

    if (s->digest_at[index] == 0)
        s->digest_at[index] = digest;
    else if (s->digest_at[index] != digest)
        sim_fail(s, "%s diverges at index %llu", l->server->name, (unsigned long long)index);
}

// --- the rules of membership (docs/libraft.md, M5 to M12), as they show from outside ------------

static void check_new_change(struct sim *s, const struct life *l, uint64_t index)
{
    const struct wf_node *n = l->node;
    const struct raft_configuration *c = wf_raft_configuration(node_raft(n));
    struct wf_raft_progress p;
    unsigned voters = 0, live = 0;

    if (!wf_guard_established(n->guard))
        sim_fail(s, "%s changes the membership before its term has committed", l->server->name);
    if (n->change.role == WF_VOTER && wf_raft_role(node_raft(n), n->change.id) == RAFT_VOTER &&
        wf_raft_progress_of(node_raft(n), n->change.id, &p) && p.match + 1 < index)
        sim_fail(s, "%s promotes a server that has %llu of %llu entries", l->server->name,
                 (unsigned long long)p.match, (unsigned long long)index - 1);
    for (unsigned i = 0; i < c->n; i++) {
        voters += c->servers[i].role == RAFT_VOTER;
        live += c->servers[i].role == RAFT_VOTER && membership_recent(n, c->servers[i].id);
    }
    if (live <= voters / 2)
        sim_fail(s, "%s makes a membership of which %u of %u voters answer", l->server->name, live,
                 voters);
}

static void check_rules(struct life *l)
{
    struct sim *s = l->sim;
    struct raft *r = node_raft(l->node);
    uint64_t uncommitted = wf_raft_configuration_uncommitted(r);

    if (s->opts.stock)
        return; // they are ours, not libraft's
    if (wf_raft_role(r, l->server->id) != RAFT_VOTER)
        sim_fail(s, "%s leads and is no voter", l->server->name);
    if (!s->profile.grow && wf_configuration_voters(wf_raft_configuration(r)) < 3)
        sim_fail(s, "%s leaves fewer than three voters", l->server->name);
    if (wf_raft_transferring(r) && wf_raft_change_pending(r))
        sim_fail(s, "%s transfers leadership and changes the membership at once", l->server->name);
    if (uncommitted != l->change_seen && uncommitted != 0 &&
        wf_raft_term_of(r, uncommitted) == wf_raft_term(r))
        check_new_change(s, l, uncommitted);
    l->change_seen = uncommitted;
}

// A transfer's target has everything (B13).
void sim_check_timeout_now(struct life *l, uint64_t to)
{
    struct wf_raft_progress p;

    if (!l->sim->opts.stock && wf_raft_progress_of(node_raft(l->node), to, &p) &&
        p.match != wf_raft_last(node_raft(l->node)))
        sim_fail(l->sim, "%s hands over to a server that is behind", l->server->name);
}

// Nobody begins a term that a majority would not vote in: a node that was cut off and comes back
// deposes no leader. Only the target of a transfer does not ask before.
void sim_check_heard(struct life *l, unsigned from, const struct wf_msg *msg)
{
    const struct wf_msg_vote_result *v = &msg->vote_result;

    l->told = msg->kind == WF_MSG_TIMEOUT_NOW;
    if (msg->kind != WF_MSG_VOTE_RESULT || !v->granted || v->pre_vote != raft_tribool_true)
        return;
    if (l->promised_in != wf_raft_term(node_raft(l->node)))
        memset(l->promised, 0, sizeof l->promised);
    l->promised_in = wf_raft_term(node_raft(l->node));
    l->promised[from] = true;
}

void sim_check_vote(struct life *l, uint64_t term, uint64_t vote)
{
    const struct sim *s = l->sim;
    unsigned voters = 0, yes = 0;

    if (s->opts.stock || vote != l->server->id || l->told || l->node == NULL)
        return; // (a sole voter votes for itself when it starts)
    for (unsigned i = 0; i < s->n_servers; i++) {
        if (wf_raft_role(node_raft(l->node), s->servers[i].id) != RAFT_VOTER)
            continue;
        voters++;
        yes += i == l->server->at || (l->promised_in + 1 == term && l->promised[i]);
    }
    if (yes <= voters / 2)
        sim_fail(l->sim, "%s begins term %llu, for which %u of %u voters would vote",
                 l->server->name, (unsigned long long)term, yes, voters);
}

// An image's membership is committed (M3).
void sim_check_image(struct life *l)
{
    if (!l->sim->opts.stock && wf_raft_configuration_uncommitted(node_raft(l->node)) != 0)
        sim_fail(l->sim, "%s puts an uncommitted membership into an image", l->server->name);
}

// One leader per term, and bounded queues.
void sim_check_life(struct life *l)
{
    struct sim *s = l->sim;
    uint64_t term;

    if (l->dead || l->fatal || l->node == NULL)
        return;
    if (l->node->waiting.n > WF_PROPOSALS_MAX || l->node->n_entries > WF_ENTRIES_IN_FLIGHT ||
        l->node->n_peers > PEERS_MAX || l->node->n_forwarded > WF_PROPOSALS_MAX)
        sim_fail(s, "%s: a queue is past its limit", l->server->name);
    if (!node_leads(l->node))
        return;
    term = wf_raft_term(node_raft(l->node));
    if (term >= SIM_TERMS_MAX) {
        sim_fail(s, "term %llu", (unsigned long long)term);
        return;
    }
    if (s->leader_of[term] == 0) {
        s->leader_of[term] = l->server->id;
        s->led_at = s->now;
        s->leaders_after += s->healed;
        sim_trace(s, "%s LEADS term %llu", l->server->name, (unsigned long long)term);
    } else if (s->leader_of[term] != l->server->id) {
        sim_fail(s, "two leaders in term %llu: %llu and %s", (unsigned long long)term,
                 (unsigned long long)s->leader_of[term], l->server->name);
    }
    check_rules(l);
}

// Of these, one at least succeeds in time.
enum { ASKED_ENOUGH = 6 };

// --- at the end --------------------------------------------------------------------------------

// The record of events is whole, and is the one that was told as it grew: so every acknowledged
// request is on it, once.
static void check_record(struct sim *s, struct life *l)
{
    uint64_t events, broken;
    uint8_t head[WF_HASH_SIZE];
    struct wf_err err;
    int rc;

    if (sim_state_reader(l) == NULL)
        return;
    rc = wf_state_verify(l->reader, &events, &broken, head, &err);
    if (rc != WF_OK && l->server->rotten)
        return; // (a bit that flipped is found only now)
    if (rc != WF_OK)
        sim_fail(s, "%s: the record cannot be read: %s", l->server->name, err.msg);
    else if (broken != 0)
        sim_fail(s, "%s: the record is broken at event %llu", l->server->name,
                 (unsigned long long)broken);
    else if (events != s->model->seq || memcmp(head, s->model->head, WF_HASH_SIZE) != 0)
        sim_fail(s, "%s: the record has %llu events, and had %llu", l->server->name,
                 (unsigned long long)events, (unsigned long long)s->model->seq);
}

// Whatever fell due was done.
static void check_due(struct sim *s, struct life *l)
{
    wf_unix_ms due = wf_state_next_due(l->state), now = l->env.unix_ms(l);

    if (due != 0 && due < now - 3000) // 0: a schema that some are still to tell of
        sim_fail(s, "something has been due for %lld ms", (long long)(now - due));
}

// Every row of every table. It takes time: in some runs, and where a state was damaged.
static bool same_contents(struct life *a, struct life *b)
{
    uint8_t ours[WF_HASH_SIZE], theirs[WF_HASH_SIZE];

    if (a->sim->flips == 0 && !sim_chance(a->sim, 250))
        return true;
    // (A bit that flipped may be found only now.)
    if (!sim_state_contents(a, ours) || !sim_state_contents(b, theirs))
        return a->server->rotten || b->server->rotten;
    return memcmp(ours, theirs, WF_HASH_SIZE) == 0;
}

static void check_member(struct sim *s, struct life *leader, const struct server *v)
{
    struct life *l = v->life;
    int role = wf_raft_role(node_raft(leader->node), v->id);

    if (v->gone || v->left_out || role < 0 || role == RAFT_SPARE)
        return;
    if (l == NULL || l->fatal)
        sim_fail(s, "%s is down at the end", v->name);
    else if (sim_state_applied(l) < s->settled_index || l->node->fenced)
        sim_fail(s, "%s has not converged: it is at %llu, the leader was at %llu long ago%s",
                 v->name, (unsigned long long)sim_state_applied(l),
                 (unsigned long long)s->settled_index, l->node->fenced ? ", fenced" : "");
    else if (sim_state_applied(l) == sim_state_applied(leader) && l != leader &&
             (sim_state_digest(l) != sim_state_digest(leader) || !same_contents(l, leader)))
        // (A flipped bit may have spread in an image before it was noticed; but all agree.)
        sim_fail(s, "%s differs from the leader at the end", v->name);
}

// With the lines in order, a write takes two hops to the leader and back and two to a majority and
// back; not the time of several round trips (B5).
static void check_latency(struct sim *s)
{
    uint64_t hop = 0;

    if (s->profile.membership || s->profile.core_only || s->writes_measured == 0)
        return; // a promotion holds writes back
    for (unsigned i = 0; i < s->n_servers; i++) {
        for (unsigned j = 0; j < s->n_servers; j++) {
            if (s->pair_delay[i][j] > hop)
                hop = s->pair_delay[i][j];
        }
    }
    if (s->waited / s->writes_measured > 4 * hop + MS(50))
        sim_fail(s, "writes took %llu ms on average, over hops of at most %llu ms",
                 (unsigned long long)(s->waited / s->writes_measured / 1000000u),
                 (unsigned long long)(hop / 1000000u));
}

// Files are collected, the WAL is written back: a machine's disk does not fill by itself.
static void check_files(struct sim *s)
{
    for (unsigned i = 0; i < s->n_servers; i++) {
        const struct server *v = &s->servers[i];

        if (sim_files_bytes(v) > SIM_FILES_MAX)
            sim_fail(s, "%s holds %llu bytes of files", v->name,
                     (unsigned long long)sim_files_bytes(v));
    }
}

// With the newer program on all members, the state has gone on to its schema.
static void check_schema(struct sim *s, struct life *leader)
{
    for (unsigned i = 0; i < s->n_servers; i++) {
        const struct server *v = &s->servers[i];
        bool member = wf_raft_role(node_raft(leader->node), v->id) >= 0;

        if (member && (v->life == NULL || v->left_out || v->knows < WF_SCHEMA_VERSION))
            return;
    }
    if (sim_state_schema(leader) != WF_SCHEMA_VERSION)
        sim_fail(s, "all members know schema %d, and the state has %d", WF_SCHEMA_VERSION,
                 sim_state_schema(leader));
}

// A bare majority needs each other's votes, and may split them some rounds in a row.
static bool bare_majority(const struct sim *s, const struct life *leader)
{
    unsigned voters = 0, live = 0;

    for (unsigned i = 0; i < s->n_servers; i++) {
        const struct server *v = &s->servers[i];

        if (wf_raft_role(node_raft(leader->node), v->id) != RAFT_VOTER)
            continue;
        voters++;
        live += v->life != NULL && !v->left_out;
    }
    return live == voters / 2 + 1;
}

// Somebody was answered after the heal.
static void check_answers(struct sim *s, const struct life *leader)
{
    if (s->leaders_after == 1 && s->led_at > MS(QUIET_MS - 1000) && !bare_majority(s, leader))
        sim_fail(s, "%s is the first to lead after the heal", leader->server->name);
    if (s->writes_after == 0 && s->writes_arrived >= ASKED_ENOUGH)
        sim_fail(s, "no write succeeded after the heal");
    else if (s->writes_under_load == 0 && s->writes_arrived_late >= ASKED_ENOUGH)
        sim_fail(s, "after the heal no write succeeded for as long as writes kept coming");
    if (s->reads_after == 0 && s->reads_arrived >= ASKED_ENOUGH)
        sim_fail(s, "no read succeeded after the heal");
}

void sim_check_end(struct sim *s)
{
    struct life *leader = sim_leader(s);

    if (s->failure[0] != '\0')
        return;
    if (leader == NULL) {
        sim_fail(s, "no leader at the end");
        return;
    }
    check_answers(s, leader);
    check_latency(s);
    for (unsigned i = 0; i < s->n_servers; i++)
        check_member(s, leader, &s->servers[i]);
    check_due(s, leader);
    check_files(s);
    check_schema(s, leader);
    if (!leader->tainted)
        check_record(s, leader);
}
