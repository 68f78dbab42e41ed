// SPDX-License-Identifier: Apache-2.0
#include "daemon/room.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "check.h"

static void a_disk_with_room_is_not_waited_for(void **state)
{
    (void)state;
    assert_int_equal(wf_room_await("/tmp", NULL), WF_OK);
}

static void what_cannot_be_looked_at_is_an_error(void **state)
{
    struct wf_err err;
    (void)state;
    assert_int_equal(wf_room_await("/no/such/directory", &err), WF_NOT_FOUND);
}

static void enlarge_later(const char *small)
{
    usleep(200000);
    _exit(mount("small", small, "tmpfs", MS_REMOUNT, "size=256m") == 0 ? 0 : 1);
}

// In a mount namespace of its own, on 1 MiB of memory that grows while it is waited for.
_Noreturn static void wait_on_a_full_disk(void)
{
    char small[] = "/tmp/wf-room-XXXXXX";
    struct statvfs fs;
    if (!mkdtemp(small) || unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("small", small, "tmpfs", 0, "size=1m") != 0)
        _exit(77);
    pid_t pid = fork();
    if (pid == 0)
        enlarge_later(small);
    int rc = wf_room_await(small, NULL);
    int seen = statvfs(small, &fs);
    waitpid(pid, NULL, 0);
    umount(small);
    rmdir(small);
    _exit(rc == WF_OK && seen == 0 && fs.f_bavail * fs.f_frsize >= WF_DISK_START_MIN ? 0 : 1);
}

static void a_full_disk_is_waited_for(void **state)
{
    int status = 0;
    (void)state;
    pid_t pid = fork();
    if (pid == 0)
        wait_on_a_full_disk();
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        not_allowed_here("mounting a small disk");
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_with_room_is_not_waited_for),
        cmocka_unit_test(what_cannot_be_looked_at_is_an_error),
        cmocka_unit_test(a_full_disk_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
