// SPDX-License-Identifier: Apache-2.0
#include "world.h"

#include <stdio.h>
#include <string.h>

static void setup(struct world *w)
{
    world_open(w);
    assert_int_equal(declare(w, "ricardo", "x"), WF_OK);
}

static V1(RoleAssignment) * role_of(struct world *w, int role, const char *group)
{
    V1(Incident) *inc = incident(w, INC);

    for (size_t i = 0; i < inc->n_roles; i++)
        if ((int)inc->roles[i]->role == role && strcmp(inc->roles[i]->group, group) == 0)
            return inc->roles[i];
    return NULL;
}

static void command_is_offered_and_accepted(void **state)
{
    struct world w;

    (void)state;
    setup(&w);
    assert_int_equal(offer(&w, "ricardo", IR_COMMANDER, "", "chris"), WF_OK);
    announced(&w, "");
    assert_string_equal(incident(&w, INC)->commander, "ricardo");
    assert_string_equal(role_of(&w, IR_COMMANDER, "")->offer->to, "chris");
    assert_int_equal(accept_role(&w, "sam", IR_COMMANDER, ""), WF_FAILED_PRECONDITION);
    refused(&w, "NO_OFFER", "offered to Chris Stolt, not to you");
    assert_int_equal(accept_role(&w, "ada", IR_COMMANDER, ""), WF_FAILED_PRECONDITION);
    assert_int_equal(accept_role(&w, "chris", IR_COMMANDER, ""), WF_OK);
    announced(&w, "@all: IC -> Chris Stolt");
    assert_string_equal(newest_event(&w)->role->from, "ricardo");
    V1(Incident) *inc = incident(&w, INC);
    assert_string_equal(inc->commander, "chris");
    assert_int_equal(inc->epoch, 2);
    assert_null(inc->roles[0]->offer);
    w.epoch = 1;
    assert_int_equal(change(&w, "ricardo", STATE_CONFIRMED), WF_ABORTED);
    refused(&w, "STALE_EPOCH", "Chris Stolt commands it, epoch 2");
    w.epoch = 0;
    assert_int_equal(change(&w, "ricardo", STATE_CONFIRMED), WF_PERMISSION_DENIED);
    refused(&w, "NOT_COMMANDER", "Chris Stolt");
    world_close(&w);
}

static void who_may_offer_and_to_whom(void **state)
{
    struct world w;

    (void)state;
    setup(&w);
    assert_int_equal(offer(&w, "sam", IR_SCRIBE, "", "tia"), WF_PERMISSION_DENIED);
    refused(&w, "NOT_COMMANDER", "Ricardo");
    assert_int_equal(offer(&w, "ricardo", IR_COMMANDER, "", "sam"), WF_FAILED_PRECONDITION);
    refused(&w, "RECIPIENT_ROLE", "sam has role RESPONDER, holding this needs COMMANDER");
    assert_int_equal(offer(&w, "ricardo", IR_SCRIBE, "", "vic"), WF_FAILED_PRECONDITION);
    assert_int_equal(offer(&w, "ricardo", IR_SCRIBE, "", "bot"), WF_INVALID_ARGUMENT);
    refused(&w, "NOT_A_PERSON", "bot is a program");
    assert_int_equal(offer(&w, "ricardo", IR_SCRIBE, "", "zoe"), WF_NOT_FOUND);
    refused(&w, "UNKNOWN_USER", "zoe");
    assert_int_equal(offer(&w, "ricardo", IR_COMMANDER, "", "ricardo"), WF_FAILED_PRECONDITION);
    refused(&w, "ALREADY_HOLDER", "Ricardo holds IC already");
    assert_int_equal(offer(&w, "ricardo", IR_SCRIBE, "night", "sam"), WF_INVALID_ARGUMENT);
    refused(&w, "NOT_A_GROUP_ROLE", "only operations has groups");
    assert_int_equal(offer(&w, "ricardo", 0, "", "sam"), WF_INVALID_ARGUMENT);
    refused(&w, "REQUIRED", "role");
    assert_int_equal(offer(&w, "ada", IR_SCRIBE, "", "sam"), WF_OK);
    assert_int_equal(offer(&w, "ricardo", IR_SCRIBE, "", "sam"), WF_ALREADY_EXISTS);
    refused(&w, "OFFER_OPEN", "Scribe is offered to sam until 2012-06-30T03:28:00Z");
    assert_int_equal(offer(&w, "ricardo", IR_SCRIBE, "", "tia"), WF_ALREADY_EXISTS);
    assert_int_equal(accept_role(&w, "sam", IR_SCRIBE, ""), WF_OK);
    announced(&w, "@all: Scribe -> sam");
    assert_int_equal(offer(&w, "sam", IR_SCRIBE, "", "tia"), WF_OK); // a holder offers the own role
    w.epoch = 9;
    assert_int_equal(offer(&w, "ricardo", IR_LIAISON, "", "tia"), WF_ABORTED);
    refused(&w, "STALE_EPOCH", "Ricardo");
    world_close(&w);
}

