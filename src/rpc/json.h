// SPDX-License-Identifier: Apache-2.0
// The JSON form of protobuf messages, both ways, as protobuf.dev/programming-guides/json has it for
// proto3. Any thread; the schema is only read.
//
// Not there, since no message of ours has them (a test checks): Any, wrappers, Struct, FieldMask.
#ifndef WF_RPC_JSON_H
#define WF_RPC_JSON_H

#include <protobuf-c/protobuf-c.h>

#include "base/buf.h"
#include "base/result.h"
#include "rpc/bump.h"
#include "rpc/schema.h"

enum {
    WF_JSON_DEFAULTS = 1, // write fields that have their default value, too
    WF_JSON_PRETTY = 2,   // two spaces of indent
};

// Append msg, of a type of the schema. Returns WF_OK, or WF_RESOURCE_EXHAUSTED when it does not
// fit.
int wf_json_write(const struct wf_schema *s, const ProtobufCMessage *msg, unsigned flags,
                  struct wf_buf *out);

// Append a string with its quotes; bytes that are not UTF-8 become U+FFFD.
int wf_json_put_string(struct wf_buf *out, const char *text, size_t len);

// Read at most WF_JSON_MAX bytes of JSON into a new message of type d, in *a, which must outlive it
// (never call protobuf_c_message_free_unpacked). Every enum value is a known one, every string
// UTF-8 without NUL. Errors: INVALID_ARGUMENT with the path of the field first
// ("incident.services[3]: ...") and reason MALFORMED, UNKNOWN_FIELD, UNKNOWN_ENUM or OUT_OF_RANGE;
// RESOURCE_EXHAUSTED past the length, the depth or the memory of *a.
int wf_json_read(const struct wf_schema *s, const ProtobufCMessageDescriptor *d, const char *text,
                 size_t len, struct wf_bump *a, ProtobufCMessage **out, struct wf_err *err);

#endif
