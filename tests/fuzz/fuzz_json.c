// SPDX-License-Identifier: Apache-2.0
// JSON into a message. What is taken must survive: written and read again it is written the same.
// links: wf_test_service
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "rpc/json.h"
#include "test_service.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct wf_buf read_and_write(const struct wf_schema *s, const char *json, size_t len,
                                    int *rc)
{
    struct wf_bump a;
    struct wf_err err;
    struct wf_buf out;
    ProtobufCMessage *m;

    wf_buf_init(&out, 64 * 1024 * 1024);
    wf_bump_init(&a, WF_CALL_MEMORY_MAX);
    *rc = wf_json_read(s, &watchfire__test__v1__echo_request__descriptor, json, len, &a, &m, &err);
    if (*rc == WF_OK) {
        int written = wf_json_write(s, m, 0, &out);
        WF_ASSERT(written == WF_OK);
    } else {
        WF_ASSERT(err.code == WF_INVALID_ARGUMENT || err.code == WF_RESOURCE_EXHAUSTED);
    }
    wf_bump_free(&a);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct wf_schema *schema;
    int rc;

    if (schema == NULL)
        schema = test_schema_new();
    WF_ASSERT(schema != NULL);
    struct wf_buf first = read_and_write(schema, (const char *)data, size, &rc);
    if (rc == WF_OK && first.len <= WF_JSON_MAX) {
        struct wf_buf second = read_and_write(schema, (const char *)first.data, first.len, &rc);
        // Escapes and spelled-out forms may make the text longer than its memory allows, no more.
        WF_ASSERT(rc == WF_RESOURCE_EXHAUSTED || (rc == WF_OK && second.len == first.len &&
                                                  memcmp(first.data, second.data, first.len) == 0));
        wf_buf_free(&second);
    }
    wf_buf_free(&first);
    return 0;
}