static void offer_seconds_are_bounded(void **state)
{
    struct world w;
    V1(OfferRoleRequest) r = WATCHFIRE__V1__OFFER_ROLE_REQUEST__INIT;
    static const uint32_t bad[] = {1, 9, 86401, UINT32_MAX}, good[] = {10, 86400};

    (void)state;
    setup(&w);
    r.incident_id = (char *)INC;
    r.role = IR_COMMANDER;
    r.to = (char *)"chris";
    for (int i = 0; i < 4; i++) {
        r.expires_in_s = bad[i];
        assert_int_equal(world_do(&w, "ricardo", &r.base), WF_INVALID_ARGUMENT);
        refused(&w, "OUT_OF_RANGE", "must be 10 to 86400");
    }
    for (int i = 0; i < 2; i++) {
        r.expires_in_s = good[i];
        assert_int_equal(world_do(&w, "ricardo", &r.base), WF_OK);
        assert_int_equal(withdraw(&w, "ricardo", IR_COMMANDER, ""), WF_OK);
    }
    world_close(&w);
}

static void every_role_is_announced(void **state)
{
    static const struct {
        int role;
        const char *group, *line;
    } all[] = {{IR_COMMUNICATIONS, "", "@all: Comms -> Chris Stolt"},
               {IR_OPS_LEAD, "", "@all: Ops -> Chris Stolt"},
               {IR_OPS_LEAD, "database", "@all: Ops (database) -> Chris Stolt"},
               {IR_SCRIBE, "", "@all: Scribe -> Chris Stolt"},
               {IR_LIAISON, "", "@all: Liaison -> Chris Stolt"}};
    struct world w;

    (void)state;
    setup(&w);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assert_int_equal(offer(&w, "ricardo", all[i].role, all[i].group, "chris"), WF_OK);
        assert_int_equal(accept_role(&w, "chris", all[i].role, all[i].group), WF_OK);
        announced(&w, all[i].line);
        assert_int_equal(role_of(&w, all[i].role, all[i].group)->epoch, 1);
    }
    world_close(&w);
}

static void declining_and_withdrawing(void **state)
{
    struct world w;

    (void)state;
    setup(&w);
    assert_int_equal(decline(&w, "chris", IR_COMMANDER, ""), WF_FAILED_PRECONDITION);
    refused(&w, "NO_OFFER", "is not offered to you: ask Ricardo to offer it");
    assert_int_equal(withdraw(&w, "ricardo", IR_SCRIBE, ""), WF_FAILED_PRECONDITION);
    refused(&w, "NO_OFFER", "offered to nobody");
    offer(&w, "ricardo", IR_SCRIBE, "", "sam");
    assert_non_null(role_of(&w, IR_SCRIBE, ""));
    assert_int_equal(decline(&w, "sam", IR_SCRIBE, ""), WF_OK);
    assert_int_equal(newest_event(&w)->role->action, ACT_DECLINED);
    assert_null(role_of(&w, IR_SCRIBE, "")); // was never held
    offer(&w, "ricardo", IR_COMMANDER, "", "chris");
    assert_int_equal(withdraw(&w, "sam", IR_COMMANDER, ""), WF_PERMISSION_DENIED);
    refused(&w, "NOT_COMMANDER", "only they can withdraw");
    assert_int_equal(withdraw(&w, "ada", IR_COMMANDER, ""), WF_OK);
    assert_int_equal(newest_event(&w)->role->action, ACT_WITHDRAWN);
    assert_int_equal(accept_role(&w, "chris", IR_COMMANDER, ""), WF_FAILED_PRECONDITION);
    world_close(&w);
}

