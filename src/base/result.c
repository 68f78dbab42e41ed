// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

static const char *const names[WF_CODE_MAX_] = {
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
};

static void fill(struct wf_err *err, enum wf_code code, const char *reason, const char *fmt,
                 va_list ap)
{
    WF_ASSERT(code > WF_OK && code < WF_CODE_MAX_);
    if (!err)
        return;
    err->code = code;
    snprintf(err->reason, sizeof err->reason, "%s", reason);
    vsnprintf(err->msg, sizeof err->msg, fmt, ap);
}

int wf_fail(struct wf_err *err, enum wf_code code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fill(err, code, "", fmt, ap);
    va_end(ap);
    return code;
}

int wf_fail_reason(struct wf_err *err, enum wf_code code, const char *reason, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fill(err, code, reason, fmt, ap);
    va_end(ap);
    return code;
}

static const char *reason_of(int errnum)
{
    switch (errnum) {
    case ENOSPC:
    case EDQUOT:
        return "DISK_FULL";
    case EIO:
        return "DISK_FAILED";
    case EACCES:
    case EPERM:
    case EROFS:
        return "PERMISSIONS";
    default:
        return "";
    }
}

int wf_fail_errno(struct wf_err *err, int errnum, const char *fmt, ...)
{
    enum wf_code code = wf_code_from_errno(errnum);
    va_list ap;
    WF_ASSERT(errnum != 0);
    va_start(ap, fmt);
    fill(err, code, reason_of(errnum), fmt, ap);
    va_end(ap);
    if (err) {
        size_t n = strlen(err->msg);
        snprintf(err->msg + n, sizeof err->msg - n, ": %s", strerror(errnum));
    }
    return code;
}

int wf_wrap(struct wf_err *err, int code, const char *fmt, ...)
{
    WF_ASSERT(code != WF_OK);
    if (!err)
        return code;
    char inner[sizeof err->msg];
    memcpy(inner, err->msg, sizeof inner);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof err->msg - 2)
        return code;
    size_t room = sizeof err->msg - (size_t)n - 3, len = strnlen(inner, sizeof inner - 1);
    memcpy(err->msg + n, ": ", 2);
    memcpy(err->msg + n + 2, inner, len < room ? len : room);
    err->msg[(size_t)n + 2 + (len < room ? len : room)] = '\0';
    return code;
}

const char *wf_code_name(int code)
{
    return code >= 0 && code < WF_CODE_MAX_ ? names[code] : names[WF_UNKNOWN];
}

enum wf_code wf_code_from_errno(int errnum)
{
    switch (errnum) {
    case 0:
        return WF_OK;
    case ENOENT:
        return WF_NOT_FOUND;
    case EEXIST:
        return WF_ALREADY_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS:
        return WF_PERMISSION_DENIED;
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
        return WF_RESOURCE_EXHAUSTED;
    case EINVAL:
    case ENAMETOOLONG:
        return WF_INVALID_ARGUMENT;
    case EADDRINUSE:
        return WF_FAILED_PRECONDITION;
    case ECANCELED:
        return WF_CANCELLED;
    case ETIMEDOUT:
        return WF_DEADLINE_EXCEEDED;
    case ECONNREFUSED:
    case ECONNRESET:
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EPIPE:
    case EAGAIN:
        return WF_UNAVAILABLE;
    case EIO:
        return WF_DATA_LOSS;
    default:
        return WF_INTERNAL;
    }
}
