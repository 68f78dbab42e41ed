// SPDX-License-Identifier: Apache-2.0
#include "world.h"

#include <stdbool.h>
#include <string.h>

static void setup(struct world *w)
{
    world_open(w);
    assert_int_equal(declare(w, "ricardo", "x"), WF_OK);
}

static int amend(struct world *w, const char *who, uint32_t number, const char *impact)
{
    V1(AmendSitrepRequest) r = WATCHFIRE__V1__AMEND_SITREP_REQUEST__INIT;

    r.incident_id = (char *)INC;
    r.epoch = w->epoch;
    r.number = number;
    r.impact = (char *)impact;
    return world_do(w, who, &r.base);
}

static V1(ListSitrepsResponse) * list(struct world *w, bool all)
{
    V1(ListSitrepsRequest) r = WATCHFIRE__V1__LIST_SITREPS_REQUEST__INIT;

    r.incident_id = (char *)INC;
    r.all_versions = all;
    V1(ListSitrepsResponse) *a = query(w, &r.base);
    assert_non_null(a);
    return a;
}

static void sitreps_are_numbered_and_versioned(void **state)
{
    struct world w;

    (void)state;
    setup(&w);
    assert_int_equal(sitrep(&w, "ricardo", "one"), WF_OK);
    assert_true(wf_timestamp_ms(incident(&w, INC)->next_sitrep_due) == w.now + 3600000);
    world_pass(&w, 60);
    assert_int_equal(sitrep(&w, "ricardo", "two"), WF_OK);
    wf_unix_ms due = wf_timestamp_ms(incident(&w, INC)->next_sitrep_due);
    world_pass(&w, 60);
    assert_int_equal(amend(&w, "ricardo", 1, "worse"), WF_OK);
    assert_int_equal(incident(&w, INC)->last_sitrep, 2);
    assert_true(wf_timestamp_ms(incident(&w, INC)->next_sitrep_due) == due);
    V1(ListSitrepsResponse) *a = list(&w, false);
    assert_int_equal(a->n_sitreps, 2);
    assert_int_equal(a->sitreps[0]->number, 2);
    assert_int_equal(a->sitreps[1]->version, 2);
    assert_string_equal(a->sitreps[1]->impact, "worse");
    assert_string_equal(a->sitreps[1]->who, "one");
    assert_int_equal(list(&w, true)->n_sitreps, 3);
    change(&w, "ricardo", STATE_RESOLVED);
    assert_int_equal(amend(&w, "ricardo", 2, "late"), WF_OK);
    world_close(&w);
}

static void sitreps_are_refused(void **state)
{
    struct world w;
    V1(PostSitrepRequest) r = WATCHFIRE__V1__POST_SITREP_REQUEST__INIT;
    static char longer[WF_BODY_MAX + 2];

    (void)state;
    setup(&w);
    assert_int_equal(sitrep(&w, "sam", "x"), WF_PERMISSION_DENIED);
    refused(&w, "NOT_COMMANDER", "Ricardo");
    claim(&w, "sam", IR_SCRIBE, "", "");
    assert_int_equal(sitrep(&w, "sam", "x"), WF_OK);
    assert_int_equal(sitrep(&w, "ada", "x"), WF_OK);
    assert_int_equal(amend(&w, "tia", 1, "x"), WF_PERMISSION_DENIED);
    assert_int_equal(amend(&w, "sam", 1, ""), WF_INVALID_ARGUMENT);
    refused(&w, "NOTHING_TO_CHANGE", "sitrep 1");
    assert_int_equal(amend(&w, "sam", 1, "x"), WF_INVALID_ARGUMENT);
    assert_int_equal(amend(&w, "sam", 0, "y"), WF_NOT_FOUND);
    assert_int_equal(amend(&w, "sam", 9, "y"), WF_NOT_FOUND);
    refused(&w, "UNKNOWN_SITREP", "no sitrep 9");
    w.epoch = 3;
    assert_int_equal(sitrep(&w, "sam", "x"), WF_ABORTED);
    refused(&w, "STALE_EPOCH", "Ricardo");
    memset(longer, 'x', WF_BODY_MAX + 1);
    assert_int_equal(sitrep(&w, "ricardo", longer), WF_INVALID_ARGUMENT);
    refused(&w, "TOO_LONG", "what_is_broken has 8193 bytes, at most 8192");
    r.incident_id = (char *)INC;
    r.what_is_broken = r.impact = r.being_done = (char *)"x";
    assert_int_equal(world_do(&w, "ricardo", &r.base), WF_INVALID_ARGUMENT);
    refused(&w, "REQUIRED", "who is missing");
    r.who = (char *)"x";
    r.next_due_in_min = 4;
    assert_int_equal(world_do(&w, "ricardo", &r.base), WF_INVALID_ARGUMENT);
    refused(&w, "OUT_OF_RANGE", "must be 5 to 1440");
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sitreps_are_numbered_and_versioned),
        cmocka_unit_test(sitreps_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
