// SPDX-License-Identifier: Apache-2.0
// jansson parses (strict UTF-8, no NUL, no duplicate keys), the walk below takes the tree into a
// message. The tree lives in an arena with a limit: "[{},{},...]" costs 71 times its size.
#include <errno.h>
#include <float.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "rpc/base64.h"
#include "rpc/json.h"
#include "rpc/json_time.h"

// One step of the path to the value at hand; lives on the stack of the walk.
struct step {
    const struct step *up;
    const char *name;
    long index; // -1: not in a list
    int depth;
};

struct reader {
    struct wf_bump *a;
    struct wf_err *err;
};

static int read_message(struct reader *r, const struct wf_type *t, const json_t *j,
                        const struct step *at, ProtobufCMessage **out);

// --- jansson's memory ---------------------------------------------------------------------------

// While a parse is under way on this thread, its memory comes from here.
static _Thread_local struct wf_bump *parsing;
static _Thread_local bool parsing_failed;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void *tree_alloc(size_t n)
{
    if (parsing == NULL)
        return malloc(n);
    void *p = wf_bump_alloc(parsing, n);
    parsing_failed = parsing_failed || p == NULL;
    return p;
}

static void tree_free(void *p)
{
    if (parsing == NULL)
        free(p);
}

static void set_allocator(void)
{
    json_set_alloc_funcs(tree_alloc, tree_free);
}

// --- errors -------------------------------------------------------------------------------------

static void put_path(const struct step *at, char *out, size_t size)
{
    const struct step *chain[WF_JSON_DEPTH_MAX + 4];
    int n = 0;
    size_t len = 0;

    out[0] = '\0';
    for (; at != NULL && n < WF_JSON_DEPTH_MAX + 4; at = at->up)
        if (at->name != NULL)
            chain[n++] = at;
    while (n-- > 0 && len < size) {
        const char *dot = len > 0 ? "." : "";
        int w = chain[n]->index < 0
                    ? snprintf(out + len, size - len, "%s%.60s", dot, chain[n]->name)
                    : snprintf(out + len, size - len, "%s%.60s[%ld]", dot, chain[n]->name,
                               chain[n]->index);
        len += (size_t)w;
    }
}

static int refuse(struct reader *r, const struct step *at, const char *reason, const char *what)
{
    char path[200];

    put_path(at, path, sizeof path);
    return wf_fail_reason(r->err, WF_INVALID_ARGUMENT, reason, "%s: %s",
                          path[0] != '\0' ? path : "message", what);
}

static int no_memory(struct reader *r)
{
    return wf_fail_reason(r->err, WF_RESOURCE_EXHAUSTED, "TOO_LONG",
                          "the message takes more than %zu bytes when decoded", r->a->max);
}

static int expected(struct reader *r, const struct step *at, const char *what)
{
    char text[120];
    snprintf(text, sizeof text, "expected %s", what);
    return refuse(r, at, "MALFORMED", text);
}

// --- numbers ------------------------------------------------------------------------------------

// The text is exactly one decimal number of at most 30 characters, as JSON writes it.
static bool numeric(const char *s)
{
    size_t n = strlen(s);
    return n > 0 && n <= 30 && strspn(s, "+-.0123456789eE") == n &&
           (s[0] == '-' || (s[0] >= '0' && s[0] <= '9'));
}

static bool text_number(const char *s, double *out)
{
    char *end;

    if (!numeric(s))
        return false;
    *out = strtod(s, &end);
    return *end == '\0';
}

// A number without a fraction as an integer: 1.0 and 1e3 are, 2^53 + 1 as a real is not to be had.
static bool whole(double v, long long *i, unsigned long long *u, bool *negative)
{
    if (v != floor(v) || v < -9223372036854775808.0 || v >= 18446744073709551616.0)
        return false;
    *negative = v < 0;
    *i = v < 0 ? (long long)v : 0;
    *u = v < 0 ? 0 : (unsigned long long)v;
    return true;
}

