// SPDX-License-Identifier: Apache-2.0
#include "world.h"
#include "whole_file.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void image_path(const struct world *w, char out[128])
{
    snprintf(out, 128, "%s/image", w->dir);
}

static void take(struct world *w, const char *path)
{
    struct wf_state_image *image;
    uint8_t hash[WF_HASH_SIZE];
    uint64_t size;

    assert_int_equal(wf_state_image_begin(w->s, &image, &w->err), WF_OK);
    if (wf_state_image_write(image, path, &size, hash, &w->err) != WF_OK)
        fail_msg("%s", w->err.msg);
    assert_true(size > 4096);
    wf_state_image_end(image);
}

static bool disk_fails;

// In the place of the system's. An error of the disk is told once: fsync says nothing of it then.
int sync_file_range(int fd, off_t offset, off_t bytes, unsigned flags)
{
    if (disk_fails) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_sync_file_range, fd, offset, bytes, flags);
}

static void an_image_that_the_disk_did_not_take_is_none(void **state)
{
    struct world w;
    struct wf_state_image *image;
    char path[128];
    uint8_t hash[WF_HASH_SIZE];
    uint64_t size;

    (void)state;
    world_open_dir(&w);
    declare(&w, "ricardo", "x");
    image_path(&w, path);
    for (int older = 0; older < 2; older++) {
        assert_int_equal(wf_state_image_begin(w.s, &image, &w.err), WF_OK);
        disk_fails = true;
        assert_int_not_equal(wf_state_image_write(image, path, &size, hash, &w.err), WF_OK);
        assert_string_equal(w.err.reason, "DISK_FAILED");
        assert_false(wf_state_damaged(w.s));
        disk_fails = false;
        wf_state_image_end(image);
        take(&w, path);
    }
    world_close(&w);
}

// Larger than SQLite's cache, so that pages are written before the first one is.
static void an_image_may_be_large(void **state)
{
    static char text[4000];
    struct world w;
    char path[128];

    (void)state;
    world_open_dir(&w);
    declare(&w, "ricardo", "x");
    memset(text, 'x', sizeof text - 1);
    image_path(&w, path);
    for (int older = 0; older < 2; older++) {
        for (int i = 0; i < 1000; i++)
            assert_int_equal(note(&w, "sam", text), WF_OK);
        take(&w, path);
        if (wf_state_install(w.s, path, &w.err) != WF_OK)
            fail_msg("%s", w.err.msg);
    }
    world_close(&w);
}

static void an_image_is_of_its_moment(void **state)
{
    struct world w, other;
    struct wf_state_image *image;
    char path[128];
    uint8_t hash[WF_HASH_SIZE], then[WF_HASH_SIZE], digest[WF_HASH_SIZE];
    uint64_t size;

    (void)state;
    world_open_dir(&w);
    declare(&w, "ricardo", "x");
    wf_state_digest(w.s, then);
    uint64_t index = wf_state_applied(w.s), seq = count_events(&w);
    assert_int_equal(wf_state_image_begin(w.s, &image, &w.err), WF_OK);
    for (int i = 0; i < 50; i++)
        note(&w, "sam", "after the pin");
    image_path(&w, path);
    assert_int_equal(wf_state_image_write(image, path, &size, hash, &w.err), WF_OK);
    assert_int_equal(wf_state_image_index(image), index);
    wf_state_image_digest(image, digest);
    assert_memory_equal(digest, then, WF_HASH_SIZE);
    wf_state_image_end(image);

    memset(&other, 0, sizeof other);
    strcpy(other.dir, "/tmp/watchfire-state-XXXXXX");
    assert_non_null(mkdtemp(other.dir));
    assert_int_equal(wf_state_open(&other.s, other.dir, &w.err), WF_OK);
    assert_int_equal(wf_state_reader_open(&other.r, other.s, &w.err), WF_OK);
    assert_int_equal(wf_state_install(other.s, path, &w.err), WF_OK);
    assert_int_equal(wf_state_applied(other.s), index);
    wf_state_digest(other.s, digest);
    assert_memory_equal(digest, then, WF_HASH_SIZE);
    assert_string_equal(incident(&other, INC)->commander, "ricardo"); // an open reader follows
    assert_int_equal(incident(&other, INC)->last_seq, seq);
    assert_int_equal(access(path, F_OK), 0); // the file stays the caller's
    other.now = w.now;
    world_reopen(&other);
    assert_int_equal(note(&other, "sam", "goes on"), WF_OK);
    world_close(&other);
    world_close(&w);
}

