// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/metrics.h"
#include "failing_vfs.h"
#include "store_fixture.h"

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct fixture));
    fixture_init(*state);
    return 0;
}

static int teardown(void **state)
{
    fixture_done(*state);
    free(*state);
    return 0;
}

static void a_new_store_is_empty_and_knows_who_it_is(void **state)
{
    struct fixture *f = *state;
    struct wf_node_identity id, again;
    assert_int_equal(fixture_open(f), WF_OK);
    assert_int_equal(f->state.term, 0);
    assert_int_equal(f->state.vote, 0);
    assert_int_equal(f->state.first_index, 1);
    assert_int_equal(f->state.manifest.index, 0);
    assert_int_equal(f->loaded, 0);
    f->store->identity(f->store->ctx, &id);
    assert_int_equal(id.node_id, 1);
    assert_int_equal(id.incarnation, 0);
    assert_string_equal(id.name, "fra-1");
    assert_int_equal(f->store->adopt(f->store->ctx, 4, NULL), WF_OK);
    fixture_close(f);
    assert_int_equal(fixture_open(f), WF_OK);
    f->store->identity(f->store->ctx, &again);
    assert_int_equal(again.incarnation, 4);
    assert_memory_equal(id.disk_id, again.disk_id, sizeof id.disk_id);
    assert_memory_equal(id.cluster_id, again.cluster_id, sizeof id.cluster_id);
    fixture_close(f);
}

static void on_closed(void *arg)
{
    *(bool *)arg = true;
}

static void a_store_that_was_not_loaded_can_be_closed(void **state)
{
    struct fixture *f = *state;
    bool closed = false;
    assert_int_equal(wf_log_store_sqlite_open(&f->store, f->dir, &f->loop, NULL, NULL), WF_OK);
    f->store->close(f->store->ctx, on_closed, &closed);
    assert_false(closed);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_true(closed);
    wf_log_store_sqlite_free(f->store);
    f->store = NULL;
}

static void a_second_store_is_not_made_over_the_first(void **state)
{
    struct fixture *f = *state;
    struct wf_node_identity id = {.node_id = 2, .name = "fra-2"};
    struct wf_err err;
    assert_int_equal(wf_log_store_sqlite_create(f->dir, &id, &err), WF_ALREADY_EXISTS);
    assert_non_null(strstr(err.msg, "log.db"));
}

static void an_empty_directory_has_no_store(void **state)
{
    struct fixture *f = *state;
    struct wf_log_store *store;
    struct wf_err err;
    remove_files(f->dir);
    assert_int_equal(wf_log_store_sqlite_open(&store, f->dir, &f->loop, NULL, &err), WF_NOT_FOUND);
}

static void bootstrap_writes_the_first_configuration_once(void **state)
{
    struct fixture *f = *state;
    struct wf_bytes conf = {(const uint8_t *)"three servers", 13};
    assert_int_equal(wf_log_store_sqlite_open(&f->store, f->dir, &f->loop, NULL, NULL), WF_OK);
    assert_int_equal(f->store->bootstrap(f->store->ctx, conf, NULL), WF_OK);
    assert_int_equal(f->store->bootstrap(f->store->ctx, conf, NULL), WF_FAILED_PRECONDITION);
    wf_log_store_sqlite_free(f->store);
    f->store = NULL;
    assert_int_equal(fixture_open(f), WF_OK);
    assert_int_equal(f->state.term, 1);
    assert_int_equal(f->loaded, 1);
    fixture_append(f, 1, 3, 100);
    fixture_wait(f);
    fixture_close(f);
    assert_int_equal(fixture_open(f), WF_OK);
    assert_int_equal(f->loaded, 4);
    fixture_close(f);
}

static void what_was_answered_is_there_again(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fixture_open(f), WF_OK);
    for (int i = 0; i < 50; i++)
        fixture_append(f, 1, 1 + (unsigned)i % 7, 32 + (size_t)i * 311);
    fixture_wait(f);
    uint64_t last = f->last;
    assert_int_equal(f->failures, 0);
    fixture_close(f);
    assert_int_equal(fixture_open(f), WF_OK);
    assert_int_equal(f->loaded, last);
    fixture_append(f, 2, 1, 64);
    fixture_wait(f);
    fixture_close(f);
    assert_int_equal(fixture_open(f), WF_OK);
    assert_int_equal(f->loaded, last + 1);
    fixture_close(f);
}

