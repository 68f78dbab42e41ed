// SPDX-License-Identifier: Apache-2.0
// Disks that are short of room, ours and the voters': who leads then, and whether anything new is
// taken in. Better to refuse while every node still runs and answers reads than to end, one node
// after the other, over a disk that is full.
#include "base/log.h"
#include "replication/node_internal.h"

bool disk_low_told(const struct wf_node *n, uint64_t id)
{
    const struct peer *p = peer_get((struct wf_node *)n, id);

    if (id == n->opts.id)
        return n->disk_low;
    // Also of one that is gone since: it may have ended over just that.
    return p != NULL && p->has_status && p->status.disk_low;
}

bool disk_low_too_few(const struct wf_node *n)
{
    const struct raft_configuration *c = wf_raft_configuration(node_raft(n));
    unsigned voters = 0, low = 0;

    for (unsigned i = 0; i < c->n; i++) {
        if (c->servers[i].role != RAFT_VOTER)
            continue;
        voters++;
        low += disk_low_told(n, c->servers[i].id);
    }
    return low > 0 && voters - low <= voters / 2;
}

static void set_refusing(struct wf_node *n, bool refusing)
{
    if (refusing == n->refusing)
        return;
    n->refusing = refusing;
    n->changed = true;
    if (refusing)
        wf_log(WF_LOG_WARN, "new writes are refused: too few voters have room on their disks",
               NULL);
    else if (node_leads(n))
        wf_log(WF_LOG_INFO, "new writes are taken again", NULL);
}

static void hand_over(struct wf_node *n)
{
    uint64_t now = node_now_ms(n);

    if (n->transfer.active || n->change.kind != CHANGE_NONE ||
        (n->disk_low_tried_ms != 0 && now - n->disk_low_tried_ms < WF_DISK_LOW_AGAIN_MS))
        return;
    n->disk_low_tried_ms = now;
    wf_log(WF_LOG_WARN, "short of disk: leadership goes to a voter that has room", NULL);
    (void)wf_node_transfer(n, "", NULL, NULL); // else it is tried again
}

void disk_low_tick(struct wf_node *n)
{
    bool leads = node_leads(n), better = leads && n->disk_low && transfer_to_room(n);

    if (better)
        hand_over(n);
    set_refusing(n, leads && ((n->disk_low && !better) || disk_low_too_few(n)));
}

void wf_node_set_disk_low(struct wf_node *n, bool low)
{
    if (low == n->disk_low)
        return;
    n->disk_low = low;
    n->disk_low_tried_ms = 0;
    n->changed = true;
}
