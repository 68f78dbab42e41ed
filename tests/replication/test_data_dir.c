// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "replication/data_dir.h"
#include "store_fixture.h"

static int setup(void **state)
{
    static char dir[64];
    strcpy(dir, "/tmp/wf-dir-XXXXXX");
    assert_non_null(mkdtemp(dir));
    *state = dir;
    return 0;
}

static int teardown(void **state)
{
    chmod(*state, 0700);
    remove_files(*state);
    assert_int_equal(rmdir(*state), 0);
    return 0;
}

static void it_is_made_private(void **state)
{
    struct wf_data_dir d;
    struct wf_err err;
    struct stat st;
    char path[128];
    snprintf(path, sizeof path, "%s/data", (char *)*state);
    assert_int_equal(wf_data_dir_open(&d, path, false, &err), WF_NOT_FOUND);
    assert_int_equal(wf_data_dir_open(&d, path, true, &err), WF_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    wf_data_dir_close(&d);
    remove_files(path);
    assert_int_equal(rmdir(path), 0);
    strcat(path, "/below");
    assert_int_equal(wf_data_dir_open(&d, path, true, &err), WF_NOT_FOUND);
}

// In a mount namespace of its own, on 64 KiB of memory.
_Noreturn static void open_on_a_full_disk(const char *dir)
{
    struct wf_data_dir d;
    char file[128];
    snprintf(file, sizeof file, "%s/balloon", dir);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("small", dir, "tmpfs", 0, "size=64k,mode=0700") != 0)
        _exit(77);
    FILE *balloon = fopen(file, "wb");
    if (!balloon)
        _exit(1);
    while (fputc(0, balloon) != EOF && fflush(balloon) == 0)
        continue;
    _exit(wf_data_dir_open(&d, dir, true, NULL) == WF_OK ? 0 : 1);
}

static void it_is_locked_on_a_full_disk_too(void **state)
{
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        open_on_a_full_disk(*state);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        not_allowed_here("mounting a small disk");
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_second_process_is_told_who_has_it(void **state)
{
    struct wf_data_dir d;
    struct wf_err err;
    assert_int_equal(wf_data_dir_open(&d, *state, true, &err), WF_OK);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct wf_data_dir mine;
        char pid[40];
        snprintf(pid, sizeof pid, "process %ld:", (long)getppid());
        int rc = wf_data_dir_open(&mine, *state, true, &err);
        _exit(rc == WF_FAILED_PRECONDITION && strcmp(err.reason, "IN_USE") == 0 &&
                      strstr(err.msg, pid)
                  ? 0
                  : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    wf_data_dir_close(&d);
    assert_int_equal(wf_data_dir_open(&d, *state, false, &err), WF_OK);
    wf_data_dir_close(&d);
}

static void others_may_not_look_in(void **state)
{
    struct wf_data_dir d;
    struct wf_err err;
    assert_int_equal(chmod(*state, 0750), 0);
    assert_int_equal(wf_data_dir_open(&d, *state, true, &err), WF_PERMISSION_DENIED);
    assert_non_null(strstr(err.msg, "chmod 700"));
    assert_non_null(strstr(err.msg, "0750"));
}

static void another_user_s_is_refused(void **state)
{
    if (geteuid() != 0)
        not_allowed_here("becoming another user");
    struct wf_err err;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct wf_data_dir d;
        if (setuid(65534) != 0)
            _exit(2);
        int rc = wf_data_dir_open(&d, *state, true, &err);
        _exit(rc == WF_PERMISSION_DENIED && strstr(err.msg, "belongs to user 0") ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

// The system may take a part of what it is given; the rest is then given again.
static void a_short_write_is_gone_on_with(void **state)
{
    struct wf_data_dir d;
    struct wf_err err;
    struct rlimit was, few;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    few = (struct rlimit){1, was.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
    int rc = wf_data_dir_open(&d, *state, true, &err); // one byte is taken, the next is too many
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_not_equal(rc, WF_OK);
    assert_non_null(strstr(err.msg, "File too large"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_made_private),
        TEST(it_is_locked_on_a_full_disk_too),
        TEST(a_second_process_is_told_who_has_it),
        TEST(others_may_not_look_in),
        TEST(another_user_s_is_refused),
        TEST(a_short_write_is_gone_on_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
