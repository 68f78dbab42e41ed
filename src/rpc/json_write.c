// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "rpc/base64.h"
#include "rpc/json.h"
#include "rpc/json_time.h"

struct writer {
    const struct wf_schema *schema;
    struct wf_buf *out;
    unsigned flags;
    int depth;
};

static void write_message(struct writer *w, const struct wf_type *t, const ProtobufCMessage *msg);

// --- text ---------------------------------------------------------------------------------------

// The escape of a byte, or NULL when it stands for itself.
static const char *escape(unsigned char c, char buf[8])
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    case '<': // so that the text may stand inside a page
        return "\\u003c";
    default:
        if (c >= 0x20 && c != 0x7f)
            return NULL;
        snprintf(buf, 8, "\\u%04x", c);
        return buf;
    }
}

static void put_valid(struct wf_buf *out, const char *s, size_t n)
{
    char buf[8];
    size_t start = 0;

    for (size_t i = 0; i < n; i++) {
        const char *e = escape((unsigned char)s[i], buf);
        if (e == NULL)
            continue;
        wf_buf_append(out, s + start, i - start);
        wf_buf_puts(out, e);
        start = i + 1;
    }
    wf_buf_append(out, s + start, n - start);
}

int wf_json_put_string(struct wf_buf *out, const char *text, size_t len)
{
    wf_buf_putc(out, '"');
    while (len > 0) {
        size_t ok = wf_utf8_valid_prefix(text, len);
        put_valid(out, text, ok);
        text += ok;
        len -= ok;
        if (len > 0) {
            wf_buf_puts(out, *text == '\0' ? "\\u0000" : "\xef\xbf\xbd");
            text++;
            len--;
        }
    }
    return wf_buf_putc(out, '"');
}

static void newline(struct writer *w)
{
    if ((w->flags & WF_JSON_PRETTY) == 0)
        return;
    wf_buf_putc(w->out, '\n');
    for (int i = 0; i < w->depth; i++)
        wf_buf_puts(w->out, "  ");
}

static void open(struct writer *w, char bracket)
{
    wf_buf_putc(w->out, bracket);
    w->depth++;
}

static void close(struct writer *w, char bracket, bool empty)
{
    w->depth--;
    if (!empty)
        newline(w);
    wf_buf_putc(w->out, bracket);
}

// Before each element: a comma after the first.
static void next(struct writer *w, bool *first)
{
    if (!*first)
        wf_buf_putc(w->out, ',');
    *first = false;
    newline(w);
}

static void colon(struct writer *w)
{
    wf_buf_puts(w->out, (w->flags & WF_JSON_PRETTY) != 0 ? ": " : ":");
}

// --- values -------------------------------------------------------------------------------------