static bool text_integer(const char *s, long long *i, unsigned long long *u, bool *negative)
{
    char *end;
    double v;

    *negative = s[0] == '-';
    *i = 0, *u = 0;
    if (strspn(s + *negative, "0123456789") != strlen(s + *negative))
        return text_number(s, &v) && whole(v, i, u, negative);
    if (s[*negative] == '\0')
        return false;
    errno = 0;
    if (*negative)
        *i = strtoll(s, &end, 10);
    else
        *u = strtoull(s, &end, 10);
    return errno == 0 && *end == '\0';
}

// Any integer of 64 bits, from a number or a string; negative tells which of *i and *u holds it.
static bool integer(const json_t *j, long long *i, unsigned long long *u, bool *negative)
{
    if (json_is_integer(j)) {
        json_int_t v = json_integer_value(j);
        *negative = v < 0;
        *i = v < 0 ? v : 0;
        *u = v < 0 ? 0 : (unsigned long long)v;
        return true;
    }
    if (json_is_real(j))
        return whole(json_real_value(j), i, u, negative);
    return json_is_string(j) && text_integer(json_string_value(j), i, u, negative);
}

static int read_signed(struct reader *r, const json_t *j, const struct step *at, long long least,
                       long long most, long long *out)
{
    long long i;
    unsigned long long u;
    bool negative;

    if (!integer(j, &i, &u, &negative))
        return expected(r, at, "an integer of at most 64 bits");
    if (negative ? i < least : u > (unsigned long long)most)
        return refuse(r, at, "OUT_OF_RANGE", "the number does not fit");
    *out = negative ? i : (long long)u;
    return WF_OK;
}

static int read_unsigned(struct reader *r, const json_t *j, const struct step *at,
                         unsigned long long most, unsigned long long *out)
{
    long long i;
    bool negative;

    if (!integer(j, &i, out, &negative))
        return expected(r, at, "an integer of at most 64 bits");
    if ((negative && i < 0) || *out > most)
        return refuse(r, at, "OUT_OF_RANGE", "the number does not fit");
    return WF_OK;
}

static int read_double(struct reader *r, const json_t *j, const struct step *at, double *out)
{
    if (json_is_number(j)) {
        *out = json_number_value(j);
        return WF_OK;
    }
    if (!json_is_string(j))
        return expected(r, at, "a number");
    const char *s = json_string_value(j);
    if (strcmp(s, "NaN") == 0)
        *out = (double)NAN;
    else if (strcmp(s, "Infinity") == 0)
        *out = (double)INFINITY;
    else if (strcmp(s, "-Infinity") == 0)
        *out = -(double)INFINITY;
    else if (!text_number(s, out))
        return expected(r, at, "a number");
    else if (isinf(*out))
        return refuse(r, at, "OUT_OF_RANGE", "the number does not fit");
    return WF_OK;
}

static int read_float(struct reader *r, const json_t *j, const struct step *at, float *out)
{
    double v = 0;
    int rc = read_double(r, j, at, &v);

    if (rc == WF_OK && isfinite(v) && fabs(v) > (double)FLT_MAX)
        return refuse(r, at, "OUT_OF_RANGE", "the number does not fit");
    *out = (float)v;
    return rc;
}

// --- other scalars ------------------------------------------------------------------------------

static int read_enum(struct reader *r, const ProtobufCEnumDescriptor *e, const json_t *j,
                     const struct step *at, int *out)
{
    const ProtobufCEnumValue *v = NULL;
    char what[200];
    long long number;

    if (json_is_string(j)) {
        v = protobuf_c_enum_descriptor_get_value_by_name(e, json_string_value(j));
        snprintf(what, sizeof what, "\"%.60s\" is no %.60s known here", json_string_value(j),
                 e->short_name);
    } else {
        int rc = read_signed(r, j, at, INT_MIN, INT_MAX, &number);
        if (rc != WF_OK)
            return rc;
        v = protobuf_c_enum_descriptor_get_value(e, (int)number);
        snprintf(what, sizeof what, "%lld is no %.60s known here", number, e->short_name);
    }
    if (v == NULL)
        return refuse(r, at, "UNKNOWN_ENUM", what);
    *out = v->value;
    return WF_OK;
}