static void offers_lapse(void **state)
{
    struct world w;

    (void)state;
    setup(&w);
    assert_true(wf_state_next_due(w.s) == INT64_MAX);
    offer(&w, "ricardo", IR_COMMANDER, "", "chris");
    assert_true(wf_state_next_due(w.s) == w.now + 600000);
    world_pass(&w, 599);
    uint64_t before = count_events(&w);
    assert_int_equal(world_tick(&w), WF_OK);
    assert_int_equal(count_events(&w), before);
    world_pass(&w, 1); // lapsed, though no tick has said so
    assert_int_equal(accept_role(&w, "chris", IR_COMMANDER, ""), WF_FAILED_PRECONDITION);
    refused(&w, "OFFER_LAPSED", "lapsed at 2012-06-30T03:28:00Z");
    assert_string_equal(w.result->detail->holder, "ricardo");
    assert_int_equal(world_tick(&w), WF_OK);
    assert_int_equal(newest_event(&w)->role->action, ACT_EXPIRED);
    assert_int_equal(newest_event(&w)->actor->kind, KIND_NODE);
    assert_true(wf_state_next_due(w.s) == INT64_MAX);
    assert_int_equal(decline(&w, "chris", IR_COMMANDER, ""), WF_FAILED_PRECONDITION);
    refused(&w, "OFFER_LAPSED", "lapsed at 2012-06-30T03:28:00Z");
    assert_int_equal(accept_role(&w, "sam", IR_COMMANDER, ""), WF_FAILED_PRECONDITION);
    refused(&w, "NO_OFFER", "not offered to you");
    assert_int_equal(offer(&w, "ricardo", IR_COMMANDER, "", "chris"), WF_OK);
    world_pass(&w, 601); // a new offer over a lapsed one records both
    assert_int_equal(offer(&w, "ricardo", IR_COMMANDER, "", "ada"), WF_OK);
    assert_int_equal(accept_role(&w, "ada", IR_COMMANDER, ""), WF_OK);
    announced(&w, "@all: IC -> Ada");
    world_close(&w);
}

static void vacant_roles_are_taken_at_once(void **state)
{
    struct world w;

    (void)state;
    setup(&w);
    assert_int_equal(claim(&w, "sam", IR_SCRIBE, "", ""), WF_OK);
    announced(&w, "@all: Scribe -> sam");
    assert_int_equal(newest_event(&w)->role->action, ACT_TAKEN);
    assert_int_equal(claim(&w, "sam", IR_OPS_LEAD, "database", ""), WF_NOT_FOUND);
    refused(&w, "UNKNOWN_GROUP", "database");
    assert_int_equal(claim(&w, "bot", IR_LIAISON, "", ""), WF_INVALID_ARGUMENT);
    refused(&w, "NOT_A_PERSON", "bot");
    offer(&w, "ricardo", IR_LIAISON, "", "tia");
    assert_int_equal(claim(&w, "sam", IR_LIAISON, "", ""), WF_ALREADY_EXISTS);
    refused(&w, "OFFER_OPEN", "tia");
    assert_int_equal(claim(&w, "tia", IR_LIAISON, "", ""), WF_OK);
    announced(&w, "@all: Liaison -> tia");
    world_close(&w);
}

