// SPDX-License-Identifier: Apache-2.0
// Users, tokens and the audit.
#include "world.h"

#include <stdbool.h>
#include <string.h>

// made_with is the token that who shows, "" for a certificate.
static int make_token_with(struct world *w, const char *who, const char *made_with,
                           uint64_t seconds, uint8_t mark)
{
    INTERNAL(CreateTokenCommand) c = WATCHFIRE__INTERNAL__V1__CREATE_TOKEN_COMMAND__INIT;
    V1(CreateTokenRequest) r = WATCHFIRE__V1__CREATE_TOKEN_REQUEST__INIT;
    uint8_t hash[WF_HASH_SIZE] = {mark};

    r.name = (char *)"part";
    r.expires_in_s = seconds;
    c.request = &r;
    c.made_with = (char *)made_with;
    c.secret_hash.data = hash;
    c.secret_hash.len = sizeof hash;
    return world_do(w, who, &c.base);
}

static int make_token(struct world *w, const char *who, const char *owner, int role, uint8_t mark)
{
    INTERNAL(CreateTokenCommand) c = WATCHFIRE__INTERNAL__V1__CREATE_TOKEN_COMMAND__INIT;
    V1(CreateTokenRequest) r = WATCHFIRE__V1__CREATE_TOKEN_REQUEST__INIT;
    char *scopes[] = {(char *)"IncidentService", (char *)"LogService"};
    uint8_t hash[WF_HASH_SIZE] = {mark};

    r.name = (char *)"laptop";
    r.owner = (char *)owner;
    r.role = (V1(Role))role;
    r.scopes = scopes;
    r.n_scopes = 2;
    c.request = &r;
    c.secret_hash.data = hash;
    c.secret_hash.len = sizeof hash;
    return world_do(w, who, &c.base);
}

static int revoke_token(struct world *w, const char *who, const char *id)
{
    V1(RevokeTokenRequest) r = WATCHFIRE__V1__REVOKE_TOKEN_REQUEST__INIT;

    r.id = (char *)id;
    return world_do(w, who, &r.base);
}

static int remove_user(struct world *w, const char *who, const char *name)
{
    V1(RemoveUserRequest) r = WATCHFIRE__V1__REMOVE_USER_REQUEST__INIT;

    r.name = (char *)name;
    return world_do(w, who, &r.base);
}

static int token(struct world *w, uint8_t mark, struct wf_principal *p)
{
    uint8_t hash[WF_HASH_SIZE] = {mark};

    return wf_state_token(w->r, hash, w->now, p, &w->err);
}

static V1(ListAuditResponse) * audit(struct world *w, bool refusals_only)
{
    V1(ListAuditRequest) r = WATCHFIRE__V1__LIST_AUDIT_REQUEST__INIT;

    r.refusals_only = refusals_only;
    V1(ListAuditResponse) *a = query(w, &r.base);
    assert_non_null(a);
    return a;
}

static void users_are_set_by_admins(void **state)
{
    struct world w;
    struct wf_principal p;

    (void)state;
    world_open(&w);
    assert_int_equal(set_user(&w, "ricardo", "zoe", KIND_USER, ROLE_VIEWER), WF_PERMISSION_DENIED);
    refused(&w, "ROLE_TOO_LOW", "needs ADMIN");
    assert_int_equal(set_user(&w, "ada", "zoe", KIND_USER, ROLE_VIEWER), WF_OK);
    assert_int_equal(wf_state_user(w.r, "zoe", &p, &w.err), WF_OK);
    assert_int_equal(p.role, ROLE_VIEWER);
    assert_string_equal(p.display_name, "zoe");
    assert_int_equal(set_user(&w, "ada", "Zoe", KIND_USER, ROLE_VIEWER), WF_INVALID_ARGUMENT);
    refused(&w, "BAD_NAME", "lower-case");
    assert_int_equal(set_user(&w, "ada", "zoe", KIND_SERVICE, ROLE_VIEWER), WF_INVALID_ARGUMENT);
    refused(&w, "KIND_CHANGED", "zoe");
    assert_int_equal(set_user(&w, "ada", "zoe", KIND_USER, ROLE_NONE), WF_INVALID_ARGUMENT);
    assert_int_equal(set_user(&w, "ada", "new", KIND_NODE, ROLE_ADMIN), WF_INVALID_ARGUMENT);
    assert_int_equal(remove_user(&w, "ada", "nobody"), WF_NOT_FOUND);
    assert_int_equal(remove_user(&w, "ada", "zoe"), WF_OK);
    assert_string_equal(newest_event(&w)->access->action, "removed");
    assert_int_equal(wf_state_user(w.r, "zoe", &p, &w.err), WF_NOT_FOUND);
    world_close(&w);
}

