// SPDX-License-Identifier: Apache-2.0
// The chain, and that it shows what was done to it behind the state's back.
#include "world.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/sums_vfs.h"

static void sql(const struct world *w, const char *text)
{
    char path[128], *message = NULL;
    sqlite3 *db;

    snprintf(path, sizeof path, "%s/state.db", w->dir);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, wf_sums_vfs()), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", text, message);
    sqlite3_close(db);
}

static uint64_t broken(struct world *w, uint64_t *events)
{
    uint64_t seq;
    uint8_t head[WF_HASH_SIZE];

    assert_int_equal(wf_state_verify(w->r, events, &seq, head, &w->err), WF_OK);
    return seq;
}

struct chain {
    uint8_t head[WF_HASH_SIZE];
    uint64_t seq;
};

static bool next_link(void *ctx, uint64_t seq, const uint8_t *canonical, size_t len,
                      const uint8_t hash[WF_HASH_SIZE])
{
    struct chain *c = ctx;
    V1(Event) *e = watchfire__v1__event__unpack(NULL, len, canonical);
    uint8_t *again = malloc(len);

    assert_int_equal(seq, c->seq + 1);
    assert_non_null(e);
    assert_int_equal(e->seq, seq);
    assert_int_equal(watchfire__v1__event__pack(e, again), len);
    assert_memory_equal(again, canonical, len);
    wf_hash_pair(c->head, WF_HASH_SIZE, canonical, len, c->head);
    assert_memory_equal(c->head, hash, WF_HASH_SIZE);
    c->seq = seq;
    watchfire__v1__event__free_unpacked(e, NULL);
    free(again);
    return true;
}

static void anybody_can_follow_the_chain(void **state)
{
    struct world w;
    struct chain c = {{0}, 0};
    uint8_t head[WF_HASH_SIZE];
    uint64_t events, seq;

    (void)state;
    world_open(&w);
    declare(&w, "ricardo", "x");
    for (int i = 0; i < 20; i++)
        note(&w, "sam", "x");
    assert_int_equal(wf_state_events(w.r, "", 0, 1000, next_link, &c, &w.err), WF_OK);
    assert_int_equal(c.seq, count_events(&w));
    assert_int_equal(wf_state_verify(w.r, &events, &seq, head, &w.err), WF_OK);
    assert_int_equal(seq, 0);
    assert_int_equal(events, c.seq);
    assert_memory_equal(head, c.head, WF_HASH_SIZE);
    V1(Event) *e = newest_event(&w);
    assert_memory_equal(e->hash.data, head, WF_HASH_SIZE);
    world_close(&w);
}

static bool count_two(void *ctx, uint64_t seq, const uint8_t *canonical, size_t len,
                      const uint8_t hash[WF_HASH_SIZE])
{
    (void)seq, (void)canonical, (void)len, (void)hash;
    return ++*(int *)ctx < 2;
}

static void events_are_filtered_and_stopped(void **state)
{
    struct world w;
    int n = 0;

    (void)state;
    world_open(&w);
    declare(&w, "ricardo", "x");
    declare(&w, "ricardo", "y");
    assert_int_equal(wf_state_events(w.r, "", 0, 100, count_two, &n, &w.err), WF_OK);
    assert_int_equal(n, 2);
    n = -100;
    assert_int_equal(wf_state_events(w.r, "INC-2", 0, 100, count_two, &n, &w.err), WF_OK);
    assert_int_equal(n, -98);
    n = -100;
    assert_int_equal(wf_state_events(w.r, "INC-9", 0, 100, count_two, &n, &w.err), WF_OK);
    assert_int_equal(n, -100);
    V1(ListEventsRequest) r = WATCHFIRE__V1__LIST_EVENTS_REQUEST__INIT;
    r.incident_id = (char *)"INC-1";
    r.page_size = 1;
    V1(ListEventsResponse) *a = query(&w, &r.base);
    assert_int_equal(a->n_events, 1);
    assert_true(a->more);
    r.after_seq = a->events[0]->seq;
    a = query(&w, &r.base);
    assert_int_equal(a->n_events, 1);
    assert_false(a->more);
    r.newest_first = true;
    a = query(&w, &r.base); // before it: none
    assert_int_equal(a->n_events, 0);
    world_close(&w);
}

