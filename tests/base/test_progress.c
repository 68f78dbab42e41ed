// SPDX-License-Identifier: Apache-2.0
#include "base/progress.h"

#include <string.h>

#include "check.h"

static const wf_mono_ns SECOND = 1000000000;

// What the bar has written so far.
static char *written(FILE *f, char *out, size_t size)
{
    rewind(f);
    out[fread(out, 1, size - 1, f)] = 0;
    return out;
}

static void what_is_quick_shows_nothing(void **state)
{
    (void)state;
    char text[64];
    struct wf_progress p;
    FILE *f = tmpfile();
    wf_progress_begin(&p, f, "Restoring", true, 5 * SECOND);
    wf_progress_step(&p, 50, 100, 6 * SECOND);
    wf_progress_end(&p);
    assert_string_equal(written(f, text, sizeof text), "");
    fclose(f);
}

static void after_two_seconds_it_shows_how_far_it_is_and_goes(void **state)
{
    (void)state;
    char text[256];
    struct wf_progress p;
    FILE *f = tmpfile();
    wf_progress_begin(&p, f, "Restoring", true, 5 * SECOND);
    wf_progress_step(&p, 5000000, 10000000, 8 * SECOND);
    wf_progress_step(&p, 6000000, 10000000, 8 * SECOND + 1); // too soon to draw again
    wf_progress_end(&p);
    assert_string_equal(written(f, text, sizeof text),
                        "\rRestoring [###############               ]  50% 5.0 MB of 10.0 MB\033[K"
                        "\r\033[K");
    fclose(f);
}

static void without_a_terminal_nothing_is_written(void **state)
{
    (void)state;
    struct wf_progress p;
    wf_progress_begin(&p, NULL, "Restoring", true, 0);
    wf_progress_step(&p, 1, 2, 9 * SECOND);
    wf_progress_end(&p);
    assert_false(p.shown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_quick_shows_nothing),
        cmocka_unit_test(after_two_seconds_it_shows_how_far_it_is_and_goes),
        cmocka_unit_test(without_a_terminal_nothing_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
