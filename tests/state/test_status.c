// SPDX-License-Identifier: Apache-2.0
#include "world.h"

#include <stdbool.h>
#include <string.h>

static void setup(struct world *w)
{
    V1(DeclareIncidentRequest) r = WATCHFIRE__V1__DECLARE_INCIDENT_REQUEST__INIT;
    char *groups[] = {(char *)"Production", (char *)"Development"};

    world_open(w);
    r.title = (char *)"x";
    r.component_groups = groups;
    r.n_component_groups = 2;
    assert_int_equal(world_do(w, "ricardo", &r.base), WF_OK);
}

static void posts_are_numbered_and_carry_groups(void **state)
{
    struct world w;
    V1(ListStatusPostsRequest) l = WATCHFIRE__V1__LIST_STATUS_POSTS_REQUEST__INIT;
    V1(PostStatusRequest) r = WATCHFIRE__V1__POST_STATUS_REQUEST__INIT;
    char *one[] = {(char *)"Production"};

    (void)state;
    setup(&w);
    assert_int_equal(status(&w, "ricardo", POST_INVESTIGATING, "We are investigating."), WF_OK);
    r.incident_id = (char *)INC;
    r.kind = POST_UPDATE;
    r.body = (char *)"We are still investigating.";
    r.component_groups = one;
    r.n_component_groups = 1;
    assert_int_equal(world_do(&w, "ada", &r.base), WF_OK);
    l.incident_id = (char *)INC;
    V1(ListStatusPostsResponse) *a = query(&w, &l.base);
    assert_int_equal(a->n_posts, 2);
    assert_int_equal(a->posts[0]->number, 2);
    assert_int_equal(a->posts[0]->n_component_groups, 1);
    assert_int_equal(a->posts[1]->n_component_groups, 2);
    assert_string_equal(a->posts[1]->body, "We are investigating.");
    world_close(&w);
}

static void who_may_post(void **state)
{
    struct world w;

    (void)state;
    setup(&w);
    assert_int_equal(status(&w, "sam", POST_ISSUE, "x"), WF_PERMISSION_DENIED);
    refused(&w, "NOT_COMMANDER", "ask ricardo");
    claim(&w, "sam", IR_COMMUNICATIONS, "", "");
    assert_int_equal(status(&w, "sam", POST_ISSUE, "x"), WF_OK);
    assert_int_equal(status(&w, "tia", POST_ISSUE, "x"), WF_PERMISSION_DENIED);
    refused(&w, "NOT_COMMANDER", "ask sam");
    w.epoch = 4;
    assert_int_equal(status(&w, "ricardo", POST_ISSUE, "x"), WF_ABORTED);
    world_close(&w);
}

static void kinds_fit_the_state(void **state)
{
    struct world w;

    (void)state;
    setup(&w);
    assert_int_equal(status(&w, "ricardo", 0, "x"), WF_INVALID_ARGUMENT);
    refused(&w, "REQUIRED", "kind");
    assert_int_equal(status(&w, "ricardo", POST_ISSUE, ""), WF_INVALID_ARGUMENT);
    assert_int_equal(status(&w, "ricardo", POST_RESOLVED, "x"), WF_FAILED_PRECONDITION);
    refused(&w, "NOT_RESOLVED", "INC-1 is INVESTIGATING");
    change(&w, "ricardo", STATE_RESOLVED);
    assert_int_equal(status(&w, "ricardo", POST_ISSUE, "x"), WF_FAILED_PRECONDITION);
    refused(&w, "INCIDENT_RESOLVED", "post an UPDATE");
    assert_int_equal(status(&w, "ricardo", POST_RESOLVED, "x"), WF_OK);
    assert_int_equal(status(&w, "ricardo", POST_UPDATE, "x"), WF_OK);
    world_close(&w);
}

static void drafts_are_checked(void **state)
{
    struct world w;
    V1(PostStatusRequest) r = WATCHFIRE__V1__POST_STATUS_REQUEST__INIT;
    V1(CheckDraftRequest) c = WATCHFIRE__V1__CHECK_DRAFT_REQUEST__INIT;
    static const char body[] = "We expect to be back in 30 minutes. Amazon is having trouble.";

    (void)state;
    setup(&w);
    assert_int_equal(status(&w, "ricardo", POST_ISSUE, body), WF_FAILED_PRECONDITION);
    refused(&w, "DRAFT_FINDINGS", "2 passages");
    assert_int_equal(w.result->detail->n_findings, 2);
    const V1(DraftFinding) *f = w.result->detail->findings[0];
    assert_int_equal(f->kind, FINDING_ETA);
    assert_memory_equal(body + f->start, f->text, f->length);
    c.body = (char *)body;
    V1(CheckDraftResponse) *a = query(&w, &c.base);
    assert_int_equal(a->n_findings, 2);
    assert_int_equal(a->findings[1]->kind, FINDING_BLAME);
    c.body = (char *)"";
    assert_null(query(&w, &c.base));
    assert_string_equal(w.err.reason, "REQUIRED");
    r.incident_id = (char *)INC;
    r.kind = POST_ISSUE;
    r.body = (char *)body;
    r.override_findings = true;
    assert_int_equal(world_do(&w, "ricardo", &r.base), WF_OK);
    assert_int_equal(newest_event(&w)->status->n_overridden, 2);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posts_are_numbered_and_carry_groups),
        cmocka_unit_test(who_may_post),
        cmocka_unit_test(kinds_fit_the_state),
        cmocka_unit_test(drafts_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