static void in_memory_too(void **state)
{
    struct world w, other;
    char path[] = "/tmp/watchfire-image-XXXXXX";

    (void)state;
    close(mkstemp(path));
    world_open(&w);
    declare(&w, "ricardo", "x");
    take(&w, path);
    memset(&other, 0, sizeof other);
    assert_int_equal(wf_state_open(&other.s, NULL, &w.err), WF_OK);
    assert_int_equal(wf_state_reader_open(&other.r, other.s, &w.err), WF_OK);
    assert_int_equal(wf_state_install(other.s, path, &w.err), WF_OK);
    assert_string_equal(incident(&other, INC)->commander, "ricardo");
    world_close(&other);
    world_close(&w);
    unlink(path);
}

// What the pool has copied is the readers' at once, and the writer's when it says so.
static void a_taken_image_is_adopted_afterwards(void **state)
{
    struct world w;
    char path[128];
    struct wf_state_image *image;
    uint8_t before[WF_HASH_SIZE], after[WF_HASH_SIZE];

    (void)state;
    for (int memory = 0; memory < 2; memory++) {
        if (memory)
            world_open(&w);
        else
            world_open_dir(&w);
        snprintf(path, sizeof path, "/tmp/watchfire-take-%d", (int)getpid());
        declare(&w, "ricardo", "x");
        uint64_t old = wf_state_applied(w.s), seen;
        take(&w, path);
        assert_int_equal(note(&w, "sam", "not in the image"), WF_OK);
        uint64_t now = wf_state_applied(w.s);
        wf_state_digest(w.s, before);
        assert_int_equal(wf_state_take(w.s, path, &w.err), WF_OK);
        assert_int_equal(wf_state_applied(w.s), now);
        wf_state_digest(w.s, after);
        assert_memory_equal(before, after, WF_HASH_SIZE);
        assert_int_equal(wf_state_image_begin(w.s, &image, &w.err), WF_UNAVAILABLE);
        assert_int_equal(wf_state_reader_applied(w.r, &seen, &w.err), WF_OK);
        assert_int_equal(seen, old);
        assert_int_equal(wf_state_adopt(w.s, &w.err), WF_OK);
        assert_int_equal(wf_state_applied(w.s), old);
        assert_int_equal(note(&w, "sam", "goes on"), WF_OK);
        world_close(&w);
        unlink(path);
    }
}

static void anybody_can_open_it(void **state)
{
    struct world w;
    char path[128];
    sqlite3 *db;
    sqlite3_stmt *q;

    (void)state;
    world_open_dir(&w);
    declare(&w, "ricardo", "Widespread");
    image_path(&w, path);
    take(&w, path);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT title FROM incidents", -1, &q, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    assert_string_equal(sqlite3_column_text(q, 0), "Widespread");
    sqlite3_finalize(q);
    sqlite3_close(db);
    world_close(&w);
}

// A node whose state differs from the others' gets the leader's last image, and then the log behind
// it.
static void an_older_image_replaces_a_newer_state(void **state)
{
    struct world w;
    char path[128];
    uint8_t before[WF_HASH_SIZE], after[WF_HASH_SIZE];

    (void)state;
    world_open_dir(&w);
    declare(&w, "ricardo", "x");
    image_path(&w, path);
    take(&w, path);
    wf_state_digest(w.s, before);
    assert_int_equal(note(&w, "sam", "not in the image"), WF_OK);
    assert_int_equal(wf_state_install(w.s, path, &w.err), WF_OK);
    wf_state_digest(w.s, after);
    assert_memory_equal(before, after, WF_HASH_SIZE);
    assert_int_equal(note(&w, "sam", "goes on"), WF_OK);
    world_close(&w);
}

static void spoil(const char *path, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

// What is not our image is refused and changes nothing.
// Bytes this process has given to write calls so far.
static unsigned long long written(void)
{
    unsigned long long bytes = 0;
    char line[128];
    FILE *f = fopen("/proc/self/io", "r");

    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL)
        if (sscanf(line, "wchar: %llu", &bytes) == 1)
            break;
    fclose(f);
    return bytes;
}

static void over_an_older_image_only_what_differs_is_written(void **state)
{
    struct world w, other;
    char path[128], fresh[136];
    uint8_t digest[WF_HASH_SIZE], now[WF_HASH_SIZE];
    (void)state;

    world_open_dir(&w);
    declare(&w, "ricardo", "x");
    for (int i = 0; i < 3000; i++)
        note(&w, "sam", "a note that takes its room on a page");
    image_path(&w, path);
    snprintf(fresh, sizeof fresh, "%s-fresh", path);
    take(&w, path);
    note(&w, "sam", "one more");
    unsigned long long start = written();
    take(&w, fresh);
    unsigned long long whole = written() - start;
    start = written();
    take(&w, path);
    assert_true(whole > 500000);
    assert_true(written() - start < whole / 10);

    world_open_dir(&other);
    assert_int_equal(wf_state_install(other.s, path, &w.err), WF_OK);
    wf_state_digest(w.s, now);
    wf_state_digest(other.s, digest);
    assert_memory_equal(digest, now, WF_HASH_SIZE);
    unlink(fresh);
    unlink(path);
    world_close(&other);
    world_close(&w);
}

