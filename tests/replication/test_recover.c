// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replication/bootstrap.h"
#include "replication/hello.h"
#include "replication/recover.h"
#include "store_fixture.h"
#include "whole_file.h"

static const struct wf_member members[3] = {
    {1, "fra-1", "fra", "fra-1:7411", WF_VOTER},
    {2, "iad-1", "iad", "iad-1:7411", WF_VOTER},
    {3, "syd-1", "syd", "syd-1:7411", WF_VOTER},
};

static void on_closed(void *arg)
{
    *(bool *)arg = true;
}

static void close_store(struct fixture *f)
{
    bool closed = false;
    f->store->close(f->store->ctx, on_closed, &closed);
    while (!closed)
        uv_run(&f->loop, UV_RUN_ONCE);
    wf_log_store_sqlite_free(f->store);
    f->store = NULL;
}

static void look(struct fixture *f, struct wf_recover_report *r)
{
    assert_int_equal(wf_log_store_sqlite_open(&f->store, f->dir, &f->loop, NULL, NULL), WF_OK);
    assert_int_equal(wf_recover_look(f->store, r, NULL), WF_OK);
    close_store(f);
}

static int force(struct fixture *f, struct wf_err *err)
{
    struct wf_recover_report r;
    look(f, &r);
    assert_int_equal(wf_log_store_sqlite_open(&f->store, f->dir, &f->loop, NULL, NULL), WF_OK);
    int rc = wf_recover_force(f->store, &r, "fra-1:7500", err);
    close_store(f);
    return rc;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    fixture_init(f);
    assert_int_equal(wf_log_store_sqlite_open(&f->store, f->dir, &f->loop, NULL, NULL), WF_OK);
    assert_int_equal(wf_bootstrap(f->store, members, 3, NULL), WF_OK);
    wf_log_store_sqlite_free(f->store);
    f->store = NULL;
    assert_int_equal(fixture_open(f), WF_OK);
    fixture_append(f, 1, 20, 100);
    fixture_append(f, 2, 5, 100);
    assert_int_equal(f->store->set_vote(f->store->ctx, 3, 2, NULL), WF_OK);
    fixture_close(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture_done(*state);
    free(*state);
    return 0;
}

static void a_look_tells_what_is_there(void **state)
{
    struct fixture *f = *state;
    struct wf_recover_report r;
    struct wf_buf text;
    look(f, &r);
    assert_int_equal(r.term, 3);
    assert_int_equal(r.last_index, 26);
    assert_int_equal(r.last_term, 2);
    assert_int_equal(r.n, 3);
    assert_string_equal(r.members[2].name, "syd-1");
    wf_buf_init(&text, 65536);
    assert_int_equal(wf_recover_print(&r, &text), WF_OK);
    const char *s = wf_buf_cstr(&text);
    assert_non_null(strstr(s, "last entry   index 26, term 2"));
    assert_non_null(strstr(s, "1  fra-1  fra  fra-1:7411  voter  (this node)"));
    wf_buf_free(&text);
    // Looking changes nothing.
    assert_int_equal(fixture_open(f), WF_OK);
    assert_int_equal(f->loaded, 26);
    fixture_close(f);
}

static void the_survivor_is_the_only_voter_of_a_new_incarnation(void **state)
{
    struct fixture *f = *state;
    struct wf_recover_report r;
    struct wf_node_identity before;
    look(f, &r);
    before = r.identity;
    assert_int_equal(force(f, NULL), WF_OK);
    look(f, &r);
    assert_int_equal(r.last_index, 27);
    assert_int_equal(r.last_term, 3);
    assert_int_equal(r.configuration_index, 27);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.members[0].id, 1);
    assert_int_equal(r.members[0].role, WF_VOTER);
    assert_string_equal(r.members[0].address, "fra-1:7500");
    assert_int_equal(r.identity.incarnation, 2);
    assert_memory_equal(r.identity.disk_id, before.disk_id, WF_UUID_SIZE);

    // A node left behind is refused by the survivor, and is told so by it.
    struct wf_node_identity other = before;
    struct wf_msg hello;
    struct wf_err err;
    other.node_id = 2;
    strcpy(other.name, "iad-1");
    wf_hello_make(&hello, &other, "iad-1:7411", 1);
    struct wf_hello_rules rules = {&r.identity, "iad-1", NULL, 0, 0, NULL};
    assert_int_equal(wf_hello_check(&rules, &hello.hello, &err), WF_PERMISSION_DENIED);
    assert_string_equal(err.reason, "OLD_INCARNATION");
    wf_hello_make(&hello, &r.identity, "fra-1:7411", 2);
    rules.self = &other;
    rules.certificate = "fra-1";
    assert_int_equal(wf_hello_check(&rules, &hello.hello, &err), WF_PERMISSION_DENIED);
    assert_string_equal(err.reason, "LEFT_BEHIND");
}

