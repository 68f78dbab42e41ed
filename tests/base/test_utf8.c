// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <string.h>

#include "check.h"

static void accepts_all_lengths(void **state)
{
    (void)state;
    const char *s = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x94\xA5";
    assert_true(wf_utf8_valid(s, strlen(s)));
    assert_int_equal(wf_utf8_length(s, strlen(s)), 4);
    assert_true(wf_utf8_valid("", 0));
}

static void stops_at_what_is_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len, valid;
    } table[] = {
        {"ab\xC0\x80", 4, 2},       // overlong NUL
        {"\xE0\x80\xAF", 3, 0},     // overlong slash
        {"x\xED\xA0\x80", 4, 1},    // surrogate
        {"\xF4\x90\x80\x80", 4, 0}, // past U+10FFFF
        {"\xF5\x80\x80\x80", 4, 0}, // no such first byte
        {"abc\x80", 4, 3},          // lone continuation
        {"abc\xE2\x82", 5, 3},      // cut short
        {"a\0b", 3, 1},             // NUL
        {"\xFF", 1, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_int_equal(wf_utf8_valid_prefix(table[i].bytes, table[i].len), table[i].valid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_all_lengths),
        cmocka_unit_test(stops_at_what_is_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
