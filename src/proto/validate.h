// SPDX-License-Identifier: Apache-2.0
// Bytes and messages checked against their descriptors, before anything else looks at them.
//
// protobuf-c takes any bytes for a string and any number for an enum; a string with a NUL inside is
// silently cut at it. So the wire is checked first: every string is UTF-8 without NUL, every enum
// value is one we know, lengths fit, nesting is bounded. Unknown fields are skipped, as proto3
// wants. Pure functions, any thread.
//
// Errors are INVALID_ARGUMENT and begin with the path of the field ("incident.services[3]: ..."),
// with reason INVALID_UTF8 (naming the offset of the first bad byte), UNKNOWN_ENUM, MALFORMED or
// TOO_LONG.
#ifndef WF_PROTO_VALIDATE_H
#define WF_PROTO_VALIDATE_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

// Check packed bytes as a message of type d: at most max bytes.
int wf_proto_check(const ProtobufCMessageDescriptor *d, const uint8_t *bytes, size_t len,
                   size_t max, struct wf_err *err);

// Check, then unpack with the default allocator. The caller frees *out with
// protobuf_c_message_free_unpacked(*out, NULL). Also RESOURCE_EXHAUSTED, when out of memory.
int wf_proto_unpack(const ProtobufCMessageDescriptor *d, const uint8_t *bytes, size_t len,
                    size_t max, ProtobufCMessage **out, struct wf_err *err);

// The path an error of these functions begins with, or "" when err is of another kind. Writes at
// most size bytes, returns out.
char *wf_proto_err_field(const struct wf_err *err, char *out, size_t size);

#endif