static void a_claim_waits_and_holds(void **state)
{
    struct world w;

    (void)state;
    setup(&w);
    assert_int_equal(claim(&w, "chris", IR_COMMANDER, "", ""), WF_INVALID_ARGUMENT);
    refused(&w, "REQUIRED", "reason");
    assert_int_equal(claim(&w, "sam", IR_COMMANDER, "", "gone"), WF_FAILED_PRECONDITION);
    refused(&w, "RECIPIENT_ROLE", "sam");
    assert_int_equal(claim(&w, "ricardo", IR_COMMANDER, "", "gone"), WF_FAILED_PRECONDITION);
    refused(&w, "ALREADY_HOLDER", "you hold IC");
    assert_int_equal(claim(&w, "chris", IR_COMMANDER, "", "no answer for ten minutes"), WF_OK);
    announced(&w, "");
    assert_true(wf_state_next_due(w.s) == w.now + 300000);
    assert_int_equal(claim(&w, "ada", IR_COMMANDER, "", "me too"), WF_ALREADY_EXISTS);
    refused(&w, "CLAIM_OPEN",
            "Chris Stolt claims IC of INC-1 already, valid at 2012-06-30T03:23:00Z");
    offer(&w, "ricardo", IR_COMMANDER, "", "ada"); // an open offer ends when the role changes hands
    world_pass(&w, 299);
    world_tick(&w);
    assert_string_equal(incident(&w, INC)->commander, "ricardo");
    world_pass(&w, 1);
    assert_string_equal(incident(&w, INC)->commander, "ricardo");
    world_tick(&w);
    announced(&w, "@all: IC -> Chris Stolt");
    assert_string_equal(newest_event(&w)->role->from, "ricardo");
    assert_string_equal(incident(&w, INC)->commander, "chris");
    assert_int_equal(incident(&w, INC)->epoch, 2);
    assert_int_equal(accept_role(&w, "ada", IR_COMMANDER, ""), WF_FAILED_PRECONDITION);
    assert_true(wf_state_next_due(w.s) == INT64_MAX);
    world_close(&w);
}

static void claims_are_refused(void **state)
{
    struct world w;

    (void)state;
    setup(&w);
    assert_int_equal(refuse_claim(&w, "ricardo", IR_COMMANDER, ""), WF_FAILED_PRECONDITION);
    refused(&w, "NO_CLAIM", "nobody claims IC");
    claim(&w, "chris", IR_COMMANDER, "", "gone");
    assert_int_equal(refuse_claim(&w, "sam", IR_COMMANDER, ""), WF_PERMISSION_DENIED);
    refused(&w, "NOT_HOLDER", "Ricardo holds IC");
    assert_int_equal(refuse_claim(&w, "ricardo", IR_COMMANDER, ""), WF_OK);
    assert_int_equal(newest_event(&w)->role->action, ACT_REFUSED);
    world_pass(&w, 1000);
    world_tick(&w);
    assert_string_equal(incident(&w, INC)->commander, "ricardo");
    claim(&w, "sam", IR_SCRIBE, "", "");
    claim(&w, "tia", IR_SCRIBE, "", "asleep");
    assert_int_equal(refuse_claim(&w, "ricardo", IR_SCRIBE, ""),
                     WF_OK); // the commander, for others
    claim(&w, "tia", IR_SCRIBE, "", "asleep");
    assert_int_equal(refuse_claim(&w, "ada", IR_SCRIBE, ""), WF_OK);
    world_close(&w);
}

static void a_claimant_without_rights_gets_nothing(void **state)
{
    struct world w;

    (void)state;
    setup(&w);
    claim(&w, "chris", IR_COMMANDER, "", "gone");
    set_user(&w, "ada", "chris", KIND_USER, ROLE_VIEWER);
    world_pass(&w, 300);
    world_tick(&w);
    assert_int_equal(newest_event(&w)->role->action, ACT_REFUSED);
    assert_string_equal(incident(&w, INC)->commander, "ricardo");
    world_close(&w);
}

static void releasing(void **state)
{
    struct world w;

    (void)state;
    setup(&w);
    assert_int_equal(release(&w, "ricardo", IR_COMMANDER, ""), WF_FAILED_PRECONDITION);
    refused(&w, "COMMAND_NEVER_VACANT", "offer it to somebody");
    assert_int_equal(release(&w, "sam", IR_SCRIBE, ""), WF_FAILED_PRECONDITION);
    refused(&w, "NOT_HELD", "nobody holds Scribe");
    claim(&w, "sam", IR_SCRIBE, "", "");
    assert_int_equal(release(&w, "tia", IR_SCRIBE, ""), WF_PERMISSION_DENIED);
    refused(&w, "NOT_HOLDER", "sam holds Scribe");
    assert_int_equal(release(&w, "sam", IR_SCRIBE, ""), WF_OK);
    announced(&w, "");
    assert_string_equal(role_of(&w, IR_SCRIBE, "")->holder, "");
    assert_int_equal(role_of(&w, IR_SCRIBE, "")->epoch, 2);
    claim(&w, "sam", IR_SCRIBE, "", "");
    assert_int_equal(release(&w, "ricardo", IR_SCRIBE, ""), WF_OK); // relieved
    claim(&w, "sam", IR_SCRIBE, "", "");
    claim(&w, "tia", IR_SCRIBE, "", "asleep");
    assert_int_equal(release(&w, "sam", IR_SCRIBE, ""), WF_OK); // who waited has it now
    announced(&w, "@all: Scribe -> tia");
    world_close(&w);
}

