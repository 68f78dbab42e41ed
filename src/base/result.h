// SPDX-License-Identifier: Apache-2.0
// Result codes and the context that goes with them, for everything the world can do to us.
//
// A function that can fail returns int: 0 (WF_OK) or one of enum wf_code, and fills the struct
// wf_err its caller lent it. The codes are gRPC's (grpc/doc/statuscodes.md), so that one vocabulary
// reaches from a failed read of a file to the client's screen. An error is a value; it owns nothing
// and any thread may copy it.
#ifndef WF_BASE_RESULT_H
#define WF_BASE_RESULT_H

#include <stddef.h>

enum wf_code {
    WF_OK = 0,
    WF_CANCELLED = 1,
    WF_UNKNOWN = 2,
    WF_INVALID_ARGUMENT = 3,
    WF_DEADLINE_EXCEEDED = 4,
    WF_NOT_FOUND = 5,
    WF_ALREADY_EXISTS = 6,
    WF_PERMISSION_DENIED = 7,
    WF_RESOURCE_EXHAUSTED = 8,
    WF_FAILED_PRECONDITION = 9,
    WF_ABORTED = 10,
    WF_OUT_OF_RANGE = 11,
    WF_UNIMPLEMENTED = 12,
    WF_INTERNAL = 13,
    WF_UNAVAILABLE = 14,
    WF_DATA_LOSS = 15,
    WF_UNAUTHENTICATED = 16,
    WF_CODE_MAX_ = 17,
};

struct wf_err {
    enum wf_code code;
    char reason[40]; // machine-readable, UPPER_SNAKE; "" when the code says it all
    char msg[1024];  // for the person: what failed, on what, what to do; no trailing newline
};

// Fill *err (which may be NULL) and return code. Requires code != WF_OK.
int wf_fail(struct wf_err *err, enum wf_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

// The same with a machine-readable reason, such as "STALE_EPOCH".
int wf_fail_reason(struct wf_err *err, enum wf_code code, const char *reason, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

// The same for a call of the operating system on a file, which set errno to errnum: its words
// follow fmt's after ": ". The reason is DISK_FULL, DISK_FAILED, PERMISSIONS or none.
int wf_fail_errno(struct wf_err *err, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

// Put "context: " before the message of *err (which may be NULL); the code and reason stay. Returns
// code, which must be the failing code that the caller is passing up.
int wf_wrap(struct wf_err *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

// "INVALID_ARGUMENT" and the like; "UNKNOWN" for what is no code.
const char *wf_code_name(int code);

// The code an errno of the operating system stands for (ENOSPC: RESOURCE_EXHAUSTED, ...).
enum wf_code wf_code_from_errno(int errnum);

#endif
