// SPDX-License-Identifier: Apache-2.0
#include "daemon/node_dir.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"

static const char *const names[] = {"lock", "log.db", "state/state.db"};

static void write_file(const char *dir, const char *name)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static int setup(void **state)
{
    char *dir = strdup("/tmp/wf-node-dir-XXXXXX");
    assert_non_null(mkdtemp(dir));
    *state = dir;
    return 0;
}

static int teardown(void **state)
{
    char command[200];
    snprintf(command, sizeof command, "rm -rf '%s' '%s.away'", (char *)*state, (char *)*state);
    free(*state);
    return system(command);
}

static void open_it(struct wf_node_dir *d, const char *dir)
{
    struct wf_err err;
    assert_int_equal(wf_node_dir_open(d, dir, &err), WF_OK);
    write_file(dir, "log.db");
    write_file(dir, "state/state.db");
    assert_int_equal(wf_node_dir_look(d, &err), WF_OK);
    assert_int_equal(wf_node_dir_look(d, &err), WF_OK);
}

static void assert_gone(struct wf_node_dir *d, const char *name)
{
    struct wf_err err;
    assert_int_equal(wf_node_dir_look(d, &err), WF_DATA_LOSS);
    assert_string_equal(err.reason, "DISK_FAILED");
    assert_non_null(strstr(err.msg, name));
}

static void a_file_that_is_removed_or_replaced_is_noticed(void **state)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct wf_node_dir d;
        char path[200], other[200];
        open_it(&d, *state);
        snprintf(path, sizeof path, "%s/%s", (char *)*state, names[i]);
        snprintf(other, sizeof other, "%s/other", (char *)*state);
        assert_int_equal(unlink(path), 0);
        assert_gone(&d, names[i]);
        write_file(*state, "other"); // not the inode that has just become free
        write_file(*state, "another");
        assert_int_equal(rename(other, path), 0);
        wf_node_dir_close(&d);
        open_it(&d, *state);
        write_file(*state, "other");
        assert_int_equal(rename(other, path), 0);
        assert_gone(&d, names[i]);
        wf_node_dir_close(&d);
    }
}

static void a_directory_that_is_moved_is_noticed(void **state)
{
    struct wf_node_dir d;
    char away[200];
    open_it(&d, *state);
    snprintf(away, sizeof away, "%s.away", (char *)*state);
    assert_int_equal(rename(*state, away), 0);
    assert_gone(&d, "lock");
    assert_int_equal(mkdir(*state, 0700), 0); // another one in its place is not it
    assert_gone(&d, "lock");
    wf_node_dir_close(&d);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_that_is_removed_or_replaced_is_noticed),
        TEST(a_directory_that_is_moved_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
