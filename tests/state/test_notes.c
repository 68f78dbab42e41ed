// SPDX-License-Identifier: Apache-2.0
// Notes, links, tickets, impact, corrections, tasks; and the brief that shows them.
#include "world.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static void setup(struct world *w)
{
    world_open(w);
    assert_int_equal(declare(w, "ricardo", "x"), WF_OK);
}

static int add_link(struct world *w, const char *url, const char *title)
{
    V1(AddLinkRequest) r = WATCHFIRE__V1__ADD_LINK_REQUEST__INIT;

    r.incident_id = (char *)INC;
    r.url = (char *)url;
    r.title = (char *)title;
    return world_do(w, "sam", &r.base);
}

static int ticket(struct world *w, const char *who, const char *number, const char *is)
{
    V1(SetVendorTicketRequest) r = WATCHFIRE__V1__SET_VENDOR_TICKET_REQUEST__INIT;

    r.incident_id = (char *)INC;
    r.vendor = (char *)"cloud";
    r.ticket = (char *)number;
    r.state = (char *)is;
    return world_do(w, who, &r.base);
}

static int add_task(struct world *w, const char *title, const char *owner)
{
    V1(AddTaskRequest) r = WATCHFIRE__V1__ADD_TASK_REQUEST__INIT;

    r.incident_id = (char *)INC;
    r.title = (char *)title;
    r.owner = (char *)owner;
    return world_do(w, "sam", &r.base);
}

static int update_task(struct world *w, uint32_t number, const char *owner, bool closed)
{
    V1(UpdateTaskRequest) r = WATCHFIRE__V1__UPDATE_TASK_REQUEST__INIT;

    r.incident_id = (char *)INC;
    r.number = number;
    r.owner = (char *)owner;
    r.close = closed;
    return world_do(w, "sam", &r.base);
}

static int correct(struct world *w, uint64_t seq, const char *text)
{
    V1(CorrectEventRequest) r = WATCHFIRE__V1__CORRECT_EVENT_REQUEST__INIT;

    r.incident_id = (char *)INC;
    r.seq = seq;
    r.text = (char *)text;
    return world_do(w, "sam", &r.base);
}

static V1(GetBriefResponse) * brief(struct world *w)
{
    V1(GetBriefRequest) r = WATCHFIRE__V1__GET_BRIEF_REQUEST__INIT;

    r.incident_id = (char *)INC;
    V1(GetBriefResponse) *a = query(w, &r.base);
    assert_non_null(a);
    return a;
}

static void notes(void **state)
{
    struct world w;
    static char longer[WF_BODY_MAX + 2];

    (void)state;
    setup(&w);
    world_pass(&w, 5);
    assert_int_equal(note(&w, "sam", "first line\nsecond"), WF_OK);
    V1(Event) *e = newest_event(&w);
    assert_string_equal(e->note->text, "first line\nsecond");
    assert_string_equal(e->text, "");
    assert_string_equal(e->actor->name, "sam");
    V1(AddNoteResponse) *a = watchfire__v1__add_note_response__unpack(NULL, w.result->response.len,
                                                                      w.result->response.data);
    assert_int_equal(a->seq, count_events(&w));
    assert_true(wf_timestamp_ms(a->at) == w.now);
    watchfire__v1__add_note_response__free_unpacked(a, NULL);
    assert_true(wf_timestamp_ms(incident(&w, INC)->updated_at) == w.now);
    assert_int_equal(incident(&w, INC)->last_seq, count_events(&w));
    assert_int_equal(note(&w, "bot", "programs write too"), WF_OK);
    assert_int_equal(note(&w, "vic", "x"), WF_PERMISSION_DENIED);
    assert_int_equal(note(&w, "sam", ""), WF_INVALID_ARGUMENT);
    refused(&w, "REQUIRED", "text is missing");
    memset(longer, 'x', WF_BODY_MAX + 1);
    assert_int_equal(note(&w, "sam", longer), WF_INVALID_ARGUMENT);
    refused(&w, "TOO_LONG", "text has 8193 bytes, at most 8192");
    longer[WF_BODY_MAX] = '\0';
    assert_int_equal(note(&w, "sam", longer), WF_OK);
    assert_int_equal(note(&w, "sam", "a\xff"), WF_INVALID_ARGUMENT);
    refused(&w, "INVALID_UTF8", "text: not UTF-8 at byte 1");
    assert_string_equal(w.result->detail->field, "text");
    world_close(&w);
}