static int read_string(struct reader *r, const json_t *j, const struct step *at, char **out)
{
    if (!json_is_string(j))
        return expected(r, at, "a string");
    *out = wf_bump_strndup(r->a, json_string_value(j), json_string_length(j));
    return *out != NULL ? WF_OK : no_memory(r);
}

static int read_bytes(struct reader *r, const json_t *j, const struct step *at,
                      ProtobufCBinaryData *out)
{
    if (!json_is_string(j))
        return expected(r, at, "base64 in a string");
    size_t n = json_string_length(j);
    uint8_t *data = wf_bump_alloc(r->a, WF_BASE64_DECODED_MAX(n) + 1);
    if (data == NULL)
        return no_memory(r);
    long len = wf_base64_decode(json_string_value(j), n, data);
    if (len < 0)
        return expected(r, at, "base64");
    *out = (ProtobufCBinaryData){(size_t)len, data};
    return WF_OK;
}

static int read_bool(struct reader *r, const json_t *j, const struct step *at,
                     protobuf_c_boolean *out)
{
    if (!json_is_boolean(j))
        return expected(r, at, "true or false");
    *out = json_is_true(j);
    return WF_OK;
}

static int read_number(struct reader *r, ProtobufCType type, const json_t *j, const struct step *at,
                       void *out)
{
    long long i = 0;
    unsigned long long u = 0;
    int rc;

    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        rc = read_signed(r, j, at, INT32_MIN, INT32_MAX, &i);
        *(int32_t *)out = (int32_t)i;
        return rc;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        rc = read_unsigned(r, j, at, UINT32_MAX, &u);
        *(uint32_t *)out = (uint32_t)u;
        return rc;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        rc = read_unsigned(r, j, at, UINT64_MAX, &u);
        *(uint64_t *)out = u;
        return rc;
    default:
        rc = read_signed(r, j, at, INT64_MIN, INT64_MAX, &i);
        *(int64_t *)out = i;
        return rc;
    }
}

static int read_value(struct reader *r, const struct wf_field *f, const json_t *j,
                      const struct step *at, void *out)
{
    switch (f->c->type) {
    case PROTOBUF_C_TYPE_FLOAT:
        return read_float(r, j, at, out);
    case PROTOBUF_C_TYPE_DOUBLE:
        return read_double(r, j, at, out);
    case PROTOBUF_C_TYPE_BOOL:
        return read_bool(r, j, at, out);
    case PROTOBUF_C_TYPE_ENUM:
        return read_enum(r, f->c->descriptor, j, at, out);
    case PROTOBUF_C_TYPE_STRING:
        return read_string(r, j, at, out);
    case PROTOBUF_C_TYPE_BYTES:
        return read_bytes(r, j, at, out);
    case PROTOBUF_C_TYPE_MESSAGE:
        return read_message(r, f->type, j, at, out);
    default:
        return read_number(r, f->c->type, j, at, out);
    }
}

// --- lists and maps -----------------------------------------------------------------------------

static void set_list(const struct wf_field *f, char *msg, void *items, size_t n)
{
    *(size_t *)(msg + f->c->quantifier_offset) = n;
    *(void **)(msg + f->c->offset) = items;
}

static int read_list(struct reader *r, const struct wf_field *f, const json_t *j,
                     const struct step *at, char *msg)
{
    struct step here = *at;
    size_t n = json_array_size(j), size = wf_field_size(f);
    char *items = wf_bump_calloc(r->a, n, size);

    if (!json_is_array(j))
        return expected(r, at, "a list");
    if (items == NULL)
        return no_memory(r);
    for (size_t i = 0; i < n; i++) {
        here.index = (long)i;
        if (json_is_null(json_array_get(j, i)))
            return refuse(r, &here, "MALFORMED", "null cannot be in a list");
        int rc = read_value(r, f, json_array_get(j, i), &here, items + i * size);
        if (rc != WF_OK)
            return rc;
    }
    set_list(f, msg, items, n);
    return WF_OK;
}

