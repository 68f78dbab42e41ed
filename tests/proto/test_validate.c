// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include <string.h>

#include "base/limits.h"
#include "proto/validate.h"
#include "watchfire/internal/v1/command.pb-c.h"

#define DECLARE (&watchfire__v1__declare_incident_request__descriptor)
#define COMMAND (&watchfire__internal__v1__command__descriptor)

static int check(const ProtobufCMessageDescriptor *d, const char *bytes, size_t len,
                 struct wf_err *err)
{
    memset(err, 0, sizeof *err);
    return wf_proto_check(d, (const uint8_t *)bytes, len, 4096, err);
}

#define CHECK(d, literal, err) check(d, literal, sizeof(literal) - 1, err)

static void good_bytes_pass(void **state)
{
    struct wf_err err;
    ProtobufCMessage *m = NULL;
    // title "abc", severity 2, services "x", "y", an unknown varint 99, an unknown string 100.
    static const char ok[] = "\x12\x03"
                             "abc\x18\x02\x22\x01x\x22\x01y\x98\x06\x05\xa2\x06\x02\xff\xff";

    (void)state;
    assert_int_equal(CHECK(DECLARE, "", &err), WF_OK);
    assert_int_equal(CHECK(DECLARE, ok, &err), WF_OK);
    assert_int_equal(wf_proto_unpack(DECLARE, (const uint8_t *)ok, sizeof ok - 1, 4096, &m, &err),
                     WF_OK);
    Watchfire__V1__DeclareIncidentRequest *r = (void *)m;
    assert_string_equal(r->title, "abc");
    assert_int_equal(r->n_services, 2);
    protobuf_c_message_free_unpacked(m, NULL);
}

static void bad_text_is_named_with_its_place(void **state)
{
    struct wf_err err;
    char field[64];

    (void)state;
    assert_int_equal(CHECK(DECLARE,
                           "\x12\x03"
                           "a\xff"
                           "c",
                           &err),
                     WF_INVALID_ARGUMENT);
    assert_string_equal(err.reason, "INVALID_UTF8");
    assert_string_equal(err.msg, "title: not UTF-8 at byte 1");
    assert_string_equal(wf_proto_err_field(&err, field, sizeof field), "title");
    assert_int_equal(CHECK(DECLARE,
                           "\x12\x03"
                           "a\0c",
                           &err),
                     WF_INVALID_ARGUMENT);
    assert_string_equal(err.msg, "title: NUL at byte 1");
    assert_int_equal(CHECK(DECLARE, "\x22\x01x\x22\x02\xed\xa0", &err), WF_INVALID_ARGUMENT);
    assert_string_equal(err.msg, "services[1]: not UTF-8 at byte 0");
    // Command.declare_incident.title
    assert_int_equal(CHECK(COMMAND, "\x52\x03\x12\x01\x80", &err), WF_INVALID_ARGUMENT);
    assert_string_equal(err.msg, "declare_incident.title: not UTF-8 at byte 0");
}

static void unknown_enum_is_refused(void **state)
{
    struct wf_err err;

    (void)state;
    assert_int_equal(CHECK(DECLARE, "\x18\x09", &err), WF_INVALID_ARGUMENT);
    assert_string_equal(err.reason, "UNKNOWN_ENUM");
    assert_string_equal(err.msg, "severity: 9 is no Severity known here");
    assert_int_equal(CHECK(DECLARE, "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", &err),
                     WF_INVALID_ARGUMENT);
}

static void malformed_bytes_are_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        {"\x12", 1}, // no length
        {"\x12\x05"
         "ab",
         4},                                                  // past the end
        {"\x10\x01", 2},                                      // title as a varint
        {"\x18", 1},                                          // no value
        {"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11}, // a varint of 65 bits
        {"\x02\x01x", 3},                                     // field 0
        {"\x9b\x06", 2},                                      // a group
        {"\x9d\x06\x01\x02", 4},                              // four bytes, cut short
        {"\x99\x06\x01\x02", 4},                              // eight bytes, cut short
        {"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, // a length of 2^64 - 1
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01", 11}, // a tag past 32 bits
    };
    struct wf_err err;
    ProtobufCMessage *m = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(check(DECLARE, bad[i].bytes, bad[i].len, &err), WF_INVALID_ARGUMENT);
        assert_string_equal(err.reason, "MALFORMED");
        assert_int_equal(
            wf_proto_unpack(DECLARE, (const uint8_t *)bad[i].bytes, bad[i].len, 99, &m, &err),
            WF_INVALID_ARGUMENT);
        assert_null(m);
    }
}

static void length_is_bounded(void **state)
{
    static uint8_t big[4097];
    struct wf_err err;
    char field[8];

    (void)state;
    assert_int_equal(wf_proto_check(DECLARE, big, sizeof big, 4096, &err), WF_INVALID_ARGUMENT);
    assert_string_equal(err.reason, "TOO_LONG");
    assert_string_equal(err.msg, "message: 4097 bytes, at most 4096");
    assert_string_equal(wf_proto_err_field(&err, field, sizeof field), "");
}

// DescriptorProto nests itself (nested_type = 3): the one recursive message at hand.
extern const ProtobufCMessageDescriptor google__protobuf__descriptor_proto__descriptor;

static void nesting_is_bounded(void **state)
{
    uint8_t buf[512];
    size_t len = 0;
    struct wf_err err;

    (void)state;
    for (int depth = 1; depth <= 40; depth++) {
        memmove(buf + 2, buf, len);
        buf[0] = 0x1a;
        buf[1] = (uint8_t)len;
        len += 2;
        int rc = wf_proto_check(&google__protobuf__descriptor_proto__descriptor, buf, len,
                                sizeof buf, &err);
        assert_int_equal(rc, depth > WF_PROTO_DEPTH_MAX ? WF_INVALID_ARGUMENT : WF_OK);
    }
    assert_non_null(strstr(err.msg, "nested too deep"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_bytes_pass),
        cmocka_unit_test(bad_text_is_named_with_its_place),
        cmocka_unit_test(unknown_enum_is_refused),
        cmocka_unit_test(malformed_bytes_are_refused),
        cmocka_unit_test(length_is_bounded),
        cmocka_unit_test(nesting_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
