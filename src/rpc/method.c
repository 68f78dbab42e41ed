// SPDX-License-Identifier: Apache-2.0
#include "rpc/method.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "rpc/bump.h"
#include "rpc/schema.h"

enum { MEMORY_MAX = 4 * 1024 * 1024, NAME = 512 };

struct wf_method_table {
    struct wf_bump arena;
    struct wf_method *methods; // sorted by path
    size_t n;
};

static char *text(struct wf_method_table *t, const char *fmt, const char *a, const char *b)
{
    char full[NAME];
    int n = snprintf(full, sizeof full, fmt, a, b);

    WF_ASSERT(n > 0 && (size_t)n < sizeof full);
    return wf_bump_strndup(&t->arena, full, (size_t)n);
}

// ".watchfire.v1.AddNoteRequest", as descriptors write it.
static const ProtobufCMessageDescriptor *type_of(const struct wf_schema *schema, const char *name)
{
    const struct wf_type *type = wf_schema_find(schema, name[0] == '.' ? name + 1 : name);
    return type != NULL ? type->c : NULL;
}

static int add_method(struct wf_method_table *t, const struct wf_schema *schema,
                      const char *service, const Google__Protobuf__MethodDescriptorProto *p)
{
    struct wf_method *m = &t->methods[t->n];

    *m = (struct wf_method){
        .path = text(t, "/%s/%s", service, p->name),
        .service = service,
        .name = p->name,
        .request = type_of(schema, p->input_type),
        .response = type_of(schema, p->output_type),
        .client_streaming = p->client_streaming,
        .server_streaming = p->server_streaming,
        .no_side_effects = p->options != NULL &&
                           p->options->idempotency_level ==
                               GOOGLE__PROTOBUF__METHOD_OPTIONS__IDEMPOTENCY_LEVEL__NO_SIDE_EFFECTS,
    };
    if (m->path == NULL || m->request == NULL || m->response == NULL)
        return -1;
    t->n++;
    return 0;
}

static int add_file(struct wf_method_table *t, const struct wf_schema *schema,
                    const Google__Protobuf__FileDescriptorProto *f)
{
    int rc = 0;

    for (size_t i = 0; i < f->n_service && rc == 0; i++) {
        const Google__Protobuf__ServiceDescriptorProto *v = f->service[i];
        const char *service = f->package != NULL ? text(t, "%s.%s", f->package, v->name) : v->name;
        rc = service != NULL ? 0 : -1;
        for (size_t j = 0; j < v->n_method && rc == 0; j++)
            rc = add_method(t, schema, service, v->method[j]);
    }
    return rc;
}

static size_t count(const struct wf_schema *schema)
{
    const Google__Protobuf__FileDescriptorProto *f;
    size_t n = 0;

    for (size_t i = 0; (f = wf_schema_file(schema, i)) != NULL; i++)
        for (size_t j = 0; j < f->n_service; j++)
            n += f->service[j]->n_method;
    return n;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct wf_method *)a)->path, ((const struct wf_method *)b)->path);
}

struct wf_method_table *wf_method_table_new(const struct wf_schema *schema)
{
    const Google__Protobuf__FileDescriptorProto *f;
    struct wf_method_table *t = calloc(1, sizeof *t);
    int rc = 0;

    WF_ASSERT(schema != NULL);
    if (t == NULL)
        return NULL;
    wf_bump_init(&t->arena, MEMORY_MAX);
    t->methods = wf_bump_calloc(&t->arena, count(schema) + 1, sizeof *t->methods);
    if (t->methods == NULL)
        rc = -1;
    for (size_t i = 0; rc == 0 && (f = wf_schema_file(schema, i)) != NULL; i++)
        rc = add_file(t, schema, f);
    if (rc != 0) {
        wf_method_table_free(t);
        return NULL;
    }
    qsort(t->methods, t->n, sizeof *t->methods, by_path);
    return t;
}

void wf_method_table_free(struct wf_method_table *t)
{
    if (t == NULL)
        return;
    wf_bump_free(&t->arena);
    free(t);
}

const struct wf_method *wf_method_find(const struct wf_method_table *t, const char *path)
{
    struct wf_method key = {.path = path};
    return bsearch(&key, t->methods, t->n, sizeof key, by_path);
}

const struct wf_method *wf_method_at(const struct wf_method_table *t, size_t i)
{
    return i < t->n ? &t->methods[i] : NULL;
}
