// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "replication/log_store_sqlite.h"
#include "replication/node_internal.h"
#include "replication/recover.h"
#include "store_fixture.h"
#include "trio.h"
#include "whole_file.h"

static void any_node_takes_proposals_and_all_apply_them(void **state)
{
    struct trio *c = *state;
    trio_await_leader(c);
    for (unsigned i = 0; i < TRIO; i++)
        trio_propose_surely(c, i, 200);
    trio_await_even(c);
    assert_true(c->acked >= 600);
}

static void reads_see_what_was_acknowledged_before(void **state)
{
    struct trio *c = *state;
    unsigned l = trio_await_leader(c);
    trio_propose_surely(c, l, 20);
    for (unsigned round = 0; round < 20; round++) {
        unsigned i = round % TRIO;
        trio_propose_surely(c, (i + 1) % TRIO, 1);
        trio_deadline(c);
        c->waiting++;
        wf_node_read(c->s[i].node, trio_on_read, c);
        while (c->waiting > 0)
            trio_turn(c);
        assert_true(c->read_index >= c->highest);
        assert_true(c->s[i].fsm.now.applied >= c->read_index);
    }
}

static void the_leader_goes_and_comes_back(void **state)
{
    struct trio *c = *state;
    for (int round = 0; round < 3; round++) {
        unsigned l = trio_await_leader(c), other = (l + 1) % TRIO;
        trio_propose_surely(c, other, 50);
        trio_stop(c, l);
        assert_int_equal(trio_leader(c) == (int)l, false);
        trio_propose_surely(c, other, 50);
        trio_start(c, l);
        trio_propose_surely(c, l, 20);
        trio_await_even(c);
    }
}

static void everybody_goes_and_nothing_is_lost(void **state)
{
    struct trio *c = *state;
    trio_await_leader(c);
    trio_propose_surely(c, 0, 100);
    for (unsigned i = 0; i < TRIO; i++)
        trio_stop(c, i);
    for (unsigned i = 0; i < TRIO; i++)
        trio_start(c, i);
    trio_await_leader(c);
    trio_await_even(c);
    trio_propose_surely(c, 1, 10);
    trio_await_even(c);
}

// Stops the one after l until an image was made and the log that it would need is gone.
static unsigned leave_behind(struct trio *c, unsigned l)
{
    struct wf_node_status status;
    unsigned away = (l + 1) % TRIO;
    trio_propose_surely(c, l, 20);
    trio_stop(c, away);
    do {
        trio_propose_surely(c, l, 200);
        wf_node_status(c->s[l].node, &status);
    } while (status.first_index <= 25 || status.image_index == 0);
    // A busy machine may have made it need one before.
    c->s[away].fsm.installed = 0;
    atomic_store(&c->s[away].fsm.takes, 0);
    return away;
}

static void one_that_was_away_for_long_gets_an_image(void **state)
{
    struct trio *c = *state;
    unsigned l = trio_await_leader(c), away = leave_behind(c, l);
    trio_start(c, away);
    trio_await_even(c);
    assert_true(c->s[away].fsm.installed > 0);
    // And it is a full member afterwards.
    trio_propose_surely(c, away, 20);
    trio_await_even(c);
    // Its log begins after the image: it can be started from that.
    trio_stop(c, away);
    trio_start(c, away);
    trio_propose_surely(c, l, 20);
    trio_await_even(c);
}

static void damage_file(const char *path)
{
    size_t size = 0;
    uint8_t *data = read_whole(path, &size);
    if (data == NULL)
        return; // the next image is being made of it
    assert_true(size > 0);
    data[size / 2] ^= 1;
    write_whole(path, data, size);
    free(data);
}

static void remove_file(const char *path)
{
    assert_true(unlink(path) == 0 || errno == ENOENT);
}

static void to_images(const char *dir, void (*what)(const char *path))
{
    struct dirent *e;
    DIR *d = opendir(dir);
    unsigned n = 0;
    assert_non_null(d);
    while ((e = readdir(d)) != NULL) {
        char path[400];
        if (strstr(e->d_name, ".image") == NULL)
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        what(path);
        n++;
    }
    closedir(d);
    assert_true(n > 0);
}

static void a_leader_whose_image_is_damaged_makes_another(void **state)
{
    struct trio *c = *state;
    unsigned l = trio_await_leader(c), away = leave_behind(c, l);
    to_images(c->s[l].images, damage_file);
    trio_start(c, away);
    trio_await_even(c);
    assert_true(c->s[away].fsm.installed > 0);
}

static void a_leader_whose_image_is_gone_makes_another(void **state)
{
    struct trio *c = *state;
    unsigned l = trio_await_leader(c), away = leave_behind(c, l);
    to_images(c->s[l].images, remove_file);
    trio_start(c, away);
    trio_await_even(c);
    assert_true(c->s[away].fsm.installed > 0);
}

