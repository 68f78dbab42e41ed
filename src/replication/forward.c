// SPDX-License-Identifier: Apache-2.0
// Proposals that reach a follower, on their way to the leader and back.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "replication/node_internal.h"

static struct proposal **bucket(struct wf_node *n, uint64_t seq)
{
    return &n->forwarded[seq % FORWARD_BUCKETS];
}

// --- on the follower ---------------------------------------------------------------------------

void forward_send(struct wf_node *n, struct proposal *p, uint64_t leader)
{
    struct wf_msg m = {.kind = WF_MSG_FORWARD};
    int rc;

    if (p->peer != 0) { // forwarded to us while we led; its sender knows better by now
        proposal_finish(n, p, WF_UNAVAILABLE, "NO_LEADER");
        return;
    }
    m.forward.origin = n->forward_origin;
    m.forward.seq = ++n->forward_seq;
    m.forward.command = (struct wf_bytes){p->data, p->len};
    rc = node_send(n, leader, &m);
    if (rc == WF_RESOURCE_EXHAUSTED) {
        proposal_finish(n, p, WF_RESOURCE_EXHAUSTED, "QUEUE_FULL");
    } else if (rc != WF_OK) {
        proposal_push(&n->waiting, p); // no link yet: until its deadline
    } else {
        p->seq = m.forward.seq;
        p->to = leader;
        p->next = *bucket(n, p->seq);
        *bucket(n, p->seq) = p;
        n->n_forwarded++;
    }
}

void forward_result(struct wf_node *n, uint64_t from, const struct wf_msg_result *m)
{
    struct proposal **at = bucket(n, m->seq), *p;

    while (*at != NULL && (*at)->seq != m->seq)
        at = &(*at)->next;
    p = *at;
    if (p == NULL || p->to != from)
        return; // given up on
    WF_ASSERT(n->n_forwarded > 0);
    *at = p->next;
    n->n_forwarded--;
    if (m->code == WF_OK) {
        proposal_finish_with(n, p, m->index, m->detail);
    } else if (strcmp(m->reason, "NO_LEADER") == 0 && p->deadline_ms > node_now_ms(n)) {
        proposal_push(&n->waiting, p); // nothing happened: once more, to whoever leads then
    } else if (m->code == WF_RESOURCE_EXHAUSTED) {
        proposal_finish(n, p, WF_RESOURCE_EXHAUSTED,
                        strcmp(m->reason, "DISK_LOW") == 0 ? "DISK_LOW" : "QUEUE_FULL");
    } else {
        proposal_finish(n, p, WF_UNAVAILABLE,
                        strcmp(m->reason, "NO_LEADER") == 0 ? "NO_LEADER" : "UNKNOWN_OUTCOME");
    }
}

static void lose(struct wf_node *n, uint64_t leader, uint64_t before_ms)
{
    if (n->n_forwarded == 0)
        return;
    for (unsigned i = 0; i < FORWARD_BUCKETS; i++) {
        struct proposal **at = &n->forwarded[i], *p;

        while ((p = *at) != NULL) {
            if ((leader != 0 && p->to != leader) || p->deadline_ms > before_ms) {
                at = &p->next;
                continue;
            }
            WF_ASSERT(n->n_forwarded > 0 && p->peer == 0);
            *at = p->next;
            n->n_forwarded--;
            proposal_finish(n, p, WF_UNAVAILABLE, "UNKNOWN_OUTCOME");
        }
    }
}

void forward_lost(struct wf_node *n, uint64_t leader)
{
    lose(n, leader, UINT64_MAX);
}

void forward_expire(struct wf_node *n)
{
    uint64_t grace = 4ull * n->opts.election_timeout_ms, now = node_now_ms(n);

    if (now > grace)
        lose(n, 0, now - grace);
}

// --- on the leader -----------------------------------------------------------------------------

bool forward_fresh(struct peer *p, uint64_t origin, uint64_t seq)
{
    uint64_t back;

    if (origin != p->forward_origin) {
        if (origin == p->forward_past)
            return false; // late, from a process that is gone
        p->forward_past = p->forward_origin;
        p->forward_origin = origin;
        p->forward_top = p->forward_seen = 0;
    }
    if (seq > p->forward_top) {
        uint64_t ahead = seq - p->forward_top;

        p->forward_seen = ahead < 64 ? (p->forward_seen << ahead) | 1 : 1;
        p->forward_top = seq;
        return true;
    }
    back = p->forward_top - seq;
    if (back >= 64 || ((p->forward_seen >> back) & 1u))
        return false;
    p->forward_seen |= 1ull << back;
    return true;
}

void forward_receive(struct wf_node *n, uint64_t from, const struct wf_msg_forward *m)
{
    struct peer *peer = peer_get(n, from);
    struct proposal *p;

    // One that arrives twice must not be written twice.
    if (peer == NULL || !forward_fresh(peer, m->origin, m->seq))
        return;
    p = proposal_new(m->command);
    if (p == NULL)
        return;
    p->peer = from;
    p->seq = m->seq;
    if (!node_leads(n))
        proposal_finish(n, p, WF_UNAVAILABLE, "NO_LEADER");
    else
        propose_accept(n, p);
}

void forward_answer(struct wf_node *n, const struct proposal *p)
{
    struct wf_msg m = {.kind = WF_MSG_FORWARD_RESULT};

    m.result.seq = p->seq;
    m.result.index = p->index;
    m.result.code = (uint8_t)p->code;
    m.result.detail = (struct wf_bytes){p->result, p->result_len};
    if (p->reason != NULL)
        snprintf(m.result.reason, sizeof m.result.reason, "%s", p->reason);
    (void)node_send(n, p->peer, &m);
}