// A key is always a string; it is read as what the map's key type wants.
static int read_key(struct reader *r, const struct wf_field *f, const char *key,
                    const struct step *at, char *entry)
{
    void *out = entry + f->c->offset;

    if (f->c->type == PROTOBUF_C_TYPE_BOOL) {
        *(protobuf_c_boolean *)out = strcmp(key, "true") == 0;
        return *key != '\0' && (strcmp(key, "true") == 0 || strcmp(key, "false") == 0)
                   ? WF_OK
                   : expected(r, at, "true or false as the key");
    }
    if (f->c->type == PROTOBUF_C_TYPE_STRING) {
        *(char **)out = wf_bump_strndup(r->a, key, strlen(key));
        return *(char **)out != NULL ? WF_OK : no_memory(r);
    }
    parsing = r->a;
    json_t *j = json_string(key);
    parsing = NULL;
    return j != NULL ? read_number(r, f->c->type, j, at, out) : no_memory(r);
}

static int read_map(struct reader *r, const struct wf_field *f, const json_t *j,
                    const struct step *at, char *msg)
{
    size_t n = json_object_size(j), i = 0;
    char **entries = wf_bump_calloc(r->a, n, sizeof *entries);
    const struct wf_type *t = f->type;
    const char *key;
    json_t *value;

    if (!json_is_object(j))
        return expected(r, at, "an object");
    if (entries == NULL)
        return no_memory(r);
    json_object_foreach((json_t *)j, key, value)
    {
        struct step here = {at, key, -1, at->depth + 1};
        char *entry = wf_bump_alloc(r->a, t->c->sizeof_message);
        if (entry == NULL)
            return no_memory(r);
        t->c->message_init((ProtobufCMessage *)entry);
        if (json_is_null(value))
            return refuse(r, &here, "MALFORMED", "null cannot be in a map");
        int rc = read_key(r, &t->fields[0], key, &here, entry);
        if (rc == WF_OK)
            rc = read_value(r, &t->fields[1], value, &here, entry + t->fields[1].c->offset);
        if (rc != WF_OK)
            return rc;
        entries[i++] = entry;
    }
    set_list(f, msg, entries, n);
    return WF_OK;
}

// --- messages -----------------------------------------------------------------------------------

