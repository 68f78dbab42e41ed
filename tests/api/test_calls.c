// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "check.h"
#include "watchfire/v1/access.pb-c.h"
#include "world.h"

#define INCIDENT "IncidentService/"
#define ACCESS   "AccessService/"
#define LOG      "LogService/"

static void assert_has(const char *text, const char *words)
{
    if (!strstr(text, words))
        fail_msg("\"%s\" is not in: %s", words, text);
}

static void declare(struct world *w)
{
    int status;
    const char *t =
        world_text(w, INCIDENT "DeclareIncident", NULL, "{\"title\":\"EU is down\"}", &status);
    assert_int_equal(status, 200);
    assert_has(t, "\"INC-1\"");
}

// A token of ricardo's with that role; its id if wanted.
static void token(struct world *w, const char *role, char secret[64], char id[32])
{
    char body[128];
    snprintf(body, sizeof body, "{\"name\":\"t\",\"role\":\"%s\"}", role);
    const char *t = world_text(w, ACCESS "CreateToken", NULL, body, NULL);
    world_value(t, "secret", secret, 64);
    world_value(t, "id", id, 32);
}

static void a_write_becomes_a_command_and_its_result_the_answer(void **state)
{
    struct world *w = *state;
    int status;
    declare(w);
    struct wf_exchange *ex =
        world_call(w, INCIDENT "AddNote", NULL, "{\"incidentId\":\"INC-1\",\"text\":\"looking\"}");
    assert_int_equal(ex->status, 200);
    assert_has(fake_text(ex), "\"seq\"");
    char index[24];
    snprintf(index, sizeof index, "%llu", (unsigned long long)w->applied);
    assert_string_equal(fake_answer(ex, "trailer-watchfire-index"), "");
    assert_string_equal(fake_answer(ex, "watchfire-index"), index);
    fake_close(ex, WF_OK);
    const char *t = world_text(w, INCIDENT "AddNote", NULL,
                               "{\"incidentId\":\"INC-9\",\"text\":\"looking\"}", &status);
    assert_int_equal(status, 404);
    assert_has(t, "INC-9");
}

static void a_retry_gets_the_first_answer_and_a_reused_id_none(void **state)
{
    struct world *w = *state;
    char first[512];
    int status;
    declare(w);
    snprintf(first, sizeof first, "%s",
             world_text(w, INCIDENT "AddNote", NULL,
                        "{\"requestId\":\"r1\",\"incidentId\":\"INC-1\",\"text\":\"a\"}", NULL));
    uint64_t seq = wf_state_last_seq(w->state);
    assert_string_equal(
        first, world_text(w, INCIDENT "AddNote", NULL,
                          "{\"requestId\":\"r1\",\"incidentId\":\"INC-1\",\"text\":\"a\"}", NULL));
    assert_int_equal(wf_state_last_seq(w->state), seq);
    world_text(w, INCIDENT "AddNote", NULL,
               "{\"requestId\":\"r1\",\"incidentId\":\"INC-1\",\"text\":\"b\"}", &status);
    assert_true(status >= 400);
    assert_int_equal(wf_state_last_seq(w->state), seq);
}

static void reads_of_one_turn_share_one_fence(void **state)
{
    struct world *w = *state;
    struct wf_exchange *ex[5];
    declare(w);
    unsigned before = w->reads;
    for (int i = 0; i < 5; i++) {
        ex[i] = fake_new("POST", "/watchfire.v1.IncidentService/GetIncident", 20);
        fake_header(ex[i], "content-type", "application/json");
        assert_true(fake_run(w->rpc, ex[i], "{\"incidentId\":\"INC-1\"}", 22));
    }
    world_turn(w);
    assert_int_equal(w->reads, before + 1);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ex[i]->status, 200);
        assert_has(fake_text(ex[i]), "\"node\":\"fra-1\"");
        assert_null(strstr(fake_text(ex[i]), "\"stale\":true"));
        fake_close(ex[i], WF_OK);
    }
}

static void a_stale_read_asks_nobody_and_tells_its_age(void **state)
{
    struct world *w = *state;
    declare(w);
    w->failing = "NO_LEADER";
    w->failing_code = WF_UNAVAILABLE;
    int status;
    const char *t = world_text(w, INCIDENT "GetIncident", NULL,
                               "{\"incidentId\":\"INC-1\",\"stale\":true}", &status);
    assert_int_equal(status, 200);
    assert_has(t, "\"stale\":true");
    assert_has(t, "\"ageMs\":\"7\"");
    t = world_text(w, INCIDENT "GetIncident", NULL, "{\"incidentId\":\"INC-1\"}", &status);
    assert_int_equal(status, 503);
    assert_has(t, "unavailable");
}

