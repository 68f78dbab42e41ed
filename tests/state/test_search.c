// SPDX-License-Identifier: Apache-2.0
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/search.h"

static V1(SearchResponse) * find(struct world *w, const char *words, const char *in)
{
    V1(SearchRequest) r = WATCHFIRE__V1__SEARCH_REQUEST__INIT;

    r.query = (char *)words;
    r.incident_id = (char *)in;
    V1(SearchResponse) *a = query(w, &r.base);
    if (a == NULL)
        fail_msg("%s: %s", words, w->err.msg);
    return a;
}

static size_t hits(struct world *w, const char *words)
{
    return find(w, words, "")->n_hits;
}

static void fill(struct world *w)
{
    declare(w, "ricardo", "Widespread application outage");
    note(w, "sam", "The database replica fell behind its primary");
    note(w, "tia", "Zürich saw nothing");
    sitrep(w, "ricardo", "routers restarted");
    status(w, "ricardo", POST_ISSUE, "Deploys are paused.");
    declare(w, "chris", "Slow builds");
}

static void everything_written_is_found(void **state)
{
    struct world w;

    (void)state;
    world_open_dir(&w);
    fill(&w);
    V1(SearchResponse) *a = find(&w, "database replica", "");
    assert_int_equal(a->n_hits, 1);
    assert_int_equal(a->indexed_seq, count_events(&w));
    assert_non_null(strstr(a->hits[0]->snippet, "«database» «replica»"));
    assert_string_equal(a->hits[0]->event->note->text,
                        "The database replica fell behind its primary");
    assert_int_equal(hits(&w, "ZURICH"), 1);
    assert_int_equal(hits(&w, "\"replica fell\""), 1);
    assert_int_equal(hits(&w, "\"fell replica\""), 0);
    assert_int_equal(hits(&w, "rout*"), 1);
    assert_int_equal(hits(&w, "rout"), 0);
    assert_int_equal(hits(&w, "paused"), 1);
    assert_int_equal(hits(&w, "outage"), 1);
    assert_int_equal(find(&w, "builds", "INC-1")->n_hits, 0);
    assert_int_equal(find(&w, "builds", "INC-2")->n_hits, 1);
    note(&w, "sam", "a new replica");
    assert_int_equal(hits(&w, "replica"), 2);
    world_reopen(&w);
    assert_int_equal(hits(&w, "replica"), 2);
    world_close(&w);
}

static void nothing_typed_is_an_operator(void **state)
{
    static const char *const odd[] = {
        "a AND", "NOT", "(",      ")",         "\"", "a\"b", "*", "a*b",
        "^a",    "a:b", "text:x", "NEAR(a b)", "-",  "--",   "'", "; DROP TABLE words",
        "\"a",   "{x}", "a + b"};
    struct world w;
    V1(SearchRequest) r = WATCHFIRE__V1__SEARCH_REQUEST__INIT;
    char longer[WF_SEARCH_QUERY_MAX + 2];

    (void)state;
    world_open(&w);
    fill(&w);
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        r.query = (char *)odd[i];
        if (query(&w, &r.base) == NULL && w.err.code != WF_INVALID_ARGUMENT)
            fail_msg("%s: %s", odd[i], w.err.msg);
    }
    r.query = (char *)"  ";
    assert_null(query(&w, &r.base));
    assert_string_equal(w.err.reason, "REQUIRED");
    memset(longer, 'a', sizeof longer);
    longer[WF_SEARCH_QUERY_MAX + 1] = '\0';
    r.query = longer;
    assert_null(query(&w, &r.base));
    assert_string_equal(w.err.reason, "TOO_LONG");
    assert_int_equal(hits(&w, "replica"), 1);
    world_close(&w);
}

static void a_damaged_index_is_made_again(void **state)
{
    struct world w;
    char command[128];

    (void)state;
    world_open_dir(&w);
    fill(&w);
    assert_int_equal(hits(&w, "replica"), 1);
    wf_state_reader_close(w.r);
    snprintf(command, sizeof command, "head -c 30000 /dev/urandom > %s/search.db", w.dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(wf_state_reader_open(&w.r, w.s, &w.err), WF_OK);
    assert_int_equal(hits(&w, "replica"), 1);
    world_close(&w);
}

static void another_history_starts_it_over(void **state)
{
    struct world w, other;
    struct wf_state_image *image;
    char path[128];
    uint8_t hash[WF_HASH_SIZE];
    uint64_t size;

    (void)state;
    world_open_dir(&w);
    world_open_dir(&other);
    declare(&other, "ricardo", "wholly different");
    for (int i = 0; i < 20; i++)
        note(&other, "sam", "words");
    declare(&w, "ricardo", "first");
    assert_int_equal(hits(&w, "first"), 1);
    snprintf(path, sizeof path, "%s/image", w.dir);
    assert_int_equal(wf_state_image_begin(other.s, &image, &w.err), WF_OK);
    assert_int_equal(wf_state_image_write(image, path, &size, hash, &w.err), WF_OK);
    wf_state_image_end(image);
    assert_int_equal(wf_state_install(w.s, path, &w.err), WF_OK);
    assert_int_equal(hits(&w, "first"), 0);
    assert_int_equal(hits(&w, "wholly"), 1);
    world_close(&other);
    world_close(&w);
}

static void it_catches_up_in_steps(void **state)
{
    enum { N = 2 * WF_SEARCH_STEP + 100 };
    static struct wf_state_bytes commands[N], results[N];
    struct world w;
    V1(AddNoteRequest) r = WATCHFIRE__V1__ADD_NOTE_REQUEST__INIT;

    (void)state;
    world_open_dir(&w);
    declare(&w, "ricardo", "x");
    r.incident_id = (char *)INC;
    r.text = (char *)"again";
    commands[0].data = world_pack(&w, "sam", &r.base, &commands[0].len);
    for (int i = 1; i < N; i++)
        commands[i] = commands[0];
    assert_int_equal(
        wf_state_apply(w.s, wf_state_applied(w.s) + 1, 1, w.now, commands, N, results, &w.err),
        WF_OK);
    assert_int_equal(find(&w, "again", "")->indexed_seq, count_events(&w));
    free((void *)commands[0].data);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_written_is_found),
        cmocka_unit_test(nothing_typed_is_an_operator),
        cmocka_unit_test(a_damaged_index_is_made_again),
        cmocka_unit_test(another_history_starts_it_over),
        cmocka_unit_test(it_catches_up_in_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
