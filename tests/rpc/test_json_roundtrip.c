// SPDX-License-Identifier: Apache-2.0
// Property: a message of any type of the product, written as JSON and read again, packs to the same
// bytes.
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "generate.h"
#include "rpc/json.h"
#include "test_service.h"

enum { ROUNDS = 40, PACKED_MAX = 1024 * 1024 };

extern const ProtobufCMessageDescriptor *const wf_message_types[];
extern const ProtobufCMessageDescriptor *const wf_test_types[];

// By map entry or by proto2: those are not what a call carries.
static bool candidate(const ProtobufCMessageDescriptor *d)
{
    return strncmp(d->name, "google.protobuf.", 16) != 0;
}

static void round_trip(const struct wf_schema *s, const struct wf_type *t, uint64_t seed,
                       unsigned flags)
{
    static uint8_t before[PACKED_MAX], after[PACKED_MAX];
    struct wf_bump a, b;
    struct wf_buf json;
    struct wf_err err;
    ProtobufCMessage *back;
    uint64_t start = seed;

    wf_bump_init(&a, WF_CALL_MEMORY_MAX);
    wf_bump_init(&b, WF_CALL_MEMORY_MAX);
    wf_buf_init(&json, 4 * 1024 * 1024);
    ProtobufCMessage *m = generate(t, &seed, &a);
    size_t n = protobuf_c_message_get_packed_size(m);
    assert_true(n < PACKED_MAX);
    protobuf_c_message_pack(m, before);
    assert_int_equal(wf_json_write(s, m, flags, &json), WF_OK);
    if (json.len <= WF_JSON_MAX) {
        if (wf_json_read(s, t->c, (const char *)json.data, json.len, &b, &back, &err) != WF_OK)
            fail_msg("%s, seed %llu: %s", t->c->name, (unsigned long long)start, err.msg);
        if (protobuf_c_message_get_packed_size(back) != n)
            fail_msg("%s, seed %llu: another size", t->c->name, (unsigned long long)start);
        protobuf_c_message_pack(back, after);
        assert_memory_equal(before, after, n);
    }
    wf_buf_free(&json);
    wf_bump_free(&b);
    wf_bump_free(&a);
}

static void all_types(const struct wf_schema *s, const ProtobufCMessageDescriptor *const *types)
{
    size_t tried = 0;

    for (size_t i = 0; types[i] != NULL; i++) {
        if (!candidate(types[i]))
            continue;
        for (uint64_t r = 0; r < ROUNDS; r++)
            round_trip(s, wf_schema_type(s, types[i]), r * 1000 + i,
                       (r & 1 ? WF_JSON_PRETTY : 0) | (r & 2 ? WF_JSON_DEFAULTS : 0));
        tried++;
    }
    assert_true(tried >= 8);
}

static void every_message_of_the_product_survives(void **state)
{
    struct wf_schema_source source = wf_schema_embedded();
    struct wf_schema *s;
    struct wf_err err;

    (void)state;
    assert_int_equal(wf_schema_new(&source, &s, &err), WF_OK);
    all_types(s, wf_message_types);
    wf_schema_free(s);
}

static void every_kind_of_field_survives(void **state)
{
    struct wf_schema *s = test_schema_new();

    (void)state;
    assert_non_null(s);
    all_types(s, wf_test_types);
    wf_schema_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_of_the_product_survives),
        cmocka_unit_test(every_kind_of_field_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
