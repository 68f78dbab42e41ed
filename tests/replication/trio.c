// SPDX-License-Identifier: Apache-2.0
#include "trio.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "replication/bootstrap.h"
#include "replication/log_store_sqlite.h"
#include "replication/peer_net_link.h"
#include "store_fixture.h"

enum { WAIT_MS = 60000 };

const char *const trio_names[TRIO] = {"fra-1", "iad-1", "syd-1"};

// --- running the loop ----------------------------------------------------------------------------

static void on_late(uv_timer_t *t)
{
    ((struct trio *)t->data)->late = true;
}

void trio_turn(struct trio *c)
{
    uv_run(&c->loop, UV_RUN_ONCE);
    if (c->late && c->late_at)
        c->late_at();
    if (c->late)
        fail_msg("what was awaited did not come");
    for (unsigned i = 0; i < TRIO; i++)
        if (c->s[i].fatal.code != WF_OK)
            fail_msg("%s: %s", trio_names[i], c->s[i].fatal.msg);
}

void trio_deadline(struct trio *c)
{
    uv_timer_start(&c->deadline, on_late, WAIT_MS, 0);
}

// --- a node --------------------------------------------------------------------------------------

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
    struct trio_node *s = ctx;
    s->fatal = *why;
    if (s->cluster->fatal)
        s->cluster->fatal(why);
}

static void on_accept(void *ctx, struct wf_link *link, const char *peer)
{
    struct trio_node *s = ctx;
    if (s->node)
        wf_node_accept(s->node, link, peer);
    else
        link->ops->close(link);
}

int trio_try(struct trio *c, unsigned i, struct wf_err *err)
{
    struct trio_node *s = &c->s[i];
    struct wf_node_options opts = c->opts;
    struct wf_node_events events = {s, on_applied, on_change, on_fatal};
    int rc = wf_env_uv_init(&s->env, &c->loop, err);
    if (rc == WF_OK)
        rc = wf_log_store_sqlite_open(&s->store, s->dir, &c->loop, NULL, err);
    if (rc != WF_OK)
        return rc;
    if (!s->host.listening)
        tcp_listen(&s->host);
    struct wf_peer_net_options net = {&s->env.env, &s->host.dialer, s->store, NULL,
                                      s->host.address};
    rc = wf_peer_net_link_new(&s->net, &net, err);
    if (rc != WF_OK)
        return rc;
    list_fsm_init(&s->fsm);
    opts.id = s->id;
    opts.image_dir = s->images;
    strcpy(opts.name, trio_names[i]);
    memset(opts.cluster_id, 0xc1, sizeof opts.cluster_id);
    s->node_stopped = s->env_closed = false;
    return wf_node_start(&s->node, &opts, &s->env.env, s->store, s->net, &s->fsm.fsm, &events, err);
}

void trio_start(struct trio *c, unsigned i)
{
    struct wf_err err = {0};
    if (trio_try(c, i, &err) != WF_OK)
        fail_msg("%s", err.msg);
}

void trio_set_true(void *arg)
{
    *(bool *)arg = true;
}

void trio_stop(struct trio *c, unsigned i)
{
    struct trio_node *s = &c->s[i];
    if (!s->node)
        return;
    trio_deadline(c);
    tcp_unlisten(&s->host);
    wf_node_stop(s->node, trio_set_true, &s->node_stopped);
    s->node = NULL;
    while (!s->node_stopped)
        trio_turn(c);
    wf_peer_net_link_free(s->net);
    wf_log_store_sqlite_free(s->store); // the node has closed it
    wf_env_uv_close(&s->env, trio_set_true, &s->env_closed);
    while (!s->env_closed)
        trio_turn(c);
}

void trio_open_loop(struct trio *c)
{
    assert_int_equal(uv_loop_init(&c->loop), 0);
    uv_timer_init(&c->loop, &c->deadline);
    c->deadline.data = c;
}

void trio_close_loop(struct trio *c)
{
    uv_close((uv_handle_t *)&c->deadline, NULL);
    uv_run(&c->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&c->loop), 0);
}

static void make_log(struct trio *c, unsigned i, const struct wf_member *members)
{
    struct wf_node_identity id = {.node_id = i + 1};
    struct wf_log_store *store;
    memset(id.cluster_id, 0xc1, sizeof id.cluster_id);
    strcpy(id.name, trio_names[i]);
    assert_int_equal(wf_log_store_sqlite_create(c->s[i].dir, &id, NULL), WF_OK);
    assert_int_equal(wf_log_store_sqlite_open(&store, c->s[i].dir, &c->loop, NULL, NULL), WF_OK);
    assert_int_equal(wf_bootstrap(store, members, TRIO, NULL), WF_OK);
    wf_log_store_sqlite_free(store);
}

