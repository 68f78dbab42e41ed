// SPDX-License-Identifier: Apache-2.0
// The methods we serve, built once at start from the embedded FileDescriptorSet: path, request and
// response type, streaming, idempotency. Immutable afterwards; any thread.
#ifndef WF_RPC_METHOD_H
#define WF_RPC_METHOD_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

struct wf_schema; // rpc/schema.h: the decoded FileDescriptorSet, JSON names, comments, source bytes

struct wf_method {
    const char *path;    // "/watchfire.v1.IncidentService/AddNote"
    const char *service; // "watchfire.v1.IncidentService"
    const char *name;    // "AddNote"
    const ProtobufCMessageDescriptor *request;
    const ProtobufCMessageDescriptor *response;
    bool client_streaming;
    bool server_streaming;
    bool no_side_effects; // may be called with GET
};

struct wf_method_table;
struct wf_method_table *wf_method_table_new(const struct wf_schema *schema);
void wf_method_table_free(struct wf_method_table *t);
const struct wf_method *wf_method_find(const struct wf_method_table *t, const char *path);
const struct wf_method *wf_method_at(const struct wf_method_table *t,
                                     size_t i); // NULL past the end

#endif
