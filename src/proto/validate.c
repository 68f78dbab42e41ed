// SPDX-License-Identifier: Apache-2.0
#include "proto/validate.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/utf8.h"

// One step of the path to the field at hand; lives on the stack of the walk.
struct step {
    const struct step *up;
    const char *name;
    long index; // -1: not in a list
    int depth;
};

struct wire {
    const uint8_t *p;
    const uint8_t *end;
};

static void put_path(const struct step *at, char *out, size_t size)
{
    const struct step *chain[WF_PROTO_DEPTH_MAX + 2];
    int n = 0;
    size_t len = 0;

    out[0] = '\0';
    for (; at != NULL && at->name != NULL && n < WF_PROTO_DEPTH_MAX + 2; at = at->up)
        chain[n++] = at;
    while (n-- > 0 && len < size) {
        int w = chain[n]->index < 0
                    ? snprintf(out + len, size - len, "%s%s", len ? "." : "", chain[n]->name)
                    : snprintf(out + len, size - len, "%s%s[%ld]", len ? "." : "", chain[n]->name,
                               chain[n]->index);
        len += (size_t)w;
    }
}

static int refuse(const struct step *at, struct wf_err *err, const char *reason, const char *what)
{
    char path[160];

    put_path(at, path, sizeof path);
    return wf_fail_reason(err, WF_INVALID_ARGUMENT, reason, "%s: %s", path[0] ? path : "message",
                          what);
}

static int check_text(const struct step *at, const char *s, size_t n, struct wf_err *err)
{
    char what[80];
    size_t ok = wf_utf8_valid_prefix(s, n);

    if (ok == n)
        return WF_OK;
    snprintf(what, sizeof what, s[ok] == '\0' ? "NUL at byte %zu" : "not UTF-8 at byte %zu", ok);
    return refuse(at, err, "INVALID_UTF8", what);
}

static int check_enum(const struct step *at, const ProtobufCFieldDescriptor *f, int value,
                      struct wf_err *err)
{
    char what[160];
    const ProtobufCEnumDescriptor *e = f->descriptor;

    if (protobuf_c_enum_descriptor_get_value(e, value) != NULL)
        return WF_OK;
    snprintf(what, sizeof what, "%d is no %s known here", value, e->short_name);
    return refuse(at, err, "UNKNOWN_ENUM", what);
}

// --- the wire -----------------------------------------------------------------------------------

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

static bool get_varint(struct wire *w, uint64_t *out)
{
    uint64_t v = 0;

    for (int shift = 0; shift < 70 && w->p < w->end; shift += 7) {
        uint8_t b = *w->p++;
        if (shift == 63 && b > 1)
            return false;
        v |= (uint64_t)(b & 0x7f) << shift;
        if ((b & 0x80) == 0) {
            *out = v;
            return true;
        }
    }
    return false;
}

static bool skip(struct wire *w, uint64_t n)
{
    if ((uint64_t)(w->end - w->p) < n)
        return false;
    w->p += n;
    return true;
}

static unsigned wire_type(ProtobufCType t)
{
    switch (t) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_BYTES;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return WIRE_64;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return WIRE_32;
    default:
        return WIRE_VARINT;
    }
}

static int walk(const ProtobufCMessageDescriptor *d, struct wire w, const struct step *at,
                struct wf_err *err);

// One scalar, of a field or of a packed run.
static int check_scalar(const ProtobufCFieldDescriptor *f, struct wire *w, const struct step *at,
                        struct wf_err *err)
{
    uint64_t v = 0;
    bool ok;

    switch (wire_type(f->type)) {
    case WIRE_64:
        ok = skip(w, 8);
        break;
    case WIRE_32:
        ok = skip(w, 4);
        break;
    default:
        ok = get_varint(w, &v);
    }
    if (!ok)
        return refuse(at, err, "MALFORMED", "cut short");
    if (f->type == PROTOBUF_C_TYPE_ENUM)
        return check_enum(at, f, (int)(uint32_t)v, err);
    return WF_OK;
}

static int check_run(const ProtobufCFieldDescriptor *f, struct wire run, const struct step *at,
                     struct wf_err *err)
{
    int rc = WF_OK;

    if (f->type == PROTOBUF_C_TYPE_STRING)
        return check_text(at, (const char *)run.p, (size_t)(run.end - run.p), err);
    if (f->type == PROTOBUF_C_TYPE_MESSAGE)
        return walk(f->descriptor, run, at, err);
    while (f->type != PROTOBUF_C_TYPE_BYTES && rc == WF_OK && run.p < run.end)
        rc = check_scalar(f, &run, at, err);
    return rc;
}

