// SPDX-License-Identifier: Apache-2.0
#include "rpc/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "rpc/bump.h"
#include "rpc/wire.h"

enum { MEMORY_MAX = 64 * 1024 * 1024, NAME_MAX_ = 512 };

struct file {
    const Google__Protobuf__FileDescriptorProto *proto;
    const uint8_t *bytes; // without source information
    size_t len;
    const uint8_t *raw; // as in the set
    size_t raw_len;
};

struct symbol {
    const char *name;
    size_t file;
    const Google__Protobuf__DescriptorProto *message; // or NULL
};

struct wf_schema {
    struct wf_bump arena;
    struct file *files;
    size_t n_files;
    struct symbol *symbols; // sorted by name
    size_t n_symbols, cap_symbols;
    struct wf_type *types;
    size_t n_types;
    const struct wf_type **slots; // by address of the protobuf-c descriptor
    size_t n_slots;               // a power of two
};

extern const uint8_t wf_descriptor_set_start[];
extern const uint8_t wf_descriptor_set_end[];
extern const ProtobufCMessageDescriptor *const wf_message_types[];

struct wf_schema_source wf_schema_embedded(void)
{
    size_t len = (size_t)((uintptr_t)wf_descriptor_set_end - (uintptr_t)wf_descriptor_set_start);
    return (struct wf_schema_source){wf_descriptor_set_start, len, wf_message_types};
}

static int no_memory(struct wf_err *err)
{
    return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory reading the protocol's descriptors");
}

static int mismatch(struct wf_err *err, const char *what, const char *name)
{
    return wf_fail(err, WF_INTERNAL, "the program's protocol descriptors are broken: %s %s", what,
                   name);
}

// --- files --------------------------------------------------------------------------------------

enum { SET_FILE = 1, FILE_SOURCE_INFO = 9 };

// The file's bytes without its source information, which is most of them.
static int strip(struct wf_schema *s, struct file *f, struct wf_err *err)
{
    struct wf_wire w = {f->raw, f->raw + f->raw_len};
    struct wf_wire_field field;
    uint8_t *out = wf_bump_alloc(&s->arena, f->raw_len);

    if (out == NULL)
        return no_memory(err);
    f->bytes = out;
    while (wf_wire_next(&w, &field)) {
        if (field.number == FILE_SOURCE_INFO)
            continue;
        memcpy(out, field.start, (size_t)(w.p - field.start));
        out += w.p - field.start;
    }
    f->len = (size_t)(out - f->bytes);
    return WF_OK;
}

static int read_file(struct wf_schema *s, struct file *f, struct wf_err *err)
{
    int rc = strip(s, f, err);

    if (rc != WF_OK)
        return rc;
    f->proto =
        google__protobuf__file_descriptor_proto__unpack(&s->arena.allocator, f->len, f->bytes);
    return f->proto != NULL ? WF_OK : mismatch(err, "cannot decode", "a file");
}

static int read_files(struct wf_schema *s, const struct wf_schema_source *source,
                      struct wf_err *err)
{
    struct wf_wire w = {source->set, source->set + source->len};
    struct wf_wire_field field;
    size_t n = 0;

    while (wf_wire_next(&w, &field))
        n += field.number == SET_FILE;
    s->files = wf_bump_calloc(&s->arena, n + 1, sizeof *s->files);
    if (s->files == NULL)
        return no_memory(err);
    w.p = source->set;
    while (wf_wire_next(&w, &field)) {
        if (field.number != SET_FILE)
            continue;
        struct file *f = &s->files[s->n_files];
        f->raw = field.data;
        f->raw_len = field.len;
        int rc = read_file(s, f, err);
        if (rc != WF_OK)
            return rc;
        s->n_files++;
    }
    return n > 0 ? WF_OK : mismatch(err, "no file in", "the set");
}

// --- symbols ------------------------------------------------------------------------------------

// Remember "scope.name"; returns the full name, or NULL when out of memory.
static const char *add_symbol(struct wf_schema *s, size_t file, const char *scope, const char *name,
                              const Google__Protobuf__DescriptorProto *message)
{
    char full[NAME_MAX_];
    int n = snprintf(full, sizeof full, "%s%s%s", scope, scope[0] != '\0' ? "." : "", name);

    WF_ASSERT(n > 0 && (size_t)n < sizeof full);
    if (s->n_symbols == s->cap_symbols) {
        size_t cap = s->cap_symbols > 0 ? s->cap_symbols * 2 : 256;
        struct symbol *grown = wf_bump_calloc(&s->arena, cap, sizeof *grown);
        if (grown == NULL)
            return NULL;
        if (s->n_symbols > 0)
            memcpy(grown, s->symbols, s->n_symbols * sizeof *grown);
        s->symbols = grown;
        s->cap_symbols = cap;
    }
    char *kept = wf_bump_strndup(&s->arena, full, (size_t)n);
    if (kept != NULL)
        s->symbols[s->n_symbols++] = (struct symbol){kept, file, message};
    return kept;
}

