// SPDX-License-Identifier: Apache-2.0
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "rpc/client_codec.h"

int rig_setup(void **state)
{
    struct rig *r = calloc(1, sizeof *r);

    WF_ASSERT(r != NULL);
    r->schema = test_schema_new();
    WF_ASSERT(r->schema != NULL);
    r->methods = wf_method_table_new(r->schema);
    r->metrics = wf_metrics_new();
    WF_ASSERT(r->methods != NULL && r->metrics != NULL);
    r->server = wf_rpc_server_new(uv_default_loop(), r->schema, r->methods, r->metrics);
    WF_ASSERT(r->server != NULL);
    test_service_handle(r->server);
    *state = r;
    return 0;
}

int rig_teardown(void **state)
{
    struct rig *r = *state;

    wf_rpc_server_free(r->server);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    uv_loop_close(uv_default_loop());
    wf_metrics_free(r->metrics);
    wf_method_table_free(r->methods);
    wf_schema_free(r->schema);
    free(r);
    return 0;
}

struct wf_exchange *rig_grpc(const char *name)
{
    char path[128];

    snprintf(path, sizeof path, TEST_PATH "%s", name);
    struct wf_exchange *ex = fake_new("POST", path, 20);
    fake_header(ex, "content-type", "application/grpc");
    fake_header(ex, "te", "trailers");
    return ex;
}

struct wf_buf rig_frame(const ProtobufCMessage *m)
{
    struct wf_buf b;

    wf_buf_init(&b, 64 * 1024 * 1024);
    int rc = wf_client_put(&b, m);
    WF_ASSERT(rc == WF_OK);
    return b;
}

struct wf_buf rig_packed(const ProtobufCMessage *m)
{
    struct wf_buf b = rig_frame(m);

    wf_buf_consume(&b, WF_FRAME_HEAD);
    return b;
}
