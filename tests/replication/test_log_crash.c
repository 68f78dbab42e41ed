// SPDX-License-Identifier: Apache-2.0
// The log store when the process is killed, the disk fails, or the disk is full: what was answered
// is there afterwards, a failure is told once, and nothing is tried again.
#include "check.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "failing_vfs.h"
#include "store_fixture.h"

// --- killed under load ---------------------------------------------------------------------------

// What the child tells: all up to index is durable, and this term.
struct told {
    uint64_t index, term;
};

static void tell(int fd, uint64_t index, uint64_t term)
{
    struct told t = {index, term};
    if (write(fd, &t, sizeof t) != sizeof t)
        _exit(3);
}

// Append, truncate, cut and vote until killed.
_Noreturn static void load_until_killed(struct fixture *f, int fd, unsigned seed)
{
    srandom(seed);
    if (fixture_open(f) != WF_OK)
        _exit(4);
    uint64_t term = f->state.term;
    for (;;) {
        for (long n = random() % 4; n >= 0; n--)
            fixture_append(f, term, 1 + (unsigned)random() % 5, 64 + (size_t)random() % 9000);
        fixture_wait(f);
        tell(fd, f->durable, term);
        if (random() % 5 == 0 && f->last > f->state.first_index + 10) {
            tell(fd, f->last - 4, term); // no longer claimed
            fixture_truncate(f, f->last - 3);
        }
        if (random() % 7 == 0 && f->last > f->state.first_index + 60) {
            f->state.first_index = f->last - 20;
            fixture_snapshot(f, f->last - 5, f->state.first_index);
        }
        if (random() % 6 == 0) {
            if (f->store->set_vote(f->store->ctx, ++term, 2, NULL) != WF_OK)
                _exit(5);
            tell(fd, f->durable, term);
        }
    }
}

