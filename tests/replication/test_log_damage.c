// SPDX-License-Identifier: Apache-2.0
// What the log store makes of files that are not as it left them: a flipped bit anywhere, a stale
// or misplaced page, a write-ahead log cut at any length. A record that was acknowledged is shown
// again as it was, or the log is called unreadable; it is never silently gone.
#include "check.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store_fixture.h"
#include "whole_file.h"

enum { PAGE = 4096, RECORDS = 24 };

struct world {
    struct fixture f;
    char before[64]; // a copy of the files, to damage again and again
    uint64_t records;
    bool has_wal;
};

static void path_in(const char *dir, const char *name, char out[200])
{
    snprintf(out, 200, "%s/%s", dir, name);
}

// Records of several sizes, a truncation, a vote; copied while open, as a killed process leaves it,
// or after closing.
static void make(struct world *w, bool killed)
{
    struct fixture *f = &w->f;
    assert_int_equal(fixture_open(f), WF_OK);
    for (unsigned i = 0; i < RECORDS; i++)
        fixture_append(f, 1, 1, i % 5 == 4 ? 6000 : 100 + 37 * i);
    fixture_wait(f);
    fixture_truncate(f, RECORDS - 1);
    fixture_append(f, 2, 2, 300);
    fixture_wait(f);
    assert_int_equal(f->store->set_vote(f->store->ctx, 2, 3, NULL), WF_OK);
    w->records = f->last;
    if (killed)
        copy_dir(f->dir, w->before);
    fixture_close(f);
    if (!killed)
        copy_dir(f->dir, w->before);
    char wal[200];
    path_in(w->before, "log.db-wal", wal);
    w->has_wal = access(wal, F_OK) == 0;
    assert_int_equal(w->has_wal, killed);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    fixture_init(&w->f);
    temporary_dir(w->before);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    remove_files(w->before);
    assert_int_equal(rmdir(w->before), 0);
    fixture_done(&w->f);
    free(w);
    return 0;
}

enum outcome { INTACT, UNREADABLE, NOBODYS };

// Open the damaged files. Anything but all records and the vote, or an honest refusal, fails.
static enum outcome try_open(struct world *w)
{
    struct fixture *f = &w->f;
    int rc = fixture_open(f);
    if (!f->store) {
        // The number of the format itself may have flipped.
        assert_true(rc == WF_DATA_LOSS || rc == WF_FAILED_PRECONDITION);
        return NOBODYS;
    }
    if (rc == WF_OK) {
        assert_int_equal(f->loaded, w->records);
        assert_int_equal(f->state.vote, 3);
    } else {
        if (rc != WF_DATA_LOSS)
            fail_msg("%s", f->err.msg);
        assert_string_equal(f->err.reason, "UNREADABLE_LOG");
        assert_int_equal(f->state.first_index, 1);
    }
    assert_int_equal(f->state.term, 2);
    fixture_close(f);
    return rc == WF_OK ? INTACT : UNREADABLE;
}

// Flip one bit in every step-th byte of a file, or cut it off there, one at a time. (At every byte
// it takes some ten minutes.)
enum damage { FLIP, CUT };

static void damage_all(struct world *w, const char *name, enum damage what, size_t usual,
                       unsigned count[3])
{
    size_t n, step = damage_step(usual);
    char path[200];
    path_in(w->before, name, path);
    uint8_t *whole = read_whole(path, &n);
    assert_non_null(whole);
    memset(count, 0, 3 * sizeof count[0]);
    path_in(w->f.dir, name, path);
    for (size_t at = 0; at < n; at += step) {
        uint8_t right = whole[at];
        copy_dir(w->before, w->f.dir);
        if (what == FLIP)
            whole[at] ^= (uint8_t)(1u << (at / step % 8));
        write_whole(path, whole, what == CUT ? at : n);
        count[try_open(w)]++;
        whole[at] = right;
    }
    free(whole);
}

static void a_file_that_was_cut_off_is_seen(void **state)
{
    struct world *w = *state;
    unsigned count[3];
    make(w, false);
    damage_all(w, "log.db", CUT, 509, count);
    assert_int_equal(count[INTACT], 0);
    damage_all(w, "log.mark", CUT, 1, count);
    assert_int_equal(count[UNREADABLE] + count[NOBODYS], 0); // it is but a help
}