// The shortest text that reads back as the same number.
static void write_double(struct wf_buf *out, double v, bool single)
{
    char text[40];

    if (isnan(v)) {
        wf_buf_puts(out, "\"NaN\"");
    } else if (isinf(v)) {
        wf_buf_puts(out, v > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    } else if (v == 0) { // a reader takes "-0" for an integer
        wf_buf_puts(out, signbit(v) ? "-0.0" : "0");
    } else {
        for (int digits = single ? 6 : 15; digits <= 17; digits++) {
            snprintf(text, sizeof text, "%.*g", digits, v);
            if (single ? strtof(text, NULL) == (float)v : strtod(text, NULL) == v)
                break;
        }
        wf_buf_puts(out, text);
    }
}

static void write_enum(struct wf_buf *out, const ProtobufCEnumDescriptor *e, int value)
{
    const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(e, value);

    if (v != NULL)
        wf_buf_printf(out, "\"%s\"", v->name);
    else
        wf_buf_printf(out, "%d", value);
}

static void write_i64(struct wf_buf *out, int64_t v)
{
    wf_buf_printf(out, "\"%" PRId64 "\"", v);
}

static void write_bytes(struct wf_buf *out, const ProtobufCBinaryData *b)
{
    wf_buf_putc(out, '"');
    wf_base64_put(out, b->data, b->len, true);
    wf_buf_putc(out, '"');
}

static void write_value(struct writer *w, const struct wf_field *f, const void *at)
{
    switch (f->c->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        wf_buf_printf(w->out, "%" PRId32, *(const int32_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        wf_buf_printf(w->out, "%" PRIu32, *(const uint32_t *)at);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        write_i64(w->out, *(const int64_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        wf_buf_printf(w->out, "\"%" PRIu64 "\"", *(const uint64_t *)at);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        write_double(w->out, (double)*(const float *)at, true);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        write_double(w->out, *(const double *)at, false);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        wf_buf_puts(w->out, *(const protobuf_c_boolean *)at ? "true" : "false");
        break;
    case PROTOBUF_C_TYPE_ENUM:
        write_enum(w->out, f->c->descriptor, *(const int *)at);
        break;
    case PROTOBUF_C_TYPE_STRING: {
        const char *s = *(const char *const *)at;
        wf_json_put_string(w->out, s != NULL ? s : "", s != NULL ? strlen(s) : 0);
        break;
    }
    case PROTOBUF_C_TYPE_BYTES:
        write_bytes(w->out, at);
        break;
    case PROTOBUF_C_TYPE_MESSAGE: {
        const ProtobufCMessage *m = *(const ProtobufCMessage *const *)at;
        if (m != NULL)
            write_message(w, f->type, m);
        else
            wf_buf_puts(w->out, "{}"); // a map's value that was left out: an empty message
        break;
    }
    }
}

static void write_map(struct writer *w, const struct wf_field *f, const char *items, size_t n)
{
    const struct wf_field *key = &f->type->fields[0], *value = &f->type->fields[1];
    bool first = true;

    open(w, '{');
    for (size_t i = 0; i < n; i++) {
        const char *entry = *(const char *const *)(items + i * sizeof(void *));
        next(w, &first);
        // Keys are strings whatever their type; those of 64 bits have their quotes already.
        size_t at = w->out->len;
        write_value(w, key, entry + key->c->offset);
        if (!w->out->failed && w->out->data[at] != '"') {
            char text[32];
            snprintf(text, sizeof text, "\"%.*s\"", (int)(w->out->len - at),
                     (const char *)w->out->data + at);
            w->out->len = at;
            wf_buf_puts(w->out, text);
        }
        colon(w);
        write_value(w, value, entry + value->c->offset);
    }
    close(w, '}', first);
}

static void write_list(struct writer *w, const struct wf_field *f, const char *items, size_t n)
{
    size_t size = wf_field_size(f);
    bool first = true;

    open(w, '[');
    for (size_t i = 0; i < n; i++) {
        next(w, &first);
        write_value(w, f, items + i * size);
    }
    close(w, ']', first);
}

// --- messages -----------------------------------------------------------------------------------

static size_t list_len(const struct wf_field *f, const char *msg)
{
    return *(const size_t *)(msg + f->c->quantifier_offset);
}

static bool zero(const void *p, size_t n)
{
    static const uint8_t zeros[16];
    return memcmp(p, zeros, n) == 0;
}

static bool is_set(const struct wf_field *f, const char *msg)
{
    const char *at = msg + f->c->offset;

    if ((f->c->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
        return *(const uint32_t *)(msg + f->c->quantifier_offset) == f->c->id;
    if (f->c->label == PROTOBUF_C_LABEL_REPEATED)
        return list_len(f, msg) > 0;
    if (f->c->type == PROTOBUF_C_TYPE_STRING) {
        const char *s = *(const char *const *)at;
        return s != NULL && *s != '\0';
    }
    if (f->c->type == PROTOBUF_C_TYPE_BYTES)
        return ((const ProtobufCBinaryData *)at)->len > 0;
    if (f->c->label == PROTOBUF_C_LABEL_OPTIONAL && f->c->type != PROTOBUF_C_TYPE_MESSAGE)
        return *(const protobuf_c_boolean *)(msg + f->c->quantifier_offset) != 0;
    return !zero(at, wf_field_size(f));
}

// A field without presence has its default written on demand; a member of a oneof, a message or an
// optional field never has.
static bool wanted(const struct writer *w, const struct wf_field *f, const char *msg)
{
    if (is_set(f, msg))
        return true;
    return (w->flags & WF_JSON_DEFAULTS) != 0 && (f->c->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0 &&
           f->c->label != PROTOBUF_C_LABEL_OPTIONAL &&
           (f->c->type != PROTOBUF_C_TYPE_MESSAGE || f->c->label == PROTOBUF_C_LABEL_REPEATED);
}

static void write_field(struct writer *w, const struct wf_field *f, const char *msg)
{
    const char *at = msg + f->c->offset;

    wf_json_put_string(w->out, f->json, strlen(f->json));
    colon(w);
    if (f->c->label != PROTOBUF_C_LABEL_REPEATED)
        write_value(w, f, at);
    else if (f->map)
        write_map(w, f, *(const char *const *)at, list_len(f, msg));
    else
        write_list(w, f, *(const char *const *)at, list_len(f, msg));
}

// seconds and nanos are fields 1 and 2 of both.
static void write_time(struct writer *w, const struct wf_type *t, const char *msg)
{
    char text[WF_JSON_TIME_SIZE];
    struct wf_json_time v = {*(const int64_t *)(msg + t->fields[0].c->offset),
                             *(const int32_t *)(msg + t->fields[1].c->offset)};
    const char *s =
        t->well_known == WF_WK_TIMESTAMP ? wf_json_timestamp(v, text) : wf_json_duration(v, text);

    if (s != NULL)
        wf_buf_printf(w->out, "\"%s\"", s);
    else
        wf_buf_puts(w->out, "null"); // no JSON form: out of range
}

static void write_message(struct writer *w, const struct wf_type *t, const ProtobufCMessage *msg)
{
    bool first = true;

    if (w->depth > WF_JSON_DEPTH_MAX) {
        w->out->failed = true;
        return;
    }
    if (t->well_known != WF_WK_NONE) {
        write_time(w, t, (const char *)msg);
        return;
    }
    open(w, '{');
    for (unsigned i = 0; i < t->c->n_fields; i++) {
        if (!wanted(w, &t->fields[i], (const char *)msg))
            continue;
        next(w, &first);
        write_field(w, &t->fields[i], (const char *)msg);
    }
    close(w, '}', first);
}

int wf_json_write(const struct wf_schema *s, const ProtobufCMessage *msg, unsigned flags,
                  struct wf_buf *out)
{
    struct writer w = {s, out, flags, 0};
    const struct wf_type *t = wf_schema_type(s, msg->descriptor);

    WF_ASSERT(t != NULL);
    write_message(&w, t, msg);
    return out->failed ? WF_RESOURCE_EXHAUSTED : WF_OK;
}