// Stopped, and behind more log than the others keep; then started, with an image held on the pool.
static unsigned await_held_install(struct trio *c, unsigned l)
{
    unsigned away = leave_behind(c, l);
    trio_start(c, away);
    atomic_store(&c->s[away].fsm.hold, true);
    trio_deadline(c);
    while (atomic_load(&c->s[away].fsm.takes) == 0)
        trio_turn(c);
    return away;
}

static void the_loop_goes_on_while_an_image_is_taken(void **state)
{
    struct trio *c = *state;
    struct wf_node_status status;
    unsigned l = trio_await_leader(c), away = await_held_install(c, l);
    uint64_t before = c->s[away].fsm.now.applied;
    trio_propose_surely(c, away, 50); // it forwards them
    wf_node_status(c->s[away].node, &status);
    assert_int_equal(status.leader_id, c->s[l].id);
    assert_int_equal(c->s[away].fsm.installed, 0);
    assert_int_equal(c->s[away].fsm.now.applied, before);
    atomic_store(&c->s[away].fsm.hold, false);
    trio_await_even(c);
    assert_true(c->s[away].fsm.installed > 0);
}

static void one_that_stops_while_it_takes_an_image_begins_again(void **state)
{
    struct trio *c = *state;
    unsigned l = trio_await_leader(c), away = await_held_install(c, l);
    atomic_store(&c->s[away].fsm.hold, false);
    trio_stop(c, away);
    assert_int_equal(c->s[away].fsm.installed, 0);
    trio_start(c, away);
    trio_propose_surely(c, l, 20);
    trio_await_even(c);
    assert_true(c->s[away].fsm.installed > 0);
}

static bool fenced(struct trio *c, unsigned i)
{
    struct wf_node_status status;
    wf_node_status(c->s[i].node, &status);
    return !status.serving;
}

// libraft has dropped the log before the image by then: without it there is no state to go on with.
static void one_whose_image_is_damaged_before_it_is_taken_gets_another(void **state)
{
    struct trio *c = *state;
    unsigned l = trio_await_leader(c), away = await_held_install(c, l);
    to_images(c->s[away].images, damage_file);
    atomic_store(&c->s[away].fsm.hold, false);
    trio_deadline(c);
    while (!fenced(c, away))
        trio_turn(c);
    assert_int_equal(c->s[away].fsm.installed, 0);
    trio_propose_surely(c, l, 50);
    trio_await_even(c);
    while (fenced(c, away))
        trio_turn(c);
    assert_true(c->s[away].fsm.installed > 0);
    trio_propose_surely(c, away, 20);
    trio_await_even(c);
}

static void one_that_starts_with_a_damaged_image_gets_another(void **state)
{
    struct trio *c = *state;
    unsigned l = trio_await_leader(c), away = await_held_install(c, l);
    atomic_store(&c->s[away].fsm.hold, false);
    trio_stop(c, away);
    assert_int_equal(c->s[away].fsm.installed, 0);
    to_images(c->s[away].images, damage_file);
    trio_start(c, away);
    assert_true(fenced(c, away));
    trio_await_even(c);
    trio_deadline(c);
    while (fenced(c, away))
        trio_turn(c);
    assert_true(c->s[away].fsm.installed > 0);
    trio_propose_surely(c, away, 20);
    trio_await_even(c);
}

// What is committed while the new state is being copied is played from the log afterwards.
static void a_state_that_differs_is_replaced_while_others_write(void **state)
{
    struct trio *c = *state;
    unsigned l = trio_await_leader(c), wrong = (l + 1) % TRIO;
    trio_propose_surely(c, l, 50);
    trio_await_even(c);
    struct list_fsm *fsm = &c->s[wrong].fsm;
    atomic_store(&fsm->hold, true);
    fsm->now.hash[0] ^= 1;
    trio_deadline(c);
    while (!fenced(c, wrong) || atomic_load(&fsm->takes) == 0)
        trio_propose_surely(c, l, 5);
    uint64_t before = fsm->now.applied;
    trio_propose_surely(c, l, 300);
    assert_true(fenced(c, wrong));
    assert_int_equal(fsm->now.applied, before);
    assert_int_equal(fsm->installed, 0);
    atomic_store(&fsm->hold, false);
    trio_await_even(c);
    while (fenced(c, wrong))
        trio_turn(c);
    assert_true(fsm->installed > 0);
    trio_propose_surely(c, wrong, 20);
    trio_await_even(c);
}

static void on_changed(void *ctx, const struct wf_err *err)
{
    struct trio *c = ctx;
    c->waiting--;
    c->err = err ? *err : (struct wf_err){.code = WF_OK};
}

