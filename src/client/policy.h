// SPDX-License-Identifier: Apache-2.0
// Whether a call is tried again, where and when: outcomes in, a decision out. No clock, no
// randomness, no network. The owner embeds it, one per call.
//
// A failed try goes on to the next node at once, until all were tried; then comes a pause that
// doubles each time, with full jitter, so that a thousand clients do not come back together. A word
// about the leader is followed at once, once a round, so that two nodes that point at each other
// cost nothing. A leader that refuses only because it has just begun, or has not heard from the
// others yet, is asked again for WF_POLICY_PATIENCE_MS of pauses.
#ifndef WF_CLIENT_POLICY_H
#define WF_CLIENT_POLICY_H

#include <stdbool.h>
#include <stdint.h>

enum { WF_POLICY_NODES_MAX = 64 };
enum { WF_POLICY_PATIENCE_MS = 3000 }; // an election and the heartbeats after it, with room

struct wf_policy {
    unsigned current;  // the node to ask
    uint64_t tried;    // nodes asked in this round, as bits
    unsigned tries;    // tries begun
    unsigned pause_ms; // upper bound of the next pause
    unsigned pause_max_ms;
    unsigned waited_ms; // pauses for a leader that is not there yet
    bool repeatable;    // the call may be done twice: a read, or a change with a request id
    bool once;          // never again, whatever happens
};

struct wf_policy_outcome {
    int code;           // enum wf_code; not WF_OK
    const char *reason; // the server's, or ""
    bool answered;      // a node said so, rather than the transport or a timer
    bool processed;     // false: it certainly was not done
    int leader;         // the node that was named as the leader, or -1
};

void wf_policy_init(struct wf_policy *p, unsigned first, unsigned pause_ms, unsigned pause_max_ms);

// A try at p->current begins.
void wf_policy_begin(struct wf_policy *p);

// It ended so. Returns the milliseconds to wait before asking p->current, which may have changed,
// or -1: the outcome stands. n is the number of nodes known, random any 32 random bits.
int64_t wf_policy_next(struct wf_policy *p, const struct wf_policy_outcome *outcome, unsigned n,
                       uint32_t random);

#endif
