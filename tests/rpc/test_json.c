// SPDX-License-Identifier: Apache-2.0
// protobuf.dev/programming-guides/json, both ways.
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "rpc/json.h"
#include "test_service.h"
#include "watchfire/v1/incident.pb-c.h"

typedef Watchfire__Test__V1__Kinds Kinds;

#define KINDS (&watchfire__test__v1__kinds__descriptor)

static int setup(void **state)
{
    *state = test_schema_new();
    return *state != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    wf_schema_free(*state);
    return 0;
}

static int read_text(const struct wf_schema *s, const char *json, struct wf_bump *a,
                     ProtobufCMessage **out, struct wf_err *err)
{
    wf_bump_init(a, WF_CALL_MEMORY_MAX);
    // An allocation of the exact size: a read past the end is seen.
    size_t n = strlen(json);
    char *exact = malloc(n > 0 ? n : 1);
    assert_non_null(exact);
    memcpy(exact, json, n);
    int rc = wf_json_read(s, KINDS, exact, n, a, out, err);
    free(exact);
    return rc;
}

// What is read from one text and written again is the other.
static void assert_becomes(const struct wf_schema *s, const char *in, const char *expected)
{
    struct wf_bump a;
    struct wf_buf out;
    struct wf_err err = {0};
    ProtobufCMessage *m;

    if (read_text(s, in, &a, &m, &err) != WF_OK)
        fail_msg("%s: %s", in, err.msg);
    wf_buf_init(&out, 65536);
    assert_int_equal(wf_json_write(s, m, 0, &out), WF_OK);
    assert_string_equal(wf_buf_cstr(&out), expected);
    wf_buf_free(&out);
    wf_bump_free(&a);
}

