// SPDX-License-Identifier: Apache-2.0
// Three real nodes in one process: SQLite logs on disk, TCP on loopback, a libuv loop.
#include "check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "list_fsm.h"
#include "replication/bootstrap.h"
#include "replication/env_uv.h"
#include "replication/log_store_sqlite.h"
#include "replication/node.h"
#include "replication/peer_net_link.h"
#include "replication/recover.h"
#include "store_fixture.h"
#include "tcp_link.h"

enum { NODES = 3, WAIT_MS = 60000 };

struct server {
    struct cluster *cluster;
    uint64_t id;
    char dir[64], images[80];
    struct tcp_host host;
    struct wf_env_uv env;
    struct wf_log_store *store;
    struct wf_peer_net *net;
    struct list_fsm fsm;
    struct wf_node *node;
    bool node_stopped, env_closed;
    struct wf_err fatal;
};

struct cluster {
    uv_loop_t loop;
    uv_timer_t deadline;
    bool late;
    struct server s[NODES];
    uint64_t acked, failed, highest; // proposals
    unsigned waiting;
    uint64_t read_index;
    struct wf_err err;
};

static const char *const names[NODES] = {"fra-1", "iad-1", "syd-1"};

// --- running the loop ----------------------------------------------------------------------------

static void on_late(uv_timer_t *t)
{
    ((struct cluster *)t->data)->late = true;
}

static void turn(struct cluster *c)
{
    uv_run(&c->loop, UV_RUN_ONCE);
    if (c->late)
        fail_msg("what was awaited did not come");
    for (unsigned i = 0; i < NODES; i++)
        if (c->s[i].fatal.code != WF_OK)
            fail_msg("%s: %s", names[i], c->s[i].fatal.msg);
}

static void deadline(struct cluster *c)
{
    uv_timer_start(&c->deadline, on_late, WAIT_MS, 0);
}

// --- a server ------------------------------------------------------------------------------------

static void on_applied(void *ctx, uint64_t index)
{
    (void)ctx;
    (void)index;
}

static void on_change(void *ctx)
{
    (void)ctx;
}

static void on_fatal(void *ctx, const struct wf_err *why)
{
    ((struct server *)ctx)->fatal = *why;
}

static void on_accept(void *ctx, struct wf_link *link, const char *peer)
{
    struct server *s = ctx;
    if (s->node)
        wf_node_accept(s->node, link, peer);
    else
        link->ops->close(link);
}

static void start(struct cluster *c, unsigned i)
{
    struct server *s = &c->s[i];
    struct wf_err err = {0};
    assert_int_equal(wf_env_uv_init(&s->env, &c->loop, NULL), WF_OK);
    assert_int_equal(wf_log_store_sqlite_open(&s->store, s->dir, &c->loop, NULL, NULL), WF_OK);
    if (!s->host.listening)
        tcp_listen(&s->host);
    struct wf_peer_net_options net = {&s->env.env, &s->host.dialer, s->store, NULL,
                                      s->host.address};
    assert_int_equal(wf_peer_net_link_new(&s->net, &net, NULL), WF_OK);
    list_fsm_init(&s->fsm);
    struct wf_node_options opts = {.id = s->id,
                                   .election_timeout_ms = 300,
                                   .heartbeat_timeout_ms = 50,
                                   .image_dir = s->images,
                                   .image_every_bytes = 200000,
                                   .log_trailing_bytes = 50000};
    strcpy(opts.name, names[i]);
    memset(opts.cluster_id, 0xc1, sizeof opts.cluster_id);
    struct wf_node_events events = {s, on_applied, on_change, on_fatal};
    s->node_stopped = s->env_closed = false;
    if (wf_node_start(&s->node, &opts, &s->env.env, s->store, s->net, &s->fsm.fsm, &events, &err) !=
        WF_OK)
        fail_msg("%s", err.msg);
}

static void set_true(void *arg)
{
    *(bool *)arg = true;
}

