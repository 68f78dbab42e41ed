// SPDX-License-Identifier: Apache-2.0
#include "rpc/reflection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "rpc/bump.h"

// Both versions have the same messages under another package, so v1alpha is served as v1: packed by
// one, read by the other.
typedef Grpc__Reflection__V1__ServerReflectionRequest Request;
typedef Grpc__Reflection__V1__ServerReflectionResponse Response;

enum { NAME = 512, MEMORY_MAX = WF_RESPONSE_MAX };

struct answer {
    const struct wf_reflection *r;
    const struct wf_schema *schema;
    struct wf_bump arena;
    Response response;
};

static void set_error(struct answer *a, int code, const char *message)
{
    Grpc__Reflection__V1__ErrorResponse *e = wf_bump_alloc(&a->arena, sizeof *e);

    if (e == NULL)
        return;
    grpc__reflection__v1__error_response__init(e);
    e->error_code = code;
    e->error_message = (char *)message;
    a->response.error_response = e;
    a->response.message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
}

// Mark file i and everything it imports.
static void mark(const struct wf_schema *schema, size_t i, bool *wanted)
{
    const Google__Protobuf__FileDescriptorProto *f = wf_schema_file(schema, i);

    if (wanted[i])
        return;
    wanted[i] = true;
    for (size_t d = 0; d < f->n_dependency; d++) {
        long found = wf_schema_file_named(schema, f->dependency[d]);
        if (found >= 0)
            mark(schema, (size_t)found, wanted);
    }
}

// The file first, then what it imports.
static void put_file(struct answer *a, Grpc__Reflection__V1__FileDescriptorResponse *r, size_t i)
{
    size_t len;
    const uint8_t *bytes = wf_schema_file_bytes(a->schema, i, &len);

    r->file_descriptor_proto[r->n_file_descriptor_proto++] =
        (ProtobufCBinaryData){len, (uint8_t *)bytes};
}

static void set_files(struct answer *a, long file)
{
    size_t n = 0;

    if (file < 0) {
        set_error(a, WF_NOT_FOUND, "there is no such file or symbol");
        return;
    }
    while (wf_schema_file(a->schema, n) != NULL)
        n++;
    bool *wanted = wf_bump_calloc(&a->arena, n, sizeof *wanted);
    Grpc__Reflection__V1__FileDescriptorResponse *r = wf_bump_alloc(&a->arena, sizeof *r);
    ProtobufCBinaryData *files = wf_bump_calloc(&a->arena, n, sizeof *files);
    if (wanted == NULL || r == NULL || files == NULL)
        return;
    grpc__reflection__v1__file_descriptor_response__init(r);
    r->file_descriptor_proto = files;
    mark(a->schema, (size_t)file, wanted);
    put_file(a, r, (size_t)file);
    for (size_t i = 0; i < n; i++)
        if (wanted[i] && i != (size_t)file)
            put_file(a, r, i);
    a->response.file_descriptor_response = r;
    a->response.message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
}

static int put_service(struct answer *a, Grpc__Reflection__V1__ListServiceResponse *list,
                       const char *package, const char *name)
{
    char full[NAME];
    int n = snprintf(full, sizeof full, "%s.%s", package != NULL ? package : "", name);

    WF_ASSERT(n > 0 && (size_t)n < sizeof full);
    if (!a->r->serves(a->r->server, full))
        return 0;
    Grpc__Reflection__V1__ServiceResponse *s = wf_bump_alloc(&a->arena, sizeof *s);
    if (s == NULL)
        return -1;
    grpc__reflection__v1__service_response__init(s);
    s->name = wf_bump_strndup(&a->arena, full, (size_t)n);
    list->service[list->n_service++] = s;
    return s->name != NULL ? 0 : -1;
}

static void set_services(struct answer *a)
{
    const Google__Protobuf__FileDescriptorProto *f;
    size_t n = 0;
    int rc = 0;

    for (size_t i = 0; (f = wf_schema_file(a->schema, i)) != NULL; i++)
        n += f->n_service;
    Grpc__Reflection__V1__ListServiceResponse *list = wf_bump_alloc(&a->arena, sizeof *list);
    if (list == NULL)
        return;
    grpc__reflection__v1__list_service_response__init(list);
    list->service = wf_bump_calloc(&a->arena, n, sizeof(void *));
    if (list->service == NULL)
        return;
    for (size_t i = 0; (f = wf_schema_file(a->schema, i)) != NULL && rc == 0; i++)
        for (size_t j = 0; j < f->n_service && rc == 0; j++)
            rc = put_service(a, list, f->package, f->service[j]->name);
    if (rc != 0)
        return;
    a->response.list_services_response = list;
    a->response.message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
}

static void fill(struct answer *a, Request *q)
{
    a->response.valid_host = q->host;
    a->response.original_request = q;
    switch (q->message_request_case) {
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
        set_services(a);
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
        set_files(a, wf_schema_file_named(a->schema, q->file_by_filename));
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
        set_files(a, wf_schema_file_of(a->schema, q->file_containing_symbol));
        break;
    default:
        set_error(a, WF_NOT_FOUND, "there are no extensions here");
    }
}

static void send_answer(struct wf_call *call, struct answer *a)
{
    struct wf_err err;
    size_t n = protobuf_c_message_get_packed_size(&a->response.base);
    uint8_t *packed = wf_bump_alloc(&a->arena, n + 1);

    if (a->response.message_response_case == 0 || packed == NULL) {
        wf_fail(&err, WF_RESOURCE_EXHAUSTED, "out of memory for descriptors");
        wf_call_fail(call, &err, NULL);
        return;
    }
    protobuf_c_message_pack(&a->response.base, packed);
    if (!wf_call_send_packed(call, packed, n)) {
        wf_fail(&err, WF_RESOURCE_EXHAUSTED, "read the answers before asking more");
        wf_call_fail(call, &err, NULL);
    }
}

static void on_message(struct wf_call *call, void *user, const ProtobufCMessage *message)
{
    struct wf_reflection *r = user;
    struct answer a = {.r = r, .schema = r->schema};

    if (message == NULL) {
        wf_call_finish(call);
        return;
    }
    wf_bump_init(&a.arena, MEMORY_MAX);
    grpc__reflection__v1__server_reflection_response__init(&a.response);
    size_t n = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = wf_bump_alloc(&a.arena, n + 1);
    Request *q = NULL;
    if (packed != NULL) {
        protobuf_c_message_pack(message, packed);
        q = grpc__reflection__v1__server_reflection_request__unpack(&a.arena.allocator, n, packed);
    }
    if (q != NULL)
        fill(&a, q);
    send_answer(call, &a);
    wf_bump_free(&a.arena);
}

void wf_reflection_call(void *ctx, struct wf_call *call)
{
    wf_call_set_user(call, ctx, NULL);
    wf_call_on_message(call, on_message);
}
