// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "check.h"

#include "base/address.h"

static void an_address_is_a_host_and_a_port(void **state)
{
    (void)state;
    static const char *const good[] = {"h:1", "fra.example.org:7411", "10.0.0.1:65535",
                                       "[::1]:7411"};
    static const char *const bad[] = {
        "",         "nonsense", ":7411",    "h:",   "h:0",      "h:65536", "h:1x",
        "::1:7411", "[]:1",     "h 1:7411", "h:+1", "h:000001", "h:1\n",   "h:-1",
        "h:7411:",  "[x:1",     "x]:1",     "[:1",  "]:1",      "[::1]]:1"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(wf_address_ok(good[i], 1));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (wf_address_ok(bad[i], 1))
            fail_msg("\"%s\" was taken", bad[i]);
    assert_true(wf_address_ok("h:0", 0)); // whichever port is free
    char longest[400] = "";
    memset(longest, 'h', 300);
    strcpy(longest + 300, ":1");
    assert_false(wf_address_ok(longest, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_address_is_a_host_and_a_port)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
