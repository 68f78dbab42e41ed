// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pair_link.h"
#include "replication/frame.h"
#include "replication/hello.h"
#include "replication/peer_net_link.h"
#include "wire_samples.h"

enum { NODES = 3, SEEN_MAX = 4096 };

struct node {
    struct board_host host;
    struct wf_log_store store;
    struct wf_node_identity id;
    uint8_t disks[NODES + 8][WF_UUID_SIZE]; // by peer id; all zero: not seen
    struct wf_peer_net *net;
    struct wf_peer_net_events events;
    struct wf_metrics *metrics;
    bool up[NODES + 8];
    struct {
        uint64_t from;
        enum wf_msg_kind kind;
        uint64_t number;
    } seen[SEEN_MAX];
    unsigned n_seen;
    bool stopped;
};

struct world {
    struct board *board;
    struct node nodes[NODES];
};

static const char *const names[NODES] = {"fra-1", "iad-1", "syd-1"};
static const char *const addresses[NODES] = {"fra:1", "iad:1", "syd:1"};

// --- a node in memory ----------------------------------------------------------------------------

static void identity(void *ctx, struct wf_node_identity *out)
{
    *out = ((struct node *)ctx)->id;
}

static int check_peer(void *ctx, uint64_t peer, const uint8_t disk[WF_UUID_SIZE],
                      struct wf_err *err)
{
    static const uint8_t none[WF_UUID_SIZE];
    struct node *n = ctx;
    uint8_t *known = n->disks[peer];
    if (memcmp(known, none, WF_UUID_SIZE) == 0)
        memcpy(known, disk, WF_UUID_SIZE);
    if (memcmp(known, disk, WF_UUID_SIZE) == 0)
        return WF_OK;
    return wf_fail_reason(err, WF_FAILED_PRECONDITION, "DISK_CHANGED",
                          "the peer came back with another disk");
}

static int adopt(void *ctx, uint64_t incarnation, struct wf_err *err)
{
    struct node *n = ctx;
    (void)err;
    assert_int_equal(n->id.incarnation, 0);
    n->id.incarnation = incarnation;
    return WF_OK;
}

static void on_message(void *ctx, uint64_t from, const struct wf_msg *msg)
{
    struct node *n = ctx;
    assert_true(n->n_seen < SEEN_MAX);
    n->seen[n->n_seen].from = from;
    n->seen[n->n_seen].kind = msg->kind;
    n->seen[n->n_seen++].number = msg->kind == WF_MSG_READ_INDEX ? msg->read_index.seq : 0;
}

static void on_peer(void *ctx, uint64_t id, bool up)
{
    struct node *n = ctx;
    assert_true(n->up[id] != up); // told of changes only
    n->up[id] = up;
}

static void start(struct world *w, unsigned i)
{
    struct node *n = &w->nodes[i];
    struct wf_peer_net_options opts = {.env = board_env(w->board),
                                       .dialer = &n->host.dialer,
                                       .store = &n->store,
                                       .metrics = n->metrics,
                                       .address = addresses[i]};
    assert_int_equal(wf_peer_net_link_new(&n->net, &opts, NULL), WF_OK);
    n->events = (struct wf_peer_net_events){n, on_message, on_peer};
    n->stopped = false;
    memset(n->up, 0, sizeof n->up);
    assert_int_equal(n->net->start(n->net->ctx, &n->events, NULL), WF_OK);
}

static void on_stopped(void *arg)
{
    *(bool *)arg = true;
}

static void stop(struct world *w, unsigned i)
{
    struct node *n = &w->nodes[i];
    if (!n->net)
        return;
    n->net->stop(n->net->ctx, on_stopped, &n->stopped);
    assert_false(n->stopped); // never inside the call
    board_turn(w->board, 0);
    assert_true(n->stopped);
    wf_peer_net_link_free(n->net);
    n->net = NULL;
}

static void accept_link(void *ctx, struct wf_link *link, const char *peer)
{
    struct node *n = ctx;
    if (n->net)
        n->net->accept(n->net->ctx, link, peer);
    else
        link->ops->close(link);
}