// As it is told when the leader hears no majority any more, while the others hear it: nobody has to
// wait for a timer then.
static void a_leader_that_says_it_stepped_down_is_believed(void **state)
{
    struct trio *c = *state;
    unsigned l = trio_await_leader(c);
    struct wf_node *other = c->s[(l + 1) % TRIO].node;
    uint64_t id = c->s[l].id;
    struct peer *p = peer_get(other, id);
    trio_deadline(c);
    while (node_leader(other) != id || !p->has_status || p->status.leader != id ||
           p->status.term != wf_raft_term(node_raft(other)))
        trio_turn(c);
    struct wf_msg_status m = p->status;
    m.term--; // before it led
    m.leader = 0;
    peers_status(other, id, &m);
    assert_int_equal(node_leader(other), id);
    m = p->status;
    m.term++;
    m.leader = id;
    peers_status(other, id, &m);
    m.leader = 0;
    peers_status(other, id, &m); // of this term
    assert_int_equal(node_leader(other), 0);
    trio_await_leader(c);
    trio_propose_surely(c, 0, 10);
    trio_await_even(c);
}

static void leadership_is_handed_over(void **state)
{
    struct trio *c = *state;
    unsigned l = trio_await_leader(c), to = (l + 1) % TRIO;
    trio_propose_surely(c, l, 20);
    trio_await_even(c);
    trio_deadline(c);
    c->waiting++;
    wf_node_transfer(c->s[l].node, trio_names[to], on_changed, c);
    while (c->waiting > 0)
        trio_turn(c);
    if (c->err.code != WF_OK)
        fail_msg("%s", c->err.msg);
    while (trio_leader(c) != (int)to)
        trio_turn(c);
    trio_propose_surely(c, l, 20);
    trio_await_even(c);
}

// A follower begins an image when it applies something; until then somebody waits.
static void who_waits_for_an_image_hears_of_the_end(void **state)
{
    struct trio *c = *state;
    unsigned l = trio_await_leader(c), other = (l + 1) % TRIO;
    trio_propose_surely(c, l, 20);
    trio_await_even(c);
    c->waiting++;
    wf_node_image(c->s[other].node, on_changed, c);
    trio_propose_surely(c, l, 1); // its wait is for all that is waiting
    assert_int_equal(c->err.code, WF_OK);
    c->waiting++;
    wf_node_image(c->s[other].node, on_changed, c);
    trio_stop(c, other);
    assert_int_equal(c->waiting, 0);
    assert_string_equal(c->err.reason, "STOPPING");
}

static void on_refused(void *ctx, const struct wf_err *err, uint64_t index, struct wf_bytes result)
{
    (void)index;
    (void)result;
    assert_string_equal(err->reason, "TOO_LONG");
    ((struct trio *)ctx)->waiting--;
}

static void propose_what_is_refused(void *ctx, const struct wf_err *err)
{
    static const uint8_t long_one[WF_COMMAND_MAX + 1];
    struct trio *c = ctx;
    assert_int_not_equal(err->code, WF_OK);
    wf_node_propose(c->s[trio_leader(c)].node, (struct wf_bytes){long_one, sizeof long_one},
                    on_refused, c);
}

// As the daemon does, which has a change of members recorded: the queue may be full.
static void who_hears_an_answer_may_ask_what_is_refused_at_once(void **state)
{
    struct trio *c = *state;
    unsigned l = trio_await_leader(c);
    trio_deadline(c);
    c->waiting++;
    wf_node_transfer(c->s[l].node, "nobody", propose_what_is_refused, c);
    while (c->waiting > 0)
        trio_turn(c);
}

// A new life on an empty disk, under the same name and a number of its own.
static void wipe(struct trio *c, unsigned i, uint64_t id)
{
    struct trio_node *s = &c->s[i];
    struct wf_node_identity new = {.node_id = id};
    remove_files(s->images);
    remove_files(s->dir);
    memset(new.cluster_id, 0xc1, sizeof new.cluster_id);
    strcpy(new.name, trio_names[i]);
    assert_int_equal(wf_log_store_sqlite_create(s->dir, &new, NULL), WF_OK);
    s->id = id;
}

static void recover(struct trio *c, unsigned i)
{
    struct trio_node *s = &c->s[i];
    struct wf_recover_report report;
    bool closed = false;
    for (int pass = 0; pass < 2; pass++) {
        assert_int_equal(wf_log_store_sqlite_open(&s->store, s->dir, &c->loop, NULL, NULL), WF_OK);
        if (pass == 0)
            assert_int_equal(wf_recover_look(s->store, &report, NULL), WF_OK);
        else
            assert_int_equal(wf_recover_force(s->store, &report, s->host.address, NULL), WF_OK);
        closed = false;
        s->store->close(s->store->ctx, trio_set_true, &closed);
        while (!closed)
            trio_turn(c);
        wf_log_store_sqlite_free(s->store);
    }
}