static void stop(struct cluster *c, unsigned i)
{
    struct server *s = &c->s[i];
    if (!s->node)
        return;
    deadline(c);
    tcp_unlisten(&s->host);
    wf_node_stop(s->node, set_true, &s->node_stopped);
    s->node = NULL;
    while (!s->node_stopped)
        turn(c);
    wf_peer_net_link_free(s->net);
    wf_log_store_sqlite_free(s->store); // the node has closed it
    wf_env_uv_close(&s->env, set_true, &s->env_closed);
    while (!s->env_closed)
        turn(c);
}

static int setup(void **state)
{
    struct cluster *c = calloc(1, sizeof *c);
    struct wf_member members[NODES] = {0};
    assert_int_equal(uv_loop_init(&c->loop), 0);
    uv_timer_init(&c->loop, &c->deadline);
    c->deadline.data = c;
    for (unsigned i = 0; i < NODES; i++) {
        struct server *s = &c->s[i];
        s->cluster = c;
        s->id = i + 1;
        temporary_dir(s->dir);
        strcpy(s->images, s->dir);
        strcat(s->images, "/images");
        assert_int_equal(mkdir(s->images, 0700), 0);
        s->host =
            (struct tcp_host){.loop = &c->loop, .name = names[i], .accept = on_accept, .ctx = s};
        tcp_listen(&s->host);
        members[i].id = i + 1;
        members[i].role = WF_VOTER;
        strcpy(members[i].name, names[i]);
        memcpy(members[i].region, names[i], 3);
        strcpy(members[i].address, s->host.address);
    }
    for (unsigned i = 0; i < NODES; i++) {
        struct wf_node_identity id = {.node_id = i + 1};
        struct wf_log_store *store;
        memset(id.cluster_id, 0xc1, sizeof id.cluster_id);
        strcpy(id.name, names[i]);
        assert_int_equal(wf_log_store_sqlite_create(c->s[i].dir, &id, NULL), WF_OK);
        assert_int_equal(wf_log_store_sqlite_open(&store, c->s[i].dir, &c->loop, NULL, NULL),
                         WF_OK);
        assert_int_equal(wf_bootstrap(store, members, NODES, NULL), WF_OK);
        wf_log_store_sqlite_free(store);
    }
    for (unsigned i = 0; i < NODES; i++)
        start(c, i);
    *state = c;
    return 0;
}

static int teardown(void **state)
{
    struct cluster *c = *state;
    for (unsigned i = 0; i < NODES; i++)
        stop(c, i);
    uv_close((uv_handle_t *)&c->deadline, NULL);
    uv_run(&c->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&c->loop), 0);
    for (unsigned i = 0; i < NODES; i++) {
        remove_files(c->s[i].images);
        rmdir(c->s[i].images);
        remove_files(c->s[i].dir);
        assert_int_equal(rmdir(c->s[i].dir), 0);
    }
    free(c);
    return 0;
}

// --- what a test does ----------------------------------------------------------------------------

static int leader(struct cluster *c)
{
    for (unsigned i = 0; i < NODES; i++) {
        struct wf_node_status status;
        if (!c->s[i].node)
            continue;
        wf_node_status(c->s[i].node, &status);
        if (status.state == WF_STATE_LEADER)
            return (int)i;
    }
    return -1;
}

static unsigned await_leader(struct cluster *c)
{
    deadline(c);
    int l;
    while ((l = leader(c)) < 0)
        turn(c);
    return (unsigned)l;
}

static void on_proposed(void *ctx, const struct wf_err *err, uint64_t index, struct wf_bytes result)
{
    struct cluster *c = ctx;
    c->waiting--;
    if (err) {
        c->failed++;
        c->err = *err;
        return;
    }
    assert_int_equal(result.len, 1000);
    c->acked++;
    if (index > c->highest)
        c->highest = index;
}

// n commands of 1000 bytes through node i; waits for the answers. Returns how many were
// acknowledged.
static uint64_t propose(struct cluster *c, unsigned i, unsigned n)
{
    static uint64_t number;
    uint8_t command[1000] = {0};
    uint64_t before = c->acked;
    deadline(c);
    for (unsigned k = 0; k < n; k++) {
        number++;
        memcpy(command, &number, sizeof number);
        c->waiting++;
        wf_node_propose(c->s[i].node, (struct wf_bytes){command, sizeof command}, on_proposed, c);
        if (c->waiting >= 64)
            turn(c);
    }
    while (c->waiting > 0)
        turn(c);
    return c->acked - before;
}