static void meet(struct world *w, unsigned i)
{
    struct wf_peer peers[NODES];
    unsigned n = 0;
    for (unsigned j = 0; j < NODES; j++) {
        if (j == i)
            continue;
        memset(&peers[n], 0, sizeof peers[n]);
        peers[n].id = j + 1;
        strcpy(peers[n].name, names[j]);
        strcpy(peers[n++].address, addresses[j]);
    }
    struct wf_peer_net *net = w->nodes[i].net;
    net->set_peers(net->ctx, peers, n);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    w->board = board_new();
    for (unsigned i = 0; i < NODES; i++) {
        struct node *n = &w->nodes[i];
        n->host = (struct board_host){
            .address = addresses[i], .name = names[i], .accept = accept_link, .ctx = n};
        n->store = (struct wf_log_store){
            .ctx = n, .identity = identity, .check_peer = check_peer, .adopt = adopt};
        n->id = (struct wf_node_identity){.incarnation = 2, .node_id = i + 1};
        strcpy(n->id.name, names[i]);
        memset(n->id.cluster_id, 0xc1, WF_UUID_SIZE);
        memset(n->id.disk_id, (int)(0xd0 + i), WF_UUID_SIZE);
        n->metrics = wf_metrics_new();
        board_add(w->board, &n->host);
    }
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    for (unsigned i = 0; i < NODES; i++) {
        stop(w, i);
        wf_metrics_free(w->nodes[i].metrics);
    }
    board_turn(w->board, 0);
    assert_int_equal(board_links(w->board), 0);
    board_free(w->board);
    free(w);
    return 0;
}

static void start_all(struct world *w)
{
    for (unsigned i = 0; i < NODES; i++)
        start(w, i);
    for (unsigned i = 0; i < NODES; i++)
        meet(w, i);
    board_turn(w->board, 200);
}

static int send(struct world *w, unsigned from, uint64_t to, const struct wf_msg *m)
{
    struct wf_peer_net *net = w->nodes[from].net;
    return net->send(net->ctx, to, m);
}

static int send_number(struct world *w, unsigned from, uint64_t to, uint64_t number)
{
    struct wf_msg m = {.kind = WF_MSG_READ_INDEX};
    m.read_index.seq = number;
    return send(w, from, to, &m);
}

// --- the tests -----------------------------------------------------------------------------------

static void everybody_reaches_everybody(void **state)
{
    struct world *w = *state;
    start_all(w);
    for (unsigned i = 0; i < NODES; i++)
        for (unsigned j = 0; j < NODES; j++)
            assert_int_equal(w->nodes[i].up[j + 1], i != j);
    assert_int_equal(board_links(w->board), NODES * (NODES - 1)); // one a direction and peer
    struct wf_msg m;
    for (unsigned k = 1; k < WIRE_SAMPLES; k++) {
        wire_sample(k, &m);
        assert_int_equal(send(w, 0, 3, &m), WF_OK);
    }
    board_turn(w->board, 0);
    assert_int_equal(w->nodes[2].n_seen, WIRE_SAMPLES - 1);
    assert_int_equal(w->nodes[2].seen[0].from, 1);
    assert_int_equal(w->nodes[1].n_seen, 0);
}

static void a_turn_s_messages_leave_in_one_write(void **state)
{
    struct world *w = *state;
    start_all(w);
    struct wf_buf sent;
    wf_buf_init(&sent, 65536);
    board_record(w->board, "fra-1", &sent);
    for (uint64_t k = 0; k < 10; k++)
        assert_int_equal(send_number(w, 0, 2, k), WF_OK);
    assert_int_equal(w->nodes[1].n_seen, 0);
    board_turn(w->board, 0);
    assert_int_equal(w->nodes[1].n_seen, 10);
    for (uint64_t k = 0; k < 10; k++)
        assert_int_equal(w->nodes[1].seen[k].number, k);
    assert_int_equal(sent.len, 10 * (WF_FRAME_HEADER + 1 + 8));
    board_record(w->board, "", NULL);
    wf_buf_free(&sent);
}

static void fill_chunk(struct wf_msg *m)
{
    static uint8_t data[WF_IMAGE_CHUNK];
    memset(m, 0, sizeof *m);
    m->kind = WF_MSG_IMAGE_CHUNK;
    m->image.info.size = 1 << 30;
    m->image.data = (struct wf_bytes){data, sizeof data};
}

