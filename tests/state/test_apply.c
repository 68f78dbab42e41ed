// SPDX-License-Identifier: Apache-2.0
#include "world.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "state/machine.h"

static void malformed_commands_are_refused(void **state)
{
    struct world w;
    INTERNAL(Command) c = WATCHFIRE__INTERNAL__V1__COMMAND__INIT;
    uint8_t bytes[64];

    (void)state;
    world_open(&w);
    uint64_t events = count_events(&w);
    assert_int_equal(world_apply(&w, "\xff\xff", 2), WF_INVALID_ARGUMENT);
    refused(&w, "MALFORMED", "");
    assert_int_equal(world_apply(&w, "", 0), WF_INVALID_ARGUMENT);
    refused(&w, "REQUIRED", "asks for nothing");
    c.request_case = REQUEST(ADD_NOTE);
    V1(AddNoteRequest) n = WATCHFIRE__V1__ADD_NOTE_REQUEST__INIT;
    c.add_note = &n;
    size_t len = protobuf_c_message_pack(&c.base, bytes);
    assert_int_equal(world_apply(&w, bytes, len), WF_UNAUTHENTICATED);
    refused(&w, "NO_ACTOR", "no caller");
    // declare_incident.severity = 9
    assert_int_equal(world_apply(&w, "\x52\x02\x18\x09", 4), WF_INVALID_ARGUMENT);
    refused(&w, "UNKNOWN_ENUM", "severity: 9 is no Severity");
    assert_string_equal(w.result->detail->field, "severity");
    assert_int_equal(count_events(&w), events);
    world_close(&w);
}

static void a_command_of_a_newer_program_stops_the_node(void **state)
{
    static const uint8_t newer[] = {0xba, 0x3e, 0x00}; // field 999, an empty message
    struct world w;
    struct wf_state_bytes c = {newer, sizeof newer}, r;
    struct wf_err err;
    uint8_t before[WF_HASH_SIZE], after[WF_HASH_SIZE];

    (void)state;
    world_open(&w);
    wf_state_digest(w.s, before);
    uint64_t applied = wf_state_applied(w.s);
    assert_int_equal(wf_state_apply(w.s, applied + 1, 1, w.now, &c, 1, &r, &err),
                     WF_FAILED_PRECONDITION);
    assert_string_equal(err.reason, "COMMAND_NEWER");
    wf_state_digest(w.s, after);
    assert_memory_equal(before, after, WF_HASH_SIZE);
    assert_int_equal(wf_state_applied(w.s), applied);
    assert_int_equal(declare(&w, "ricardo", "x"), WF_OK); // the state is whole
    world_close(&w);
}

static void roll(struct world *w, const uint8_t before[], struct wf_state_bytes command,
                 struct wf_state_bytes result, uint8_t out[])
{
    struct wf_hash h;

    wf_hash_init(&h);
    wf_hash_update(&h, before, WF_HASH_SIZE);
    wf_hash_u64(&h, w->s->meta.applied);
    wf_hash_u64(&h, (uint64_t)w->s->meta.time);
    wf_hash_update(&h, w->s->meta.head, WF_HASH_SIZE);
    wf_hash_u64(&h, command.len);
    wf_hash_update(&h, command.data, command.len);
    wf_hash_u64(&h, result.len);
    wf_hash_update(&h, result.data, result.len);
    wf_hash_final(&h, out);
}

// Nodes of two versions, of which one words a refusal better, must not differ.
static void the_words_of_a_refusal_are_not_in_the_digest(void **state)
{
    // declare_incident.title, longer than a title may be: a message that speaks of it, with a
    // detail
    uint8_t command[700] = {0x52, 0xb6, 0x05, 0x0a, 0xb3, 0x05}, packed[2000];
    uint8_t before[WF_HASH_SIZE], after[WF_HASH_SIZE], want[WF_HASH_SIZE];
    struct wf_state_bytes c = {command, 697}, r;
    struct world w;
    struct wf_err err;

    (void)state;
    memset(command + 6, 'x', sizeof command - 6);
    world_open(&w);
    wf_state_digest(w.s, before);
    assert_int_equal(wf_state_apply(w.s, wf_state_applied(w.s) + 1, 1, w.now, &c, 1, &r, &err),
                     WF_OK);
    wf_state_digest(w.s, after);
    INTERNAL(Result) *result = watchfire__internal__v1__result__unpack(NULL, r.len, r.data);
    assert_non_null(result);
    assert_true(result->code != 0 && result->message[0] != '\0' && result->detail != NULL);
    char *message = result->message;
    result->message = (char *)"";
    roll(&w, before, c,
         (struct wf_state_bytes){packed, protobuf_c_message_pack(&result->base, packed)}, want);
    assert_memory_equal(after, want, WF_HASH_SIZE);
    // The code is.
    result->code++;
    roll(&w, before, c,
         (struct wf_state_bytes){packed, protobuf_c_message_pack(&result->base, packed)}, want);
    assert_memory_not_equal(after, want, WF_HASH_SIZE);
    result->message = message;
    protobuf_c_message_free_unpacked(&result->base, NULL);
    world_close(&w);
}