// A stream of Connect's, asked for with {}.
static struct wf_exchange *begin_stream(struct world *w, const char *method)
{
    char path[128];
    snprintf(path, sizeof path, "/watchfire.v1.%s", method);
    struct wf_exchange *ex = fake_new("POST", path, 20);
    fake_header(ex, "content-type", "application/connect+json");
    assert_true(fake_run(w->rpc, ex, "\0\0\0\0\2{}", 7));
    return ex;
}

static struct wf_exchange *stream(struct world *w, const char *method)
{
    struct wf_exchange *ex = begin_stream(w, method);
    world_turn(w);
    return ex;
}

static bool says(const struct wf_exchange *ex, const char *text)
{
    return ex->body.len > 0 && memmem(ex->body.data, ex->body.len, text, strlen(text)) != NULL;
}

static void wait_idle(struct world *w)
{
    while (!wf_api_idle(w->api)) {
        world_turn(w);
        usleep(1000);
    }
}

// Each holds a thread of the pool that state images need too.
static void one_backup_at_a_time(void **state)
{
    struct world *w = *state;
    declare(w);
    struct wf_exchange *first = begin_stream(w, "ClusterService/Backup");
    struct wf_exchange *second = begin_stream(w, "ClusterService/Backup");
    assert_true(says(second, "BACKUP_RUNNING"));
    assert_false(says(first, "BACKUP_RUNNING"));
    fake_close(second, WF_OK);
    fake_close(first, WF_CANCELLED);
    wait_idle(w);
    struct wf_exchange *third = begin_stream(w, "ClusterService/Backup");
    assert_false(says(third, "BACKUP_RUNNING"));
    fake_close(third, WF_CANCELLED);
    wait_idle(w);
}

// Its state is wrong, and says so of itself: it is not even good for a stale answer.
static void a_fenced_node_answers_nothing_from_its_state(void **state)
{
    struct world *w = *state;
    declare(w);
    w->fenced = true;
    w->failing = "FENCED";
    w->failing_code = WF_UNAVAILABLE;
    static const struct {
        const char *method, *body;
    } calls[] = {
        {INCIDENT "GetIncident", "{\"incidentId\":\"INC-1\",\"stale\":true}"},
        {INCIDENT "GetIncident", "{\"incidentId\":\"INC-1\"}"},
        {"LogService/Search", "{\"query\":\"mail\"}"},
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        int status;
        assert_has(world_text(w, calls[i].method, NULL, calls[i].body, &status), "FENCED");
        assert_int_equal(status, 503);
    }
    static const char *const streams[] = {LOG "WatchEvents", LOG "ExportLog",
                                          "ClusterService/Backup"};
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        struct wf_exchange *ex = stream(w, streams[i]);
        if (!says(ex, "FENCED"))
            fail_msg("%s is answered", streams[i]);
        fake_close(ex, WF_OK);
    }
}

static void break_table(struct world *w)
{
    char path[128];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/state.db", w->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "ALTER TABLE events RENAME TO gone", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
}

static void a_watch_whose_events_cannot_be_read_ends(void **state)
{
    struct world *w = *state;
    declare(w);
    struct wf_exchange *first = stream(w, LOG "WatchEvents");
    assert_false(first->finished);
    break_table(w);
    struct wf_exchange *second = stream(w, LOG "WatchEvents");
    assert_true(second->finished);
    assert_false(first->finished);
    fake_close(second, WF_OK);
    fake_close(first, WF_CANCELLED);
}

// The same question at the same index, but the state was replaced in between.
static void an_answer_is_not_remembered_beyond_its_state(void **state)
{
    struct world *w = *state;
    struct wf_state_image *image;
    char path[128];
    uint64_t size;
    uint8_t hash[WF_HASH_SIZE];
    static const char question[] = "{\"incidentId\":\"INC-1\",\"stale\":true}";
    snprintf(path, sizeof path, "%s/image", w->dir);
    declare(w);
    assert_int_equal(wf_state_image_begin(w->state, &image, NULL), WF_OK);
    assert_int_equal(wf_state_image_write(image, path, &size, hash, NULL), WF_OK);
    wf_state_image_end(image);
    world_text(w, INCIDENT "AddNote", NULL, "{\"incidentId\":\"INC-1\",\"text\":\"wrong\"}", NULL);
    assert_has(world_text(w, INCIDENT "GetBrief", NULL, question, NULL), "wrong");
    uint64_t index = w->applied;
    assert_int_equal(wf_state_install(w->state, path, NULL), WF_OK);
    world_text(w, INCIDENT "AddNote", NULL, "{\"incidentId\":\"INC-1\",\"text\":\"right\"}", NULL);
    assert_int_equal(w->applied, index);
    assert_has(world_text(w, INCIDENT "GetBrief", NULL, question, NULL), "right");
}