static int check_known(const ProtobufCFieldDescriptor *f, unsigned type, struct wire *w,
                       const struct step *at, struct wf_err *err)
{
    struct wire run;
    uint64_t n;
    unsigned want = wire_type(f->type);
    bool packed = type == WIRE_BYTES && want != WIRE_BYTES && f->label == PROTOBUF_C_LABEL_REPEATED;

    if (type != want && !packed)
        return refuse(at, err, "MALFORMED", "of another type on the wire");
    if (type != WIRE_BYTES)
        return check_scalar(f, w, at, err);
    if (!get_varint(w, &n))
        return refuse(at, err, "MALFORMED", "cut short");
    run.p = w->p;
    if (!skip(w, n))
        return refuse(at, err, "MALFORMED", "longer than the message around it");
    run.end = w->p;
    return check_run(f, run, at, err);
}

static int skip_unknown(unsigned type, struct wire *w, const struct step *at, struct wf_err *err)
{
    uint64_t n = 0;
    bool ok = false;

    if (type == WIRE_VARINT)
        ok = get_varint(w, &n);
    else if (type == WIRE_64)
        ok = skip(w, 8);
    else if (type == WIRE_32)
        ok = skip(w, 4);
    else if (type == WIRE_BYTES)
        ok = get_varint(w, &n) && skip(w, n);
    return ok ? WF_OK : refuse(at, err, "MALFORMED", "an unknown field is malformed");
}

static int walk(const ProtobufCMessageDescriptor *d, struct wire w, const struct step *at,
                struct wf_err *err)
{
    unsigned last = 0; // field number before: an index counts the run of one list
    long index = -1;

    if (at->depth > WF_PROTO_DEPTH_MAX)
        return refuse(at, err, "MALFORMED", "nested too deep");
    while (w.p < w.end) {
        uint64_t tag;
        if (!get_varint(&w, &tag) || tag > UINT32_MAX || tag >> 3 == 0)
            return refuse(at, err, "MALFORMED", "not a protobuf message");
        unsigned number = (unsigned)(tag >> 3), type = (unsigned)(tag & 7);
        const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(d, number);
        struct step here = {at, f != NULL ? f->name : NULL, -1, at->depth + 1};
        if (f != NULL && f->label == PROTOBUF_C_LABEL_REPEATED)
            here.index = index = number == last ? index + 1 : 0;
        last = number;
        int rc = f != NULL ? check_known(f, type, &w, &here, err) : skip_unknown(type, &w, at, err);
        if (rc != WF_OK)
            return rc;
    }
    return WF_OK;
}

int wf_proto_check(const ProtobufCMessageDescriptor *d, const uint8_t *bytes, size_t len,
                   size_t max, struct wf_err *err)
{
    struct step root = {NULL, NULL, -1, 0};
    struct wire w = {bytes, bytes + len};

    WF_ASSERT(d != NULL && (bytes != NULL || len == 0));
    if (len > max)
        return wf_fail_reason(err, WF_INVALID_ARGUMENT, "TOO_LONG",
                              "message: %zu bytes, at most %zu", len, max);
    return len == 0 ? WF_OK : walk(d, w, &root, err);
}

int wf_proto_unpack(const ProtobufCMessageDescriptor *d, const uint8_t *bytes, size_t len,
                    size_t max, ProtobufCMessage **out, struct wf_err *err)
{
    int rc = wf_proto_check(d, bytes, len, max, err);

    if (rc != WF_OK)
        return rc;
    // Nothing malformed is left, so that only memory can fail here.
    *out = protobuf_c_message_unpack(d, NULL, len, bytes);
    if (*out == NULL)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory reading a %s", d->short_name);
    return WF_OK;
}

char *wf_proto_err_field(const struct wf_err *err, char *out, size_t size)
{
    size_t n = strcspn(err->msg, ":");

    WF_ASSERT(size > 0);
    if (err->code != WF_INVALID_ARGUMENT || err->msg[n] != ':' || n >= size ||
        memchr(err->msg, ' ', n) != NULL || strncmp(err->msg, "message:", 8) == 0)
        n = 0;
    memcpy(out, err->msg, n);
    out[n] = '\0';
    return out;
}