static void flip(const struct world *w, const char *column, unsigned seq, int at)
{
    char path[128];
    sqlite3 *db;
    sqlite3_blob *blob;
    uint8_t byte;

    snprintf(path, sizeof path, "%s/state.db", w->dir);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, wf_sums_vfs()), SQLITE_OK);
    assert_int_equal(sqlite3_blob_open(db, "main", "events", column, seq, 1, &blob), SQLITE_OK);
    assert_int_equal(sqlite3_blob_read(blob, &byte, 1, at), SQLITE_OK);
    byte ^= 0x20;
    assert_int_equal(sqlite3_blob_write(blob, &byte, 1, at), SQLITE_OK);
    sqlite3_blob_close(blob);
    sqlite3_close(db);
}

// Every byte of every column of one event, one at a time.
static void a_flipped_byte_anywhere_is_found(void **state)
{
    static const struct {
        const char *column;
        int bytes;
    } numbers[] = {{"incident", 1}, {"at", 6}, {"kind", 1}};
    struct world w;
    char text[256];
    uint64_t events;

    (void)state;
    world_open_dir(&w);
    declare(&w, "ricardo", "x");
    note(&w, "sam", "hello");
    unsigned seq = (unsigned)count_events(&w) - 1;
    V1(ListEventsRequest) r = WATCHFIRE__V1__LIST_EVENTS_REQUEST__INIT;
    r.after_seq = seq - 1;
    r.page_size = 1;
    V1(ListEventsResponse) *a = query(&w, &r.base);
    size_t len = watchfire__v1__event__get_packed_size(a->events[0]) - WF_HASH_SIZE - 3;
    assert_int_equal(broken(&w, &events), 0);
    for (size_t i = 0; i < 3; i++)
        for (int k = 0; k < numbers[i].bytes; k++) {
            snprintf(text, sizeof text, "UPDATE events SET %s = %s + (1 << %d) WHERE seq = %u",
                     numbers[i].column, numbers[i].column, 8 * k, seq);
            sql(&w, text);
            assert_int_equal(broken(&w, &events), seq);
            snprintf(text, sizeof text, "UPDATE events SET %s = %s - (1 << %d) WHERE seq = %u",
                     numbers[i].column, numbers[i].column, 8 * k, seq);
            sql(&w, text);
        }
    for (size_t i = 0; i < len + WF_HASH_SIZE; i++)
        for (int again = 0; again < 2; again++) { // flipped, and back
            flip(&w, i < len ? "canonical" : "hash", seq, (int)(i < len ? i : i - len));
            assert_int_equal(broken(&w, &events), again == 0 ? seq : 0);
        }
    world_close(&w);
}

static void missing_events_are_found(void **state)
{
    struct world w;
    uint64_t events;
    char text[96];

    (void)state;
    world_open_dir(&w);
    declare(&w, "ricardo", "x");
    note(&w, "sam", "hello");
    unsigned last = (unsigned)count_events(&w);
    snprintf(text, sizeof text, "DELETE FROM events WHERE seq = %u", last);
    sql(&w, text);
    assert_int_equal(broken(&w, &events), last);
    assert_int_equal(events, last - 1);
    sql(&w, "DELETE FROM events WHERE seq = 1");
    assert_int_equal(broken(&w, &events), 1);
    watchfire__internal__v1__result__free_unpacked(w.result, NULL);
    wf_state_reader_close(w.r);
    wf_state_close(w.s);
    assert_int_equal(wf_state_open(&w.s, w.dir, &w.err), WF_DATA_LOSS);
    assert_non_null(strstr(w.err.msg, "newest event"));
    sql(&w, "PRAGMA user_version = 99");
    assert_int_equal(wf_state_open(&w.s, w.dir, &w.err), WF_FAILED_PRECONDITION);
    assert_string_equal(w.err.reason, "SCHEMA_NEWER");
    char command[96];
    snprintf(command, sizeof command, "head -c 9000 /dev/zero > %s/state.db", w.dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(wf_state_open(&w.s, w.dir, &w.err), WF_DATA_LOSS);
    snprintf(command, sizeof command, "rm -rf '%s'", w.dir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(anybody_can_follow_the_chain),
        cmocka_unit_test(events_are_filtered_and_stopped),
        cmocka_unit_test(a_flipped_byte_anywhere_is_found),
        cmocka_unit_test(missing_events_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