static void the_leader_is_named_when_there_is_another(void **state)
{
    struct world *w = *state;
    w->failing = "NOT_LEADER";
    w->failing_code = WF_FAILED_PRECONDITION;
    const char *t =
        world_text(w, "ClusterService/TransferLeadership", NULL, "{\"to\":\"syd-1\"}", NULL);
    assert_has(t, "failed_precondition");
    assert_has(t, "watchfire.v1.ErrorDetail");
}

// The old leader gives up before it hears of the new one.
static void a_transfer_is_answered_when_the_new_leader_is_known(void **state)
{
    struct world *w = *state;
    w->leaderless = true;
    const char *t =
        world_text(w, "ClusterService/TransferLeadership", NULL, "{\"to\":\"iad-1\"}", NULL);
    assert_has(t, "\"leader\":\"iad-1\"");
}

static void a_member_needs_an_address_to_dial(void **state)
{
    static const char *const bad[] = {
        "nonsense", ":7411", "host:", "host:0", "host:70000", "::1:7411"};
    struct world *w = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char body[128];
        int status;
        snprintf(body, sizeof body, "{\"name\":\"gru-1\",\"region\":\"gru\",\"address\":\"%s\"}",
                 bad[i]);
        assert_has(world_text(w, "ClusterService/AddMember", NULL, body, &status), "BAD_ADDRESS");
        assert_int_equal(status, 400);
    }
}

static void the_status_says_whose_disk_is_short_of_room(void **state)
{
    static const char *const names[] = {"fra-1", "iad-1", "syd-1"};
    struct world *w = *state;
    struct wf_node_status s = {.n = 3, .serving = true, .leader_id = 1};
    for (unsigned i = 0; i < 3; i++) {
        struct wf_member_status *m = &s.members[i];
        m->member = (struct wf_member){.id = i + 1, .role = WF_VOTER};
        snprintf(m->member.name, sizeof m->member.name, "%s", names[i]);
        snprintf(m->member.region, sizeof m->member.region, "%.3s", names[i]);
        m->connected = true;
    }
    s.self = s.members[0].member;
    w->status = &s;
    const char *t = world_text(w, "ClusterService/GetStatus", NULL, "{}", NULL);
    assert_null(strstr(t, "diskLow"));
    assert_null(strstr(t, "disk"));
    s.members[1].disk_low = true;
    t = world_text(w, "ClusterService/GetStatus", NULL, "{}", NULL);
    assert_has(t, "\"diskLow\":true");
    assert_has(t, "a member is short of disk");
    s.members[2].disk_low = s.disk_low = true;
    t = world_text(w, "ClusterService/GetStatus", NULL, "{}", NULL);
    assert_has(t, "writes are refused: too few voters have room");
    assert_null(strstr(t, "a member is short of disk"));
    w->status = NULL;
}

static void a_full_node_says_so_at_once(void **state)
{
    struct world *w = *state;
    int status;
    declare(w);
    w->full = true;
    const char *t = world_text(w, INCIDENT "AddNote", NULL,
                               "{\"incidentId\":\"INC-1\",\"text\":\"x\"}", &status);
    assert_int_equal(status, 429);
    assert_has(t, "resource_exhausted");
    world_text(w, INCIDENT "GetIncident", NULL, "{\"incidentId\":\"INC-1\"}", &status);
    assert_int_equal(status, 429);
    w->full = false;
}