static void what_is_no_image_is_written_over(void **state)
{
    struct world w;
    char path[128];
    (void)state;

    world_open_dir(&w);
    declare(&w, "ricardo", "x");
    image_path(&w, path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < 5000; i++)
        fputs("no database, and longer than what comes", f);
    assert_int_equal(fclose(f), 0);
    take(&w, path);
    assert_int_equal(wf_state_install(w.s, path, &w.err), WF_OK);
    unlink(path);
    world_close(&w);
}

static void bad_images_are_refused(void **state)
{
    static const char *const spoilt[] = {
        "CREATE TABLE more(x)",
        "CREATE TRIGGER t AFTER INSERT ON events BEGIN DELETE FROM users; END",
        "CREATE VIEW v AS SELECT 1",
        "DROP INDEX events_of",
        "PRAGMA user_version = 99",
        "PRAGMA user_version = 0",
        "DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)",
        "UPDATE events SET hash = zeroblob(32) WHERE seq = (SELECT max(seq) FROM events)",
        "DELETE FROM meta",
    };
    struct world w;
    char path[128], command[300];
    uint8_t before[WF_HASH_SIZE], after[WF_HASH_SIZE];

    (void)state;
    world_open_dir(&w);
    declare(&w, "ricardo", "x");
    wf_state_digest(w.s, before);
    image_path(&w, path);
    for (size_t i = 0; i < sizeof spoilt / sizeof spoilt[0]; i++) {
        take(&w, path);
        spoil(path, spoilt[i]);
        if (wf_state_install(w.s, path, &w.err) == WF_OK)
            fail_msg("installed after: %s", spoilt[i]);
        assert_non_null(strstr(w.err.msg, "install state image"));
    }
    static const char *const broken[] = {"truncate -s 8192 %s", "truncate -s 0 %s",
                                         "head -c 40000 /dev/urandom > %s", "rm -f %s"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        take(&w, path);
        snprintf(command, sizeof command, broken[i], path);
        assert_int_equal(system(command), 0);
        assert_int_not_equal(wf_state_install(w.s, path, &w.err), WF_OK);
    }
    assert_int_equal(wf_state_install(w.s, "/tmp/a?b", &w.err), WF_INVALID_ARGUMENT);
    wf_state_digest(w.s, after);
    assert_memory_equal(before, after, WF_HASH_SIZE);
    assert_int_equal(note(&w, "sam", "still here"), WF_OK);
    world_close(&w);
}

// Refused, and nothing has changed; or it was in nothing that counts, and the state is the image's.
static void try_image(struct world *w, const char *path, const uint8_t digest[], unsigned *taken)
{
    uint8_t now[WF_HASH_SIZE];

    if (wf_state_install(w->s, path, &w->err) == WF_OK)
        ++*taken;
    else if (strcmp(w->err.reason, "STATE_DAMAGED") == 0)
        fail_msg("the image's damage is said of the state: %s", w->err.msg);
    wf_state_digest(w->s, now);
    assert_memory_equal(now, digest, WF_HASH_SIZE);
    assert_int_equal(count_events(w), wf_state_last_seq(w->s));
}

// WF_DAMAGE_STEP=1: at every byte, in a minute. (Over a link an image's hash is checked as
// well.)
static void a_damaged_image_becomes_no_other_state(void **state)
{
    size_t size, step = damage_step(1009);
    unsigned flipped = 0, cut = 0;
    uint8_t digest[WF_HASH_SIZE];
    struct world w;
    char path[128];

    (void)state;
    world_open_dir(&w);
    declare(&w, "ricardo", "x");
    wf_state_digest(w.s, digest);
    image_path(&w, path);
    take(&w, path);
    uint8_t *whole = read_whole(path, &size);
    assert_non_null(whole);
    for (size_t at = 0; at < size; at += step) {
        whole[at] ^= (uint8_t)(1u << (at / step % 8));
        write_whole(path, whole, size);
        try_image(&w, path, digest, &flipped);
        whole[at] ^= (uint8_t)(1u << (at / step % 8));
        write_whole(path, whole, at);
        try_image(&w, path, digest, &cut);
    }
    assert_in_range(flipped, 0, 2); // the header's two versions, which no sum covers
    assert_int_equal(cut, 0);
    print_message("%zu bytes: %u flips in nothing that counts\n", size, flipped);
    free(whole);
    unlink(path);
    world_close(&w);
}