static void a_flipped_bit_in_the_file_is_seen(void **state)
{
    struct world *w = *state;
    unsigned count[3];
    make(w, false);
    damage_all(w, "log.db", FLIP, 61, count);
    // Bytes that hold nothing may flip without harm; most hold something.
    assert_true(count[UNREADABLE] > 100);
    assert_true(count[NOBODYS] > 0); // the schema, the identity
    print_message("log.db: %u intact, %u unreadable, %u nobody's\n", count[INTACT],
                  count[UNREADABLE], count[NOBODYS]);
}

static void a_flipped_bit_in_the_write_ahead_log_is_seen(void **state)
{
    struct world *w = *state;
    unsigned count[3];
    make(w, true);
    damage_all(w, "log.db-wal", FLIP, 509, count);
    assert_true(count[UNREADABLE] > 100);
    print_message("log.db-wal: %u intact, %u unreadable, %u nobody's\n", count[INTACT],
                  count[UNREADABLE], count[NOBODYS]);
}

static void a_flipped_bit_in_the_mark_does_no_harm(void **state)
{
    struct world *w = *state;
    unsigned count[3];
    make(w, true);
    damage_all(w, "log.mark", FLIP, 1, count);
    assert_int_equal(count[UNREADABLE] + count[NOBODYS], 0);
}

// Every record by itself, in the table, as SQL would have it: data, hash, term, order.
static void every_altered_record_is_seen(void **state)
{
    struct world *w = *state;
    static const char *const changes[] = {
        "UPDATE log SET data = zeroblob(length(data)) WHERE idx = %d",
        "UPDATE log SET term = term + 1 WHERE idx = %d",
        "UPDATE log SET type = 3 WHERE idx = %d",
        "UPDATE log SET hash = zeroblob(32) WHERE idx = %d",
        "UPDATE log SET previous = zeroblob(31) WHERE idx = %d",
        "DELETE FROM log WHERE idx = %d",
        "UPDATE log SET data = (SELECT data FROM log WHERE idx = 1 + %d %% 24) WHERE idx = %d",
    };
    char path[200], sql[300];
    make(w, false);
    path_in(w->f.dir, "log.db", path);
    for (unsigned i = 1; i <= RECORDS; i++) {
        for (size_t c = 0; c < sizeof changes / sizeof changes[0]; c++) {
            sqlite3 *db;
            copy_dir(w->before, w->f.dir);
            assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
            snprintf(sql, sizeof sql, changes[c], i, i);
            assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
            assert_int_equal(sqlite3_close(db), SQLITE_OK);
            if (try_open(w) != UNREADABLE)
                fail_msg("not seen: %s", sql);
        }
    }
}

static void a_page_in_another_s_place_is_seen(void **state)
{
    struct world *w = *state;
    char path[200];
    size_t n;
    unsigned seen = 0, tried = 0;
    make(w, false);
    path_in(w->before, "log.db", path);
    uint8_t *whole = read_whole(path, &n), *copy = malloc(n);
    path_in(w->f.dir, "log.db", path);
    for (size_t from = 1; from < n / PAGE; from++) {
        for (size_t to = 1; to < n / PAGE; to++) {
            if (from == to)
                continue;
            copy_dir(w->before, w->f.dir);
            memcpy(copy, whole, n);
            memcpy(copy + to * PAGE, whole + from * PAGE, PAGE);
            write_whole(path, copy, n);
            tried++;
            seen += try_open(w) != INTACT;
        }
    }
    print_message("%u of %u misplaced pages seen\n", seen, tried);
    assert_true(seen * 10 > tried * 8); // the rest overwrote pages that hold nothing
    free(copy);
    free(whole);
}

