// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <errno.h>
#include <string.h>

#include "check.h"

static void fail_fills_code_reason_and_message(void **state)
{
    (void)state;
    struct wf_err err;
    int rc = wf_fail_reason(&err, WF_ABORTED, "STALE_EPOCH", "epoch %d is past", 3);
    assert_int_equal(rc, WF_ABORTED);
    assert_int_equal(err.code, WF_ABORTED);
    assert_string_equal(err.reason, "STALE_EPOCH");
    assert_string_equal(err.msg, "epoch 3 is past");
    assert_int_equal(wf_fail(NULL, WF_NOT_FOUND, "nobody listens"), WF_NOT_FOUND);
}

static void wrap_puts_context_before_the_message(void **state)
{
    (void)state;
    struct wf_err err;
    int rc = wf_fail(&err, WF_NOT_FOUND, "no such file");
    rc = wf_wrap(&err, rc, "read %s", "a.pem");
    assert_int_equal(rc, WF_NOT_FOUND);
    assert_string_equal(err.msg, "read a.pem: no such file");
}

static void long_messages_are_cut_and_terminated(void **state)
{
    (void)state;
    struct wf_err err;
    char text[4096];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    int rc = wf_fail(&err, WF_INTERNAL, "%s", text);
    rc = wf_wrap(&err, rc, "%s", text);
    assert_int_equal(rc, WF_INTERNAL);
    assert_true(strlen(err.msg) < sizeof err.msg);
}

static void every_code_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int code = 0; code < WF_CODE_MAX_; code++)
        for (int other = 0; other < code; other++)
            assert_string_not_equal(wf_code_name(code), wf_code_name(other));
    assert_string_equal(wf_code_name(99), "UNKNOWN");
}

static void a_full_disk_is_a_resource_that_is_exhausted(void **state)
{
    (void)state;
    assert_int_equal(wf_code_from_errno(ENOSPC), WF_RESOURCE_EXHAUSTED);
    assert_int_equal(wf_code_from_errno(EIO), WF_DATA_LOSS);
    assert_int_equal(wf_code_from_errno(ECONNREFUSED), WF_UNAVAILABLE);
}

static void a_failed_call_on_a_file_says_what_is_wrong_with_the_disk(void **state)
{
    struct wf_err err;
    (void)state;
    assert_int_equal(wf_fail_errno(&err, ENOSPC, "cannot write %s", "it"), WF_RESOURCE_EXHAUSTED);
    assert_string_equal(err.reason, "DISK_FULL");
    assert_string_equal(err.msg, "cannot write it: No space left on device");
    wf_fail_errno(&err, EIO, "cannot write");
    assert_string_equal(err.reason, "DISK_FAILED");
    wf_fail_errno(&err, EROFS, "cannot write");
    assert_string_equal(err.reason, "PERMISSIONS");
    wf_fail_errno(&err, ENOENT, "cannot read");
    assert_string_equal(err.reason, "");
}

static void failing_with_ok_is_our_bug(void **state)
{
    (void)state;
    expect_abort(wf_fail(NULL, WF_OK, "nonsense"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fail_fills_code_reason_and_message),
        cmocka_unit_test(wrap_puts_context_before_the_message),
        cmocka_unit_test(long_messages_are_cut_and_terminated),
        cmocka_unit_test(every_code_has_a_name_of_its_own),
        cmocka_unit_test(a_full_disk_is_a_resource_that_is_exhausted),
        cmocka_unit_test(a_failed_call_on_a_file_says_what_is_wrong_with_the_disk),
        cmocka_unit_test(failing_with_ok_is_our_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
