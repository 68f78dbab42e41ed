// SPDX-License-Identifier: Apache-2.0
#include "wan/link.h"

#include "base/assert.h"
#include "wan/limits.h"

const char *wan_fate_name(enum wan_fate fate)
{
    static const char *const names[] = {"delivered", "lost", "burst", "queue", "room", "cut"};
    WF_ASSERT(fate < WAN_FATE_MAX_);
    return names[fate];
}

bool wan_link_blocked(const struct wan_link *l)
{
    return l->cut || l->dark;
}

// The state moves with every packet, as in Gilbert's and Elliott's model: bursts are counted in
// packets, not in time.
static enum wan_fate throw_loss(struct wan_link *l, const struct wan_rules *r,
                                struct wan_random *dice)
{
    if (r->burst_enter == 0)
        l->in_burst = false;
    else if (wan_random_chance(dice, l->in_burst ? r->burst_leave : r->burst_enter))
        l->in_burst = !l->in_burst;
    if (l->in_burst)
        return wan_random_chance(dice, r->burst_loss) ? WAN_LOST_IN_BURST : WAN_DELIVERED;
    return wan_random_chance(dice, r->loss) ? WAN_LOST : WAN_DELIVERED;
}

// When the last bit has left: the rate's queue. False when the packet would wait too long.
static bool send(struct wan_link *l, const struct wan_rules *r, wf_mono_ns now, size_t bytes,
                 wf_mono_ns *sent)
{
    *sent = now;
    if (r->rate_kbit == 0)
        return true;
    wf_mono_ns start = l->free_at > now ? l->free_at : now;
    if (start - now > r->queue_ms * 1000000)
        return false;
    l->free_at = *sent = start + (uint64_t)bytes * 8 * 1000000 / r->rate_kbit;
    return true;
}

static wf_mono_ns arrival(struct wan_link *l, const struct wan_rules *r, wf_mono_ns sent,
                          struct wan_random *dice)
{
    wf_mono_ns at = sent + r->delay_us * 1000 + wan_random_below(dice, r->jitter_us * 1000 + 1);
    if (wan_random_chance(dice, r->reorder)) {
        uint64_t late_us = r->delay_us / 4;
        if (late_us < WAN_REORDER_US_MIN)
            late_us = WAN_REORDER_US_MIN;
        l->count.reordered++;
        return at + wan_random_below(dice, late_us * 1000);
    }
    if (at < l->last_at)
        at = l->last_at;
    l->last_at = at;
    return at;
}

static enum wan_fate decide(struct wan_link *l, const struct wan_rules *r, wf_mono_ns now,
                            size_t bytes, struct wan_random *dice, wf_mono_ns *sent)
{
    if (wan_link_blocked(l))
        return WAN_CUT;
    enum wan_fate fate = throw_loss(l, r, dice);
    if (fate != WAN_DELIVERED)
        return fate;
    if (l->under_way + bytes > WAN_LINK_BYTES_MAX)
        return WAN_NO_ROOM;
    return send(l, r, now, bytes, sent) ? WAN_DELIVERED : WAN_QUEUE_FULL;
}

struct wan_plan wan_link_take(struct wan_link *l, const struct wan_rules *r, wf_mono_ns now,
                              size_t bytes, struct wan_random *dice)
{
    wf_mono_ns sent;
    struct wan_plan plan = {.fate = decide(l, r, now, bytes, dice, &sent)};
    l->count.taken++;
    if (plan.fate != WAN_DELIVERED) {
        l->count.fate[plan.fate]++;
        return plan;
    }
    plan.copies = 1;
    plan.at[0] = arrival(l, r, sent, dice);
    plan.corrupt = wan_random_chance(dice, r->corrupt);
    l->count.corrupted += plan.corrupt;
    l->under_way += bytes;
    if (wan_random_chance(dice, r->duplicate) && l->under_way + bytes <= WAN_LINK_BYTES_MAX) {
        plan.copies = 2;
        plan.at[1] = arrival(l, r, sent, dice);
        l->count.duplicated++;
        l->under_way += bytes;
    }
    return plan;
}

void wan_link_end(struct wan_link *l, size_t bytes, enum wan_fate fate)
{
    WF_ASSERT(fate < WAN_FATE_MAX_ && l->under_way >= bytes);
    l->under_way -= bytes;
    l->count.fate[fate]++;
    if (fate == WAN_DELIVERED)
        l->count.bytes += bytes;
}