// Mark the field as present where the struct has a place for that; refuse what is there twice:
// under both of its names, or two of a oneof.
static int mark(struct reader *r, const struct wf_field *f, const struct step *at, char *msg,
                uint64_t *seen)
{
    uint32_t *which = (uint32_t *)(msg + f->c->quantifier_offset);

    if ((*seen & 1) != 0)
        return refuse(r, at, "MALFORMED", "given twice");
    *seen |= 1;
    if ((f->c->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        if (*which != 0)
            return refuse(r, at, "MALFORMED", "only one of its group may be given");
        *which = f->c->id;
    } else if (f->c->label == PROTOBUF_C_LABEL_OPTIONAL && f->c->type != PROTOBUF_C_TYPE_MESSAGE &&
               f->c->type != PROTOBUF_C_TYPE_STRING) {
        *(protobuf_c_boolean *)which = 1;
    }
    return WF_OK;
}

static int read_field(struct reader *r, const struct wf_field *f, const json_t *j,
                      const struct step *at, char *msg)
{
    if (f->c->label != PROTOBUF_C_LABEL_REPEATED)
        return read_value(r, f, j, at, msg + f->c->offset);
    return f->map ? read_map(r, f, j, at, msg) : read_list(r, f, j, at, msg);
}

static int read_time(struct reader *r, const struct wf_type *t, const json_t *j,
                     const struct step *at, char *msg)
{
    const char *s = json_string_value(j);
    struct wf_json_time v;
    bool stamp = t->well_known == WF_WK_TIMESTAMP;

    if (s == NULL ||
        (stamp ? wf_json_timestamp_parse(s, &v) : wf_json_duration_parse(s, &v)) != WF_OK)
        return expected(r, at,
                        stamp ? "a time such as \"2012-06-30T03:18:00Z\""
                              : "a duration such as \"1.5s\"");
    *(int64_t *)(msg + t->fields[0].c->offset) = v.seconds;
    *(int32_t *)(msg + t->fields[1].c->offset) = v.nanos;
    return WF_OK;
}

static int read_object(struct reader *r, const struct wf_type *t, const json_t *j,
                       const struct step *at, char *msg)
{
    uint64_t *seen = wf_bump_calloc(r->a, t->c->n_fields, sizeof *seen);
    const char *key;
    json_t *value;

    if (seen == NULL)
        return no_memory(r);
    json_object_foreach((json_t *)j, key, value)
    {
        const struct wf_field *f = wf_type_field(t, key);
        struct step here = {at, f != NULL ? f->c->name : key, -1, at->depth + 1};
        if (f == NULL)
            return refuse(r, &here, "UNKNOWN_FIELD", "there is no such field");
        if (json_is_null(value))
            continue;
        int rc = mark(r, f, &here, msg, &seen[f - t->fields]);
        if (rc == WF_OK)
            rc = read_field(r, f, value, &here, msg);
        if (rc != WF_OK)
            return rc;
    }
    return WF_OK;
}

static int read_message(struct reader *r, const struct wf_type *t, const json_t *j,
                        const struct step *at, ProtobufCMessage **out)
{
    if (at->depth > WF_JSON_DEPTH_MAX)
        return refuse(r, at, "MALFORMED", "nested too deep");
    char *msg = wf_bump_alloc(r->a, t->c->sizeof_message);
    if (msg == NULL)
        return no_memory(r);
    t->c->message_init((ProtobufCMessage *)msg);
    *out = (ProtobufCMessage *)msg;
    if (t->well_known != WF_WK_NONE)
        return read_time(r, t, j, at, msg);
    return json_is_object(j) ? read_object(r, t, j, at, msg) : expected(r, at, "an object");
}

// --- the text -----------------------------------------------------------------------------------

static int parse_failed(const json_error_t *e, bool no_mem, struct wf_err *err)
{
    if (no_mem)
        return wf_fail_reason(err, WF_RESOURCE_EXHAUSTED, "TOO_LONG",
                              "the JSON takes more than %d bytes to parse", WF_JSON_MEMORY_MAX);
    return wf_fail_reason(err, WF_INVALID_ARGUMENT, "MALFORMED", "JSON, line %d column %d: %s%s",
                          e->line, e->column, e->text,
                          json_error_code(e) == json_error_numeric_overflow
                              ? " (write large integers as strings)"
                              : "");
}

int wf_json_read(const struct wf_schema *s, const ProtobufCMessageDescriptor *d, const char *text,
                 size_t len, struct wf_bump *a, ProtobufCMessage **out, struct wf_err *err)
{
    struct reader r = {a, err};
    struct step root = {NULL, NULL, -1, 0};
    const struct wf_type *t = wf_schema_type(s, d);
    struct wf_bump tree;
    json_error_t e;

    WF_ASSERT(t != NULL && parsing == NULL);
    pthread_once(&once, set_allocator);
    if (len > WF_JSON_MAX)
        return wf_fail_reason(err, WF_RESOURCE_EXHAUSTED, "TOO_LONG",
                              "JSON of %zu bytes, at most %d are taken", len, WF_JSON_MAX);
    wf_bump_init(&tree, WF_JSON_MEMORY_MAX);
    parsing = &tree;
    parsing_failed = false;
    json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    parsing = NULL;
    int rc = j != NULL ? read_message(&r, t, j, &root, out) : parse_failed(&e, parsing_failed, err);
    wf_bump_free(&tree); // the tree with it
    return rc;
}
