// SPDX-License-Identifier: Apache-2.0
#include "world.h"

#include <stdio.h>
#include <string.h>

static void declaring_makes_the_first_responder_commander(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    uint64_t before = count_events(&w);
    assert_int_equal(declare(&w, "ricardo", "Widespread Application Outage"), WF_OK);
    assert_int_equal(w.result->seq, before + 2);
    V1(Incident) *inc = incident(&w, INC);
    assert_string_equal(inc->title, "Widespread Application Outage");
    assert_string_equal(inc->commander, "ricardo");
    assert_int_equal(inc->epoch, 1);
    assert_int_equal(inc->state, STATE_INVESTIGATING);
    assert_int_equal(inc->severity, WATCHFIRE__V1__SEVERITY__SEVERITY_SEV3);
    assert_true(wf_timestamp_ms(inc->declared_at) == w.now);
    assert_true(wf_timestamp_ms(inc->updated_at) == w.now);
    assert_true(wf_timestamp_ms(inc->next_sitrep_due) == w.now + 3600000);
    assert_null(inc->resolved_at);
    assert_int_equal(inc->last_seq, before + 2);
    assert_int_equal(inc->n_roles, 1);
    assert_string_equal(inc->roles[0]->holder, "ricardo");
    announced(&w, "@all: IC -> Ricardo");
    assert_string_equal(newest_event(&w)->incident_id, INC);
    assert_int_equal(declare(&w, "chris", "Another"), WF_OK);
    assert_string_equal(incident(&w, "INC-2")->commander, "chris");
    world_close(&w);
}

static void declaring_is_refused(void **state)
{
    struct world w;
    V1(DeclareIncidentRequest) r = WATCHFIRE__V1__DECLARE_INCIDENT_REQUEST__INIT;
    char title[WF_TITLE_MAX + 2];

    (void)state;
    world_open(&w);
    assert_int_equal(declare(&w, "sam", "x"), WF_PERMISSION_DENIED);
    refused(&w, "ROLE_TOO_LOW", "needs COMMANDER");
    assert_int_equal(declare(&w, "vic", "x"), WF_PERMISSION_DENIED);
    assert_int_equal(declare(&w, "stranger", "x"), WF_PERMISSION_DENIED);
    assert_int_equal(declare(&w, "ricardo", ""), WF_INVALID_ARGUMENT);
    refused(&w, "REQUIRED", "title");
    assert_int_equal(declare(&w, "ricardo", "two\nlines"), WF_INVALID_ARGUMENT);
    refused(&w, "NOT_ONE_LINE", "byte 3");
    memset(title, 'x', sizeof title);
    title[WF_TITLE_MAX + 1] = '\0';
    assert_int_equal(declare(&w, "ricardo", title), WF_INVALID_ARGUMENT);
    refused(&w, "TOO_LONG", "201 bytes, at most 200");
    assert_string_equal(w.result->detail->field, "title");
    assert_int_equal(w.result->detail->limit, WF_TITLE_MAX);
    assert_int_equal(declare(&w, "auto", "x"), WF_INVALID_ARGUMENT);
    refused(&w, "NOT_A_PERSON", "program");
    r.title = (char *)"x";
    r.first_responder = (char *)"sam";
    assert_int_equal(world_do(&w, "ricardo", &r.base), WF_FAILED_PRECONDITION);
    refused(&w, "RECIPIENT_ROLE", "sam has role RESPONDER");
    r.first_responder = (char *)"nobody";
    assert_int_equal(world_do(&w, "ricardo", &r.base), WF_NOT_FOUND);
    refused(&w, "UNKNOWN_USER", "nobody");
    r.first_responder = (char *)"auto";
    assert_int_equal(world_do(&w, "ricardo", &r.base), WF_INVALID_ARGUMENT);
    refused(&w, "NOT_A_PERSON", "auto");
    r.first_responder = (char *)"chris";
    assert_int_equal(world_do(&w, "auto", &r.base), WF_OK);
    assert_string_equal(incident(&w, INC)->commander, "chris");
    world_close(&w);
}

