// SPDX-License-Identifier: Apache-2.0
// Enum values as people write them: "MAJOR" for INCIDENT_STATE_MAJOR. Pure functions, any thread.
#ifndef WF_PROTO_NAMES_H
#define WF_PROTO_NAMES_H

#include <protobuf-c/protobuf-c.h>

// The value's name without the enum's prefix; "UNKNOWN" for a value it does not have. Static.
const char *wf_enum_name(const ProtobufCEnumDescriptor *e, int value);

// The value with that name, with or without the prefix, in any case, "-" as good as "_"; -1 if
// none.
int wf_enum_value(const ProtobufCEnumDescriptor *e, const char *name);

#endif