// Power cut: what was not synced is missing from the end. Here it is cut where it had been synced,
// so that the mark, exact after a mere crash, calls it; with the mark of an earlier time it is a
// torn end.
static void a_torn_end_is_dropped_and_a_lost_one_is_told(void **state)
{
    struct world *w = *state;
    struct fixture *f = &w->f;
    char wal[200], mark[200];
    size_t n, mark_n, step = damage_step(1237);
    path_in(w->f.dir, "log.mark", mark);
    assert_int_equal(fixture_open(f), WF_OK);
    fixture_append(f, 1, 1, 100);
    fixture_wait(f);
    uint8_t *old_mark = read_whole(mark, &mark_n);
    fixture_close(f);
    make(w, true);
    path_in(w->before, "log.db-wal", wal);
    uint8_t *whole = read_whole(wal, &n);
    path_in(w->f.dir, "log.db-wal", wal);
    for (size_t cut = 0; cut < n; cut += step) {
        copy_dir(w->before, w->f.dir);
        write_whole(wal, whole, cut);
        assert_int_equal(try_open(w), UNREADABLE);

        copy_dir(w->before, w->f.dir);
        write_whole(wal, whole, cut);
        write_whole(mark, old_mark, mark_n);
        assert_int_equal(fixture_open(f), WF_OK); // every record shown is checked
        assert_in_range(f->loaded, 1, RECORDS + 1);
        fixture_close(f);
    }
    free(whole);
    free(old_mark);
}

static void an_older_mark_after_a_power_cut_does_no_harm(void **state)
{
    struct world *w = *state;
    struct fixture *f = &w->f;
    char mark[200];
    size_t n[6];
    uint8_t *marks[6];
    path_in(f->dir, "log.mark", mark);
    assert_int_equal(fixture_open(f), WF_OK);
    for (int i = 0; i < 6; i++) {
        fixture_append(f, 1, 5, 200);
        fixture_wait(f);
        if (i == 2)
            fixture_truncate(f, 8); // the marks before now claim more than there is
        if (i == 4)
            fixture_snapshot(f, 100, WF_KEEP_NONE);
        marks[i] = read_whole(mark, &n[i]);
    }
    uint64_t last = f->last;
    fixture_close(f);
    for (int i = 0; i < 6; i++) {
        write_whole(mark, marks[i], n[i]);
        assert_int_equal(fixture_open(f), WF_OK);
        assert_int_equal(f->last, last);
        fixture_close(f);
        free(marks[i]);
    }
}

static void an_unreadable_log_stays_so_until_it_is_seeded_anew(void **state)
{
    struct world *w = *state;
    struct fixture *f = &w->f;
    uint8_t disk[WF_UUID_SIZE] = {9}, other[WF_UUID_SIZE] = {8};
    char path[200];
    size_t n;
    make(w, false);
    assert_int_equal(fixture_open(f), WF_OK);
    assert_int_equal(f->store->check_peer(f->store->ctx, 5, disk, NULL), WF_OK);
    fixture_close(f);
    path_in(f->dir, "log.db", path);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DELETE FROM log WHERE idx = 9", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fixture_open(f), WF_DATA_LOSS);
        assert_non_null(strstr(f->err.msg, "record 9"));
        assert_int_equal(f->state.term, 2 + (uint64_t)i);
        // Terms go on being kept meanwhile.
        assert_int_equal(f->store->set_vote(f->store->ctx, 3 + (uint64_t)i, 0, NULL), WF_OK);
        fixture_close(f);
    }
    path_in(f->dir, "log.db.unreadable", path); // nothing was thrown away
    uint8_t *kept = read_whole(path, &n);
    assert_non_null(kept);
    free(kept);
    assert_int_equal(fixture_open(f), WF_DATA_LOSS);
    fixture_snapshot(f, 500, WF_KEEP_NONE);
    fixture_append(f, 7, 3, 100);
    fixture_wait(f);
    assert_int_equal(f->failures, 0);
    fixture_close(f);
    assert_int_equal(fixture_open(f), WF_OK);
    assert_int_equal(f->state.first_index, 501);
    assert_int_equal(f->loaded, 3);
    assert_int_equal(f->state.term, 5);
    assert_int_equal(f->store->check_peer(f->store->ctx, 5, other, NULL), WF_FAILED_PRECONDITION);
    fixture_close(f);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_that_was_cut_off_is_seen),
        TEST(a_flipped_bit_in_the_file_is_seen),
        TEST(a_flipped_bit_in_the_write_ahead_log_is_seen),
        TEST(a_flipped_bit_in_the_mark_does_no_harm),
        TEST(every_altered_record_is_seen),
        TEST(a_page_in_another_s_place_is_seen),
        TEST(a_torn_end_is_dropped_and_a_lost_one_is_told),
        TEST(an_older_mark_after_a_power_cut_does_no_harm),
        TEST(an_unreadable_log_stays_so_until_it_is_seeded_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
