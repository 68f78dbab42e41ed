// SPDX-License-Identifier: Apache-2.0
// What a checker found, in words. One verdict per checker and history; the owner embeds it.
#ifndef CHECK_REPORT_H
#define CHECK_REPORT_H

#include "base/buf.h"
#include "check/history.h"

// One broken promise shows in many operations; nobody reads more than these.
#define REPORT_PROBLEMS_MAX 20

struct verdict {
    const char *checker;
    uint64_t n_problems;
    struct wf_buf problems[REPORT_PROBLEMS_MAX];
    char looked_at[160]; // "12034 operations"
    char gave_up[320];   // where and why it decided nothing, which is no pass; or ""
};

void verdict_init(struct verdict *v, const char *checker);
void verdict_free(struct verdict *v);

// Something is wrong: what, which operations, what was expected.
void verdict_problem(struct verdict *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

// What was looked at, for the line of a checker that found nothing.
void verdict_looked_at(struct verdict *v, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

// It decides nothing: where, why, and what to do.
void verdict_gave_up(struct verdict *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

bool verdict_ok(const struct verdict *v);

// An operation in words: `line 61: c2.0 read INC-1 at fra, 12.345 s to 12.401 s: 3 notes, the last
// "c1 wrote 9"; ana commands, epoch 2`. Valid until the eighth call after it; not for several
// threads.
const char *report_op(const struct history *h, const struct operation *op);

// A moment as seconds since the history began.
double report_seconds(const struct history *h, uint64_t at);

// "order: ok, 12034 operations", or "order: FAIL" and the problems, a line each.
void report_text(const struct verdict *v, struct wf_buf *out);

#endif