static void a_viewer_does_not_write_and_the_refusal_is_recorded(void **state)
{
    struct world *w = *state;
    char secret[64], id[32];
    int status;
    declare(w);
    token(w, "ROLE_VIEWER", secret, id);
    assert_int_equal(strlen(secret), 46);
    world_text(w, INCIDENT "GetIncident", secret, "{\"incidentId\":\"INC-1\"}", &status);
    assert_int_equal(status, 200);
    unsigned before = w->proposed;
    for (int i = 0; i < 30; i++) {
        const char *t = world_text(w, INCIDENT "AddNote", secret,
                                   "{\"incidentId\":\"INC-1\",\"text\":\"x\"}", &status);
        assert_int_equal(status, 403);
        assert_has(t, "VIEWER");
    }
    assert_int_equal(w->proposed, before);
    while (w->proposed == before) { // the second's timer
        uv_run(w->loop, UV_RUN_ONCE);
        world_turn(w);
    }
    const char *t = world_text(w, ACCESS "ListAudit", NULL, "{\"refusalsOnly\":true}", NULL);
    assert_has(t, "AddNote");
    assert_has(t, "\"count\":30");
}

// Else a token for one service would be one for all.
static void a_scoped_token_makes_none_beyond_its_scopes(void **state)
{
    struct world *w = *state;
    char secret[64];
    int status;
    const char *t = world_text(w, ACCESS "CreateToken", NULL,
                               "{\"name\":\"t\",\"scopes\":[\"AccessService\"]}", NULL);
    world_value(t, "secret", secret, sizeof secret);
    world_text(w, ACCESS "CreateToken", secret, "{\"name\":\"u\"}", &status);
    assert_int_equal(status, 403);
    world_text(w, ACCESS "CreateToken", secret,
               "{\"name\":\"u\",\"scopes\":[\"AccessService\",\"LogService\"]}", &status);
    assert_int_equal(status, 403);
    world_text(w, ACCESS "CreateToken", secret, "{\"name\":\"u\",\"scopes\":[\"AccessService\"]}",
               &status);
    assert_int_equal(status, 200);
}

static void a_token_ends_when_it_is_revoked(void **state)
{
    struct world *w = *state;
    char secret[64], id[32], body[64];
    int status;
    declare(w);
    token(w, "ROLE_RESPONDER", secret, id);
    for (int i = 0; i < 2; i++) {
        world_text(w, INCIDENT "AddNote", secret, "{\"incidentId\":\"INC-1\",\"text\":\"x\"}",
                   &status);
        assert_int_equal(status, 200);
    }
    snprintf(body, sizeof body, "{\"id\":\"%s\"}", id);
    world_text(w, ACCESS "RevokeToken", NULL, body, &status);
    assert_int_equal(status, 200);
    world_text(w, INCIDENT "AddNote", secret, "{\"incidentId\":\"INC-1\",\"text\":\"x\"}", &status);
    assert_int_equal(status, 401);
    secret[10] ^= 1;
    world_text(w, INCIDENT "AddNote", secret, "{\"incidentId\":\"INC-1\",\"text\":\"x\"}", &status);
    assert_int_equal(status, 401);
}

// The first answer was lost with the secret in it.
static void a_repeated_creation_names_the_token_whose_secret_is_gone(void **state)
{
    struct world *w = *state;
    int status;
    static const char request[] = "{\"requestId\":\"r1\",\"name\":\"t\"}";
    assert_has(world_text(w, ACCESS "CreateToken", NULL, request, &status), "\"wf_");
    assert_int_equal(status, 200);
    const char *t = world_text(w, ACCESS "CreateToken", NULL, request, &status);
    assert_int_equal(status, 409);
    assert_has(t, "watchfire token revoke tok-1");
    assert_null(strstr(t, "\"wf_"));
    t = world_text(w, ACCESS "CreateToken", NULL, "{\"requestId\":\"r1\",\"name\":\"u\"}", &status);
    assert_int_equal(status, 409);
    assert_has(t, "another request");
}

static void a_token_made_with_a_token_is_revoked_with_it(void **state)
{
    struct world *w = *state;
    char secret[64], id[32], made[64], body[64];
    int status;
    token(w, "ROLE_RESPONDER", secret, id);
    world_value(world_text(w, ACCESS "CreateToken", secret, "{\"name\":\"part\"}", NULL), "secret",
                made, sizeof made);
    world_text(w, INCIDENT "ListIncidents", made, "{}", &status);
    assert_int_equal(status, 200);
    snprintf(body, sizeof body, "{\"id\":\"%s\"}", id);
    world_text(w, ACCESS "RevokeToken", NULL, body, NULL);
    world_text(w, INCIDENT "ListIncidents", made, "{}", &status);
    assert_int_equal(status, 401);
}