static void nothing_answered_is_lost_when_the_process_is_killed(void **state)
{
    struct fixture f;
    struct told told = {0, 0};
    (void)state;
    fixture_init(&f);
    for (unsigned round = 0; round < 30; round++) {
        int fd[2];
        assert_int_equal(pipe(fd), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            load_until_killed(&f, fd[1], round);
        close(fd[1]);
        // Let it get going, then a little further each round.
        struct pollfd p = {.fd = fd[0], .events = POLLIN};
        assert_int_equal(poll(&p, 1, 20000), 1);
        usleep(1000 * (round * 7 % 40));
        assert_int_equal(kill(child, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        struct told t;
        while (read(fd[0], &t, sizeof t) == sizeof t)
            told = t;
        close(fd[0]);
        int rc = fixture_open(&f);
        if (rc != WF_OK)
            fail_msg("round %u: %s", round, f.err.msg);
        assert_true(f.last >= told.index);
        assert_true(f.state.term >= told.term);
        fixture_close(&f);
    }
    assert_true(told.index > 50);
    fixture_done(&f);
}

// --- a disk that fails ---------------------------------------------------------------------------

// Some of everything, until it fails. *durable and *voted are what was answered, and not given up
// since.
static void run(struct fixture *f, uint64_t *durable, uint64_t *voted)
{
    for (uint64_t round = 1; round <= 2; round++) {
        for (int i = 0; i < 4; i++)
            fixture_append(f, 1, 8, 5000);
        fixture_wait(f);
        *durable = f->durable;
        if (f->failures > 0 || f->store->set_vote(f->store->ctx, round, 1, &f->err) != WF_OK)
            break;
        *voted = round;
        *durable = f->last - 3;
        fixture_truncate(f, f->last - 2);
        if (f->failures > 0)
            break;
        fixture_snapshot(f, f->last, f->last - 10);
        fixture_wait(f);
        if (f->failures > 0)
            break;
    }
}

static void fail_each_operation(int code, bool always)
{
    struct fixture f;
    unsigned failed = 0;
    fixture_init(&f);
    char before[64];
    temporary_dir(before);
    copy_dir(f.dir, before);
    // How many there are varies a little: appends are grouped as they come.
    for (int n = 1; n < 400; n++) {
        uint64_t durable = 0, voted = 0;
        copy_dir(before, f.dir);
        failing_vfs_arm(n, code, always);
        int rc = fixture_open(&f);
        if (rc == WF_OK)
            run(&f, &durable, &voted);
        bool did = failing_vfs_failed();
        if (rc == WF_OK && did)
            assert_true(f.failures <= 1);
        if (f.failures == 1)
            assert_string_equal(f.err.reason, code == SQLITE_FULL ? "DISK_FULL" : "DISK_FAILED");
        if (f.store && rc != WF_OK)
            wf_log_store_sqlite_free(f.store);
        else
            fixture_close(&f);
        f.store = NULL;
        failed += did;
        failing_vfs_arm(0, 0, false);
        rc = fixture_open(&f);
        if (rc != WF_OK)
            fail_msg("after failure %d (code %d): %s", n, code, f.err.msg);
        assert_true(f.last >= durable);
        assert_true(f.state.term >= voted);
        fixture_close(&f);
        if (!did)
            break;
    }
    assert_in_range(failed, 20, 398);
    remove_files(before);
    assert_int_equal(rmdir(before), 0);
    fixture_done(&f);
}

static void any_write_may_fail_once(void **state)
{
    (void)state;
    failing_vfs_install();
    fail_each_operation(SQLITE_IOERR_WRITE, false);
    failing_vfs_remove();
}

static void any_sync_may_fail_once_and_is_not_tried_again(void **state)
{
    (void)state;
    failing_vfs_install();
    fail_each_operation(SQLITE_IOERR_FSYNC, false);
    failing_vfs_remove();
}

static void the_disk_may_fill_up_at_any_point(void **state)
{
    (void)state;
    failing_vfs_install();
    fail_each_operation(SQLITE_FULL, true);
    failing_vfs_remove();
}

static void a_failure_is_told_once_and_stays(void **state)
{
    struct fixture f;
    (void)state;
    failing_vfs_install();
    fixture_init(&f);
    assert_int_equal(fixture_open(&f), WF_OK);
    failing_vfs_arm(1, SQLITE_FULL, false); // one failure; the disk would work again after it
    for (int i = 0; i < 5; i++)
        fixture_append(&f, 1, 1, 100);
    fixture_wait(&f);
    assert_int_equal(f.failures, 1);
    assert_int_equal(f.err.code, WF_RESOURCE_EXHAUSTED);
    assert_string_equal(f.err.reason, "DISK_FULL");
    assert_non_null(strstr(f.err.msg, "log.db"));
    int writes = failing_vfs_count();
    struct wf_err why = {0};
    assert_int_equal(f.store->set_vote(f.store->ctx, 9, 1, &why), WF_RESOURCE_EXHAUSTED);
    assert_string_equal(why.reason, "DISK_FULL");
    fixture_append(&f, 1, 1, 100);
    for (int i = 0; i < 20; i++)
        uv_run(&f.loop, UV_RUN_NOWAIT);
    fixture_close(&f);
    assert_int_equal(f.failures, 1);
    assert_int_equal(failing_vfs_count(), writes); // nothing was written again, not even on closing
    failing_vfs_remove();
    fixture_done(&f);
}

// --- a disk that is really full ------------------------------------------------------------------

// In a mount namespace of its own, on 1 MiB of memory.
_Noreturn static void fill_a_disk(void)
{
    struct fixture f;
    char small[] = "/tmp/wf-small-XXXXXX";
    if (!mkdtemp(small) || unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("small", small, "tmpfs", 0, "size=1m") != 0)
        _exit(77);
    fixture_init(&f);
    copy_dir(f.dir, small);
    remove_files(f.dir);
    rmdir(f.dir);
    strcpy(f.dir, small);
    if (fixture_open(&f) != WF_OK)
        _exit(2);
    while (f.failures == 0) {
        fixture_append(&f, 1, 1, 10000);
        fixture_wait(&f);
    }
    bool told = f.err.code == WF_RESOURCE_EXHAUSTED && strcmp(f.err.reason, "DISK_FULL") == 0;
    uint64_t durable = f.durable;
    fixture_close(&f);
    // With space again, all that was answered is there.
    if (mount(NULL, small, NULL, MS_REMOUNT, "size=8m") != 0)
        _exit(77);
    if (fixture_open(&f) != WF_OK || f.last < durable || durable < 20)
        _exit(3);
    fixture_append(&f, 1, 1, 10000);
    fixture_wait(&f);
    fixture_close(&f);
    umount(small);
    rmdir(small);
    _exit(told && f.failures == 0 ? 0 : 4);
}

static void a_full_disk_is_told_and_loses_nothing(void **state)
{
    int status;
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        fill_a_disk();
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        not_allowed_here("a namespace for mounts");
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_answered_is_lost_when_the_process_is_killed),
        cmocka_unit_test(any_write_may_fail_once),
        cmocka_unit_test(any_sync_may_fail_once_and_is_not_tried_again),
        cmocka_unit_test(the_disk_may_fill_up_at_any_point),
        cmocka_unit_test(a_failure_is_told_once_and_stays),
        cmocka_unit_test(a_full_disk_is_told_and_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