static void the_last_admin_stays(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    assert_int_equal(set_user(&w, "ada", "ada", KIND_USER, ROLE_COMMANDER), WF_FAILED_PRECONDITION);
    refused(&w, "LAST_ADMIN", "ada is the last admin");
    assert_int_equal(remove_user(&w, "ada", "ada"), WF_FAILED_PRECONDITION);
    assert_int_equal(set_user(&w, "ada", "chris", KIND_USER, ROLE_ADMIN), WF_OK);
    assert_int_equal(remove_user(&w, "chris", "ada"), WF_OK);
    assert_int_equal(remove_user(&w, "chris", "chris"), WF_FAILED_PRECONDITION);
    world_close(&w);
}

static void tokens_never_exceed_their_owner(void **state)
{
    struct world w;
    struct wf_principal p;

    (void)state;
    world_open(&w);
    assert_int_equal(make_token(&w, "sam", "", 0, 1), WF_OK);
    assert_int_equal(token(&w, 1, &p), WF_OK);
    assert_string_equal(p.name, "sam");
    assert_string_equal(p.token_id, "tok-1");
    assert_int_equal(p.role, ROLE_RESPONDER);
    assert_int_equal(p.n_scopes, 2);
    assert_string_equal(p.scopes[1], "LogService");
    assert_int_equal(make_token(&w, "sam", "", ROLE_ADMIN, 2), WF_PERMISSION_DENIED);
    refused(&w, "ROLE_TOO_LOW", "at most role RESPONDER, not ADMIN");
    assert_int_equal(make_token(&w, "sam", "tia", 0, 2), WF_PERMISSION_DENIED);
    assert_int_equal(make_token(&w, "ada", "tia", ROLE_ADMIN, 2), WF_PERMISSION_DENIED);
    assert_int_equal(make_token(&w, "ada", "tia", ROLE_VIEWER, 2), WF_OK);
    assert_int_equal(token(&w, 2, &p), WF_OK);
    assert_int_equal(p.role, ROLE_VIEWER);
    assert_int_equal(make_token(&w, "vic", "", ROLE_INGEST, 3), WF_PERMISSION_DENIED);
    assert_int_equal(make_token(&w, "bot", "", ROLE_INGEST, 3), WF_OK);
    assert_int_equal(make_token(&w, "sam", "", 0, 1), WF_ALREADY_EXISTS);
    refused(&w, "SECRET_REUSED", "");
    set_user(&w, "ada", "sam", KIND_USER, ROLE_VIEWER); // the token shrinks with its owner
    assert_int_equal(token(&w, 1, &p), WF_OK);
    assert_int_equal(p.role, ROLE_VIEWER);
    set_user(&w, "ada", "sam", KIND_USER, ROLE_INGEST);
    assert_int_equal(token(&w, 1, &p), WF_OK);
    assert_int_equal(p.role, ROLE_INGEST);
    world_close(&w);
}

