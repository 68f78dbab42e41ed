// SPDX-License-Identifier: Apache-2.0
// Names as people write them: "MAJOR" for INCIDENT_STATE_MAJOR, "INC-42" for the 42nd incident.
// Pure functions, any thread.
#ifndef WF_PROTO_NAMES_H
#define WF_PROTO_NAMES_H

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

// The value's name without the enum's prefix; "UNKNOWN" for a value it does not have. Static.
const char *wf_enum_name(const ProtobufCEnumDescriptor *e, int value);

// The value with that name, with or without the prefix, in any case, "-" as good as "_"; -1 if
// none.
int wf_enum_value(const ProtobufCEnumDescriptor *e, const char *name);

// 42 for "INC-42", the prefix being "INC-"; 0 for anything else, leading zeros included.
uint64_t wf_id_number(const char *prefix, const char *id);

#endif
