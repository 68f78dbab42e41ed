// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <string.h>

#include "check.h"

static const char *const T = "2012-06-30T03:18:00Z";

static void logfmt_quotes_what_needs_it(void **state)
{
    (void)state;
    char line[256];
    const char *fields[] = {"addr", "127.0.0.1:7411", "why", "no such \"file\"\n", "empty", "",
                            NULL};
    wf_log_line(line, sizeof line, WF_LOG_LOGFMT, WF_LOG_WARN, T, "fra-1", "cannot listen", fields);
    assert_string_equal(line, "time=2012-06-30T03:18:00Z level=warn node=fra-1 "
                              "msg=\"cannot listen\" addr=127.0.0.1:7411 "
                              "why=\"no such \\\"file\\\"\\n\" empty=\"\"");
}

static void json_is_one_object(void **state)
{
    (void)state;
    char line[256];
    const char *fields[] = {"tab", "a\tb", NULL};
    wf_log_line(line, sizeof line, WF_LOG_JSON, WF_LOG_INFO, T, "", "up", fields);
    assert_string_equal(line,
                        "{\"time\":\"2012-06-30T03:18:00Z\",\"level\":\"info\",\"msg\":\"up\","
                        "\"tab\":\"a\\u0009b\"}");
}

static void a_client_cannot_forge_a_line(void **state)
{
    (void)state;
    char line[256];
    const char *fields[] = {"title", "x\nlevel=error msg=forged", NULL};
    wf_log_line(line, sizeof line, WF_LOG_LOGFMT, WF_LOG_INFO, T, "", "declared", fields);
    assert_null(strchr(line, '\n'));
}

static void a_long_line_is_cut_but_whole(void **state)
{
    (void)state;
    char line[64], text[500];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    const char *fields[] = {"text", text, NULL};
    int n = wf_log_line(line, sizeof line, WF_LOG_JSON, WF_LOG_INFO, T, "", "m", fields);
    assert_int_equal(n, sizeof line - 1);
    assert_int_equal(line[n - 1], '}');
    assert_int_equal(line[n], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logfmt_quotes_what_needs_it),
        cmocka_unit_test(json_is_one_object),
        cmocka_unit_test(a_client_cannot_forge_a_line),
        cmocka_unit_test(a_long_line_is_cut_but_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
