// SPDX-License-Identifier: Apache-2.0
// The other nodes as this one sees them: whom to talk to, when they were heard, whether their state
// agrees with ours, and who is no longer one of us.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "replication/node_internal.h"
#include "replication/peer_net.h"

enum { STATUS_EVERY_MS = 500 };

struct peer *peer_get(struct wf_node *n, uint64_t id)
{
    for (unsigned i = 0; i < n->n_peers; i++) {
        if (n->peers[i].id == id)
            return &n->peers[i];
    }
    return NULL;
}

// The slot of the stranger heard longest ago.
static struct peer *recycle(struct wf_node *n)
{
    struct peer *oldest = NULL;

    for (unsigned i = 0; i < n->n_peers; i++) {
        struct peer *p = &n->peers[i];

        if (!p->member && (oldest == NULL || p->heard_ms < oldest->heard_ms))
            oldest = p;
    }
    if (oldest != NULL)
        ship_stop(oldest);
    return oldest;
}

struct peer *peer_note(struct wf_node *n, uint64_t id)
{
    struct peer *p = peer_get(n, id);

    WF_ASSERT(id != 0);
    if (p != NULL)
        return p;
    p = n->n_peers < PEERS_MAX ? &n->peers[n->n_peers++] : recycle(n);
    if (p != NULL)
        *p = (struct peer){.id = id};
    return p;
}

// --- membership --------------------------------------------------------------------------------

void peers_follow_configuration(struct wf_node *n)
{
    const struct raft_configuration *c = wf_raft_configuration(node_raft(n));
    uint64_t index =
        wf_raft_configuration_index(node_raft(n)) + wf_raft_configuration_uncommitted(node_raft(n));
    struct wf_peer peers[WF_MEMBERS_MAX];
    struct wf_member m;
    unsigned count = 0;

    if (n->configuration_seen == index && n->configuration_servers == c->servers)
        return;
    n->configuration_seen = index;
    n->configuration_servers = c->servers;
    n->changed = true;
    for (unsigned i = 0; i < n->n_peers; i++)
        n->peers[i].member = false;
    for (unsigned i = 0; i < c->n && count < WF_MEMBERS_MAX; i++) {
        struct peer *p;

        if (c->servers[i].id == n->opts.id || wf_member_parse(&c->servers[i], &m) != WF_OK)
            continue;
        p = peer_note(n, c->servers[i].id);
        if (p != NULL)
            p->member = true;
        peers[count].id = m.id;
        snprintf(peers[count].name, sizeof peers[count].name, "%s", m.name);
        snprintf(peers[count].address, sizeof peers[count].address, "%s", m.address);
        count++;
    }
    n->net->set_peers(n->net->ctx, peers, count);
}

// A removed server is not told by raft: it only finds itself without a leader. Tell it, when it
// speaks to us, what we know for certain.
void peers_stranger(struct wf_node *n, uint64_t from)
{
    struct raft *r = node_raft(n);
    struct wf_msg m = {.kind = WF_MSG_REMOVED};

    if (!wf_guard_established(n->guard) || wf_raft_configuration_uncommitted(r) != 0)
        return;
    m.removed.configuration_index = wf_raft_configuration_index(r);
    (void)node_send(n, from, &m);
}

void peers_removed(struct wf_node *n, const struct wf_msg_removed *m)
{
    struct raft *r = node_raft(n);
    uint64_t ours = wf_raft_configuration_uncommitted(r);
    struct wf_err err;

    if (ours == 0)
        ours = wf_raft_configuration_index(r);
    // Ids are never used twice: a later membership without us is for good. An older one is no news.
    if (wf_raft_role(r, n->opts.id) < 0 || m->configuration_index <= ours)
        return;
    wf_fail_reason(&err, WF_FAILED_PRECONDITION, "REMOVED",
                   "this node (%s) was removed from the cluster; to use the machine again, add it "
                   "as a new node with an empty data directory",
                   n->opts.name);
    node_fatal(n, &err);
}

// --- age ---------------------------------------------------------------------------------------

void peers_note_append(struct wf_node *n, const struct wf_msg_append *m)
{
    if (m->term < wf_raft_term(node_raft(n)))
        return;
    if (apply_index(n) >= m->commit)
        n->fresh_ms = node_now_ms(n);
    else if (n->heard_commit <= apply_index(n)) {
        n->heard_commit = m->commit;
        n->heard_commit_ms = node_now_ms(n);
    }
}

void peers_note_applied(struct wf_node *n)
{
    if (n->heard_commit != 0 && apply_index(n) >= n->heard_commit) {
        if (n->fresh_ms < n->heard_commit_ms)
            n->fresh_ms = n->heard_commit_ms;
        n->heard_commit = 0;
    }
}

static int descending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? 1 : x > y ? -1 : 0;
}

// A leader's state was current when a majority last answered it.
static uint64_t leader_fresh(const struct wf_node *n)
{
    const struct raft_configuration *c = wf_raft_configuration(node_raft(n));
    uint64_t at[WF_MEMBERS_MAX];
    unsigned k = 0;

    for (unsigned i = 0; i < c->n && k < WF_MEMBERS_MAX; i++) {
        const struct peer *p;

        if (c->servers[i].role != RAFT_VOTER)
            continue;
        p = peer_get((struct wf_node *)n, c->servers[i].id);
        if (c->servers[i].id == n->opts.id)
            at[k++] = node_now_ms(n);
        else
            at[k++] = p != NULL && p->answer_term == wf_raft_term(node_raft(n)) ? p->answer_ms : 0;
    }
    if (k == 0)
        return 0;
    qsort(at, k, sizeof at[0], descending);
    return at[k / 2];
}

