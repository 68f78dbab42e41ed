// SPDX-License-Identifier: Apache-2.0
#include "proto/names.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/assert.h"

// Without "INCIDENT_STATE_", which buf lint demands: as long as the enum's UpperCamel name with "_"
// before each further capital, and one "_" behind.
static const char *short_name(const ProtobufCEnumDescriptor *e, const char *name)
{
    size_t n = strlen(e->short_name) + 1;

    for (const char *p = e->short_name + 1; *p != '\0'; p++)
        n += *p >= 'A' && *p <= 'Z';
    return strlen(name) > n && name[n - 1] == '_' ? name + n : name;
}

static char fold(char c)
{
    if (c == '-')
        return '_';
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool same(const char *a, const char *b)
{
    while (*a != '\0' && fold(*a) == fold(*b))
        a++, b++;
    return *a == '\0' && *b == '\0';
}

const char *wf_enum_name(const ProtobufCEnumDescriptor *e, int value)
{
    WF_ASSERT(e != NULL);
    const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(e, value);
    return v == NULL ? "UNKNOWN" : short_name(e, v->name);
}

int wf_enum_value(const ProtobufCEnumDescriptor *e, const char *name)
{
    WF_ASSERT(e != NULL && name != NULL);
    for (unsigned i = 0; i < e->n_values; i++)
        if (same(e->values[i].name, name) || same(short_name(e, e->values[i].name), name))
            return e->values[i].value;
    return -1;
}

uint64_t wf_id_number(const char *prefix, const char *id)
{
    size_t len = strlen(prefix);
    uint64_t n = 0;

    // 15 digits: what fits a JavaScript number, and cannot overflow here.
    if (strncmp(id, prefix, len) != 0 || id[len] == '0' || strlen(id) > len + 15)
        return 0;
    for (const char *p = id + len; *p != '\0'; p++) {
        if (*p < '0' || *p > '9')
            return 0;
        n = n * 10 + (uint64_t)(*p - '0');
    }
    return n;
}