static void nodes_do_theirs_and_nothing_else(void **state)
{
    struct world w;
    INTERNAL(TickCommand) t = WATCHFIRE__INTERNAL__V1__TICK_COMMAND__INIT;
    INTERNAL(GenesisCommand) g = WATCHFIRE__INTERNAL__V1__GENESIS_COMMAND__INIT;
    INTERNAL(MemberCommand) m = WATCHFIRE__INTERNAL__V1__MEMBER_COMMAND__INIT;
    V1(DeclareIncidentRequest) d = WATCHFIRE__V1__DECLARE_INCIDENT_REQUEST__INIT;

    (void)state;
    world_open(&w);
    assert_int_equal(world_do(&w, "ada", &t.base), WF_PERMISSION_DENIED);
    refused(&w, "NODES_ONLY", "only nodes");
    d.title = (char *)"x";
    assert_int_equal(world_node(&w, &d.base), WF_PERMISSION_DENIED);
    refused(&w, "ROLE_TOO_LOW", "fra-1");
    assert_int_equal(world_node(&w, &g.base), WF_ALREADY_EXISTS);
    refused(&w, "CLUSTER_EXISTS", "test");
    m.action = (char *)"promoted";
    m.node = (char *)"iad-1";
    assert_int_equal(world_node(&w, &m.base), WF_OK);
    assert_string_equal(newest_event(&w)->cluster->node, "iad-1");
    assert_string_equal(newest_event(&w)->incident_id, "");
    m.action = (char *)"";
    assert_int_equal(world_node(&w, &m.base), WF_INVALID_ARGUMENT);
    world_close(&w);
}

static void genesis_needs_an_admin(void **state)
{
    struct world w;
    INTERNAL(GenesisCommand) g = WATCHFIRE__INTERNAL__V1__GENESIS_COMMAND__INIT;
    V1(User) u = WATCHFIRE__V1__USER__INIT, *users = &u;
    uint8_t id[16] = {0};

    (void)state;
    memset(&w, 0, sizeof w);
    assert_int_equal(wf_state_open(&w.s, NULL, &w.err), WF_OK);
    assert_int_equal(wf_state_reader_open(&w.r, w.s, &w.err), WF_OK);
    assert_int_equal(world_node(&w, &g.base), WF_INVALID_ARGUMENT);
    refused(&w, "OUT_OF_RANGE", "cluster_id has 0 bytes, must have 16");
    g.cluster_id.data = id;
    g.cluster_id.len = 16;
    g.cluster_name = (char *)"eu";
    assert_int_equal(world_node(&w, &g.base), WF_INVALID_ARGUMENT);
    refused(&w, "REQUIRED", "at least one admin");
    u.name = (char *)"bot";
    u.kind = KIND_SERVICE;
    u.role = ROLE_ADMIN;
    g.users = &users;
    g.n_users = 1;
    assert_int_equal(world_node(&w, &g.base), WF_INVALID_ARGUMENT);
    u.kind = KIND_USER;
    assert_int_equal(world_node(&w, &g.base), WF_OK);
    assert_int_equal(count_events(&w), 2);
    world_close(&w);
}

static void time_never_goes_back(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    declare(&w, "ricardo", "x");
    wf_unix_ms then = w.now;
    world_pass(&w, -1000);
    note(&w, "sam", "x");
    assert_true(wf_timestamp_ms(newest_event(&w)->at) == then);
    world_close(&w);
}

static void a_batch_is_answered_in_order(void **state)
{
    struct world w;
    struct wf_state_bytes c[3], r[3];
    struct wf_err err;
    V1(AddNoteRequest) n = WATCHFIRE__V1__ADD_NOTE_REQUEST__INIT;

    (void)state;
    world_open(&w);
    declare(&w, "ricardo", "x");
    n.incident_id = (char *)INC;
    for (int i = 0; i < 3; i++) {
        n.text = (char *)(i == 1 ? "" : "x"); // the second is refused
        c[i].data = world_pack(&w, "sam", &n.base, &c[i].len);
    }
    uint64_t seq = count_events(&w);
    assert_int_equal(wf_state_apply(w.s, wf_state_applied(w.s) + 1, 2, w.now, c, 3, r, &err),
                     WF_OK);
    static const uint32_t codes[] = {0, WF_INVALID_ARGUMENT, 0};
    for (int i = 0; i < 3; i++) {
        INTERNAL(Result) *result =
            watchfire__internal__v1__result__unpack(NULL, r[i].len, r[i].data);
        assert_int_equal(result->code, codes[i]);
        assert_int_equal(result->seq, i == 1 ? 0 : seq + 1 + (i == 2));
        watchfire__internal__v1__result__free_unpacked(result, NULL);
        free((void *)c[i].data);
    }
    assert_int_equal(wf_state_apply(w.s, wf_state_applied(w.s) + 1, 2, w.now, NULL, 0, NULL, &err),
                     WF_OK);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_commands_are_refused),
        cmocka_unit_test(a_command_of_a_newer_program_stops_the_node),
        cmocka_unit_test(the_words_of_a_refusal_are_not_in_the_digest),
        cmocka_unit_test(nodes_do_theirs_and_nothing_else),
        cmocka_unit_test(genesis_needs_an_admin),
        cmocka_unit_test(time_never_goes_back),
        cmocka_unit_test(a_batch_is_answered_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
