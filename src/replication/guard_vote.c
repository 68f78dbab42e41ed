// SPDX-License-Identifier: Apache-2.0
// Votes, terms and election timers.
#include <stddef.h>

#include "replication/configuration.h"
#include "replication/guard_internal.h"

static bool sole_voter(const struct raft_configuration *c, uint64_t id)
{
    const struct raft_server *self = wf_configuration_get(c, id);

    return self != NULL && self->role == RAFT_VOTER && wf_configuration_voters(c) == 1;
}

// M6: libraft lets a sole voter lead without raising its term. What it then appends carries a term
// that another leader may have used. It votes for itself in a term of its own, durably, first.
int guard_sole_voter_at_load(struct wf_guard *g, struct wf_log_state *state,
                             struct wf_bytes configuration, struct wf_err *err)
{
    struct raft_configuration c;
    bool alone;

    if (!ON(g, M6) || configuration.len == 0)
        return WF_OK;
    if (wf_configuration_decode(configuration, &c) != WF_OK)
        return wf_fail(err, WF_DATA_LOSS, "the stored membership cannot be read");
    alone = sole_voter(&c, g->id);
    raft_configuration_close(&c);
    if (!alone)
        return WF_OK;
    state->term++;
    state->vote = g->id;
    return g->store->set_vote(g->store->ctx, state->term, state->vote, err);
}

static void follower_before_tick(struct wf_guard *g)
{
    struct raft *r = &g->raft;
    uint64_t now = wf_guard_now_ms(g);
    bool voter = wf_raft_role(r, g->id) == RAFT_VOTER;

    // M8: a non-voter never gets to forget a leader by its own election, and while it remembers one
    // it refuses its vote, which a candidate that knows of its promotion may need.
    if (ON(g, M8) && !voter && wf_raft_leader_id(r) != 0 &&
        wf_raft_silence(r, now) > 2u * wf_raft_election_timeout(r))
        wf_raft_forget_leader(r);

    if (ON(g, M6) && voter && sole_voter(wf_raft_configuration(r), g->id) &&
        wf_raft_timer_expired(r, now) && !guard_busy(g)) {
        uint64_t term = wf_raft_term(r) + 1;

        if (guard_set_term(&g->io, term) == 0 && guard_set_vote(&g->io, g->id) == 0)
            wf_raft_set_term_vote(r, term, g->id);
    }
}

void guard_before_tick(struct wf_guard *g)
{
    struct raft *r = &g->raft;

    if (wf_raft_state(r) == RAFT_FOLLOWER) {
        follower_before_tick(g);
    } else if (wf_raft_state(r) == RAFT_CANDIDATE) {
        // M13: after TimeoutNow a candidate keeps the right to disrupt and skips pre-vote in every
        // later round; if it was removed meanwhile it deposes leaders for ever.
        if (ON(g, M13) && wf_raft_timer_expired(r, wf_guard_now_ms(g)))
            wf_raft_restart_candidacy(r);
    }
}

// B33: libraft refuses its vote while it remembers a leader, and forgets one only when its own
// timer runs out: nobody is elected before those of a majority have. A leader that was silent for
// an election timeout has lost its claim (Ongaro's dissertation, 4.2.3).
void guard_before_vote(struct wf_guard *g)
{
    struct raft *r = &g->raft;

    if (ON(g, B33) && wf_raft_state(r) == RAFT_FOLLOWER && wf_raft_leader_id(r) != 0 &&
        wf_raft_silence(r, wf_guard_now_ms(g)) >= wf_raft_election_timeout(r))
        wf_raft_forget_leader(r);
}

bool guard_vote_admissible(struct wf_guard *g, const struct wf_msg_vote *vote)
{
    const struct raft *r = &g->raft;
    uint64_t voted = wf_raft_vote(r);

    // B7: a disruptive vote would change our term under the writes that are pending.
    if (ON(g, B7) && vote->disrupt_leader && guard_busy(g))
        return false;
    // B8: libraft exempts the target of a transfer from "one vote per term".
    if (ON(g, B8) && !vote->pre_vote && vote->term == wf_raft_term(r) && voted != 0 &&
        voted != vote->candidate)
        return false;
    return true;
}
