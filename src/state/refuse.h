// SPDX-License-Identifier: Apache-2.0
// Refusals: a result with a gRPC code, a machine-readable reason (docs/errors.md) and a sentence
// that says what failed, on what, and what to do. And the checks that every rule shares.
//
// Every function returns true when the command may go on and false when it has been refused.
#ifndef WF_STATE_REFUSE_H
#define WF_STATE_REFUSE_H

#include "state/machine.h"

// Refuse; always false.
bool wf_refuse(struct wf_op *op, enum wf_code code, const char *reason, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

// With the field at fault and the limit that was hit (or 0); INVALID_ARGUMENT.
bool wf_refuse_field(struct wf_op *op, const char *reason, const char *field, int64_t limit,
                     const char *fmt, ...) __attribute__((format(printf, 5, 6)));

// With the holder of the role in question and its epoch.
bool wf_refuse_holder(struct wf_op *op, enum wf_code code, const char *reason, const char *holder,
                      uint64_t epoch, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

// The caller has at least this role.
bool wf_need_role(struct wf_op *op, int role);

// A text of min to max bytes: REQUIRED or TOO_LONG.
bool wf_need_text(struct wf_op *op, const char *field, const char *s, size_t min, size_t max);

// The same, and on one line: no control characters (NOT_ONE_LINE).
bool wf_need_line(struct wf_op *op, const char *field, const char *s, size_t min, size_t max);

// A list of distinct lines of 1 to WF_NAME_MAX bytes, at most WF_LIST_MAX.
bool wf_need_names(struct wf_op *op, const char *field, char **names, size_t n);

// min <= value <= max: OUT_OF_RANGE.
bool wf_need_range(struct wf_op *op, const char *field, uint64_t value, uint64_t min, uint64_t max);

#endif