static void fill_append(struct wf_msg *m, struct wf_record *record)
{
    static uint8_t data[100000];
    memset(m, 0, sizeof *m);
    *record = (struct wf_record){1, WF_RECORD_COMMAND, {data, sizeof data}};
    m->kind = WF_MSG_APPEND;
    m->append.entries = record;
    m->append.n = 1;
}

static void urgent_goes_before_entries_before_images(void **state)
{
    struct world *w = *state;
    struct wf_msg chunk, append;
    struct wf_record record;
    start_all(w);
    fill_chunk(&chunk);
    fill_append(&append, &record);
    board_hold(w->board, "fra-1", true);
    for (int i = 0; i < 20; i++)
        assert_int_equal(send(w, 0, 2, &chunk), WF_OK);
    board_turn(w->board, 0); // the link has its window full of chunks now
    for (int i = 0; i < 5; i++)
        assert_int_equal(send(w, 0, 2, &append), WF_OK);
    assert_int_equal(send_number(w, 0, 2, 7), WF_OK);
    struct wf_peer_net *net = w->nodes[0].net;
    assert_true(net->queued(net->ctx, 2, WF_LANE_BULK) >= 20 * WF_IMAGE_CHUNK);
    assert_true(net->queued(net->ctx, 2, WF_LANE_NORMAL) >= 500000);
    board_hold(w->board, "fra-1", false);
    board_turn(w->board, 0);
    struct node *to = &w->nodes[1];
    assert_int_equal(to->n_seen, 26);
    unsigned urgent = 0, last_append = 0;
    for (unsigned i = 0; i < to->n_seen; i++) {
        if (to->seen[i].kind == WF_MSG_READ_INDEX)
            urgent = i;
        if (to->seen[i].kind == WF_MSG_APPEND)
            last_append = i;
    }
    // Only what the link held already went ahead: a window of 256 KiB.
    assert_in_range(urgent, 1, 4);
    assert_int_equal(last_append, urgent + 5);
    assert_int_equal(net->queued(net->ctx, 2, WF_LANE_BULK), 0);
}

static void queues_have_caps(void **state)
{
    struct world *w = *state;
    struct wf_msg chunk, append;
    struct wf_record record;
    start_all(w);
    fill_chunk(&chunk);
    fill_append(&append, &record);
    board_hold(w->board, "fra-1", true);
    unsigned chunks = 0, appends = 0;
    while (send(w, 0, 2, &chunk) == WF_OK)
        chunks++;
    assert_in_range(chunks * WF_IMAGE_CHUNK, WF_PEER_QUEUE_MAX / 2 - 200000, WF_PEER_QUEUE_MAX / 2);
    while (send(w, 0, 2, &append) == WF_OK)
        appends++;
    assert_int_equal(send(w, 0, 2, &append), WF_RESOURCE_EXHAUSTED);
    assert_in_range(chunks * WF_IMAGE_CHUNK + appends * sizeof(uint8_t[100000]),
                    WF_PEER_QUEUE_MAX - 300000, WF_PEER_QUEUE_MAX);
    assert_int_equal(send(w, 0, 3, &append), WF_OK); // another peer's queue is its own
    board_hold(w->board, "fra-1", false);
    board_turn(w->board, 0);
    assert_int_equal(w->nodes[1].n_seen, chunks + appends);
    assert_int_equal(send(w, 0, 2, &append), WF_OK);
}

static void a_link_that_takes_nothing_is_given_up(void **state)
{
    struct world *w = *state;
    struct wf_msg append;
    struct wf_record record;
    start_all(w);
    fill_append(&append, &record);
    board_hold(w->board, "fra-1", true);
    for (int s = 0; s < 30 && w->nodes[0].up[2]; s++) {
        for (int i = 0; i < 5; i++)
            (void)send(w, 0, 2, &append);
        board_turn(w->board, 1000);
    }
    assert_false(w->nodes[0].up[2]);
    board_hold(w->board, "fra-1", false);
    board_turn(w->board, 8000);
    assert_true(w->nodes[0].up[2]);
}