static void the_membership_of_an_image_counts(void **state)
{
    struct fixture *f = *state;
    struct wf_recover_report r;
    struct wf_manifest m = {.index = 30, .term = 2, .configuration_index = 28};
    assert_int_equal(wf_bootstrap_encode(members, 2, &m.configuration, NULL), WF_OK);
    m.data = (struct wf_bytes){(const uint8_t *)"manifest", 8};
    assert_int_equal(fixture_open(f), WF_OK);
    fixture_install(f, &m);
    fixture_close(f);
    wf_bootstrap_free(m.configuration);
    look(f, &r);
    assert_int_equal(r.n, 2);
    assert_int_equal(r.last_index, 30);
    assert_int_equal(r.configuration_index, 28);
    assert_int_equal(force(f, NULL), WF_OK);
    look(f, &r);
    assert_int_equal(r.last_index, 31);
    assert_int_equal(r.n, 1);
}

static void a_damaged_log_is_no_truth(void **state)
{
    struct fixture *f = *state;
    struct wf_recover_report r;
    struct wf_err err;
    char path[128];
    size_t n;
    snprintf(path, sizeof path, "%s/log.db", f->dir);
    uint8_t *whole = read_whole(path, &n);
    // Pages also hold what was moved away from them: every copy is hit.
    unsigned hit = 0;
    for (uint8_t *at; (at = memmem(whole, n, "record 7", 9)); hit++)
        *at ^= 1;
    assert_true(hit > 0);
    write_whole(path, whole, n);
    free(whole);
    assert_int_equal(wf_log_store_sqlite_open(&f->store, f->dir, &f->loop, NULL, NULL), WF_OK);
    assert_int_equal(wf_recover_look(f->store, &r, &err), WF_DATA_LOSS);
    assert_non_null(strstr(err.msg, "another survivor"));
    assert_non_null(strstr(err.msg, "record 7"));
    close_store(f);
}

static void a_removed_node_is_no_survivor(void **state)
{
    struct fixture *f = *state;
    struct wf_manifest m = {.index = 30, .term = 2, .configuration_index = 28};
    struct wf_err err;
    assert_int_equal(wf_bootstrap_encode(members + 1, 2, &m.configuration, NULL), WF_OK);
    m.data = (struct wf_bytes){(const uint8_t *)"manifest", 8};
    assert_int_equal(fixture_open(f), WF_OK);
    fixture_install(f, &m);
    fixture_close(f);
    wf_bootstrap_free(m.configuration);
    assert_int_equal(force(f, &err), WF_FAILED_PRECONDITION);
    assert_string_equal(err.reason, "NOT_A_MEMBER");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_look_tells_what_is_there),
        TEST(the_survivor_is_the_only_voter_of_a_new_incarnation),
        TEST(the_membership_of_an_image_counts),
        TEST(a_damaged_log_is_no_truth),
        TEST(a_removed_node_is_no_survivor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
