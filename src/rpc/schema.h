// SPDX-License-Identifier: Apache-2.0
// What protobuf-c's descriptors leave out, from the FileDescriptorSet that is part of the program:
// JSON names, maps, services with their streaming and idempotency, comments, and the bytes that
// reflection gives out. Built once at start, immutable afterwards; any thread.
#ifndef WF_RPC_SCHEMA_H
#define WF_RPC_SCHEMA_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"
#include "google/protobuf/descriptor.pb-c.h"

struct wf_schema;

// Messages with a JSON form of their own.
enum wf_well_known { WF_WK_NONE, WF_WK_TIMESTAMP, WF_WK_DURATION };

struct wf_type;

struct wf_field {
    const ProtobufCFieldDescriptor *c;
    const char *json;           // lowerCamel
    const struct wf_type *type; // of a message field, else NULL
    bool map;                   // repeated entries that JSON writes as one object
};

struct wf_type {
    const ProtobufCMessageDescriptor *c;
    enum wf_well_known well_known;
    const struct wf_field *fields; // as many as c has, in its order: by number
};

struct wf_schema_source {
    const uint8_t *set; // a packed FileDescriptorSet with all imports; kept by reference
    size_t len;
    const ProtobufCMessageDescriptor *const *types; // every message of it, NULL behind the last
};

// What this program speaks, as proto/ has it.
struct wf_schema_source wf_schema_embedded(void);

// Fails with INTERNAL when set and types do not belong together, RESOURCE_EXHAUSTED out of memory.
// The caller frees *out with wf_schema_free().
int wf_schema_new(const struct wf_schema_source *source, struct wf_schema **out,
                  struct wf_err *err);
void wf_schema_free(struct wf_schema *s);

// The type of a message; NULL for one that is not of this schema.
const struct wf_type *wf_schema_type(const struct wf_schema *s,
                                     const ProtobufCMessageDescriptor *c);
// By full name: "watchfire.v1.Incident".
const struct wf_type *wf_schema_find(const struct wf_schema *s, const char *name);

// A field by its JSON name or its name in the .proto, or NULL.
const struct wf_field *wf_type_field(const struct wf_type *t, const char *name);

// Size of one value of the field in a struct or a list.
size_t wf_field_size(const struct wf_field *f);

// The files, in the order of the set, without source information; their bytes, as reflection sends
// them, and as they are in the set. NULL past the end.
const Google__Protobuf__FileDescriptorProto *wf_schema_file(const struct wf_schema *s, size_t i);
const uint8_t *wf_schema_file_bytes(const struct wf_schema *s, size_t i, size_t *len);
const uint8_t *wf_schema_file_source(const struct wf_schema *s, size_t i, size_t *len);

// The index of the file that declares a message, enum, service or method of that full name; of the
// file with that name. -1 if none.
long wf_schema_file_of(const struct wf_schema *s, const char *symbol);
long wf_schema_file_named(const struct wf_schema *s, const char *file);

// The comment before a message, field, enum, enum value, service or method, by full name (a field:
// "watchfire.v1.Incident.title"; an enum value is its enum's sibling, as protobuf has it). Calls fn
// for every one there is, with the comment as it was written. Slow: for help texts.
int wf_schema_comments(const struct wf_schema *s,
                       void (*fn)(void *ctx, const char *name, const char *comment), void *ctx,
                       struct wf_err *err);

#endif