int64_t wf_node_age_ms(const struct wf_node *n)
{
    uint64_t fresh = n->fresh_ms;

    if (node_leads(n) && wf_guard_established(n->guard) && leader_fresh(n) > fresh)
        fresh = leader_fresh(n);
    return fresh != 0 ? (int64_t)(node_now_ms(n) - fresh) : -1;
}

// --- status and digests ------------------------------------------------------------------------

void peers_tell_status(struct wf_node *n)
{
    struct raft *r = node_raft(n);
    struct wf_msg m = {.kind = WF_MSG_STATUS};
    uint64_t applied = apply_index(n);
    const struct mark *mark = apply_mark(n, applied / WF_DIGEST_EVERY * WF_DIGEST_EVERY);

    m.status.term = wf_raft_term(r);
    m.status.commit = wf_raft_commit(r);
    m.status.leader = node_leader(n);
    m.status.applied = applied;
    m.status.fenced = n->fenced;
    m.status.knows = n->fsm.knows;
    m.status.disk_low = n->disk_low;
    n->fsm.digest(n->fsm.ctx, m.status.digest);
    if (mark != NULL) {
        m.status.mark = mark->index;
        memcpy(m.status.mark_digest, mark->digest, WF_HASH_SIZE);
    }
    for (unsigned i = 0; i < n->n_peers; i++) {
        if (n->peers[i].member)
            (void)node_send(n, n->peers[i].id, &m);
    }
}

uint32_t peers_all_know(const struct wf_node *n)
{
    const struct raft_configuration *c = wf_raft_configuration(node_raft(n));
    uint32_t least = n->fsm.knows;

    for (unsigned i = 0; i < c->n; i++) {
        const struct peer *p = peer_get((struct wf_node *)n, c->servers[i].id);

        bool told = p != NULL && p->has_status;

        // A spare that never was more has no log, and does not know whom to tell.
        if (c->servers[i].id == n->opts.id || (!told && c->servers[i].role == RAFT_SPARE))
            continue;
        if (!told)
            return 0;
        if (p->status.knows < least)
            least = p->status.knows;
    }
    return least;
}

void node_fence(struct wf_node *n, const char *why)
{
    if (n->fenced)
        return;
    n->fenced = true;
    n->changed = true;
    snprintf(n->fence_reason, sizeof n->fence_reason, "%s", why);
    read_fail_all(n, "FENCED");
    node_wake(n);
}

// -1: cannot be compared at an index from `since` on, 0: differs, 1: agrees.
static int agrees(const struct wf_node *n, const struct wf_msg_status *s, uint64_t since)
{
    const struct mark *ours = s->applied >= since ? apply_mark(n, s->applied) : NULL;

    if (ours != NULL)
        return memcmp(ours->digest, s->digest, WF_HASH_SIZE) == 0;
    ours = s->mark >= since ? apply_mark(n, s->mark) : NULL;
    return ours != NULL ? memcmp(ours->digest, s->mark_digest, WF_HASH_SIZE) == 0 : -1;
}

// How many voters hold our state (1), or another one (0).
static unsigned count(const struct wf_node *n, int verdict, uint64_t since)
{
    unsigned k = verdict == 1 && wf_raft_role(node_raft(n), n->opts.id) == RAFT_VOTER;

    for (unsigned i = 0; i < n->n_peers; i++) {
        const struct peer *p = &n->peers[i];

        if (p->has_status && wf_raft_role(node_raft(n), p->id) == RAFT_VOTER)
            k += agrees(n, &p->status, since) == verdict;
    }
    return k;
}

// Two states that differ at one index: the one that differs from a majority stops serving, or,
// while a majority does not answer, the one that differs from a leader which is not fenced itself.
static void judge(struct wf_node *n, uint64_t from, const struct wf_msg_status *m)
{
    unsigned voters = wf_configuration_voters(wf_raft_configuration(node_raft(n)));
    bool majority = count(n, 0, 0) > voters / 2;
    char why[200];

    if (!majority && (from != node_leader(n) || m->fenced))
        return;
    snprintf(why, sizeof why,
             "state differs from %s at index %llu; it is being replaced from the leader",
             majority ? "the majority's" : "the leader's", (unsigned long long)apply_index(n));
    n->fence_index = apply_index(n);
    node_fence(n, why);
}

void peers_status(struct wf_node *n, uint64_t from, const struct wf_msg_status *m)
{
    struct peer *p = peer_get(n, from);

    if (p == NULL || !p->member)
        return;
    if (p->has_status && p->status.leader == from && m->leader == 0 && p->status.term == m->term &&
        m->term == wf_raft_term(node_raft(n)))
        wf_node_suspect(n, from); // it has stepped down: it hears no majority, while we hear it
    p->status = *m;
    p->has_status = true;
    if (!n->fenced && agrees(n, m, 0) == 0) {
        judge(n, from, m);
    } else if (n->fenced && !take_busy(n) &&
               count(n, 1, n->fence_index) >
                   wf_configuration_voters(wf_raft_configuration(node_raft(n))) / 2) {
        n->fenced = false; // it was the other one
        n->changed = true;
        node_wake(n);
    }
}

void peers_tick(struct wf_node *n)
{
    uint64_t now = node_now_ms(n);

    if (now - n->status_ms < STATUS_EVERY_MS)
        return;
    n->status_ms = now;
    peers_tell_status(n);
    // A leader whose own state differs hands over, and is then re-seeded like any other.
    if (n->fenced && node_leads(n) && !n->transfer.active && n->change.kind == CHANGE_NONE)
        (void)wf_node_transfer(n, "", NULL, NULL); // else at the next tick
}