static int add_message(struct wf_schema *s, size_t file, const char *scope,
                       const Google__Protobuf__DescriptorProto *m)
{
    const char *full = add_symbol(s, file, scope, m->name, m);
    int rc = full != NULL ? 0 : -1;

    for (size_t i = 0; i < m->n_nested_type && rc == 0; i++)
        rc = add_message(s, file, full, m->nested_type[i]);
    for (size_t i = 0; i < m->n_enum_type && rc == 0; i++)
        rc = add_symbol(s, file, full, m->enum_type[i]->name, NULL) != NULL ? 0 : -1;
    return rc;
}

static int add_service(struct wf_schema *s, size_t file, const char *scope,
                       const Google__Protobuf__ServiceDescriptorProto *v)
{
    const char *full = add_symbol(s, file, scope, v->name, NULL);
    int rc = full != NULL ? 0 : -1;

    for (size_t i = 0; i < v->n_method && rc == 0; i++)
        rc = add_symbol(s, file, full, v->method[i]->name, NULL) != NULL ? 0 : -1;
    return rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct symbol *)a)->name, ((const struct symbol *)b)->name);
}

static int read_symbols(struct wf_schema *s, struct wf_err *err)
{
    int rc = 0;

    for (size_t i = 0; i < s->n_files && rc == 0; i++) {
        const Google__Protobuf__FileDescriptorProto *f = s->files[i].proto;
        const char *package = f->package != NULL ? f->package : "";
        for (size_t j = 0; j < f->n_message_type && rc == 0; j++)
            rc = add_message(s, i, package, f->message_type[j]);
        for (size_t j = 0; j < f->n_enum_type && rc == 0; j++)
            rc = add_symbol(s, i, package, f->enum_type[j]->name, NULL) != NULL ? 0 : -1;
        for (size_t j = 0; j < f->n_service && rc == 0; j++)
            rc = add_service(s, i, package, f->service[j]);
    }
    if (rc != 0)
        return no_memory(err);
    qsort(s->symbols, s->n_symbols, sizeof *s->symbols, by_name);
    return WF_OK;
}

static const struct symbol *find_symbol(const struct wf_schema *s, const char *name)
{
    struct symbol key = {.name = name};
    return bsearch(&key, s->symbols, s->n_symbols, sizeof key, by_name);
}

// --- types --------------------------------------------------------------------------------------

static size_t slot_of(const struct wf_schema *s, const ProtobufCMessageDescriptor *c)
{
    uint64_t h = (uint64_t)(uintptr_t)c * 0x9e3779b97f4a7c15u;
    size_t i = (size_t)(h >> 32) & (s->n_slots - 1);

    while (s->slots[i] != NULL && s->slots[i]->c != c)
        i = (i + 1) & (s->n_slots - 1);
    return i;
}

static const Google__Protobuf__FieldDescriptorProto *
proto_field(const Google__Protobuf__DescriptorProto *m, const ProtobufCFieldDescriptor *c)
{
    for (size_t i = 0; i < m->n_field; i++)
        if ((uint32_t)m->field[i]->number == c->id && strcmp(m->field[i]->name, c->name) == 0)
            return m->field[i];
    return NULL;
}

static bool is_map(const struct wf_schema *s, const ProtobufCFieldDescriptor *c)
{
    if (c->type != PROTOBUF_C_TYPE_MESSAGE || c->label != PROTOBUF_C_LABEL_REPEATED)
        return false;
    const ProtobufCMessageDescriptor *d = c->descriptor;
    const struct symbol *entry = find_symbol(s, d->name);
    return entry != NULL && entry->message != NULL && entry->message->options != NULL &&
           entry->message->options->map_entry;
}

static int read_fields(struct wf_schema *s, struct wf_type *t,
                       const Google__Protobuf__DescriptorProto *m, struct wf_err *err)
{
    unsigned n = t->c->n_fields;
    struct wf_field *fields = wf_bump_calloc(&s->arena, n + 1, sizeof *fields);

    if (fields == NULL)
        return no_memory(err);
    if (n != m->n_field)
        return mismatch(err, "other fields in", t->c->name);
    for (unsigned i = 0; i < n; i++) {
        const ProtobufCFieldDescriptor *c = &t->c->fields[i];
        const Google__Protobuf__FieldDescriptorProto *p = proto_field(m, c);
        if (p == NULL || p->json_name == NULL)
            return mismatch(err, "a field is missing in", t->c->name);
        fields[i] = (struct wf_field){c, p->json_name, NULL, is_map(s, c)};
        if (c->type == PROTOBUF_C_TYPE_MESSAGE)
            fields[i].type = wf_schema_type(s, c->descriptor);
        if (c->type == PROTOBUF_C_TYPE_MESSAGE && fields[i].type == NULL)
            return mismatch(err, "a message is missing that is used in", t->c->name);
    }
    t->fields = fields;
    return WF_OK;
}