static void lists_are_bounded(void **state)
{
    struct world w;
    V1(DeclareIncidentRequest) r = WATCHFIRE__V1__DECLARE_INCIDENT_REQUEST__INIT;
    char names[WF_LIST_MAX + 1][16], *list[WF_LIST_MAX + 1], longer[WF_NAME_MAX + 2];

    (void)state;
    world_open(&w);
    for (int i = 0; i <= WF_LIST_MAX; i++) {
        snprintf(names[i], sizeof names[i], "svc-%d", i);
        list[i] = names[i];
    }
    r.title = (char *)"x";
    r.services = list;
    r.n_services = WF_LIST_MAX + 1;
    assert_int_equal(world_do(&w, "ricardo", &r.base), WF_INVALID_ARGUMENT);
    refused(&w, "TOO_MANY", "65 names, at most 64");
    r.n_services = WF_LIST_MAX;
    assert_int_equal(world_do(&w, "ricardo", &r.base), WF_OK);
    assert_int_equal(incident(&w, INC)->n_services, WF_LIST_MAX);
    list[1] = list[0];
    assert_int_equal(world_do(&w, "ricardo", &r.base), WF_INVALID_ARGUMENT);
    refused(&w, "TWICE", "svc-0 twice");
    memset(longer, 'y', sizeof longer);
    longer[WF_NAME_MAX + 1] = '\0';
    list[1] = longer;
    assert_int_equal(world_do(&w, "ricardo", &r.base), WF_INVALID_ARGUMENT);
    refused(&w, "TOO_LONG", "services[1] has 121 bytes, at most 120");
    world_close(&w);
}

// From a new incident, walk there; then every state as the next.
static const int walks[5][3] = {
    [STATE_INVESTIGATING] = {0},
    [STATE_CONFIRMED] = {STATE_CONFIRMED},
    [STATE_MAJOR] = {STATE_MAJOR},
    [STATE_RESOLVED] = {STATE_CONFIRMED, STATE_RESOLVED},
};
static const char *const line[5][5] = {
    [STATE_INVESTIGATING] = {[STATE_CONFIRMED] = "@all: Incident Confirmed",
                             [STATE_MAJOR] = "@all: Major Incident",
                             [STATE_RESOLVED] = "@all: Incident Resolved"},
    [STATE_CONFIRMED] =
        {[STATE_MAJOR] = "@all: Major Incident", [STATE_RESOLVED] = "@all: Incident Resolved"},
    [STATE_MAJOR] = {[STATE_CONFIRMED] = "@all: Incident Downgraded",
                     [STATE_RESOLVED] = "@all: Incident Resolved"},
    [STATE_RESOLVED] = {[STATE_INVESTIGATING] = "@all: Incident Reopened"},
};

static void only_legal_edges(void **state)
{
    struct world w;

    (void)state;
    for (int from = 1; from <= 4; from++) {
        for (int to = 0; to <= 4; to++) {
            world_open(&w);
            declare(&w, "ricardo", "x");
            for (int i = 0; walks[from][i] != 0; i++)
                assert_int_equal(change(&w, "ricardo", walks[from][i]), WF_OK);
            if (line[from][to] != NULL) {
                assert_int_equal(change(&w, "ricardo", to), WF_OK);
                announced(&w, line[from][to]);
                assert_int_equal(incident(&w, INC)->state, to);
            } else {
                assert_int_equal(change(&w, "ricardo", to), WF_FAILED_PRECONDITION);
                refused(&w, "ILLEGAL_EDGE", "from there it goes to");
                assert_int_equal(incident(&w, INC)->state, from);
            }
            world_close(&w);
        }
    }
}

static void the_commander_decides(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    declare(&w, "ricardo", "x");
    assert_int_equal(change(&w, "chris", STATE_CONFIRMED), WF_PERMISSION_DENIED);
    refused(&w, "NOT_COMMANDER", "Ricardo commands INC-1");
    assert_string_equal(w.result->detail->holder, "ricardo");
    assert_int_equal(w.result->detail->epoch, 1);
    assert_int_equal(change(&w, "vic", STATE_CONFIRMED), WF_PERMISSION_DENIED);
    refused(&w, "ROLE_TOO_LOW", "VIEWER");
    assert_int_equal(change(&w, "ada", STATE_CONFIRMED), WF_OK);
    assert_true(newest_event(&w)->state_changed->by_admin);
    assert_int_equal(change(&w, "ricardo", STATE_MAJOR), WF_OK);
    assert_false(newest_event(&w)->state_changed->by_admin);
    w.epoch = 7;
    assert_int_equal(change(&w, "ricardo", STATE_RESOLVED), WF_ABORTED);
    refused(&w, "STALE_EPOCH", "Ricardo commands it, epoch 1");
    assert_int_equal(change(&w, "ada", STATE_RESOLVED), WF_ABORTED);
    assert_string_equal(w.result->detail->holder, "ricardo");
    w.epoch = 1;
    assert_int_equal(change(&w, "ricardo", STATE_RESOLVED), WF_OK);
    world_close(&w);
}

