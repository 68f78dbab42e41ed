// SPDX-License-Identifier: Apache-2.0
// A state whose file was damaged answers what it answered before, or that it is damaged.
#include "state/sums_vfs.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "world.h"

enum { PAGE = 4096, NOTES = 40 };

static void path_of(const struct world *w, char out[100])
{
    snprintf(out, 100, "%s/state.db", w->dir);
}

// A state all of whose pages are in state.db, closed.
static void fill(struct world *w)
{
    char text[400];
    world_open_dir(w);
    declare(w, "ricardo", "Everything is down");
    for (int i = 0; i < NOTES; i++) {
        memset(text, 'a' + i % 26, sizeof text - 1);
        text[sizeof text - 1] = '\0';
        note(w, "sam", text);
    }
    world_reopen(w); // closing writes the log back
}

static off_t size_of(const char *path)
{
    int fd = open(path, O_RDONLY);
    off_t size = lseek(fd, 0, SEEK_END);
    close(fd);
    return size;
}

static void put(const char *path, off_t at, const void *data, size_t n)
{
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, data, n, at), n);
    close(fd);
}

static void get(const char *path, off_t at, void *data, size_t n)
{
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, data, n, at), n);
    close(fd);
}

// Read every row of every table; false when that is refused, otherwise the sum of what was read.
static bool read_all(const char *path, uint8_t out[WF_HASH_SIZE])
{
    static const char *const queries[] = {"SELECT * FROM meta", "SELECT * FROM events",
                                          "SELECT * FROM incidents", "SELECT * FROM users",
                                          "SELECT seq FROM events ORDER BY incident, seq"};
    sqlite3 *conn = NULL;
    struct wf_hash h;
    bool good = sqlite3_open_v2(path, &conn, SQLITE_OPEN_READWRITE, wf_sums_vfs()) == SQLITE_OK;
    wf_hash_init(&h);
    for (size_t i = 0; good && i < sizeof queries / sizeof *queries; i++) {
        sqlite3_stmt *q = NULL;
        int rc = sqlite3_prepare_v2(conn, queries[i], -1, &q, NULL);
        while (rc == SQLITE_OK && (rc = sqlite3_step(q)) == SQLITE_ROW) {
            for (int c = 0; c < sqlite3_column_count(q); c++)
                wf_hash_update(&h, sqlite3_column_blob(q, c), (size_t)sqlite3_column_bytes(q, c));
            rc = SQLITE_OK;
        }
        good = rc == SQLITE_DONE;
        sqlite3_finalize(q);
    }
    sqlite3_close(conn);
    wf_hash_final(&h, out);
    return good;
}

static void no_flipped_bit_becomes_an_answer(void **state)
{
    struct world w;
    char path[100];
    uint8_t right[WF_HASH_SIZE], seen[WF_HASH_SIZE], byte;
    unsigned refused = 0, tried = 0;
    (void)state;
    fill(&w);
    path_of(&w, path);
    assert_true(read_all(path, right));
    for (off_t at = 0, size = size_of(path); at < size; at += 89, tried++) {
        get(path, at, &byte, 1);
        uint8_t flipped = byte ^ (uint8_t)(1u << at % 8);
        put(path, at, &flipped, 1);
        if (!read_all(path, seen))
            refused++;
        else
            assert_memory_equal(seen, right, sizeof seen);
        put(path, at, &byte, 1);
    }
    // What is not read is not refused: pages of tables that are not asked here.
    assert_true(refused > tried / 8);
    assert_true(read_all(path, seen));
    assert_memory_equal(seen, right, sizeof seen);
    world_close(&w);
}

static void no_block_of_elsewhere_becomes_an_answer(void **state)
{
    struct world w;
    char path[100];
    uint8_t right[WF_HASH_SIZE], seen[WF_HASH_SIZE], first[PAGE], other[PAGE];
    unsigned refused = 0;
    (void)state;
    fill(&w);
    path_of(&w, path);
    assert_true(read_all(path, right));
    for (off_t at = PAGE, size = size_of(path); at < size; at += PAGE) {
        get(path, at + PAGE < size ? at + PAGE : PAGE, other, PAGE);
        get(path, at, first, PAGE);
        put(path, at, other, PAGE);
        if (!read_all(path, seen))
            refused++;
        else
            assert_memory_equal(seen, right, sizeof seen);
        put(path, at, first, PAGE);
    }
    assert_true(refused > 3);
    world_close(&w);
}

// SQLite takes zeros for what a page lacks at the end of its file.
static void no_page_that_was_cut_becomes_an_answer(void **state)
{
    struct world w;
    char path[100], text[3000];
    uint8_t right[WF_HASH_SIZE], seen[WF_HASH_SIZE], last[PAGE];
    unsigned refused = 0;
    (void)state;
    fill(&w);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(note(&w, "sam", text), WF_OK); // so that events are at the end of the file
    world_reopen(&w);
    path_of(&w, path);
    assert_true(read_all(path, right));
    off_t size = size_of(path);
    get(path, size - PAGE, last, PAGE);
    for (int cut = 1; cut < PAGE; cut += 13) {
        assert_int_equal(truncate(path, size - cut), 0);
        if (!read_all(path, seen))
            refused++;
        else
            assert_memory_equal(seen, right, sizeof seen);
        put(path, size - PAGE, last, PAGE);
    }
    assert_true(refused > PAGE / 13 / 2);
    world_close(&w);
}

static void a_reader_that_finds_damage_tells_the_state(void **state)
{
    struct world w;
    char path[100];
    static const uint8_t zeros[PAGE];
    uint64_t events, broken;
    uint8_t head[WF_HASH_SIZE];
    (void)state;
    fill(&w);
    path_of(&w, path);
    assert_false(wf_state_damaged(w.s));
    for (off_t at = 5 * PAGE, size = size_of(path); at < size; at += PAGE)
        put(path, at, zeros, PAGE);
    assert_int_equal(wf_state_verify(w.r, &events, &broken, head, &w.err), WF_DATA_LOSS);
    assert_string_equal(w.err.reason, "STATE_DAMAGED");
    assert_true(wf_state_damaged(w.s));
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_flipped_bit_becomes_an_answer),
        cmocka_unit_test(no_block_of_elsewhere_becomes_an_answer),
        cmocka_unit_test(no_page_that_was_cut_becomes_an_answer),
        cmocka_unit_test(a_reader_that_finds_damage_tells_the_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