static void links(void **state)
{
    struct world w;
    char url[64];

    (void)state;
    setup(&w);
    assert_int_equal(add_link(&w, "javascript:alert(1)", ""), WF_INVALID_ARGUMENT);
    refused(&w, "BAD_URL", "https://");
    assert_int_equal(add_link(&w, "https://", ""), WF_INVALID_ARGUMENT);
    assert_int_equal(add_link(&w, "", ""), WF_INVALID_ARGUMENT);
    assert_int_equal(add_link(&w, "https://graphs.example/1", "Graphs"), WF_OK);
    assert_int_equal(add_link(&w, "HTTP://chat.example/", ""), WF_OK);
    assert_int_equal(add_link(&w, "https://graphs.example/1", "All graphs"), WF_OK);
    V1(GetBriefResponse) *b = brief(&w);
    assert_int_equal(b->n_links, 2);
    assert_string_equal(b->links[1]->title, "All graphs");
    for (int i = 2; i < WF_LINKS_MAX; i++) {
        snprintf(url, sizeof url, "https://x.example/%d", i);
        assert_int_equal(add_link(&w, url, ""), WF_OK);
    }
    assert_int_equal(add_link(&w, "https://y.example/", ""), WF_RESOURCE_EXHAUSTED);
    refused(&w, "TOO_MANY", "at most 500");
    assert_int_equal(add_link(&w, url, "known"), WF_OK);
    world_close(&w);
}

static void tickets_and_impact(void **state)
{
    struct world w;
    V1(SetImpactRequest) r = WATCHFIRE__V1__SET_IMPACT_REQUEST__INIT;

    (void)state;
    setup(&w);
    assert_int_equal(ticket(&w, "sam", "T1", "open"), WF_OK);
    assert_int_equal(ticket(&w, "tia", "T1", "pending"), WF_OK);
    assert_int_equal(ticket(&w, "tia", "T2", ""), WF_INVALID_ARGUMENT);
    refused(&w, "REQUIRED", "state");
    V1(GetBriefResponse) *b = brief(&w);
    assert_int_equal(b->n_vendor_tickets, 1);
    assert_string_equal(b->vendor_tickets[0]->state, "pending");
    assert_string_equal(b->vendor_tickets[0]->by, "sam");
    r.incident_id = (char *)INC;
    r.support_tickets = 120;
    r.customers_affected = 3000;
    assert_int_equal(world_do(&w, "sam", &r.base), WF_OK);
    assert_int_equal(incident(&w, INC)->support_tickets, 120);
    assert_int_equal(incident(&w, INC)->customers_affected, 3000);
    world_close(&w);
}

static void corrections(void **state)
{
    struct world w;

    (void)state;
    setup(&w);
    declare(&w, "ricardo", "another"); // INC-2, whose events are not INC-1's
    uint64_t foreign = count_events(&w);
    note(&w, "sam", "wrnog");
    uint64_t seq = count_events(&w);
    assert_int_equal(correct(&w, seq, "wrong"), WF_OK);
    assert_int_equal(newest_event(&w)->correction->seq, seq);
    assert_int_equal(correct(&w, foreign, "x"), WF_NOT_FOUND);
    refused(&w, "UNKNOWN_EVENT", "INC-1 has no event");
    assert_int_equal(correct(&w, 0, "x"), WF_NOT_FOUND);
    assert_int_equal(correct(&w, UINT64_MAX, "x"), WF_NOT_FOUND);
    assert_int_equal(correct(&w, seq, ""), WF_INVALID_ARGUMENT);
    world_close(&w);
}