static void a_lost_link_is_made_again_with_backoff(void **state)
{
    struct world *w = *state;
    start_all(w);
    board_cut(w->board, "iad-1");
    board_turn(w->board, 0);
    assert_false(w->nodes[0].up[2]);
    assert_true(w->nodes[0].up[3]);
    assert_int_equal(send_number(w, 0, 2, 1), WF_UNAVAILABLE);
    board_turn(w->board, 100);
    assert_true(w->nodes[0].up[2]);
    assert_true(w->nodes[1].up[1]);

    w->nodes[1].host.down = true;
    board_cut(w->board, "iad-1");
    board_turn(w->board, 20000);
    struct wf_metric *dials =
        wf_counter(w->nodes[0].metrics, "watchfire_peer_dials", "peer=\"iad-1\"", "");
    assert_in_range(wf_metric_count(dials), 10, 35); // about one in 1 to 2 s
    w->nodes[1].host.down = false;
    board_turn(w->board, 2100);
    assert_true(w->nodes[0].up[2]);
}

static void a_peer_that_comes_back_is_dialled_at_once(void **state)
{
    struct world *w = *state;
    start(w, 0);
    meet(w, 0);
    board_turn(w->board, 30000); // by now the backoff is at its longest
    start(w, 1);
    meet(w, 1);
    board_turn(w->board, 60);
    assert_true(w->nodes[1].up[1]);
    assert_true(w->nodes[0].up[2]);
}

static void who_is_no_longer_wanted_is_let_go(void **state)
{
    struct world *w = *state;
    start_all(w);
    struct wf_peer only = {.id = 3, .name = "syd-1", .address = "syd:1"};
    struct wf_peer_net *net = w->nodes[0].net;
    net->set_peers(net->ctx, &only, 1);
    assert_false(net->connected(net->ctx, 2));
    w->nodes[0].up[2] = false; // not told of what it asked for
    board_turn(w->board, 0);
    assert_false(w->nodes[1].up[1]);
    // It still thinks itself a member and says HELLO: it is answered, so that it can be told.
    board_turn(w->board, 200);
    assert_true(net->connected(net->ctx, 2));
    assert_true(w->nodes[1].up[1]);
    // When it goes, it is forgotten.
    stop(w, 1);
    board_turn(w->board, 200);
    assert_false(w->nodes[0].up[2]);
    assert_int_equal(send_number(w, 0, 2, 1), WF_UNAVAILABLE);
}

static void a_joining_node_answers_whom_it_does_not_know(void **state)
{
    struct world *w = *state;
    w->nodes[1].id.incarnation = 0; // neither that
    start(w, 0);
    start(w, 1); // nor the membership
    meet(w, 0);
    board_turn(w->board, 200);
    assert_int_equal(w->nodes[1].id.incarnation, 2);
    assert_true(w->nodes[0].up[2]);
    assert_true(w->nodes[1].up[1]);
    assert_int_equal(send_number(w, 1, 1, 5), WF_OK);
    board_turn(w->board, 0);
    assert_int_equal(w->nodes[0].n_seen, 1);
    meet(w, 1); // and now it does; the link stays
    assert_true(w->nodes[1].up[1]);
    board_turn(w->board, 0);
    assert_int_equal(send_number(w, 1, 1, 6), WF_OK);
}

// --- refusals ------------------------------------------------------------------------------------

// iad-1 differs in one thing from what fra-1 believes: neither direction may come up.
static void expect_refused(struct world *w)
{
    start_all(w);
    board_turn(w->board, 5000);
    assert_false(w->nodes[0].up[2]);
    assert_false(w->nodes[1].up[1]);
    assert_int_equal(send_number(w, 1, 1, 1), WF_UNAVAILABLE);
    assert_int_equal(w->nodes[0].n_seen, 0);
    assert_true(w->nodes[0].up[3]); // the others go on
}

static void another_cluster_is_refused(void **state)
{
    struct world *w = *state;
    w->nodes[1].id.cluster_id[0] ^= 1;
    expect_refused(w);
}

static void an_older_incarnation_is_refused(void **state)
{
    struct world *w = *state;
    w->nodes[1].id.incarnation = 1;
    expect_refused(w);
}