// Again and again until n are through: while there is no leader, proposals fail at once.
static void propose_surely(struct cluster *c, unsigned i, unsigned n)
{
    for (uint64_t done = 0; done < n;) {
        uint64_t got = propose(c, i, (unsigned)(n - done));
        done += got;
        if (got == 0)
            for (int k = 0; k < 5; k++)
                turn(c);
    }
}

static bool even(struct cluster *c)
{
    const struct list_state *a = &c->s[0].fsm.now;
    for (unsigned i = 1; i < NODES; i++)
        if (c->s[i].fsm.now.applied != a->applied)
            return false;
    return a->applied >= c->highest;
}

// All have applied the same, and at least what was acknowledged.
static void await_even(struct cluster *c)
{
    deadline(c);
    while (!even(c))
        turn(c);
    const struct list_state *a = &c->s[0].fsm.now;
    assert_true(a->commands >= c->acked);
    assert_true(a->commands <= c->acked + c->failed);
    for (unsigned i = 1; i < NODES; i++)
        assert_memory_equal(&c->s[i].fsm.now, a, sizeof *a);
}

static void on_read(void *ctx, const struct wf_err *err, uint64_t index)
{
    struct cluster *c = ctx;
    c->waiting--;
    c->read_index = err ? 0 : index;
}

// --- the tests -----------------------------------------------------------------------------------

static void any_node_takes_proposals_and_all_apply_them(void **state)
{
    struct cluster *c = *state;
    await_leader(c);
    for (unsigned i = 0; i < NODES; i++)
        propose_surely(c, i, 200);
    await_even(c);
    assert_true(c->acked >= 600);
}

static void reads_see_what_was_acknowledged_before(void **state)
{
    struct cluster *c = *state;
    unsigned l = await_leader(c);
    propose_surely(c, l, 20);
    for (unsigned round = 0; round < 20; round++) {
        unsigned i = round % NODES;
        propose_surely(c, (i + 1) % NODES, 1);
        deadline(c);
        c->waiting++;
        wf_node_read(c->s[i].node, on_read, c);
        while (c->waiting > 0)
            turn(c);
        assert_true(c->read_index >= c->highest);
        assert_true(c->s[i].fsm.now.applied >= c->read_index);
    }
}

static void the_leader_goes_and_comes_back(void **state)
{
    struct cluster *c = *state;
    for (int round = 0; round < 3; round++) {
        unsigned l = await_leader(c), other = (l + 1) % NODES;
        propose_surely(c, other, 50);
        stop(c, l);
        assert_int_equal(leader(c) == (int)l, false);
        propose_surely(c, other, 50);
        start(c, l);
        propose_surely(c, l, 20);
        await_even(c);
    }
}

static void everybody_goes_and_nothing_is_lost(void **state)
{
    struct cluster *c = *state;
    await_leader(c);
    propose_surely(c, 0, 100);
    for (unsigned i = 0; i < NODES; i++)
        stop(c, i);
    for (unsigned i = 0; i < NODES; i++)
        start(c, i);
    await_leader(c);
    await_even(c);
    propose_surely(c, 1, 10);
    await_even(c);
}

// Stops the one after l until an image was made and the log that it would need is gone.
static unsigned leave_behind(struct cluster *c, unsigned l)
{
    struct wf_node_status status;
    unsigned away = (l + 1) % NODES;
    propose_surely(c, l, 20);
    stop(c, away);
    do {
        propose_surely(c, l, 200);
        wf_node_status(c->s[l].node, &status);
    } while (status.first_index <= 25 || status.image_index == 0);
    return away;
}

static void one_that_was_away_for_long_gets_an_image(void **state)
{
    struct cluster *c = *state;
    unsigned l = await_leader(c), away = leave_behind(c, l);
    start(c, away);
    await_even(c);
    assert_true(c->s[away].fsm.installed > 0);
    // And it is a full member afterwards.
    propose_surely(c, away, 20);
    await_even(c);
    // Its log begins after the image: it can be started from that.
    stop(c, away);
    start(c, away);
    propose_surely(c, l, 20);
    await_even(c);
}