static void checkpoints_go_along(void **state)
{
    struct world w;

    (void)state;
    world_open_dir(&w);
    declare(&w, "ricardo", "x");
    assert_int_equal(wf_state_checkpoint(w.dir, &w.err), WF_OK);
    note(&w, "sam", "x");
    assert_int_equal(wf_state_checkpoint(w.dir, &w.err), WF_OK);
    assert_int_not_equal(wf_state_checkpoint("/nowhere", &w.err), WF_OK);
    world_reopen(&w);
    assert_int_equal(note(&w, "sam", "x"), WF_OK);
    world_close(&w);
}

static void run(sqlite3 *db, const char *sql)
{
    char *why = NULL;

    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
}

// The same tables in a file without sums in its pages, as programs made it before there were any.
static void copy_unsummed(const char *from, const char *to)
{
    sqlite3 *db;
    sqlite3_stmt *q;
    char sql[4096];

    unlink(to);
    assert_int_equal(sqlite3_open(to, &db), SQLITE_OK);
    snprintf(sql, sizeof sql, "ATTACH '%s' AS old", from);
    run(db, sql);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT sql, type, name FROM old.sqlite_schema"
                                        " WHERE sql IS NOT NULL ORDER BY type = 'index'",
                                        -1, &q, NULL),
                     SQLITE_OK);
    while (sqlite3_step(q) == SQLITE_ROW) {
        run(db, (const char *)sqlite3_column_text(q, 0));
        snprintf(sql, sizeof sql, "INSERT INTO main.%s SELECT * FROM old.%s",
                 (const char *)sqlite3_column_text(q, 2), (const char *)sqlite3_column_text(q, 2));
        if (strcmp((const char *)sqlite3_column_text(q, 1), "table") == 0)
            run(db, sql);
    }
    sqlite3_finalize(q);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA old.user_version", -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    snprintf(sql, sizeof sql, "PRAGMA main.user_version = %d", sqlite3_column_int(q, 0));
    sqlite3_finalize(q);
    run(db, sql);
    sqlite3_close(db);
}

static void without_sums_neither_a_state_nor_an_image_is_gone_on_with(void **state)
{
    struct world w;
    struct wf_state *s;
    char path[128], old[140], file[140];
    uint8_t before[WF_HASH_SIZE], after[WF_HASH_SIZE];

    (void)state;
    world_open_dir(&w);
    declare(&w, "ricardo", "x");
    image_path(&w, path);
    snprintf(old, sizeof old, "%s-old", path);
    take(&w, path);
    copy_unsummed(path, old);
    wf_state_digest(w.s, before);
    assert_int_equal(wf_state_install(w.s, old, &w.err), WF_FAILED_PRECONDITION);
    assert_string_equal(w.err.reason, "NO_SUMS");
    assert_non_null(strstr(w.err.msg, old));
    wf_state_digest(w.s, after);
    assert_memory_equal(before, after, WF_HASH_SIZE);
    assert_int_equal(note(&w, "sam", "goes on"), WF_OK);
    snprintf(file, sizeof file, "%s/old", w.dir);
    assert_int_equal(mkdir(file, 0700), 0);
    snprintf(file, sizeof file, "%s/old/state.db", w.dir);
    assert_int_equal(rename(old, file), 0);
    snprintf(file, sizeof file, "%s/old", w.dir);
    assert_int_equal(wf_state_open(&s, file, &w.err), WF_DATA_LOSS); // it is made anew
    assert_string_equal(w.err.reason, "STATE_DAMAGED");
    assert_non_null(strstr(w.err.msg, file));
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_is_of_its_moment),
        cmocka_unit_test(in_memory_too),
        cmocka_unit_test(an_image_may_be_large),
        cmocka_unit_test(a_taken_image_is_adopted_afterwards),
        cmocka_unit_test(anybody_can_open_it),
        cmocka_unit_test(an_older_image_replaces_a_newer_state),
        cmocka_unit_test(over_an_older_image_only_what_differs_is_written),
        cmocka_unit_test(what_is_no_image_is_written_over),
        cmocka_unit_test(an_image_that_the_disk_did_not_take_is_none),
        cmocka_unit_test(bad_images_are_refused),
        cmocka_unit_test(a_damaged_image_becomes_no_other_state),
        cmocka_unit_test(checkpoints_go_along),
        cmocka_unit_test(without_sums_neither_a_state_nor_an_image_is_gone_on_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