static enum wf_well_known well_known(const char *name)
{
    if (strcmp(name, "google.protobuf.Timestamp") == 0)
        return WF_WK_TIMESTAMP;
    return strcmp(name, "google.protobuf.Duration") == 0 ? WF_WK_DURATION : WF_WK_NONE;
}

static int read_types(struct wf_schema *s, const ProtobufCMessageDescriptor *const *types,
                      struct wf_err *err)
{
    size_t n = 0;

    while (types[n] != NULL)
        n++;
    for (s->n_slots = 16; s->n_slots < 2 * n;)
        s->n_slots *= 2;
    s->types = wf_bump_calloc(&s->arena, n + 1, sizeof *s->types);
    s->slots = wf_bump_calloc(&s->arena, s->n_slots, sizeof *s->slots);
    if (s->types == NULL || s->slots == NULL)
        return no_memory(err);
    for (; s->n_types < n; s->n_types++) {
        struct wf_type *t = &s->types[s->n_types];
        t->c = types[s->n_types];
        t->well_known = well_known(t->c->name);
        s->slots[slot_of(s, t->c)] = t;
    }
    for (size_t i = 0; i < n; i++) {
        const struct symbol *m = find_symbol(s, s->types[i].c->name);
        if (m == NULL || m->message == NULL)
            return mismatch(err, "the set lacks", s->types[i].c->name);
        int rc = read_fields(s, &s->types[i], m->message, err);
        if (rc != WF_OK)
            return rc;
    }
    return WF_OK;
}

// --- the contract -------------------------------------------------------------------------------

int wf_schema_new(const struct wf_schema_source *source, struct wf_schema **out, struct wf_err *err)
{
    WF_ASSERT(source->set != NULL && source->types != NULL);
    struct wf_schema *s = calloc(1, sizeof *s);
    if (s == NULL)
        return no_memory(err);
    wf_bump_init(&s->arena, MEMORY_MAX);
    int rc = read_files(s, source, err);
    if (rc == WF_OK)
        rc = read_symbols(s, err);
    if (rc == WF_OK)
        rc = read_types(s, source->types, err);
    if (rc != WF_OK) {
        wf_schema_free(s);
        return rc;
    }
    *out = s;
    return WF_OK;
}

void wf_schema_free(struct wf_schema *s)
{
    if (s == NULL)
        return;
    wf_bump_free(&s->arena);
    free(s);
}

const struct wf_type *wf_schema_type(const struct wf_schema *s, const ProtobufCMessageDescriptor *c)
{
    return s->slots[slot_of(s, c)];
}

const struct wf_type *wf_schema_find(const struct wf_schema *s, const char *name)
{
    for (size_t i = 0; i < s->n_types; i++)
        if (strcmp(s->types[i].c->name, name) == 0)
            return &s->types[i];
    return NULL;
}

const struct wf_field *wf_type_field(const struct wf_type *t, const char *name)
{
    for (unsigned i = 0; i < t->c->n_fields; i++)
        if (strcmp(t->fields[i].json, name) == 0 || strcmp(t->fields[i].c->name, name) == 0)
            return &t->fields[i];
    return NULL;
}

size_t wf_field_size(const struct wf_field *f)
{
    switch (f->c->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return 4;
    }
}

const Google__Protobuf__FileDescriptorProto *wf_schema_file(const struct wf_schema *s, size_t i)
{
    return i < s->n_files ? s->files[i].proto : NULL;
}

const uint8_t *wf_schema_file_bytes(const struct wf_schema *s, size_t i, size_t *len)
{
    WF_ASSERT(i < s->n_files);
    *len = s->files[i].len;
    return s->files[i].bytes;
}

const uint8_t *wf_schema_file_source(const struct wf_schema *s, size_t i, size_t *len)
{
    WF_ASSERT(i < s->n_files);
    *len = s->files[i].raw_len;
    return s->files[i].raw;
}

long wf_schema_file_of(const struct wf_schema *s, const char *symbol)
{
    const struct symbol *found = find_symbol(s, symbol);
    return found != NULL ? (long)found->file : -1;
}

long wf_schema_file_named(const struct wf_schema *s, const char *file)
{
    for (size_t i = 0; i < s->n_files; i++)
        if (strcmp(s->files[i].proto->name, file) == 0)
            return (long)i;
    return -1;
}