static void tasks(void **state)
{
    struct world w;

    (void)state;
    setup(&w);
    assert_int_equal(add_task(&w, "Fail the database over", ""), WF_OK);
    assert_int_equal(add_task(&w, "Call the provider", "tia"), WF_OK);
    assert_int_equal(add_task(&w, "x", "nobody"), WF_NOT_FOUND);
    refused(&w, "UNKNOWN_USER", "nobody");
    assert_int_equal(add_task(&w, "x", "vic"), WF_FAILED_PRECONDITION);
    assert_int_equal(add_task(&w, "", ""), WF_INVALID_ARGUMENT);
    assert_int_equal(incident(&w, INC)->open_tasks, 2);
    assert_int_equal(update_task(&w, 1, "", false), WF_INVALID_ARGUMENT);
    refused(&w, "NOTHING_TO_CHANGE", "task 1");
    assert_int_equal(update_task(&w, 1, "sam", false), WF_OK);
    assert_int_equal(update_task(&w, 2, "", true), WF_OK);
    assert_int_equal(update_task(&w, 2, "sam", false), WF_FAILED_PRECONDITION);
    refused(&w, "TASK_CLOSED", "task 2 of INC-1 is closed");
    assert_int_equal(update_task(&w, 3, "sam", false), WF_NOT_FOUND);
    refused(&w, "UNKNOWN_TASK", "no task 3");
    V1(GetBriefResponse) *b = brief(&w);
    assert_int_equal(b->n_tasks, 1);
    assert_string_equal(b->tasks[0]->owner, "sam");
    assert_int_equal(b->incident->open_tasks, 1);
    for (int i = 2; i < WF_TASKS_MAX; i++)
        assert_int_equal(add_task(&w, "x", ""), WF_OK);
    assert_int_equal(add_task(&w, "x", ""), WF_RESOURCE_EXHAUSTED);
    refused(&w, "TOO_MANY", "500 tasks");
    world_close(&w);
}

static void the_brief_fills_in(void **state)
{
    struct world w;
    V1(GetBriefRequest) r = WATCHFIRE__V1__GET_BRIEF_REQUEST__INIT;

    (void)state;
    setup(&w);
    sitrep(&w, "ricardo", "all of it");
    status(&w, "ricardo", POST_ISSUE, "There is an issue.");
    for (int i = 0; i < 30; i++)
        note(&w, "sam", "noted");
    change(&w, "ricardo", STATE_MAJOR);
    V1(GetBriefResponse) *b = brief(&w);
    assert_string_equal(b->sitrep->impact, "all of it");
    assert_string_equal(b->status->body, "There is an issue.");
    assert_int_equal(b->n_timeline, 20);
    assert_string_equal(b->timeline[19]->text, "@all: Major Incident");
    assert_string_equal(b->timeline[18]->text, "noted");
    assert_string_equal(b->timeline[18]->actor, "sam");
    assert_true(b->timeline[0]->seq < b->timeline[19]->seq);
    r.incident_id = (char *)"INC-2";
    assert_null(query(&w, &r.base));
    assert_string_equal(w.err.reason, "UNKNOWN_INCIDENT");
    world_close(&w);
}

static void incidents_are_listed_in_pages(void **state)
{
    struct world w;
    V1(ListIncidentsRequest) r = WATCHFIRE__V1__LIST_INCIDENTS_REQUEST__INIT;
    char page[32];

    (void)state;
    setup(&w);
    for (int i = 0; i < 4; i++)
        declare(&w, "ricardo", "x");
    change(&w, "ricardo", STATE_RESOLVED); // INC-1
    r.page_size = 3;
    V1(ListIncidentsResponse) *a = query(&w, &r.base);
    assert_int_equal(a->n_incidents, 3);
    assert_string_equal(a->incidents[0]->id, "INC-5");
    strcpy(page, a->next_page_token);
    r.page_token = page;
    a = query(&w, &r.base);
    assert_int_equal(a->n_incidents, 2);
    assert_string_equal(a->next_page_token, "");
    r.open = true;
    a = query(&w, &r.base);
    assert_int_equal(a->n_incidents, 1);
    assert_string_equal(a->incidents[0]->id, "INC-2");
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notes),
        cmocka_unit_test(links),
        cmocka_unit_test(tickets_and_impact),
        cmocka_unit_test(corrections),
        cmocka_unit_test(tasks),
        cmocka_unit_test(the_brief_fills_in),
        cmocka_unit_test(incidents_are_listed_in_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
