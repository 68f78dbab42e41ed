// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include <string.h>

#include "rpc/base64.h"

// RFC 4648 section 10, and bytes that tell the alphabets apart.
static const struct {
    const char *bytes;
    size_t n;
    const char *padded, *bare;
} vectors[] = {{"", 0, "", ""},
               {"f", 1, "Zg==", "Zg"},
               {"fo", 2, "Zm8=", "Zm8"},
               {"foo", 3, "Zm9v", "Zm9v"},
               {"foob", 4, "Zm9vYg==", "Zm9vYg"},
               {"fooba", 5, "Zm9vYmE=", "Zm9vYmE"},
               {"foobar", 6, "Zm9vYmFy", "Zm9vYmFy"},
               {"\xfb\xff\xfe", 3, "+//+", "+//+"}};

static void vectors_both_ways(void **state)
{
    uint8_t out[16];
    struct wf_buf b;

    (void)state;
    wf_buf_init(&b, 64);
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        const uint8_t *bytes = (const uint8_t *)vectors[i].bytes;
        wf_buf_reset(&b);
        assert_int_equal(wf_base64_put(&b, bytes, vectors[i].n, true), 0);
        assert_string_equal(wf_buf_cstr(&b), vectors[i].padded);
        wf_buf_reset(&b);
        assert_int_equal(wf_base64_put(&b, bytes, vectors[i].n, false), 0);
        assert_string_equal(wf_buf_cstr(&b), vectors[i].bare);
        const char *forms[] = {vectors[i].padded, vectors[i].bare};
        for (size_t f = 0; f < 2; f++) {
            assert_int_equal(wf_base64_decode(forms[f], strlen(forms[f]), out), vectors[i].n);
            assert_memory_equal(out, bytes, vectors[i].n);
        }
    }
    assert_int_equal(wf_base64_decode("-__-", 4, out), 3);
    assert_memory_equal(out, "\xfb\xff\xfe", 3);
    wf_buf_free(&b);
}

static void what_is_no_base64_is_refused(void **state)
{
    static const char *const bad[] = {"A",     "AAAAA", "A=",  "=",    "====", "AA=A",
                                      "AA\nA", "AA A",  "Zg=", "Z===", "é"};
    uint8_t out[16];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (wf_base64_decode(bad[i], strlen(bad[i]), out) >= 0)
            fail_msg("%s was taken", bad[i]);
}

static void a_full_buffer_says_so(void **state)
{
    struct wf_buf b;

    (void)state;
    wf_buf_init(&b, 3);
    assert_int_not_equal(wf_base64_put(&b, (const uint8_t *)"foo", 3, true), 0);
    assert_int_equal(b.len, 0);
    wf_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_both_ways),
        cmocka_unit_test(what_is_no_base64_is_refused),
        cmocka_unit_test(a_full_buffer_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