static void a_follower_looks_twice_before_it_turns_somebody_away(void **state)
{
    struct world *w = *state;
    int status;
    w->leading = false;
    unsigned before = w->reads;
    world_text(w, INCIDENT "ListIncidents", "wf_unknown", "{}", &status);
    assert_int_equal(status, 401);
    assert_int_equal(w->reads, before + 1);
    w->leading = true;
    world_text(w, INCIDENT "ListIncidents", "wf_unknown", "{}", &status);
    assert_int_equal(status, 401);
    assert_int_equal(w->reads, before + 1);
}

static void who_is_unknown_before_the_beginning_is_told_to_wait(void **state)
{
    struct world *w = *state;
    int status;
    w->beginning = true;
    const char *body = world_text(w, INCIDENT "ListIncidents", "wf_unknown", "{}", &status);
    assert_int_equal(status, 503);
    assert_non_null(strstr(body, "NOT_BEGUN"));
    w->beginning = false;
}

// The second look is the leader's work: a flood of wrong tokens gets no more of it than this.
static void a_flood_of_unknown_tokens_is_not_looked_up(void **state)
{
    struct world *w = *state;
    int status, refused = 0, later = 0;
    const char *last = "";
    w->leading = false;
    for (int i = 0; i < 2 * WF_SECOND_LOOKS; i++) {
        last = world_text(w, "AccessService/WhoAmI", "wft_nobodyknowsthisone", "{}", &status);
        refused += status == 401;
        later += status == 503;
    }
    assert_int_equal(w->reads, WF_SECOND_LOOKS);
    assert_int_equal(refused, WF_SECOND_LOOKS);
    assert_int_equal(later, WF_SECOND_LOOKS);
    assert_non_null(strstr(last, "UNKNOWN_CALLERS"));
    // Who is known is not in that queue.
    world_text(w, "AccessService/WhoAmI", NULL, "{}", &status);
    assert_int_equal(status, 200);
}

static void who_am_i(void **state)
{
    struct world *w = *state;
    const char *t = world_text(w, ACCESS "WhoAmI", NULL, "{}", NULL);
    assert_has(t, "\"ricardo\"");
    assert_has(t, "\"ROLE_ADMIN\"");
    assert_has(t, "\"certificate\"");
}

static void drafts_are_checked_without_a_node(void **state)
{
    struct world *w = *state;
    w->full = true;
    const char *t = world_text(
        w, INCIDENT "CheckDraft", NULL,
        "{\"body\":\"We expect to be back in 20 minutes. This was caused by Amazon.\"}", NULL);
    assert_has(t, "DRAFT_FINDING_KIND_ETA");
    assert_has(t, "20 minutes");
    w->full = false;
}

static void the_chain_is_checked_on_the_pool(void **state)
{
    struct world *w = *state;
    declare(w);
    struct wf_exchange *ex = world_call(w, LOG "VerifyLog", NULL, "{}");
    while (!ex->finished)
        uv_run(w->loop, UV_RUN_ONCE);
    assert_has(fake_text(ex), "\"valid\":true");
    fake_close(ex, WF_OK);
}

static int set_up(void **state)
{
    *state = world_new();
    return 0;
}

static int tear_down(void **state)
{
    world_free(*state);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_write_becomes_a_command_and_its_result_the_answer),
        TEST(a_retry_gets_the_first_answer_and_a_reused_id_none),
        TEST(reads_of_one_turn_share_one_fence),
        TEST(a_stale_read_asks_nobody_and_tells_its_age),
        TEST(a_fenced_node_answers_nothing_from_its_state),
        TEST(an_answer_is_not_remembered_beyond_its_state),
        TEST(a_watch_whose_events_cannot_be_read_ends),
        TEST(the_leader_is_named_when_there_is_another),
        TEST(a_transfer_is_answered_when_the_new_leader_is_known),
        TEST(a_member_needs_an_address_to_dial),
        TEST(the_status_says_whose_disk_is_short_of_room),
        TEST(a_full_node_says_so_at_once),
        TEST(a_viewer_does_not_write_and_the_refusal_is_recorded),
        TEST(a_token_ends_when_it_is_revoked),
        TEST(a_scoped_token_makes_none_beyond_its_scopes),
        TEST(a_repeated_creation_names_the_token_whose_secret_is_gone),
        TEST(a_token_made_with_a_token_is_revoked_with_it),
        TEST(a_follower_looks_twice_before_it_turns_somebody_away),
        TEST(who_is_unknown_before_the_beginning_is_told_to_wait),
        TEST(a_flood_of_unknown_tokens_is_not_looked_up),
        TEST(who_am_i),
        TEST(drafts_are_checked_without_a_node),
        TEST(the_chain_is_checked_on_the_pool),
        TEST(one_backup_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
