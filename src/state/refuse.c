// SPDX-License-Identifier: Apache-2.0
#include "state/refuse.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "proto/names.h"

static bool put(struct wf_op *op, enum wf_code code, const char *reason, const char *fmt,
                va_list ap)
{
    char msg[1024];

    WF_ASSERT(code != WF_OK && op->result.code == WF_OK);
    vsnprintf(msg, sizeof msg, fmt, ap);
    op->result.code = code;
    op->result.message = wf_arena_cut(op->arena, msg, sizeof msg);
    op->detail.reason = wf_arena_text(op->arena, reason);
    op->result.detail = &op->detail;
    return false;
}

bool wf_refuse(struct wf_op *op, enum wf_code code, const char *reason, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    put(op, code, reason, fmt, ap);
    va_end(ap);
    return false;
}

bool wf_refuse_field(struct wf_op *op, const char *reason, const char *field, int64_t limit,
                     const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    put(op, WF_INVALID_ARGUMENT, reason, fmt, ap);
    va_end(ap);
    op->detail.field = wf_arena_text(op->arena, field);
    op->detail.limit = limit;
    return false;
}

bool wf_refuse_holder(struct wf_op *op, enum wf_code code, const char *reason, const char *holder,
                      uint64_t epoch, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    put(op, code, reason, fmt, ap);
    va_end(ap);
    op->detail.holder = wf_arena_text(op->arena, holder);
    op->detail.epoch = epoch;
    return false;
}

// INGEST stands apart: it may send events and nothing else.
static bool has_role(const V1(Actor) * a, int role)
{
    if (a->kind == KIND_NODE || a->role == ROLE_INGEST)
        return false;
    return (int)a->role >= role;
}

bool wf_need_role(struct wf_op *op, int role)
{
    if (has_role(op->actor, role))
        return true;
    return wf_refuse(op, WF_PERMISSION_DENIED, "ROLE_TOO_LOW",
                     "%s has role %s; this needs %s: ask an admin for it",
                     op->actor->name[0] != '\0' ? op->actor->name : "the caller",
                     wf_enum_name(&watchfire__v1__role__descriptor, (int)op->actor->role),
                     wf_enum_name(&watchfire__v1__role__descriptor, role));
}

bool wf_need_text(struct wf_op *op, const char *field, const char *s, size_t min, size_t max)
{
    size_t n = strlen(s);

    if (n < min)
        return wf_refuse_field(op, "REQUIRED", field, 0, "%s is missing", field);
    if (n > max)
        return wf_refuse_field(op, "TOO_LONG", field, (int64_t)max,
                               "%s has %zu bytes, at most %zu: shorten it", field, n, max);
    return true;
}

bool wf_need_line(struct wf_op *op, const char *field, const char *s, size_t min, size_t max)
{
    if (!wf_need_text(op, field, s, min, max))
        return false;
    for (const char *p = s; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return wf_refuse_field(op, "NOT_ONE_LINE", field, 0,
                                   "%s has a control character at byte %zu: write it on one line",
                                   field, (size_t)(p - s));
    return true;
}

bool wf_need_names(struct wf_op *op, const char *field, char **names, size_t n)
{
    char item[64];

    if (n > WF_LIST_MAX)
        return wf_refuse_field(op, "TOO_MANY", field, WF_LIST_MAX, "%s has %zu names, at most %d",
                               field, n, WF_LIST_MAX);
    for (size_t i = 0; i < n; i++) {
        snprintf(item, sizeof item, "%s[%zu]", field, i);
        if (!wf_need_line(op, item, names[i], 1, WF_NAME_MAX))
            return false;
        for (size_t j = 0; j < i; j++)
            if (strcmp(names[i], names[j]) == 0)
                return wf_refuse_field(op, "TWICE", item, 0, "%s names %s twice", field, names[i]);
    }
    return true;
}

bool wf_need_range(struct wf_op *op, const char *field, uint64_t value, uint64_t min, uint64_t max)
{
    if (value >= min && value <= max)
        return true;
    return wf_refuse_field(op, "OUT_OF_RANGE", field, (int64_t)(value < min ? min : max),
                           "%s is %" PRIu64 ", but must be %" PRIu64 " to %" PRIu64, field, value,
                           min, max);
}
