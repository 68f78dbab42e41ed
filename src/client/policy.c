// SPDX-License-Identifier: Apache-2.0
#include "client/policy.h"

#include <string.h>

#include "base/assert.h"
#include "base/result.h"

void wf_policy_init(struct wf_policy *p, unsigned first, unsigned pause_ms, unsigned pause_max_ms)
{
    WF_ASSERT(first < WF_POLICY_NODES_MAX && pause_ms > 0 && pause_max_ms >= pause_ms);
    *p = (struct wf_policy){.current = first, .pause_ms = pause_ms, .pause_max_ms = pause_max_ms};
}

void wf_policy_begin(struct wf_policy *p)
{
    p->tries++;
    p->tried |= UINT64_C(1) << p->current;
}

// Reasons that a node gives before it has done anything with a call.
static bool refused_beforehand(const char *reason)
{
    return strcmp(reason, "NO_LEADER") == 0 || strcmp(reason, "NOT_LEADER") == 0;
}

// Reasons that a leader gives before it has done anything, and that pass by themselves.
static bool not_yet(const char *reason)
{
    static const char *const reasons[] = {"NOT_BEGUN", "NOT_ESTABLISHED", "TRANSFER_PENDING",
                                          "NO_MAJORITY", "NOT_ANSWERING"};
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (strcmp(reason, reasons[i]) == 0)
            return true;
    return false;
}

// Another node may take what this one does not: its certificate, our certificate.
static bool is_mistrust(int code)
{
    return code == WF_UNAUTHENTICATED || code == WF_PERMISSION_DENIED ||
           code == WF_INVALID_ARGUMENT || code == WF_FAILED_PRECONDITION;
}

static bool all_tried(const struct wf_policy *p, unsigned n)
{
    uint64_t all = n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
    return (p->tried & all) == all;
}

static bool may_repeat(const struct wf_policy *p, const struct wf_policy_outcome *o, unsigned n)
{
    if (p->once)
        return false;
    if (!o->answered && !o->processed && is_mistrust(o->code))
        return !all_tried(p, n); // waiting cures no certificate
    if (!o->answered && !o->processed)
        return true;
    if (refused_beforehand(o->reason))
        return true;
    bool unknown = o->code == WF_UNAVAILABLE || strcmp(o->reason, "UNKNOWN_OUTCOME") == 0 ||
                   (!o->answered && o->code == WF_DEADLINE_EXCEEDED);
    return unknown && p->repeatable;
}

static unsigned next_untried(const struct wf_policy *p, unsigned n)
{
    for (unsigned i = 1; i <= n; i++)
        if (!(p->tried >> (p->current + i) % n & 1))
            return (p->current + i) % n;
    return (p->current + 1) % n;
}

// Doubles each time. Never nothing at all: a node that refuses at once must not be asked in a tight
// loop.
static int64_t next_pause(struct wf_policy *p, uint32_t random)
{
    unsigned bound = p->pause_ms;
    p->pause_ms = bound > p->pause_max_ms / 2 ? p->pause_max_ms : bound * 2;
    return 1 + (int64_t)((uint64_t)random * bound >> 32);
}

int64_t wf_policy_next(struct wf_policy *p, const struct wf_policy_outcome *outcome, unsigned n,
                       uint32_t random)
{
    WF_ASSERT(outcome->code != WF_OK && n > 0 && n <= WF_POLICY_NODES_MAX && p->current < n);
    WF_ASSERT(outcome->leader < (int)n);
    if (!p->once && not_yet(outcome->reason) && p->waited_ms < WF_POLICY_PATIENCE_MS) {
        int64_t pause = next_pause(p, random);
        p->waited_ms += (unsigned)pause;
        return pause;
    }
    if (!may_repeat(p, outcome, n))
        return -1;
    int leader = outcome->leader;
    if (leader >= 0 && !(p->tried >> leader & 1)) {
        p->current = (unsigned)leader;
        return 0;
    }
    bool round_over = all_tried(p, n);
    p->current = round_over && leader >= 0 ? (unsigned)leader : next_untried(p, n);
    if (!round_over)
        return 0;
    p->tried = 0;
    return next_pause(p, random);
}