static void term_and_vote_are_durable_at_once(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fixture_open(f), WF_OK);
    fixture_append(f, 1, 100, 1000); // votes wait for nothing but the disk
    assert_int_equal(f->store->set_vote(f->store->ctx, 7, 0, NULL), WF_OK);
    assert_int_equal(f->store->set_vote(f->store->ctx, 7, 3, NULL), WF_OK);
    fixture_close(f);
    assert_int_equal(fixture_open(f), WF_OK);
    assert_int_equal(f->state.term, 7);
    assert_int_equal(f->state.vote, 3);
    assert_int_equal(f->loaded, 100);
    fixture_close(f);
}

static void a_truncated_end_is_written_anew(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fixture_open(f), WF_OK);
    fixture_append(f, 1, 20, 200);
    fixture_wait(f);
    fixture_truncate(f, 11);
    fixture_append(f, 2, 3, 500);
    fixture_wait(f);
    fixture_close(f);
    assert_int_equal(fixture_open(f), WF_OK);
    assert_int_equal(f->loaded, 13);
    fixture_truncate(f, 1);
    fixture_append(f, 3, 2, 50);
    fixture_wait(f);
    fixture_close(f);
    assert_int_equal(fixture_open(f), WF_OK);
    assert_int_equal(f->loaded, 2);
    fixture_close(f);
}

static off_t size_of(const char *dir, const char *name)
{
    char path[200];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return stat(path, &st) == 0 ? st.st_size : 0;
}

static void a_snapshot_drops_the_front_and_the_file_stays_small(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fixture_open(f), WF_OK);
    for (int round = 0; round < 12; round++) {
        for (int i = 0; i < 8; i++)
            fixture_append(f, 1, 16, 8192);
        fixture_wait(f);
        fixture_snapshot(f, f->last, f->last - 9);
        fixture_append(f, 1, 1, 100); // an append right behind it
        fixture_wait(f);
    }
    assert_int_equal(f->failures, 0);
    uint64_t last = f->last;
    fixture_close(f);
    // 12 MiB went through; about three rounds' worth may be in the file at once.
    assert_in_range(size_of(f->dir, "log.db"), 1, 5 * 1024 * 1024);
    assert_int_equal(fixture_open(f), WF_OK);
    assert_int_equal(f->last, last);
    assert_int_equal(f->loaded, 11);
    assert_int_equal(f->state.first_index, last - 10);
    assert_int_equal(f->state.manifest.index, last - 1);
    assert_int_equal(f->state.manifest.data.len, 8);
    assert_memory_equal(f->state.manifest.data.data, "manifest", 8);
    assert_memory_equal(f->state.manifest.configuration.data, "servers", 7);
    fixture_close(f);
}

static void an_installed_image_replaces_the_log(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fixture_open(f), WF_OK);
    fixture_append(f, 1, 30, 100);
    fixture_wait(f);
    fixture_snapshot(f, 20, WF_KEEP_NONE); // below our end: the rest goes too
    fixture_append(f, 4, 2, 100);
    fixture_wait(f);
    fixture_close(f);
    assert_int_equal(fixture_open(f), WF_OK);
    assert_int_equal(f->state.first_index, 21);
    assert_int_equal(f->loaded, 2);
    fixture_snapshot(f, 1000, WF_KEEP_NONE);
    fixture_close(f);
    assert_int_equal(fixture_open(f), WF_OK);
    assert_int_equal(f->state.first_index, 1001);
    assert_int_equal(f->state.manifest.index, 1000);
    assert_int_equal(f->loaded, 0);
    fixture_append(f, 4, 1, 100);
    fixture_wait(f);
    fixture_close(f);
}

static void a_peer_with_another_disk_is_refused(void **state)
{
    struct fixture *f = *state;
    uint8_t disk[WF_UUID_SIZE] = {1}, other[WF_UUID_SIZE] = {2};
    struct wf_err err;
    assert_int_equal(fixture_open(f), WF_OK);
    struct wf_log_store *s = f->store;
    assert_int_equal(s->check_peer(s->ctx, 5, disk, &err), WF_OK);
    assert_int_equal(s->check_peer(s->ctx, 6, other, &err), WF_OK);
    fixture_close(f);
    assert_int_equal(fixture_open(f), WF_OK);
    s = f->store;
    assert_int_equal(s->check_peer(s->ctx, 5, disk, &err), WF_OK);
    assert_int_equal(s->check_peer(s->ctx, 5, other, &err), WF_FAILED_PRECONDITION);
    assert_string_equal(err.reason, "DISK_CHANGED");
    assert_int_equal(s->check_peer(s->ctx, 6, other, &err), WF_OK);
    fixture_close(f);
}