static void a_demoted_commander_commands_no_more(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    declare(&w, "ricardo", "x");
    assert_int_equal(set_user(&w, "ada", "ricardo", KIND_USER, ROLE_RESPONDER), WF_OK);
    assert_int_equal(change(&w, "ricardo", STATE_CONFIRMED), WF_PERMISSION_DENIED);
    refused(&w, "ROLE_TOO_LOW", "needs COMMANDER");
    assert_string_equal(incident(&w, INC)->commander, "ricardo");
    world_close(&w);
}

static void unknown_incidents_are_named(void **state)
{
    static const char *const bad[] = {
        "INC-2", "INC-0", "INC-01", "inc-1", "1", "", "INC-", "INC-1x", "INC-18446744073709551617",
        "INC-1 "};
    struct world w;
    V1(AddNoteRequest) r = WATCHFIRE__V1__ADD_NOTE_REQUEST__INIT;

    (void)state;
    world_open(&w);
    declare(&w, "ricardo", "x");
    r.text = (char *)"x";
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        r.incident_id = (char *)bad[i];
        assert_int_equal(world_do(&w, "sam", &r.base), WF_NOT_FOUND);
        refused(&w, "UNKNOWN_INCIDENT", bad[i]);
    }
    world_close(&w);
}

static void resolving_and_reopening(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    declare(&w, "ricardo", "x");
    world_pass(&w, 100);
    assert_int_equal(change(&w, "ricardo", STATE_RESOLVED), WF_OK);
    V1(Incident) *inc = incident(&w, INC);
    assert_true(wf_timestamp_ms(inc->resolved_at) == w.now);
    assert_null(inc->next_sitrep_due);
    assert_int_equal(sitrep(&w, "ricardo", "x"), WF_FAILED_PRECONDITION);
    refused(&w, "INCIDENT_RESOLVED", "reopen it to post a sitrep");
    assert_int_equal(offer(&w, "ricardo", IR_COMMANDER, "", "chris"), WF_FAILED_PRECONDITION);
    refused(&w, "INCIDENT_RESOLVED", "change its roles");
    assert_int_equal(note(&w, "sam", "afterthought"), WF_OK);
    world_pass(&w, 100);
    assert_int_equal(change(&w, "ricardo", STATE_INVESTIGATING), WF_OK);
    inc = incident(&w, INC);
    assert_null(inc->resolved_at);
    assert_true(wf_timestamp_ms(inc->next_sitrep_due) == w.now + 3600000);
    world_close(&w);
}

static void facts_are_corrected(void **state)
{
    struct world w;
    V1(UpdateIncidentRequest) r = WATCHFIRE__V1__UPDATE_INCIDENT_REQUEST__INIT;
    V1(NameList) none = WATCHFIRE__V1__NAME_LIST__INIT, one = WATCHFIRE__V1__NAME_LIST__INIT;
    char *production = (char *)"Production";

    (void)state;
    world_open(&w);
    declare(&w, "ricardo", "x");
    r.incident_id = (char *)INC;
    assert_int_equal(world_do(&w, "ricardo", &r.base), WF_INVALID_ARGUMENT);
    refused(&w, "NOTHING_TO_CHANGE", INC);
    r.services = &none;
    assert_int_equal(world_do(&w, "ricardo", &r.base), WF_INVALID_ARGUMENT);
    one.names = &production;
    one.n_names = 1;
    r.component_groups = &one;
    r.title = (char *)"y";
    r.severity = WATCHFIRE__V1__SEVERITY__SEVERITY_SEV1;
    assert_int_equal(world_do(&w, "chris", &r.base), WF_PERMISSION_DENIED);
    assert_int_equal(world_do(&w, "ricardo", &r.base), WF_OK);
    V1(Event) *e = newest_event(&w);
    assert_string_equal(e->text,
                        "Ricardo corrected INC-1: title: y, severity: SEV1, component groups");
    assert_string_equal(e->updated->title, "y");
    V1(Incident) *inc = incident(&w, INC);
    assert_string_equal(inc->title, "y");
    assert_int_equal(inc->severity, 1);
    assert_string_equal(inc->component_groups[0], "Production");
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(declaring_makes_the_first_responder_commander),
        cmocka_unit_test(declaring_is_refused),
        cmocka_unit_test(lists_are_bounded),
        cmocka_unit_test(only_legal_edges),
        cmocka_unit_test(the_commander_decides),
        cmocka_unit_test(a_demoted_commander_commands_no_more),
        cmocka_unit_test(unknown_incidents_are_named),
        cmocka_unit_test(resolving_and_reopening),
        cmocka_unit_test(facts_are_corrected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
