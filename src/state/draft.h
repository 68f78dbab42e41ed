// SPDX-License-Identifier: Apache-2.0
// The check of a draft for customers. Honest, transparent posts explain progress; they do not
// promise a time of recovery, presume to know the cause, or shift blame. Pure functions, any
// thread.
//
// Decided here: the check is by words and their order within a sentence, in English, the same on
// every node and for ever (a change of it is a change of the state machine). Rather miss a turn of
// phrase than object to an honest text: what it finds can be overridden, but a check that cries
// wolf is overridden unread.
// - ETA: a time of day or a span of time, or "shortly" and its like, in a sentence that speaks of
//   recovery in the future. Not: when the next update comes, what has lasted so long, "as soon as".
// - Presumed cause: "caused by", "due to", "root cause is" and their like. Not: that it is unknown
// or
//   being looked for; what we did "due to this incident".
// - Blame: a provider or vendor as the one who failed, "beyond our control", "human error". Not:
// that
//   we are working with them.
#ifndef WF_STATE_DRAFT_H
#define WF_STATE_DRAFT_H

#include <stddef.h>
#include <stdint.h>

#include "state/arena.h"
#include "watchfire/v1/common.pb-c.h"

enum { WF_DRAFT_FINDINGS_MAX = 16 }; // a draft with more has been told enough

struct wf_draft_finding {
    int kind; // watchfire.v1.DraftFindingKind
    uint32_t start;
    uint32_t length;
};

// Check body (UTF-8; what is past WF_BODY_MAX bytes is not looked at). Returns how many findings
// there are, in the order of the text; those of one kind do not overlap.
size_t wf_draft_check(const char *body, struct wf_draft_finding out[WF_DRAFT_FINDINGS_MAX]);

// Why it is advised against and what to write instead. Static.
const char *wf_draft_advice(int kind);

// A finding as a message of the arena.
Watchfire__V1__DraftFinding *wf_draft_message(struct wf_arena *a, const char *body,
                                              const struct wf_draft_finding *f);

#endif