static void tokens_end(void **state)
{
    struct world w;
    struct wf_principal p;

    (void)state;
    world_open(&w);
    make_token(&w, "sam", "", 0, 1);
    make_token(&w, "sam", "", 0, 2);
    assert_int_equal(revoke_token(&w, "tia", "tok-1"), WF_PERMISSION_DENIED);
    assert_int_equal(revoke_token(&w, "sam", "tok-9"), WF_NOT_FOUND);
    refused(&w, "UNKNOWN_TOKEN", "tok-9");
    assert_int_equal(revoke_token(&w, "sam", "tok-1"), WF_OK);
    assert_string_equal(newest_event(&w)->access->action, "revoked");
    uint64_t events = count_events(&w);
    assert_int_equal(revoke_token(&w, "ada", "tok-1"), WF_OK);
    assert_int_equal(count_events(&w), events);
    assert_int_equal(token(&w, 1, &p), WF_UNAUTHENTICATED);
    assert_string_equal(w.err.reason, "TOKEN_REVOKED");
    assert_int_equal(token(&w, 9, &p), WF_NOT_FOUND);
    assert_int_equal(token(&w, 2, &p), WF_OK);
    world_pass(&w, 90 * 24 * 3600);
    assert_int_equal(token(&w, 2, &p), WF_UNAUTHENTICATED);
    assert_string_equal(w.err.reason, "TOKEN_EXPIRED");
    make_token(&w, "sam", "", 0, 3); // drops what has ended
    V1(ListTokensRequest) r = WATCHFIRE__V1__LIST_TOKENS_REQUEST__INIT;
    V1(ListTokensResponse) *list = query(&w, &r.base);
    assert_int_equal(list->n_tokens, 1);
    assert_string_equal(list->tokens[0]->id, "tok-3");
    remove_user(&w, "ada", "sam");
    assert_int_equal(token(&w, 3, &p), WF_UNAUTHENTICATED);
    world_close(&w);
}

static void a_token_does_not_outlive_the_one_it_was_made_with(void **state)
{
    struct world w;
    struct wf_principal p;

    (void)state;
    world_open(&w);
    assert_int_equal(make_token_with(&w, "sam", "", 3600, 1), WF_OK);
    assert_int_equal(make_token_with(&w, "sam", "tok-1", 3601, 2), WF_INVALID_ARGUMENT);
    refused(&w, "OUT_OF_RANGE", "tok-1 ends in 3600 s");
    assert_int_equal(w.result->detail->limit, 3600);
    assert_int_equal(make_token_with(&w, "sam", "tok-1", 60, 2), WF_OK);
    assert_non_null(strstr(newest_event(&w)->text, "with tok-1"));
    assert_int_equal(make_token_with(&w, "sam", "tok-1", 0, 3), WF_OK); // as long as it may
    world_pass(&w, 1800);
    assert_int_equal(token(&w, 2, &p), WF_UNAUTHENTICATED);
    assert_int_equal(token(&w, 3, &p), WF_OK);
    world_pass(&w, 1800);
    assert_int_equal(token(&w, 3, &p), WF_UNAUTHENTICATED);
    assert_int_equal(make_token_with(&w, "sam", "tok-1", 60, 4), WF_UNAUTHENTICATED);
    refused(&w, "TOKEN_EXPIRED", "tok-1 has ended");
    assert_int_equal(make_token_with(&w, "sam", "", 60, 4), WF_OK);
    V1(ListTokensRequest) r = WATCHFIRE__V1__LIST_TOKENS_REQUEST__INIT;
    V1(ListTokensResponse) *list = query(&w, &r.base);
    assert_int_equal(list->n_tokens, 1); // what has ended is dropped
    assert_string_equal(list->tokens[0]->made_with, "");
    world_close(&w);
}

static void revoking_a_token_revokes_what_was_made_with_it(void **state)
{
    struct world w;
    struct wf_principal p;

    (void)state;
    world_open(&w);
    make_token_with(&w, "sam", "", 0, 1);
    make_token_with(&w, "sam", "tok-1", 0, 2);
    make_token_with(&w, "sam", "tok-2", 0, 3);
    make_token_with(&w, "sam", "", 0, 4);
    V1(ListTokensRequest) r = WATCHFIRE__V1__LIST_TOKENS_REQUEST__INIT;
    V1(ListTokensResponse) *list = query(&w, &r.base);
    assert_string_equal(list->tokens[1]->made_with, "tok-2");
    assert_int_equal(revoke_token(&w, "sam", "tok-2"), WF_OK);
    assert_non_null(strstr(newest_event(&w)->text, "tok-2 (part) of sam, and 1 made with it"));
    assert_int_equal(token(&w, 1, &p), WF_OK);
    assert_int_equal(token(&w, 2, &p), WF_UNAUTHENTICATED);
    assert_int_equal(token(&w, 3, &p), WF_UNAUTHENTICATED);
    assert_string_equal(w.err.reason, "TOKEN_REVOKED");
    assert_int_equal(token(&w, 4, &p), WF_OK);
    assert_int_equal(make_token_with(&w, "sam", "tok-3", 0, 5), WF_UNAUTHENTICATED);
    refused(&w, "TOKEN_REVOKED", "tok-3 was revoked");
    world_close(&w);
}

