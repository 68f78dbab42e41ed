// SPDX-License-Identifier: Apache-2.0
// Comments by name: a file's source information names what it speaks of by its path in the
// descriptor.
#include <stdio.h>

#include "base/assert.h"
#include "rpc/schema.h"

enum { MESSAGES = 4, ENUMS = 5, SERVICES = 6, IN_MESSAGE_FIELDS = 2, IN_MESSAGE_NESTED = 3 };
enum { IN_MESSAGE_ENUMS = 4, IN_ENUM_VALUES = 2, IN_SERVICE_METHODS = 2, NAME = 512 };

struct path {
    const int32_t *at;
    size_t left;
};

static bool step(struct path *p, int32_t kind, size_t n, size_t *index)
{
    if (p->left < 2 || p->at[0] != kind || p->at[1] < 0 || (size_t)p->at[1] >= n)
        return false;
    *index = (size_t)p->at[1];
    p->at += 2;
    p->left -= 2;
    return true;
}

static size_t put(char *name, size_t len, const char *part)
{
    int n = snprintf(name + len, NAME - len, "%s%s", len > 0 ? "." : "", part);
    WF_ASSERT(n >= 0 && len + (size_t)n < NAME);
    return len + (size_t)n;
}

static bool name_enum(struct path p, const Google__Protobuf__EnumDescriptorProto *e, char *name,
                      size_t len)
{
    size_t i;

    if (step(&p, IN_ENUM_VALUES, e->n_value, &i))
        put(name, len, e->value[i]->name);
    else
        put(name, len, e->name);
    return p.left == 0;
}

static bool name_message(struct path p, const Google__Protobuf__DescriptorProto *m, char *name,
                         size_t len)
{
    size_t i;

    len = put(name, len, m->name);
    if (step(&p, IN_MESSAGE_NESTED, m->n_nested_type, &i))
        return name_message(p, m->nested_type[i], name, len);
    if (step(&p, IN_MESSAGE_ENUMS, m->n_enum_type, &i))
        return name_enum(p, m->enum_type[i], name, len);
    if (step(&p, IN_MESSAGE_FIELDS, m->n_field, &i))
        put(name, len, m->field[i]->name);
    return p.left == 0;
}

static bool name_service(struct path p, const Google__Protobuf__ServiceDescriptorProto *v,
                         char *name, size_t len)
{
    size_t i;

    len = put(name, len, v->name);
    if (step(&p, IN_SERVICE_METHODS, v->n_method, &i))
        put(name, len, v->method[i]->name);
    return p.left == 0;
}

// The full name of what path leads to; false for a detail of it.
static bool name_path(struct path p, const Google__Protobuf__FileDescriptorProto *f, char *name)
{
    size_t i, len = f->package != NULL ? put(name, 0, f->package) : 0;

    if (step(&p, MESSAGES, f->n_message_type, &i))
        return name_message(p, f->message_type[i], name, len);
    if (step(&p, ENUMS, f->n_enum_type, &i))
        return name_enum(p, f->enum_type[i], name, len);
    if (step(&p, SERVICES, f->n_service, &i))
        return name_service(p, f->service[i], name, len);
    return false;
}

int wf_schema_comments(const struct wf_schema *s,
                       void (*fn)(void *ctx, const char *name, const char *comment), void *ctx,
                       struct wf_err *err)
{
    const Google__Protobuf__FileDescriptorProto *known;

    for (size_t i = 0; (known = wf_schema_file(s, i)) != NULL; i++) {
        size_t len;
        const uint8_t *bytes = wf_schema_file_source(s, i, &len);
        Google__Protobuf__FileDescriptorProto *f =
            google__protobuf__file_descriptor_proto__unpack(NULL, len, bytes);
        if (f == NULL)
            return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory reading comments of %s",
                           known->name);
        for (size_t j = 0; f->source_code_info && j < f->source_code_info->n_location; j++) {
            const Google__Protobuf__SourceCodeInfo__Location *l = f->source_code_info->location[j];
            char name[NAME] = "";
            if (l->leading_comments && name_path((struct path){l->path, l->n_path}, f, name))
                fn(ctx, name, l->leading_comments);
        }
        google__protobuf__file_descriptor_proto__free_unpacked(f, NULL);
    }
    return WF_OK;
}
