// SPDX-License-Identifier: Apache-2.0
// Lines of a terminal.
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/wrap.h"

static void check_width(const char *text, unsigned columns)
{
    assert_int_equal(wf_wrap_width(text, strlen(text)), columns);
}

static void characters_take_their_columns(void **state)
{
    (void)state;
    check_width("", 0);
    check_width("plain", 5);
    check_width("J\303\274rgen", 6);
    check_width("\346\227\245\346\234\254", 4); // two ideographs
    check_width("\360\237\224\245", 2);         // a fire
    check_width("e\314\201t\303\251", 3);       // an accent of its own, and one with its letter
    check_width("\342\200\246 \302\253x\302\273", 5); // an ellipsis, quotation marks
}

static void check_wrapped(const char *text, unsigned indent, unsigned width, const char *expected)
{
    char *shown = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&shown, &size);
    wf_wrap_print(f, text, indent, width);
    fclose(f);
    assert_string_equal(shown, expected);
    free(shown);
}

static void lines_end_between_words(void **state)
{
    (void)state;
    check_wrapped("", 2, 20, "\n");
    check_wrapped("exactly twenty chars", 0, 20, "exactly twenty chars\n");
    check_wrapped("exactly twenty charsx", 0, 20, "exactly twenty\ncharsx\n");
    check_wrapped("one two three four five", 4, 22, "one two three four\n    five\n");
    check_wrapped("one two\nthree", 3, 80, "one two\n   three\n");
    check_wrapped("one\n\nthree\n", 3, 80, "one\n\n   three\n");
    check_wrapped("one two three four five six", 2, 0, "one two three four five six\n");
    check_wrapped("one two three four five six", 70, 80, "one two three four five six\n");
}

static void an_address_stays_whole(void **state)
{
    (void)state;
    check_wrapped("see https://example.org/a/long/path now", 0, 20,
                  "see\nhttps://example.org/a/long/path\nnow\n");
    check_wrapped("https://example.org/a/long/path", 0, 20, "https://example.org/a/long/path\n");
}

static void wide_text_ends_where_it_must(void **state)
{
    (void)state;
    // Ten ideographs fill twenty columns; the comma stays with the character before it.
    check_wrapped("\346\227\245\346\227\245\346\227\245\346\227\245\346\227\245\346\227\245"
                  "\346\227\245\346\227\245\346\227\245\346\227\245\346\227\245,",
                  0, 20,
                  "\346\227\245\346\227\245\346\227\245\346\227\245\346\227\245\346\227\245"
                  "\346\227\245\346\227\245\346\227\245\346\227\245\n\346\227\245,\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_take_their_columns),
        cmocka_unit_test(lines_end_between_words),
        cmocka_unit_test(an_address_stays_whole),
        cmocka_unit_test(wide_text_ends_where_it_must),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