static void change(struct trio *c)
{
    trio_deadline(c);
    while (c->waiting > 0)
        trio_turn(c);
    if (c->err.code != WF_OK)
        fail_msg("%s", c->err.msg);
}

// As a file system that takes its time over a large file.
static int publish_slowly(void *ctx, const char *from, const char *to, struct wf_err *err)
{
    struct timespec pause = {.tv_nsec = 300 * 1000000};
    if (strstr(to, ".new") != NULL) // an old image becomes the next one's draft
        nanosleep(&pause, NULL);
    return wf_files_posix.publish(ctx, from, to, err);
}

static void want_another(void *ctx, const struct wf_err *err)
{
    struct trio *c = ctx;
    assert_null(err);
    wf_node_image(c->s[trio_leader(c)].node, on_changed, c);
}

static void an_image_is_made_while_old_ones_are_removed(void **state)
{
    struct trio *c = *state;
    unsigned l = trio_await_leader(c);
    static struct wf_files slow; // used until the node has stopped
    slow = wf_files_posix;
    slow.publish = publish_slowly;
    trio_propose_surely(c, l, 20);
    c->waiting++;
    wf_node_image(c->s[l].node, on_changed, c);
    change(c);
    trio_propose_surely(c, l, 20);
    trio_await_even(c);
    c->s[l].env.env.files = &slow;
    c->waiting++;
    wf_node_image(c->s[l].node, want_another, c);
    change(c);
}

static void a_lost_quorum_is_recovered_and_the_others_join_anew(void **state)
{
    struct trio *c = *state;
    struct wf_node_status status;
    trio_await_leader(c);
    trio_propose_surely(c, 0, 50);
    trio_await_even(c);
    for (unsigned i = 0; i < TRIO; i++)
        trio_stop(c, i);
    recover(c, 2);
    trio_start(c, 2);
    assert_int_equal(trio_await_leader(c), 2);
    trio_propose_surely(c, 2, 20);
    // One that was left behind does not get in, and does not disturb.
    trio_start(c, 1);
    trio_propose_surely(c, 2, 20);
    assert_true(c->s[1].fsm.now.commands <= 50);
    assert_int_equal(trio_leader(c), 2);
    trio_stop(c, 1);
    // With an empty disk and a number of its own it does.
    c->waiting++;
    wf_node_add(c->s[2].node, trio_names[1], "iad", c->s[1].host.address, on_changed, c);
    change(c);
    wf_node_status(c->s[2].node, &status);
    assert_int_equal(status.n, 2);
    uint64_t id = status.members[0].member.id == 3 ? status.members[1].member.id
                                                   : status.members[0].member.id;
    assert_true(id > 3);
    wipe(c, 1, id);
    trio_start(c, 1);
    c->waiting++;
    wf_node_assign(c->s[2].node, trio_names[1], WF_STANDBY, on_changed, c);
    change(c);
    trio_propose_surely(c, 1, 20);
    trio_deadline(c);
    while (c->s[1].fsm.now.applied < c->highest || c->s[2].fsm.now.applied < c->highest ||
           c->s[1].fsm.now.applied != c->s[2].fsm.now.applied)
        trio_turn(c);
    assert_memory_equal(&c->s[1].fsm.now, &c->s[2].fsm.now, sizeof c->s[1].fsm.now);
    assert_true(c->s[1].fsm.now.commands >= 110);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, trio_setup, trio_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(any_node_takes_proposals_and_all_apply_them),
        TEST(reads_see_what_was_acknowledged_before),
        TEST(the_leader_goes_and_comes_back),
        TEST(everybody_goes_and_nothing_is_lost),
        TEST(one_that_was_away_for_long_gets_an_image),
        TEST(a_leader_whose_image_is_damaged_makes_another),
        TEST(a_leader_whose_image_is_gone_makes_another),
        TEST(the_loop_goes_on_while_an_image_is_taken),
        TEST(one_that_stops_while_it_takes_an_image_begins_again),
        TEST(one_whose_image_is_damaged_before_it_is_taken_gets_another),
        TEST(one_that_starts_with_a_damaged_image_gets_another),
        TEST(a_state_that_differs_is_replaced_while_others_write),
        TEST(a_leader_that_says_it_stepped_down_is_believed),
        TEST(leadership_is_handed_over),
        TEST(who_waits_for_an_image_hears_of_the_end),
        TEST(who_hears_an_answer_may_ask_what_is_refused_at_once),
        TEST(an_image_is_made_while_old_ones_are_removed),
        TEST(a_lost_quorum_is_recovered_and_the_others_join_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
