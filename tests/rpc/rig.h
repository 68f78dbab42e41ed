// SPDX-License-Identifier: Apache-2.0
// A server of the test service on the default loop.
#ifndef WF_TESTS_RIG_H
#define WF_TESTS_RIG_H

#include "fake_exchange.h"
#include "test_service.h"

struct rig {
    struct wf_schema *schema;
    struct wf_method_table *methods;
    struct wf_metrics *metrics;
    struct wf_rpc_server *server;
};

// cmocka setup and teardown of a group: *state is a struct rig.
int rig_setup(void **state);
int rig_teardown(void **state);

#define TEST_PATH "/watchfire.test.v1.TestService/"

// A gRPC exchange with method name, content type set.
struct wf_exchange *rig_grpc(const char *name);
// A framed, packed message; the caller frees with wf_buf_free.
struct wf_buf rig_frame(const ProtobufCMessage *m);
struct wf_buf rig_packed(const ProtobufCMessage *m);

#endif