// One byte of each image of a node is no longer what was written.
static void spoil_images(const char *dir)
{
    struct dirent *e;
    DIR *d = opendir(dir);
    unsigned n = 0;
    assert_non_null(d);
    while ((e = readdir(d)) != NULL) {
        char path[400];
        size_t size = 0;
        if (strstr(e->d_name, ".image") == NULL)
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        uint8_t *data = read_whole(path, &size);
        if (data == NULL)
            continue; // the next image is being made of it
        assert_true(size > 0);
        data[size / 2] ^= 1;
        write_whole(path, data, size);
        free(data);
        n++;
    }
    closedir(d);
    assert_true(n > 0);
}

static void a_leader_whose_image_is_damaged_makes_another(void **state)
{
    struct cluster *c = *state;
    unsigned l = await_leader(c), away = leave_behind(c, l);
    spoil_images(c->s[l].images);
    start(c, away);
    await_even(c);
    assert_true(c->s[away].fsm.installed > 0);
}

// Stopped, and behind more log than the others keep; then started, with an image held on the pool.
static unsigned await_held_install(struct cluster *c, unsigned l)
{
    unsigned away = leave_behind(c, l);
    start(c, away);
    atomic_store(&c->s[away].fsm.hold, true);
    deadline(c);
    while (atomic_load(&c->s[away].fsm.takes) == 0)
        turn(c);
    return away;
}

static void the_loop_goes_on_while_an_image_is_taken(void **state)
{
    struct cluster *c = *state;
    struct wf_node_status status;
    unsigned l = await_leader(c), away = await_held_install(c, l);
    uint64_t before = c->s[away].fsm.now.applied;
    propose_surely(c, away, 50); // it forwards them
    wf_node_status(c->s[away].node, &status);
    assert_int_equal(status.leader_id, c->s[l].id);
    assert_int_equal(c->s[away].fsm.installed, 0);
    assert_int_equal(c->s[away].fsm.now.applied, before);
    atomic_store(&c->s[away].fsm.hold, false);
    await_even(c);
    assert_true(c->s[away].fsm.installed > 0);
}

static void one_that_stops_while_it_takes_an_image_begins_again(void **state)
{
    struct cluster *c = *state;
    unsigned l = await_leader(c), away = await_held_install(c, l);
    atomic_store(&c->s[away].fsm.hold, false);
    stop(c, away);
    assert_int_equal(c->s[away].fsm.installed, 0);
    start(c, away);
    propose_surely(c, l, 20);
    await_even(c);
    assert_true(c->s[away].fsm.installed > 0);
}

static bool fenced(struct cluster *c, unsigned i)
{
    struct wf_node_status status;
    wf_node_status(c->s[i].node, &status);
    return !status.serving;
}

// libraft has dropped the log before the image by then: without it there is no state to go on with.
static void one_whose_image_is_damaged_before_it_is_taken_gets_another(void **state)
{
    struct cluster *c = *state;
    unsigned l = await_leader(c), away = await_held_install(c, l);
    spoil_images(c->s[away].images);
    atomic_store(&c->s[away].fsm.hold, false);
    deadline(c);
    while (!fenced(c, away))
        turn(c);
    assert_int_equal(c->s[away].fsm.installed, 0);
    propose_surely(c, l, 50);
    await_even(c);
    while (fenced(c, away))
        turn(c);
    assert_int_equal(c->s[away].fsm.installed, 1);
    propose_surely(c, away, 20);
    await_even(c);
}

static void one_that_starts_with_a_damaged_image_gets_another(void **state)
{
    struct cluster *c = *state;
    unsigned l = await_leader(c), away = await_held_install(c, l);
    atomic_store(&c->s[away].fsm.hold, false);
    stop(c, away);
    assert_int_equal(c->s[away].fsm.installed, 0);
    spoil_images(c->s[away].images);
    start(c, away);
    assert_true(fenced(c, away));
    await_even(c);
    deadline(c);
    while (fenced(c, away))
        turn(c);
    assert_int_equal(c->s[away].fsm.installed, 1);
    propose_surely(c, away, 20);
    await_even(c);
}