static void a_stale_role_epoch_names_the_holder(void **state)
{
    struct world w;
    V1(ClaimRoleRequest) c = WATCHFIRE__V1__CLAIM_ROLE_REQUEST__INIT;
    V1(AcceptRoleRequest) a = WATCHFIRE__V1__ACCEPT_ROLE_REQUEST__INIT;

    (void)state;
    setup(&w);
    c.incident_id = a.incident_id = (char *)INC;
    c.role = a.role = IR_COMMANDER;
    c.role_epoch = a.role_epoch = 7;
    c.reason = (char *)"gone";
    assert_int_equal(world_do(&w, "chris", &c.base), WF_ABORTED);
    refused(&w, "STALE_EPOCH", "Ricardo holds it, epoch 1");
    assert_string_equal(w.result->detail->holder, "ricardo");
    offer(&w, "ricardo", IR_COMMANDER, "", "chris");
    assert_int_equal(world_do(&w, "chris", &a.base), WF_ABORTED);
    a.role_epoch = 1;
    assert_int_equal(world_do(&w, "chris", &a.base), WF_OK);
    c.role_epoch = 2;
    c.wait_s = 59;
    assert_int_equal(world_do(&w, "ricardo", &c.base), WF_INVALID_ARGUMENT);
    refused(&w, "OUT_OF_RANGE", "must be 60 to 3600");
    world_close(&w);
}

static void groups_are_bounded(void **state)
{
    struct world w;
    char group[16];

    (void)state;
    setup(&w);
    for (int i = 0; i < WF_OPS_GROUPS_MAX; i++) {
        snprintf(group, sizeof group, "g%d", i);
        assert_int_equal(offer(&w, "ricardo", IR_OPS_LEAD, group, "sam"), WF_OK);
    }
    assert_int_equal(offer(&w, "ricardo", IR_OPS_LEAD, "one more", "sam"), WF_INVALID_ARGUMENT);
    refused(&w, "TOO_MANY", "at most 32");
    world_close(&w);
}

static void resolving_settles_offers_and_claims(void **state)
{
    struct world w;

    (void)state;
    setup(&w);
    offer(&w, "ricardo", IR_SCRIBE, "", "sam");
    claim(&w, "chris", IR_COMMANDER, "", "gone");
    uint64_t before = count_events(&w);
    assert_int_equal(change(&w, "ricardo", STATE_RESOLVED), WF_OK);
    assert_int_equal(count_events(&w), before + 3);
    assert_null(role_of(&w, IR_SCRIBE, ""));
    assert_null(role_of(&w, IR_COMMANDER, "")->claim);
    assert_true(wf_state_next_due(w.s) == INT64_MAX);
    assert_int_equal(claim(&w, "chris", IR_COMMANDER, "", "gone"), WF_FAILED_PRECONDITION);
    refused(&w, "INCIDENT_RESOLVED", "reopen");
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command_is_offered_and_accepted),
        cmocka_unit_test(who_may_offer_and_to_whom),
        cmocka_unit_test(offer_seconds_are_bounded),
        cmocka_unit_test(every_role_is_announced),
        cmocka_unit_test(declining_and_withdrawing),
        cmocka_unit_test(offers_lapse),
        cmocka_unit_test(vacant_roles_are_taken_at_once),
        cmocka_unit_test(a_claim_waits_and_holds),
        cmocka_unit_test(claims_are_refused),
        cmocka_unit_test(a_claimant_without_rights_gets_nothing),
        cmocka_unit_test(releasing),
        cmocka_unit_test(a_stale_role_epoch_names_the_holder),
        cmocka_unit_test(groups_are_bounded),
        cmocka_unit_test(resolving_settles_offers_and_claims),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
