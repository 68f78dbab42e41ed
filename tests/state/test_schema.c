// SPDX-License-Identifier: Apache-2.0
// The schema's version is part of the state, and a command of the log raises it.
#include <string.h>

#include "state/machine.h"
#include "state/schema.h"
#include "world.h"

static int migrate(struct world *w, uint32_t schema)
{
    INTERNAL(MigrateCommand) m = WATCHFIRE__INTERNAL__V1__MIGRATE_COMMAND__INIT;

    m.schema = schema;
    return world_node(w, &m.base);
}

static void a_state_begins_with_the_first_and_is_raised_by_command(void **state)
{
    struct world w;

    (void)state;
    world_open_dir(&w);
    assert_int_equal(w.s->schema, 1);
    uint64_t events = wf_state_last_seq(w.s);
    assert_int_equal(migrate(&w, WF_SCHEMA_VERSION), WF_OK);
    assert_int_equal(w.s->schema, WF_SCHEMA_VERSION);
    assert_int_equal(wf_schema_version(&w.s->db), WF_SCHEMA_VERSION);
    assert_int_equal(wf_schema_check(&w.s->db, &w.err), WF_OK);
    assert_int_equal(wf_state_last_seq(w.s), events + 1); // it is on the record
    world_reopen(&w);
    assert_int_equal(w.s->schema, WF_SCHEMA_VERSION);
    world_close(&w);
}

// Two leaders, one after the other, may ask for the same.
static void a_schema_that_is_reached_is_refused(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    assert_int_equal(migrate(&w, WF_SCHEMA_VERSION), WF_OK);
    uint64_t events = wf_state_last_seq(w.s);
    assert_int_equal(migrate(&w, WF_SCHEMA_VERSION), WF_ALREADY_EXISTS);
    assert_int_equal(migrate(&w, 1), WF_ALREADY_EXISTS);
    assert_int_equal(wf_state_last_seq(w.s), events);
    world_close(&w);
}

// A program that does not know it must not go on as if nothing were: it stops at that index.
static void an_unknown_schema_stops_the_node(void **state)
{
    INTERNAL(MigrateCommand) m = WATCHFIRE__INTERNAL__V1__MIGRATE_COMMAND__INIT;
    INTERNAL(Command) c = WATCHFIRE__INTERNAL__V1__COMMAND__INIT;
    V1(Actor) node = WATCHFIRE__V1__ACTOR__INIT;
    struct wf_state_bytes command, result;
    struct world w;
    uint8_t bytes[64];

    (void)state;
    world_open_dir(&w);
    node.name = (char *)"fra-1";
    node.kind = KIND_NODE;
    m.schema = WF_SCHEMA_VERSION + 1;
    c.actor = &node;
    c.request_id_assigned = true;
    c.request_case = REQUEST(MIGRATE);
    c.migrate = &m;
    command = (struct wf_state_bytes){bytes, protobuf_c_message_pack(&c.base, bytes)};
    uint64_t applied = wf_state_applied(w.s);
    assert_int_equal(wf_state_apply(w.s, applied + 1, 1, w.now, &command, 1, &result, &w.err),
                     WF_FAILED_PRECONDITION);
    assert_string_equal(w.err.reason, "SCHEMA_NEWER");
    assert_int_equal(wf_state_applied(w.s), applied);
    assert_int_equal(w.s->schema, 1);
    world_close(&w);
}

// The leader's state asks for it once the programs of all members know it.
static void it_is_due_when_all_members_know_it(void **state)
{
    struct wf_state_bytes command, result;
    struct world w;

    (void)state;
    world_open(&w);
    assert_true(wf_state_next_due(w.s) == INT64_MAX);
    wf_state_all_know(w.s, 1);
    assert_true(wf_state_next_due(w.s) == INT64_MAX);
    wf_state_all_know(w.s, WF_SCHEMA_VERSION + 7); // they are ahead of us
    assert_true(wf_state_next_due(w.s) == 0);
    command = wf_state_tick(w.s);
    assert_int_equal(
        wf_state_apply(w.s, wf_state_applied(w.s) + 1, 1, w.now, &command, 1, &result, &w.err),
        WF_OK);
    assert_int_equal(w.s->schema, WF_SCHEMA_VERSION);
    assert_true(wf_state_next_due(w.s) == INT64_MAX);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_begins_with_the_first_and_is_raised_by_command),
        cmocka_unit_test(a_schema_that_is_reached_is_refused),
        cmocka_unit_test(an_unknown_schema_stops_the_node),
        cmocka_unit_test(it_is_due_when_all_members_know_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