// What is committed while the new state is being copied is played from the log afterwards.
static void a_state_that_differs_is_replaced_while_others_write(void **state)
{
    struct cluster *c = *state;
    unsigned l = await_leader(c), wrong = (l + 1) % NODES;
    propose_surely(c, l, 50);
    await_even(c);
    struct list_fsm *fsm = &c->s[wrong].fsm;
    atomic_store(&fsm->hold, true);
    fsm->now.hash[0] ^= 1;
    deadline(c);
    while (!fenced(c, wrong) || atomic_load(&fsm->takes) == 0)
        propose_surely(c, l, 5);
    uint64_t before = fsm->now.applied;
    propose_surely(c, l, 300);
    assert_true(fenced(c, wrong));
    assert_int_equal(fsm->now.applied, before);
    assert_int_equal(fsm->installed, 0);
    atomic_store(&fsm->hold, false);
    await_even(c);
    while (fenced(c, wrong))
        turn(c);
    assert_true(fsm->installed > 0);
    propose_surely(c, wrong, 20);
    await_even(c);
}

static void on_changed(void *ctx, const struct wf_err *err)
{
    struct cluster *c = ctx;
    c->waiting--;
    c->err = err ? *err : (struct wf_err){.code = WF_OK};
}

static void leadership_is_handed_over(void **state)
{
    struct cluster *c = *state;
    unsigned l = await_leader(c), to = (l + 1) % NODES;
    propose_surely(c, l, 20);
    await_even(c);
    deadline(c);
    c->waiting++;
    wf_node_transfer(c->s[l].node, names[to], on_changed, c);
    while (c->waiting > 0)
        turn(c);
    if (c->err.code != WF_OK)
        fail_msg("%s", c->err.msg);
    while (leader(c) != (int)to)
        turn(c);
    propose_surely(c, l, 20);
    await_even(c);
}

// A follower begins an image when it applies something; until then somebody waits.
static void who_waits_for_an_image_hears_of_the_end(void **state)
{
    struct cluster *c = *state;
    unsigned l = await_leader(c), other = (l + 1) % NODES;
    propose_surely(c, l, 20);
    await_even(c);
    c->waiting++;
    wf_node_image(c->s[other].node, on_changed, c);
    propose_surely(c, l, 1); // its wait is for all that is waiting
    assert_int_equal(c->err.code, WF_OK);
    c->waiting++;
    wf_node_image(c->s[other].node, on_changed, c);
    stop(c, other);
    assert_int_equal(c->waiting, 0);
    assert_string_equal(c->err.reason, "STOPPING");
}

static void on_refused(void *ctx, const struct wf_err *err, uint64_t index, struct wf_bytes result)
{
    (void)index;
    (void)result;
    assert_string_equal(err->reason, "TOO_LONG");
    ((struct cluster *)ctx)->waiting--;
}

static void propose_what_is_refused(void *ctx, const struct wf_err *err)
{
    static const uint8_t long_one[WF_COMMAND_MAX + 1];
    struct cluster *c = ctx;
    assert_int_not_equal(err->code, WF_OK);
    wf_node_propose(c->s[leader(c)].node, (struct wf_bytes){long_one, sizeof long_one}, on_refused,
                    c);
}

// As the daemon does, which has a change of members recorded: the queue may be full.
static void who_hears_an_answer_may_ask_what_is_refused_at_once(void **state)
{
    struct cluster *c = *state;
    unsigned l = await_leader(c);
    deadline(c);
    c->waiting++;
    wf_node_transfer(c->s[l].node, "nobody", propose_what_is_refused, c);
    while (c->waiting > 0)
        turn(c);
}

// A new life on an empty disk, under the same name and a number of its own.
static void wipe(struct cluster *c, unsigned i, uint64_t id)
{
    struct server *s = &c->s[i];
    struct wf_node_identity new = {.node_id = id};
    remove_files(s->images);
    remove_files(s->dir);
    memset(new.cluster_id, 0xc1, sizeof new.cluster_id);
    strcpy(new.name, names[i]);
    assert_int_equal(wf_log_store_sqlite_create(s->dir, &new, NULL), WF_OK);
    s->id = id;
}