static void values_have_their_canonical_form(void **state)
{
    static const struct {
        const char *in, *out; // out NULL: the same
    } cases[] = {
        {"{}", NULL},
        {"{\"anInt32\":-2147483648}", NULL},
        {"{\"an_int32\":7}", "{\"anInt32\":7}"},
        {"{\"anInt32\":\"7\"}", "{\"anInt32\":7}"},
        {"{\"anInt32\":1e2}", "{\"anInt32\":100}"},
        {"{\"anInt32\":1.0}", "{\"anInt32\":1}"},
        {"{\"anInt32\":0}", "{}"},
        {"{\"anInt32\":null}", "{}"},
        {"{\"aUint32\":4294967295}", NULL},
        {"{\"anInt64\":\"-9223372036854775808\"}", NULL},
        {"{\"anInt64\":5}", "{\"anInt64\":\"5\"}"},
        {"{\"aUint64\":\"18446744073709551615\"}", NULL},
        {"{\"aFixed64\":9007199254740993}", "{\"aFixed64\":\"9007199254740993\"}"},
        {"{\"aFloat\":0.1}", NULL},
        {"{\"aDouble\":0.1}", NULL},
        {"{\"aDouble\":\"1.5\"}", "{\"aDouble\":1.5}"},
        {"{\"aDouble\":\"NaN\",\"aFloat\":\"-Infinity\"}",
         "{\"aFloat\":\"-Infinity\",\"aDouble\":\"NaN\"}"},
        {"{\"aDouble\":-0.0}", NULL},
        {"{\"aDouble\":1.7976931348623157e+308}", NULL},
        {"{\"aBool\":true}", NULL},
        {"{\"colour\":\"COLOUR_GREEN\"}", NULL},
        {"{\"colour\":5}", "{\"colour\":\"COLOUR_GREEN\"}"},
        {"{\"colour\":-3}", "{\"colour\":\"COLOUR_MINUS\"}"},
        {"{\"aString\":\"\\u00fc\\n\\\"\\\\/\\ud83d\\ude00\"}",
         "{\"aString\":\"\xc3\xbc\\n\\\"\\\\/\xf0\x9f\x98\x80\"}"},
        {"{\"someBytes\":\"AAH/\"}", NULL},
        {"{\"someBytes\":\"AAH_\"}", "{\"someBytes\":\"AAH/\"}"},
        {"{\"someBytes\":\"AA\"}", "{\"someBytes\":\"AA==\"}"},
        {"{\"inner\":{}}", NULL},
        {"{\"inner\":{\"name\":\"a\",\"number\":\"1\",\"deeper\":[{},{\"yes\":true}]}}", NULL},
        {"{\"at\":\"2012-06-30T03:18:00Z\"}", NULL},
        {"{\"at\":\"2012-06-30T05:18:00.25+02:00\"}", "{\"at\":\"2012-06-30T03:18:00.250Z\"}"},
        {"{\"at\":\"0001-01-01T00:00:00Z\"}", NULL},
        {"{\"at\":\"9999-12-31T23:59:59.999999999Z\"}", NULL},
        {"{\"took\":\"1.5s\"}", "{\"took\":\"1.500s\"}"},
        {"{\"took\":\"-0.000001s\"}", NULL},
        {"{\"took\":\"315576000000s\"}", NULL},
        {"{\"veryOdd\":\"x\"}", NULL},
        {"{\"odd\":\"x\"}", "{\"veryOdd\":\"x\"}"},
        {"{\"int32s\":[1,-2,\"3\"]}", "{\"int32s\":[1,-2,3]}"},
        {"{\"int32s\":[]}", "{}"},
        {"{\"uint64s\":[\"1\"],\"doubles\":[1.5,\"NaN\"],\"bools\":[true,false]}", NULL},
        {"{\"colours\":[\"COLOUR_RED\",5]}", "{\"colours\":[\"COLOUR_RED\",\"COLOUR_GREEN\"]}"},
        {"{\"strings\":[\"\",\"a\"],\"blobs\":[\"\",\"AA==\"]}", NULL},
        {"{\"inners\":[{\"name\":\"x\"},{}],\"times\":[\"1970-01-01T00:00:00Z\"]}", NULL},
        {"{\"words\":{\"\":\"\",\"k\":\"v\"}}", NULL},
        {"{\"byNumber\":{\"-1\":{\"name\":\"x\"}},\"byBool\":{\"true\":\"5\",\"false\":\"0\"}}",
         NULL},
        {"{\"byUint64\":{\"18446744073709551615\":\"COLOUR_RED\"}}", NULL},
        {"{\"text\":\"\"}", NULL}, // of a oneof: there, though empty
        {"{\"number\":\"0\"}", NULL},
        {"{\"message\":{}}", NULL},
        {"{\"raw\":\"\"}", NULL},
        {"{\"flag\":false}", NULL},
        {"{\"text\":null,\"flag\":true}", "{\"flag\":true}"},
        {" {\"aBool\" : true }\n", "{\"aBool\":true}"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_becomes(*state, cases[i].in, cases[i].out != NULL ? cases[i].out : cases[i].in);
}

static const struct {
    const char *in, *reason, *message;
} refusals[] = {
    {"", "MALFORMED", "JSON, line 1"},
    {"[]", "MALFORMED", "message: expected an object"},
    {"7", "MALFORMED", "message: expected an object"},
    {"{\"a\":1,}", "MALFORMED", "JSON"},
    {"{'a':1}", "MALFORMED", "JSON"},
    {"{} x", "MALFORMED", "JSON"},
    {"{\"aString\":\"\xff\"}", "MALFORMED", "JSON"},
    {"{\"aString\":\"\\u0000\"}", "MALFORMED", "JSON"},
    {"{\"aString\":\"\\ud800\"}", "MALFORMED", "JSON"},
    {"{\"aBool\":true,\"aBool\":true}", "MALFORMED", "JSON"},
    {"{\"an_int32\":1,\"anInt32\":1}", "MALFORMED", "an_int32: given twice"},
    {"{\"text\":\"a\",\"flag\":true}", "MALFORMED", "flag: only one of its group"},
    {"{\"nope\":1}", "UNKNOWN_FIELD", "nope: there is no such field"},
    {"{\"inner\":{\"deeper\":[{},{\"no\":1}]}}", "UNKNOWN_FIELD",
     "inner.deeper[1].no: there is no such field"},
    {"{\"byNumber\":{\"4\":{\"x\":1}}}", "UNKNOWN_FIELD", "by_number.4.x: there is no"},
    {"{\"anInt32\":2147483648}", "OUT_OF_RANGE", "an_int32: the number does not fit"},
    {"{\"anInt32\":1.5}", "MALFORMED", "an_int32: expected an integer"},
    {"{\"anInt32\":\"\"}", "MALFORMED", "an_int32: expected an integer"},
    {"{\"anInt32\":\" 1\"}", "MALFORMED", "an_int32: expected an integer"},
    {"{\"anInt32\":\"1x\"}", "MALFORMED", "an_int32: expected an integer"},
    {"{\"anInt32\":\"-\"}", "MALFORMED", "an_int32: expected an integer"},
    {"{\"anInt32\":true}", "MALFORMED", "an_int32: expected an integer"},
    {"{\"aUint32\":-1}", "OUT_OF_RANGE", "a_uint32: the number does not fit"},
    {"{\"aUint64\":\"18446744073709551616\"}", "MALFORMED", "a_uint64: expected an integer"},
    {"{\"aUint64\":18446744073709551615}", "MALFORMED", "write large integers as strings"},
    {"{\"anInt64\":\"9223372036854775808\"}", "OUT_OF_RANGE", "an_int64"},
    {"{\"aFloat\":1e39}", "OUT_OF_RANGE", "a_float: the number does not fit"},
    {"{\"aDouble\":\"1e999\"}", "OUT_OF_RANGE", "a_double: the number does not fit"},
    {"{\"aDouble\":\"inf\"}", "MALFORMED", "a_double: expected a number"},
    {"{\"aDouble\":\"0x10\"}", "MALFORMED", "a_double: expected a number"},
    {"{\"aBool\":1}", "MALFORMED", "a_bool: expected true or false"},
    {"{\"colour\":\"BLUE\"}", "UNKNOWN_ENUM", "colour: \"BLUE\" is no Colour known here"},
    {"{\"colours\":[\"COLOUR_RED\",77]}", "UNKNOWN_ENUM", "colours[1]: 77 is no Colour"},
    {"{\"aString\":5}", "MALFORMED", "a_string: expected a string"},
    {"{\"someBytes\":\"a\"}", "MALFORMED", "some_bytes: expected base64"},
    {"{\"someBytes\":\"====\"}", "MALFORMED", "some_bytes: expected base64"},
    {"{\"strings\":[\"a\",null]}", "MALFORMED", "strings[1]: null cannot be in a list"},
    {"{\"strings\":\"a\"}", "MALFORMED", "strings: expected a list"},
    {"{\"words\":{\"a\":null}}", "MALFORMED", "words.a: null cannot be in a map"},
    {"{\"words\":[]}", "MALFORMED", "words: expected an object"},
    {"{\"byNumber\":{\"x\":{}}}", "MALFORMED", "by_number.x: expected an integer"},
    {"{\"byBool\":{\"1\":\"1\"}}", "MALFORMED", "by_bool.1: expected true or false"},
    {"{\"at\":\"2012-06-30\"}", "MALFORMED", "at: expected a time"},
    {"{\"at\":\"2012-06-31T00:00:00Z\"}", "MALFORMED", "at: expected a time"},
    {"{\"at\":\"2012-06-30T24:00:00Z\"}", "MALFORMED", "at: expected a time"},
    {"{\"at\":\"2012-06-30T23:59:60Z\"}", "MALFORMED", "at: expected a time"},
    {"{\"at\":\"2012-06-30T00:00:00\"}", "MALFORMED", "at: expected a time"},
    {"{\"at\":\"2012-06-30T00:00:00.Z\"}", "MALFORMED", "at: expected a time"},
    {"{\"at\":\"2012-06-30T00:00:00.1234567890Z\"}", "MALFORMED", "at: expected a time"},
    {"{\"at\":\"0000-12-31T23:59:59Z\"}", "MALFORMED", "at: expected a time"},
    {"{\"at\":\"0001-01-01T00:00:00+00:01\"}", "MALFORMED", "at: expected a time"},
    {"{\"at\":{\"seconds\":1}}", "MALFORMED", "at: expected a time"},
    {"{\"took\":\"1.5\"}", "MALFORMED", "took: expected a duration"},
    {"{\"took\":\"s\"}", "MALFORMED", "took: expected a duration"},
    {"{\"took\":\"315576000001s\"}", "MALFORMED", "took: expected a duration"},
};

static void refusals_name_the_path(void **state)
{
    struct wf_bump a;
    struct wf_err err;
    ProtobufCMessage *m;

    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        err = (struct wf_err){0};
        int rc = read_text(*state, refusals[i].in, &a, &m, &err);
        if (rc != WF_INVALID_ARGUMENT || strcmp(err.reason, refusals[i].reason) != 0 ||
            strstr(err.msg, refusals[i].message) == NULL)
            fail_msg("%s: %d %s %s", refusals[i].in, rc, err.reason, err.msg);
        wf_bump_free(&a);
    }
}

static void nesting_and_memory_are_bounded(void **state)
{
    static char text[WF_JSON_MAX + 2];
    struct wf_bump a;
    struct wf_err err;
    ProtobufCMessage *m;

    memset(text, '[', 100000); // deeper than jansson goes
    assert_int_equal(read_text(*state, text, &a, &m, &err), WF_INVALID_ARGUMENT);
    wf_bump_free(&a);
    strcpy(text, "{\"inners\":[");
    for (size_t n = strlen(text); n + 6 < WF_JSON_MAX; n += 3)
        memcpy(text + n, "{},", 4);
    strcpy(text + strlen(text) - 1, "]}");
    assert_int_equal(read_text(*state, text, &a, &m, &err), WF_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(err.msg, "to parse"));
    wf_bump_free(&a);
    memset(text, ' ', sizeof text - 1);
    assert_int_equal(read_text(*state, text, &a, &m, &err), WF_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(err.msg, "at most 262144"));
    wf_bump_free(&a);
    wf_bump_init(&a, 8192); // the message's own memory
    strcpy(text, "{\"strings\":[\"");
    memset(text + strlen(text), 'x', 20000);
    strcpy(text + 20013, "\"]}");
    assert_int_equal(wf_json_read(*state, KINDS, text, strlen(text), &a, &m, &err),
                     WF_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(err.msg, "when decoded"));
    wf_bump_free(&a);
}

static void options_write_defaults_and_lines(void **state)
{
    Watchfire__Test__V1__Inner m = WATCHFIRE__TEST__V1__INNER__INIT;
    Watchfire__Test__V1__EchoRequest q = WATCHFIRE__TEST__V1__ECHO_REQUEST__INIT;
    struct wf_buf out;

    wf_buf_init(&out, 65536);
    assert_int_equal(wf_json_write(*state, &m.base, WF_JSON_DEFAULTS, &out), WF_OK);
    assert_string_equal(wf_buf_cstr(&out), "{\"name\":\"\",\"number\":\"0\",\"deeper\":[]}");
    wf_buf_reset(&out);
    assert_int_equal(wf_json_write(*state, &q.base, WF_JSON_DEFAULTS, &out), WF_OK);
    assert_string_equal(wf_buf_cstr(&out), "{\"text\":\"\",\"payload\":\"\",\"responseSize\":0}");
    wf_buf_reset(&out);
    Watchfire__Test__V1__Inner__Innermost yes = WATCHFIRE__TEST__V1__INNER__INNERMOST__INIT;
    Watchfire__Test__V1__Inner__Innermost *list[] = {&yes};
    yes.yes = 1;
    m.n_deeper = 1;
    m.deeper = list;
    q.kinds = NULL;
    assert_int_equal(wf_json_write(*state, &m.base, WF_JSON_PRETTY, &out), WF_OK);
    assert_string_equal(wf_buf_cstr(&out), "{\n  \"deeper\": [\n    {\n      \"yes\": true\n    }\n"
                                           "  ]\n}");
    wf_buf_free(&out);
    wf_buf_init(&out, 8); // does not fit
    assert_int_equal(wf_json_write(*state, &m.base, 0, &out), WF_RESOURCE_EXHAUSTED);
    wf_buf_free(&out);
}

static void strings_are_always_utf8_in_json(void **state)
{
    struct wf_buf out;

    (void)state;
    wf_buf_init(&out, 1024);
    wf_json_put_string(&out, "a\xff\0b\x01\x7f", 6);
    assert_string_equal(wf_buf_cstr(&out), "\"a\xef\xbf\xbd\\u0000b\\u0001\\u007f\"");
    wf_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_have_their_canonical_form),
        cmocka_unit_test(refusals_name_the_path),
        cmocka_unit_test(nesting_and_memory_are_bounded),
        cmocka_unit_test(options_write_defaults_and_lines),
        cmocka_unit_test(strings_are_always_utf8_in_json),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
