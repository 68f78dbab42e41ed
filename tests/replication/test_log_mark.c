// SPDX-License-Identifier: Apache-2.0
#include "replication/log_mark.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"

static const struct wf_mark mark = {.generation = 3, .index = 77, .term = 5, .vote = 2};

static void what_was_written_is_read_again(void **state)
{
    struct wf_mark_file f;
    struct wf_mark seen;
    char path[] = "/tmp/wf-mark.XXXXXX";
    bool found;
    (void)state;
    close(mkstemp(path));
    assert_int_equal(wf_mark_open(&f, path, NULL), WF_OK);
    assert_int_equal(wf_mark_read(&f, &seen, &found, NULL), WF_OK);
    assert_false(found);
    assert_int_equal(wf_mark_write(&f, &mark, NULL), WF_OK);
    assert_int_equal(wf_mark_read(&f, &seen, &found, NULL), WF_OK);
    assert_true(found);
    assert_memory_equal(&seen, &mark, sizeof mark);
    wf_mark_close(&f);
    unlink(path);
}

static void a_full_disk_is_called_that(void **state)
{
    struct wf_mark_file f;
    struct wf_err err;
    (void)state;
    assert_int_equal(wf_mark_open(&f, "/dev/full", NULL), WF_OK);
    assert_int_equal(wf_mark_write(&f, &mark, &err), WF_RESOURCE_EXHAUSTED);
    assert_string_equal(err.reason, "DISK_FULL");
    wf_mark_close(&f);
}

// The system may take a part of what it is given; the rest is then given again.
static void a_short_write_is_gone_on_with(void **state)
{
    struct wf_mark_file f;
    struct wf_err err;
    struct rlimit was, few;
    char path[] = "/tmp/wf-mark.XXXXXX";
    (void)state;
    close(mkstemp(path));
    assert_int_equal(wf_mark_open(&f, path, NULL), WF_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    few = (struct rlimit){50, was.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
    int rc = wf_mark_write(&f, &mark, &err); // 50 bytes are taken; what follows is too large
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_not_equal(rc, WF_OK);
    assert_non_null(strstr(err.msg, "File too large"));
    wf_mark_close(&f);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read_again),
        cmocka_unit_test(a_full_disk_is_called_that),
        cmocka_unit_test(a_short_write_is_gone_on_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