static void another_id_than_the_membership_s_is_refused(void **state)
{
    struct world *w = *state;
    w->nodes[1].id.node_id = 7;
    w->nodes[1].up[7] = false;
    start(w, 0);
    start(w, 1);
    meet(w, 0);
    meet(w, 1 + 0);
    board_turn(w->board, 3000);
    assert_false(w->nodes[0].up[2]);
    assert_false(w->nodes[0].up[7]);
}

static void a_name_that_is_not_the_certificate_s_is_refused(void **state)
{
    struct world *w = *state;
    strcpy(w->nodes[1].id.name, "iad-2");
    expect_refused(w);
}

static void a_wiped_node_under_its_old_id_is_refused(void **state)
{
    struct world *w = *state;
    start_all(w);
    assert_true(w->nodes[0].up[2]);
    stop(w, 1);
    memset(w->nodes[1].id.disk_id, 0x77, WF_UUID_SIZE);
    start(w, 1);
    meet(w, 1);
    board_turn(w->board, 5000);
    assert_false(w->nodes[0].up[2]);
    assert_false(w->nodes[1].up[1]);
}

// What the rules say, one by one, with the reason and what to do.
static void each_rule_names_itself(void **state)
{
    struct world *w = *state;
    struct node *n = &w->nodes[0];
    struct wf_peer peers[2] = {{.id = 2, .name = "iad-1"}, {.id = 3, .name = "syd-1"}};
    struct wf_hello_rules r = {&n->id, "iad-1", peers, 2, 0, &n->store};
    struct wf_msg good;
    wf_hello_make(&good, &w->nodes[1].id, "iad:1", 1);
    struct wf_err err;
    assert_int_equal(wf_hello_check(&r, &good.hello, &err), WF_OK);
    struct wf_msg_hello h;
#define REFUSED(change, why)                                                                       \
    do {                                                                                           \
        h = good.hello;                                                                            \
        change;                                                                                    \
        assert_int_not_equal(wf_hello_check(&r, &h, &err), WF_OK);                                 \
        assert_string_equal(err.reason, why);                                                      \
        assert_true(strlen(err.msg) > 20);                                                         \
    } while (0)
    REFUSED(h.version = 2, "WIRE_VERSION");
    REFUSED(h.cluster_id[3] = 0, "OTHER_CLUSTER");
    REFUSED(h.incarnation = 1, "OLD_INCARNATION");
    REFUSED(h.incarnation = 0, "OLD_INCARNATION");
    REFUSED(h.incarnation = 3, "LEFT_BEHIND");
    REFUSED(h.to_id = 9, "NOT_FOR_US");
    REFUSED(h.node_id = 0, "WRONG_ID");
    REFUSED(h.node_id = 1, "WRONG_ID");
    REFUSED(h.node_id = 3, "WRONG_NAME");
    REFUSED(h.node_id = 8, "WRONG_ID");
    REFUSED(strcpy(h.name, "syd-1"), "WRONG_NAME");
    REFUSED(h.disk_id[0] ^= 1, "DISK_CHANGED");
    r.dialled = 3;
    REFUSED((void)0, "WRONG_ID");
#undef REFUSED
}

// --- strangers -----------------------------------------------------------------------------------

static struct wf_link *raw(struct world *w, const char *name, struct wf_buf *reply, bool *closed)
{
    wf_buf_init(reply, 1 << 20);
    return board_dial_raw(w->board, name, addresses[0], reply, closed);
}