void trio_found(struct trio *c)
{
    struct wf_member members[TRIO] = {0};
    c->opts = (struct wf_node_options){.election_timeout_ms = 300,
                                       .heartbeat_timeout_ms = 50,
                                       .image_every_bytes = 200000,
                                       .log_trailing_bytes = 50000};
    for (unsigned i = 0; i < TRIO; i++) {
        struct trio_node *s = &c->s[i];
        s->cluster = c;
        s->id = i + 1;
        temporary_dir(s->dir);
        strcpy(s->images, s->dir);
        strcat(s->images, "/images");
        assert_int_equal(mkdir(s->images, 0700), 0);
        s->host = (struct tcp_host){
            .loop = &c->loop, .name = trio_names[i], .accept = on_accept, .ctx = s};
        tcp_listen(&s->host);
        members[i].id = i + 1;
        members[i].role = WF_VOTER;
        strcpy(members[i].name, trio_names[i]);
        memcpy(members[i].region, trio_names[i], 3);
        strcpy(members[i].address, s->host.address);
    }
    for (unsigned i = 0; i < TRIO; i++)
        make_log(c, i, members);
}

void trio_remove(struct trio *c)
{
    for (unsigned i = 0; i < TRIO; i++) {
        remove_files(c->s[i].images);
        rmdir(c->s[i].images);
        remove_files(c->s[i].dir);
        assert_int_equal(rmdir(c->s[i].dir), 0);
    }
}

int trio_setup(void **state)
{
    struct trio *c = calloc(1, sizeof *c);
    trio_open_loop(c);
    trio_found(c);
    for (unsigned i = 0; i < TRIO; i++)
        trio_start(c, i);
    *state = c;
    return 0;
}

int trio_teardown(void **state)
{
    struct trio *c = *state;
    for (unsigned i = 0; i < TRIO; i++)
        trio_stop(c, i);
    trio_close_loop(c);
    trio_remove(c);
    free(c);
    return 0;
}

// --- what a test does ----------------------------------------------------------------------------

int trio_leader(struct trio *c)
{
    for (unsigned i = 0; i < TRIO; i++) {
        struct wf_node_status status;
        if (!c->s[i].node)
            continue;
        wf_node_status(c->s[i].node, &status);
        if (status.state == WF_STATE_LEADER)
            return (int)i;
    }
    return -1;
}

unsigned trio_await_leader(struct trio *c)
{
    trio_deadline(c);
    int l;
    while ((l = trio_leader(c)) < 0)
        trio_turn(c);
    return (unsigned)l;
}

static void on_proposed(void *ctx, const struct wf_err *err, uint64_t index, struct wf_bytes result)
{
    struct trio *c = ctx;
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

uint64_t trio_propose(struct trio *c, unsigned i, unsigned n)
{
    static uint64_t number;
    uint8_t command[1000] = {0};
    uint64_t before = c->acked;
    trio_deadline(c);
    for (unsigned k = 0; k < n; k++) {
        number++;
        memcpy(command, &number, sizeof number);
        c->waiting++;
        wf_node_propose(c->s[i].node, (struct wf_bytes){command, sizeof command}, on_proposed, c);
        if (c->waiting >= 64)
            trio_turn(c);
    }
    while (c->waiting > 0)
        trio_turn(c);
    return c->acked - before;
}

void trio_propose_surely(struct trio *c, unsigned i, unsigned n)
{
    for (uint64_t done = 0; done < n;) {
        uint64_t got = trio_propose(c, i, (unsigned)(n - done));
        done += got;
        if (got == 0)
            for (int k = 0; k < 5; k++)
                trio_turn(c);
    }
}

static bool even(struct trio *c)
{
    const struct list_state *a = &c->s[0].fsm.now;
    for (unsigned i = 1; i < TRIO; i++)
        if (c->s[i].fsm.now.applied != a->applied)
            return false;
    return a->applied >= c->highest;
}

void trio_await_even(struct trio *c)
{
    trio_deadline(c);
    while (!even(c))
        trio_turn(c);
    const struct list_state *a = &c->s[0].fsm.now;
    assert_true(a->commands >= c->acked);
    assert_true(a->commands <= c->acked + c->failed);
    for (unsigned i = 1; i < TRIO; i++)
        assert_memory_equal(&c->s[i].fsm.now, a, sizeof *a);
}

void trio_on_read(void *ctx, const struct wf_err *err, uint64_t index)
{
    struct trio *c = ctx;
    c->waiting--;
    c->read_index = err ? 0 : index;
}
