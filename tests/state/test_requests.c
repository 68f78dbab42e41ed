// SPDX-License-Identifier: Apache-2.0
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void setup(struct world *w)
{
    world_open(w);
    assert_int_equal(declare(w, "ricardo", "x"), WF_OK);
}

static void a_retry_gets_the_first_result(void **state)
{
    struct world w;

    (void)state;
    setup(&w);
    w.request_id = "r1";
    assert_int_equal(note(&w, "sam", "hello"), WF_OK);
    uint64_t seq = w.result->seq, events = count_events(&w);
    world_pass(&w, 3600);
    w.request_id = "r1";
    assert_int_equal(note(&w, "sam", "hello"), WF_OK);
    assert_int_equal(w.result->seq, seq);
    assert_int_equal(count_events(&w), events);
    w.request_id = "r1";
    assert_int_equal(note(&w, "sam", "other"), WF_ALREADY_EXISTS);
    refused(&w, "REQUEST_ID_REUSED", "\"r1\" was used for another request");
    assert_string_equal(w.result->detail->field, "request_id");
    w.request_id = "r1";
    assert_int_equal(note(&w, "tia", "hello"), WF_OK); // her own id
    assert_int_equal(count_events(&w), events + 1);
    w.request_id = "r1"; // the refusal in between took nothing away
    assert_int_equal(note(&w, "sam", "hello"), WF_OK);
    assert_int_equal(w.result->seq, seq);
    world_close(&w);
}

static void refusals_are_remembered_but_for_lack_of_rights(void **state)
{
    struct world w;

    (void)state;
    setup(&w);
    w.request_id = "r1";
    assert_int_equal(change(&w, "ricardo", STATE_INVESTIGATING), WF_FAILED_PRECONDITION);
    change(&w, "ricardo", STATE_RESOLVED);
    w.request_id = "r1";
    assert_int_equal(change(&w, "ricardo", STATE_INVESTIGATING), WF_FAILED_PRECONDITION);
    refused(&w, "ILLEGAL_EDGE", "INC-1 is INVESTIGATING");
    w.request_id = "r2";
    assert_int_equal(note(&w, "vic", "hello"), WF_PERMISSION_DENIED);
    set_user(&w, "ada", "vic", KIND_USER, ROLE_RESPONDER);
    w.request_id = "r2";
    assert_int_equal(note(&w, "vic", "hello"), WF_OK);
    world_close(&w);
}

static void assigned_ids_are_not_remembered(void **state)
{
    struct world w;

    (void)state;
    setup(&w);
    uint64_t events = count_events(&w);
    note(&w, "sam", "same");
    note(&w, "sam", "same");
    assert_int_equal(count_events(&w), events + 2);
    assert_true(wf_state_next_due(w.s) == INT64_MAX);
    world_close(&w);
}

// n notes of one entry, with ids r<from> and on; BATCH at most.
enum { BATCH = 1000 };

static void many_notes(struct world *w, int from, int n)
{
    static struct wf_state_bytes commands[BATCH], results[BATCH];
    V1(AddNoteRequest) r = WATCHFIRE__V1__ADD_NOTE_REQUEST__INIT;
    struct wf_err err;
    char id[32];

    assert_true(n <= BATCH);
    r.incident_id = (char *)INC;
    r.text = (char *)"x";
    for (int i = 0; i < n; i++) {
        snprintf(id, sizeof id, "r%d", from + i);
        w->request_id = id;
        commands[i].data = world_pack(w, "sam", &r.base, &commands[i].len);
    }
    assert_int_equal(wf_state_apply(w->s, wf_state_applied(w->s) + 1, 1, w->now, commands,
                                    (unsigned)n, results, &err),
                     WF_OK);
    for (int i = 0; i < n; i++)
        free((void *)commands[i].data);
}

static void ids_expire_after_a_day(void **state)
{
    struct world w;

    (void)state;
    setup(&w);
    w.request_id = "first";
    note(&w, "sam", "hello");
    many_notes(&w, 0, WF_DEDUP_KEPT);
    uint64_t events = count_events(&w);
    wf_unix_ms due = wf_state_next_due(w.s);
    assert_true(due >= w.now + WF_DEDUP_MS && due < w.now + WF_DEDUP_MS + 3600000);
    world_pass(&w, 24 * 3600 - 1);
    w.request_id = "first";
    note(&w, "sam", "hello");
    assert_int_equal(count_events(&w), events);
    world_pass(&w, 1); // past its day, though no tick has dropped it
    w.request_id = "first";
    note(&w, "sam", "another body");
    assert_int_equal(count_events(&w), events + 1);
    world_pass(&w, 25 * 3600);
    assert_int_equal(world_tick(&w), WF_OK);
    assert_true(wf_state_next_due(w.s) == INT64_MAX);
    world_close(&w);
}

// A leader's clock stood at 1970, and the next one's does not: fifty years pass between a request
// and its retry. (Found by the simulator.)
static void the_newest_ids_outlive_a_clock_that_was_wrong(void **state)
{
    struct world w;

    (void)state;
    setup(&w);
    w.request_id = "r1";
    note(&w, "sam", "hello");
    uint64_t events = count_events(&w);
    world_pass(&w, 50LL * 365 * 24 * 3600);
    assert_true(wf_state_next_due(w.s) == INT64_MAX);
    assert_int_equal(world_tick(&w), WF_OK);
    w.request_id = "r1";
    note(&w, "sam", "hello");
    assert_int_equal(count_events(&w), events);
    world_close(&w);
}

static void a_long_id_is_refused(void **state)
{
    struct world w;
    char id[WF_REQUEST_ID_MAX + 2];

    (void)state;
    setup(&w);
    memset(id, 'i', sizeof id);
    id[WF_REQUEST_ID_MAX + 1] = '\0';
    w.request_id = id;
    assert_int_equal(note(&w, "sam", "hello"), WF_INVALID_ARGUMENT);
    refused(&w, "TOO_LONG", "request_id has 256 bytes, at most 255");
    id[WF_REQUEST_ID_MAX] = '\0';
    w.request_id = id;
    assert_int_equal(note(&w, "sam", "hello"), WF_OK);
    world_close(&w);
}

static void memory_is_bounded(void **state)
{
    struct world w;

    (void)state;
    setup(&w);
    w.request_id = "first";
    note(&w, "sam", "x");
    uint64_t events = count_events(&w);
    for (int done = 0; done < WF_DEDUP_MAX; done += BATCH)
        many_notes(&w, done, BATCH);
    w.request_id = "r0"; // still there
    note(&w, "sam", "x");
    assert_int_equal(count_events(&w), events + WF_DEDUP_MAX);
    w.request_id = "first"; // fell out
    note(&w, "sam", "x");
    assert_int_equal(count_events(&w), events + WF_DEDUP_MAX + 1);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_retry_gets_the_first_result),
        cmocka_unit_test(refusals_are_remembered_but_for_lack_of_rights),
        cmocka_unit_test(assigned_ids_are_not_remembered),
        cmocka_unit_test(ids_expire_after_a_day),
        cmocka_unit_test(the_newest_ids_outlive_a_clock_that_was_wrong),
        cmocka_unit_test(a_long_id_is_refused),
        cmocka_unit_test(memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