static void silence_and_nonsense_are_closed(void **state)
{
    struct world *w = *state;
    struct wf_buf reply;
    bool closed;
    start(w, 0);
    struct wf_link *link = raw(w, "iad-1", &reply, &closed);
    board_turn(w->board, 4000);
    assert_false(closed);
    board_turn(w->board, 2000);
    assert_true(closed);

    link = raw(w, "iad-1", &reply, &closed);
    link->ops->write(link, (const uint8_t *)"GET / HTTP/1.1\r\n", 16);
    board_turn(w->board, 0);
    assert_true(closed);

    // A good frame that is no HELLO.
    link = raw(w, "iad-1", &reply, &closed);
    uint8_t bytes[WF_FRAME_HEADER + 9] = {0};
    wf_frame_header(bytes, 9);
    bytes[WF_FRAME_HEADER] = WF_MSG_READ_INDEX;
    link->ops->write(link, bytes, sizeof bytes);
    board_turn(w->board, 0);
    assert_true(closed);

    // A frame longer than any may be.
    link = raw(w, "iad-1", &reply, &closed);
    memset(bytes + 4, 0xff, 4);
    link->ops->write(link, bytes, WF_FRAME_HEADER);
    board_turn(w->board, 0);
    assert_true(closed);
    assert_int_equal(reply.len, 0);
    assert_int_equal(w->nodes[0].n_seen, 0);
}

static void frames_may_come_byte_by_byte(void **state)
{
    struct world *w = *state;
    struct wf_buf reply, hello;
    struct wf_msg m;
    bool closed;
    start(w, 0);
    struct wf_link *link = raw(w, "iad-1", &reply, &closed);
    wf_buf_init(&hello, 4096);
    uint8_t header[WF_FRAME_HEADER] = {0};
    wf_buf_append(&hello, header, sizeof header);
    wf_hello_make(&m, &w->nodes[1].id, "iad:1", 1);
    assert_int_equal(wf_msg_encode(&m, &hello), WF_OK);
    wf_frame_header(hello.data, hello.len - WF_FRAME_HEADER);
    for (size_t i = 0; i < hello.len; i++) {
        link->ops->write(link, hello.data + i, 1);
        board_turn(w->board, 0);
        assert_int_equal(reply.len > 0, i + 1 == hello.len);
    }
    assert_false(closed);
    // A message in two pieces, the second with the next message's first bytes.
    struct wf_buf b;
    wf_buf_init(&b, 4096);
    for (int i = 0; i < 2; i++) {
        wf_frame_header(header, 9);
        wf_buf_append(&b, header, sizeof header);
        wf_buf_put_u8(&b, WF_MSG_READ_INDEX);
        wf_buf_put_u64(&b, 40 + (uint64_t)i);
    }
    link->ops->write(link, b.data, 11);
    board_turn(w->board, 0);
    link->ops->write(link, b.data + 11, 10);
    board_turn(w->board, 0);
    link->ops->write(link, b.data + 21, b.len - 21);
    board_turn(w->board, 0);
    assert_int_equal(w->nodes[0].n_seen, 2);
    assert_int_equal(w->nodes[0].seen[1].number, 41);
    // A second HELLO is one too many.
    link->ops->write(link, hello.data, hello.len);
    board_turn(w->board, 0);
    assert_true(closed);
    wf_buf_free(&b);
    wf_buf_free(&hello);
    wf_buf_free(&reply);
}

static void the_newer_link_of_a_peer_replaces_the_older(void **state)
{
    struct world *w = *state;
    start_all(w);
    stop(w, 1); // closes its ends; start it again at once
    start(w, 1);
    meet(w, 1);
    board_turn(w->board, 200);
    assert_true(w->nodes[0].up[2]);
    assert_int_equal(board_links(w->board), NODES * (NODES - 1));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(everybody_reaches_everybody),
        TEST(a_turn_s_messages_leave_in_one_write),
        TEST(urgent_goes_before_entries_before_images),
        TEST(queues_have_caps),
        TEST(a_link_that_takes_nothing_is_given_up),
        TEST(a_lost_link_is_made_again_with_backoff),
        TEST(a_peer_that_comes_back_is_dialled_at_once),
        TEST(who_is_no_longer_wanted_is_let_go),
        TEST(a_joining_node_answers_whom_it_does_not_know),
        TEST(another_cluster_is_refused),
        TEST(an_older_incarnation_is_refused),
        TEST(another_id_than_the_membership_s_is_refused),
        TEST(a_name_that_is_not_the_certificate_s_is_refused),
        TEST(a_wiped_node_under_its_old_id_is_refused),
        TEST(each_rule_names_itself),
        TEST(silence_and_nonsense_are_closed),
        TEST(frames_may_come_byte_by_byte),
        TEST(the_newer_link_of_a_peer_replaces_the_older),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