static void recover(struct cluster *c, unsigned i)
{
    struct server *s = &c->s[i];
    struct wf_recover_report report;
    bool closed = false;
    for (int pass = 0; pass < 2; pass++) {
        assert_int_equal(wf_log_store_sqlite_open(&s->store, s->dir, &c->loop, NULL, NULL), WF_OK);
        if (pass == 0)
            assert_int_equal(wf_recover_look(s->store, &report, NULL), WF_OK);
        else
            assert_int_equal(wf_recover_force(s->store, &report, s->host.address, NULL), WF_OK);
        closed = false;
        s->store->close(s->store->ctx, set_true, &closed);
        while (!closed)
            turn(c);
        wf_log_store_sqlite_free(s->store);
    }
}

static void change(struct cluster *c)
{
    deadline(c);
    while (c->waiting > 0)
        turn(c);
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
    struct cluster *c = ctx;
    assert_null(err);
    wf_node_image(c->s[leader(c)].node, on_changed, c);
}

static void an_image_is_made_while_old_ones_are_removed(void **state)
{
    struct cluster *c = *state;
    unsigned l = await_leader(c);
    static struct wf_files slow; // used until the node has stopped
    slow = wf_files_posix;
    slow.publish = publish_slowly;
    propose_surely(c, l, 20);
    c->waiting++;
    wf_node_image(c->s[l].node, on_changed, c);
    change(c);
    propose_surely(c, l, 20);
    await_even(c);
    c->s[l].env.env.files = &slow;
    c->waiting++;
    wf_node_image(c->s[l].node, want_another, c);
    change(c);
}

static void a_lost_quorum_is_recovered_and_the_others_join_anew(void **state)
{
    struct cluster *c = *state;
    struct wf_node_status status;
    await_leader(c);
    propose_surely(c, 0, 50);
    await_even(c);
    for (unsigned i = 0; i < NODES; i++)
        stop(c, i);
    recover(c, 2);
    start(c, 2);
    assert_int_equal(await_leader(c), 2);
    propose_surely(c, 2, 20);
    // One that was left behind does not get in, and does not disturb.
    start(c, 1);
    propose_surely(c, 2, 20);
    assert_true(c->s[1].fsm.now.commands <= 50);
    assert_int_equal(leader(c), 2);
    stop(c, 1);
    // With an empty disk and a number of its own it does.
    c->waiting++;
    wf_node_add(c->s[2].node, names[1], "iad", c->s[1].host.address, on_changed, c);
    change(c);
    wf_node_status(c->s[2].node, &status);
    assert_int_equal(status.n, 2);
    uint64_t id = status.members[0].member.id == 3 ? status.members[1].member.id
                                                   : status.members[0].member.id;
    assert_true(id > 3);
    wipe(c, 1, id);
    start(c, 1);
    c->waiting++;
    wf_node_assign(c->s[2].node, names[1], WF_STANDBY, on_changed, c);
    change(c);
    propose_surely(c, 1, 20);
    deadline(c);
    while (c->s[1].fsm.now.applied < c->highest || c->s[2].fsm.now.applied < c->highest ||
           c->s[1].fsm.now.applied != c->s[2].fsm.now.applied)
        turn(c);
    assert_memory_equal(&c->s[1].fsm.now, &c->s[2].fsm.now, sizeof c->s[1].fsm.now);
    assert_true(c->s[1].fsm.now.commands >= 110);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(any_node_takes_proposals_and_all_apply_them),
        TEST(reads_see_what_was_acknowledged_before),
        TEST(the_leader_goes_and_comes_back),
        TEST(everybody_goes_and_nothing_is_lost),
        TEST(one_that_was_away_for_long_gets_an_image),
        TEST(a_leader_whose_image_is_damaged_makes_another),
        TEST(the_loop_goes_on_while_an_image_is_taken),
        TEST(one_that_stops_while_it_takes_an_image_begins_again),
        TEST(one_whose_image_is_damaged_before_it_is_taken_gets_another),
        TEST(one_that_starts_with_a_damaged_image_gets_another),
        TEST(a_state_that_differs_is_replaced_while_others_write),
        TEST(leadership_is_handed_over),
        TEST(who_waits_for_an_image_hears_of_the_end),
        TEST(who_hears_an_answer_may_ask_what_is_refused_at_once),
        TEST(an_image_is_made_while_old_ones_are_removed),
        TEST(a_lost_quorum_is_recovered_and_the_others_join_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
