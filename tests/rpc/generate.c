// SPDX-License-Identifier: Apache-2.0
#include "generate.h"

#include <string.h>

#include "base/assert.h"

enum { DEPTH_MAX = 6, LIST_MAX = 4 };

static uint64_t next(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void *need(struct wf_bump *a, size_t n)
{
    void *p = wf_bump_calloc(a, n, 1);
    WF_ASSERT(p != NULL);
    return p;
}

static uint64_t number(uint64_t *seed)
{
    static const uint64_t edges[] = {0,
                                     1,
                                     UINT64_MAX,
                                     INT64_MAX,
                                     INT32_MAX,
                                     UINT32_MAX,
                                     (uint64_t)INT64_MIN,
                                     1u << 31,
                                     (1ull << 53) + 1};
    uint64_t r = next(seed);
    return r % 3 == 0 ? edges[r / 3 % 9] : r;
}

static char *text(uint64_t *seed, struct wf_bump *a)
{
    static const char *const parts[] = {"a", "\"", "\\", "\n", "\x01",
                                        "ü", "🔥",  "</", "%",  "\xef\xbf\xbd"};
    size_t n = next(seed) % 6, len = 0;
    char *s = need(a, n * 4 + 1);

    for (size_t i = 0; i < n; i++) {
        const char *p = parts[next(seed) % 10];
        memcpy(s + len, p, strlen(p));
        len += strlen(p);
    }
    return s;
}

static ProtobufCMessage *message(const struct wf_type *t, uint64_t *seed, struct wf_bump *a,
                                 int depth);

static void value(const struct wf_field *f, uint64_t *seed, struct wf_bump *a, int depth, void *out)
{
    const ProtobufCEnumDescriptor *e = f->c->descriptor;
    ProtobufCBinaryData *b = out;
    uint64_t n = number(seed);

    switch (f->c->type) {
    case PROTOBUF_C_TYPE_STRING:
        *(char **)out = text(seed, a);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        b->len = n % 20;
        b->data = need(a, 20);
        for (size_t i = 0; i < b->len; i++)
            b->data[i] = (uint8_t)next(seed);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        *(ProtobufCMessage **)out = message(f->type, seed, a, depth + 1);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        *(int *)out = e->values[n % e->n_values].value;
        break;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)out = (protobuf_c_boolean)(n & 1);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        *(double *)out = (double)(int64_t)n / 7.0;
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        *(float *)out = (float)(int32_t)n / 3.0f;
        break;
    default:
        memcpy(out, &n, wf_field_size(f));
    }
}

// Keys of a map must differ: the i-th is made of i. The value is always there.
static void entry(const struct wf_field *map, size_t i, uint64_t *seed, struct wf_bump *a,
                  int depth, char *msg)
{
    const struct wf_field *f = &map->type->fields[0], *v = &map->type->fields[1];
    void *out = msg + f->c->offset;
    uint64_t n = i;

    value(v, seed, a, depth, msg + v->c->offset);

    if (f->c->type == PROTOBUF_C_TYPE_STRING) {
        char *s = need(a, 2);
        s[0] = i > 0 ? (char)('a' + i) : '\0';
        *(char **)out = s;
    } else {
        memcpy(out, &n, wf_field_size(f));
    }
}

static void list(const struct wf_field *f, uint64_t *seed, struct wf_bump *a, int depth, char *msg)
{
    size_t n = next(seed) % LIST_MAX, size = wf_field_size(f);

    if (f->map && f->type->fields[0].c->type == PROTOBUF_C_TYPE_BOOL && n > 2)
        n = 2;
    char *items = need(a, n * size + 1);
    for (size_t i = 0; i < n; i++) {
        value(f, seed, a, depth, items + i * size);
        if (f->map)
            entry(f, i, seed, a, depth, *(char **)(items + i * size));
    }
    *(size_t *)(msg + f->c->quantifier_offset) = n;
    *(void **)(msg + f->c->offset) = items;
}

static void field(const struct wf_field *f, uint64_t *seed, struct wf_bump *a, int depth, char *msg)
{
    bool nested = f->c->type == PROTOBUF_C_TYPE_MESSAGE;

    if (nested && depth >= DEPTH_MAX)
        return;
    if (f->c->label == PROTOBUF_C_LABEL_REPEATED) {
        list(f, seed, a, depth, msg);
        return;
    }
    if ((f->c->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        uint32_t *which = (uint32_t *)(msg + f->c->quantifier_offset);
        if (*which != 0)
            return;
        *which = f->c->id;
    } else if (f->c->label == PROTOBUF_C_LABEL_OPTIONAL && !nested &&
               f->c->type != PROTOBUF_C_TYPE_STRING) {
        *(protobuf_c_boolean *)(msg + f->c->quantifier_offset) = 1;
    }
    value(f, seed, a, depth, msg + f->c->offset);
}

static void time_of(const struct wf_type *t, uint64_t *seed, char *msg)
{
    *(int64_t *)(msg + t->fields[0].c->offset) = (int64_t)(next(seed) % 4000000000u);
    *(int32_t *)(msg + t->fields[1].c->offset) = (int32_t)(next(seed) % 1000000000u);
}

static ProtobufCMessage *message(const struct wf_type *t, uint64_t *seed, struct wf_bump *a,
                                 int depth)
{
    char *msg = need(a, t->c->sizeof_message);

    t->c->message_init((ProtobufCMessage *)msg);
    if (t->well_known != WF_WK_NONE) {
        time_of(t, seed, msg);
        return (ProtobufCMessage *)msg;
    }
    for (unsigned i = 0; i < t->c->n_fields; i++)
        if (next(seed) % 3 > 0)
            field(&t->fields[i], seed, a, depth, msg);
    return (ProtobufCMessage *)msg;
}

ProtobufCMessage *generate(const struct wf_type *t, uint64_t *seed, struct wf_bump *a)
{
    return message(t, seed, a, 0);
}