// An admin's token makes one for somebody else, and the admin is removed.
static void a_removed_user_takes_along_what_their_tokens_made(void **state)
{
    struct world w;
    struct wf_principal p;
    INTERNAL(CreateTokenCommand) c = WATCHFIRE__INTERNAL__V1__CREATE_TOKEN_COMMAND__INIT;
    V1(CreateTokenRequest) r = WATCHFIRE__V1__CREATE_TOKEN_REQUEST__INIT;
    uint8_t hash[WF_HASH_SIZE] = {2};

    (void)state;
    world_open(&w);
    set_user(&w, "ada", "chris", KIND_USER, ROLE_ADMIN);
    make_token_with(&w, "ada", "", 0, 1);
    r.name = r.owner = (char *)"sam";
    c.request = &r;
    c.made_with = (char *)"tok-1";
    c.secret_hash = (ProtobufCBinaryData){sizeof hash, hash};
    assert_int_equal(world_do(&w, "ada", &c.base), WF_OK);
    make_token(&w, "ada", "sam", 0, 3);
    remove_user(&w, "chris", "ada");
    assert_int_equal(token(&w, 2, &p), WF_UNAUTHENTICATED);
    assert_int_equal(token(&w, 3, &p), WF_OK); // made with a certificate
    world_close(&w);
}

static void a_lost_secret_is_not_given_out_again(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    w.request_id = "r1";
    assert_int_equal(make_token(&w, "sam", "", 0, 1), WF_OK);
    w.request_id = "r1"; // the front asks for the same with another secret
    assert_int_equal(make_token(&w, "sam", "", 0, 1), WF_ALREADY_EXISTS);
    refused(&w, "SECRET_GONE", "tok-1 was made with request id \"r1\"");
    w.request_id = "r2";
    assert_int_equal(make_token(&w, "sam", "", ROLE_ADMIN, 2), WF_PERMISSION_DENIED);
    w.request_id = "r3";
    assert_int_equal(make_token(&w, "sam", "", 99, 2), WF_INVALID_ARGUMENT);
    w.request_id = "r3"; // a refusal is remembered as it was
    assert_int_equal(make_token(&w, "sam", "", 99, 2), WF_INVALID_ARGUMENT);
    world_close(&w);
}

static void last_use_is_recorded_by_nodes(void **state)
{
    struct world w;
    struct wf_principal p;
    INTERNAL(TokenUseCommand) u = WATCHFIRE__INTERNAL__V1__TOKEN_USE_COMMAND__INIT;
    char *ids[] = {(char *)"tok-1", (char *)"nonsense"};

    (void)state;
    world_open(&w);
    make_token(&w, "sam", "", 0, 1);
    u.ids = ids;
    u.n_ids = 2;
    assert_int_equal(world_do(&w, "ada", &u.base), WF_PERMISSION_DENIED);
    refused(&w, "NODES_ONLY", "nodes");
    assert_int_equal(world_node(&w, &u.base), WF_OK);
    assert_int_equal(token(&w, 1, &p), WF_OK);
    assert_true(p.last_used == w.now); // the hour began before it was made
    world_pass(&w, 7200);
    assert_int_equal(world_node(&w, &u.base), WF_OK);
    assert_int_equal(token(&w, 1, &p), WF_OK);
    assert_true(p.last_used == w.now / 3600000 * 3600000);
    world_close(&w);
}