static void recovery_adds_a_configuration_and_raises_the_incarnation(void **state)
{
    struct fixture *f = *state;
    struct wf_bytes conf = {(const uint8_t *)"me alone", 8};
    struct wf_node_identity id;
    assert_int_equal(fixture_open(f), WF_OK);
    fixture_append(f, 3, 5, 100);
    assert_int_equal(f->store->set_vote(f->store->ctx, 4, 2, NULL), WF_OK);
    fixture_close(f);
    assert_int_equal(wf_log_store_sqlite_open(&f->store, f->dir, &f->loop, NULL, NULL), WF_OK);
    assert_int_equal(f->store->recover(f->store->ctx, conf, NULL), WF_OK);
    wf_log_store_sqlite_free(f->store);
    f->store = NULL;
    assert_int_equal(fixture_open(f), WF_OK);
    f->store->identity(f->store->ctx, &id);
    assert_int_equal(id.incarnation, 1);
    assert_int_equal(f->loaded, 6);
    assert_int_equal(f->state.term, 4);
    assert_int_equal(f->state.vote, 2);
    fixture_close(f);
}

static void a_newer_format_is_refused(void **state)
{
    struct fixture *f = *state;
    char path[200];
    sqlite3 *sql;
    snprintf(path, sizeof path, "%s/log.db", f->dir);
    assert_int_equal(sqlite3_open(path, &sql), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sql, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(sql);
    assert_int_equal(fixture_open(f), WF_FAILED_PRECONDITION);
    assert_string_equal(f->err.reason, "NEWER_FORMAT");
    assert_non_null(strstr(f->err.msg, "format 99"));
}

static void metrics_count_what_is_written(void **state)
{
    struct fixture *f = *state;
    struct wf_metrics *m = wf_metrics_new();
    struct wf_buf text;
    assert_int_equal(wf_log_store_sqlite_open(&f->store, f->dir, &f->loop, m, NULL), WF_OK);
    assert_int_equal(f->store->load(f->store->ctx, &f->state, NULL, NULL, NULL), WF_OK);
    fixture_append(f, 1, 3, 100);
    fixture_wait(f);
    fixture_close(f);
    wf_buf_init(&text, 65536);
    assert_int_equal(wf_metrics_write(m, &text), WF_OK);
    assert_non_null(strstr(wf_buf_cstr(&text), "watchfire_log_records_total 3"));
    wf_buf_free(&text);
    wf_metrics_free(m);
}

static void a_disk_that_hangs_is_seen_from_outside(void **state)
{
    struct fixture *f = *state;
    failing_vfs_install();
    assert_int_equal(fixture_open(f), WF_OK);
    while (wf_log_store_sqlite_busy_ns(f->store) != 0) // it tidies up after the start
        usleep(1000);
    failing_vfs_hold();
    fixture_append(f, 1, 1, 100);
    wf_mono_ns busy = 0;
    while (busy < 20000000) // it grows, and nothing else is under way
        busy = wf_log_store_sqlite_busy_ns(f->store);
    assert_int_equal(f->durable, 0);
    failing_vfs_let_go();
    fixture_wait(f);
    assert_int_equal(f->durable, 1);
    while (wf_log_store_sqlite_busy_ns(f->store) != 0)
        usleep(1000);
    fixture_close(f);
    failing_vfs_remove();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_store_is_empty_and_knows_who_it_is),
        TEST(a_store_that_was_not_loaded_can_be_closed),
        TEST(a_second_store_is_not_made_over_the_first),
        TEST(an_empty_directory_has_no_store),
        TEST(bootstrap_writes_the_first_configuration_once),
        TEST(what_was_answered_is_there_again),
        TEST(term_and_vote_are_durable_at_once),
        TEST(a_truncated_end_is_written_anew),
        TEST(a_snapshot_drops_the_front_and_the_file_stays_small),
        TEST(an_installed_image_replaces_the_log),
        TEST(a_peer_with_another_disk_is_refused),
        TEST(recovery_adds_a_configuration_and_raises_the_incarnation),
        TEST(a_newer_format_is_refused),
        TEST(metrics_count_what_is_written),
        TEST(a_disk_that_hangs_is_seen_from_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