static void refusals_are_audited(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    declare(&w, "ricardo", "x");
    size_t before = audit(&w, true)->n_entries;
    note(&w, "vic", "x");
    change(&w, "chris", STATE_CONFIRMED);
    w.epoch = 5;
    change(&w, "ricardo", STATE_CONFIRMED);
    w.epoch = 0;
    note(&w, "sam", ""); // a mistake, not a trespass
    V1(ListAuditResponse) *a = audit(&w, true);
    assert_int_equal(a->n_entries, before + 3);
    assert_int_equal(a->entries[0]->code, WF_ABORTED);
    assert_string_equal(a->entries[1]->actor->name, "chris");
    assert_string_equal(a->entries[1]->method, "/watchfire.v1.IncidentService/ChangeState");
    assert_string_equal(a->entries[1]->target, INC);
    assert_int_equal(a->entries[2]->code, WF_PERMISSION_DENIED);
    set_user(&w, "ada", "zoe", KIND_USER, ROLE_VIEWER);
    a = audit(&w, false);
    assert_int_equal(a->entries[0]->code, 0);
    assert_string_equal(a->entries[0]->message, "Ada added zoe as VIEWER");
    assert_int_equal(a->entries[0]->seq, count_events(&w));
    world_close(&w);
}

static void nodes_report_refusals(void **state)
{
    struct world w;
    INTERNAL(RefusalsCommand) r = WATCHFIRE__INTERNAL__V1__REFUSALS_COMMAND__INIT;
    V1(AuditEntry) e = WATCHFIRE__V1__AUDIT_ENTRY__INIT, *list[WF_REFUSALS_BATCH_MAX + 1];

    (void)state;
    world_open(&w);
    e.method = (char *)"/watchfire.v1.LogService/Search";
    e.code = WF_UNAUTHENTICATED;
    e.count = 40;
    e.seq = 77;
    for (int i = 0; i <= WF_REFUSALS_BATCH_MAX; i++)
        list[i] = &e;
    r.entries = list;
    r.n_entries = WF_REFUSALS_BATCH_MAX + 1;
    assert_int_equal(world_node(&w, &r.base), WF_INVALID_ARGUMENT);
    r.n_entries = 1;
    assert_int_equal(world_node(&w, &r.base), WF_OK);
    V1(ListAuditResponse) *a = audit(&w, true);
    assert_int_equal(a->entries[0]->count, 40);
    assert_int_equal(a->entries[0]->seq, 0);
    assert_true(wf_timestamp_ms(a->entries[0]->at) == w.now);
    world_close(&w);
}

static void audit_pages(void **state)
{
    struct world w;
    V1(ListAuditRequest) r = WATCHFIRE__V1__LIST_AUDIT_REQUEST__INIT;
    int seen = 0;
    char token_text[32] = "";

    (void)state;
    world_open(&w);
    for (int i = 0; i < 7; i++)
        note(&w, "vic", "x");
    r.actor = (char *)"vic";
    r.page_size = 3;
    do {
        r.page_token = token_text;
        V1(ListAuditResponse) *a = query(&w, &r.base);
        assert_non_null(a);
        seen += (int)a->n_entries;
        strcpy(token_text, a->next_page_token);
    } while (token_text[0] != '\0');
    assert_int_equal(seen, 7);
    r.page_token = (char *)"x";
    assert_null(query(&w, &r.base));
    assert_string_equal(w.err.reason, "BAD_PAGE_TOKEN");
    r.page_token = (char *)"";
    r.page_size = 1001;
    assert_null(query(&w, &r.base));
    assert_string_equal(w.err.reason, "OUT_OF_RANGE");
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_are_set_by_admins),
        cmocka_unit_test(the_last_admin_stays),
        cmocka_unit_test(tokens_never_exceed_their_owner),
        cmocka_unit_test(tokens_end),
        cmocka_unit_test(a_token_does_not_outlive_the_one_it_was_made_with),
        cmocka_unit_test(revoking_a_token_revokes_what_was_made_with_it),
        cmocka_unit_test(a_removed_user_takes_along_what_their_tokens_made),
        cmocka_unit_test(a_lost_secret_is_not_given_out_again),
        cmocka_unit_test(last_use_is_recorded_by_nodes),
        cmocka_unit_test(refusals_are_audited),
        cmocka_unit_test(nodes_report_refusals),
        cmocka_unit_test(audit_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
