// SPDX-License-Identifier: Apache-2.0
#include "daemon/consensus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/log.h"
#include "daemon/checkpoint.h"
#include "daemon/commands.h"
#include "daemon/disk_watch.h"
#include "daemon/loop.h"
#include "daemon/raft_link.h"
#include "daemon/room_watch.h"
#include "daemon/state_fsm.h"
#include "replication/env_uv.h"
#include "replication/log_store_sqlite.h"
#include "replication/node.h"
#include "replication/peer_net_link.h"

enum {
    POSTS_MAX = 64,
    TAKE = 64,
    BEAT_MS = 50,
    STEP_DOWN_MS = 3000,
    LINKS_MAX = 1024, // that arrive and wait to be taken: each peer has one, and dials again
};

// The main thread's few words: said twice is said once.
enum { WANT_STEP_DOWN = 1, WANT_STOP = 2, WANT_CLOSE = 4 };

struct wf_consensus {
    struct wf_consensus_options o;
    uv_loop_t loop;
    uv_async_t mail;
    uv_prepare_t before; // answers of the turn leave at both ends of it
    uv_check_t after;
    uv_timer_t beat;
    uv_timer_t patience; // with a transfer on the way out
    int handles;
    _Atomic uint64_t beats;

    struct wf_mailbox *inbox; // chains of struct wf_ask
    struct wf_mailbox *links; // struct wf_conn_parcel
    _Atomic unsigned wants;
    struct wf_tls *_Atomic new_tls;
    struct wf_post *posts[POSTS_MAX];
    unsigned n_posts;
    struct wf_board board;

    struct wf_env_uv env;
    struct wf_log_store *store;
    struct wf_peer_net *net;
    struct wf_raft_dialer dialer;
    struct wf_state_fsm fsm;
    struct wf_checkpoint checkpoint;
    struct wf_disk_watch disk;
    struct wf_room_watch room;
    struct wf_node *node;
    struct wf_node_identity identity;

    bool genesis_proposed; // in this leadership
    bool stepping_down, stopping, stopped, closing;
    char was[128];                // state, as last logged
    bool was_fenced;              // likewise
    struct wf_node_status status; // as of the last beat

    struct wf_metric *commit_seconds, *term, *commit, *applied, *leading, *proposals, *entries,
        *reads, *inbox_depth, *links_dropped, *lag[WF_MEMBERS_MAX];
    uint64_t lag_id[WF_MEMBERS_MAX];
};

// --- what is shown -------------------------------------------------------------------------------

static void judge(const struct wf_consensus *c, const struct wf_node_status *s, struct wf_view *v)
{
    int64_t age = wf_node_age_ms(c->node);
    v->leading = s->state == WF_STATE_LEADER;
    v->fenced = !s->serving;
    for (unsigned i = 0; i < s->n; i++)
        if (s->members[i].is_leader) {
            snprintf(v->leader, sizeof v->leader, "%s", s->members[i].member.name);
            snprintf(v->leader_address, sizeof v->leader_address, "%s",
                     s->members[i].member.address);
        }
    v->begun = wf_state_last_seq(c->o.state) > 0;
    if (c->stepping_down)
        snprintf(v->reason, sizeof v->reason, "the node is stopping");
    else if (!s->serving)
        snprintf(v->reason, sizeof v->reason, "fenced: %s", s->fence_reason);
    else if (c->disk.hung)
        snprintf(v->reason, sizeof v->reason, "the disk of its log hangs");
    else if (!*v->leader)
        snprintf(v->reason, sizeof v->reason, "no leader is known");
    else if (!v->begun)
        snprintf(v->reason, sizeof v->reason, "the cluster has not begun yet");
    else if (age < 0)
        snprintf(v->reason, sizeof v->reason, "it is catching up with the leader");
    else if (age > 10000)
        snprintf(v->reason, sizeof v->reason, "its state is %lld s old", (long long)age / 1000);
    v->ready = !*v->reason;
}

static void publish(struct wf_consensus *c)
{
    struct wf_view v = {0};
    int64_t age = wf_node_age_ms(c->node);
    if (age >= 0)
        atomic_store(&c->board.current_at, wf_clock_mono_ns() - (uint64_t)age * 1000000);
    wf_node_status(c->node, &c->status);
    judge(c, &c->status, &v);
    wf_board_set_view(&c->board, &v);
    char now[128];
    snprintf(now, sizeof now, "%s of %s", wf_node_state_name(&c->status), v.leader);
    if (strcmp(now, c->was) != 0)
        wf_log(WF_LOG_INFO, "raft", "state", wf_node_state_name(&c->status), "leader", v.leader,
               "term", wf_log_u(c->status.term), NULL);
    strcpy(c->was, now);
    if (!c->status.serving && !c->was_fenced)
        wf_log(WF_LOG_ERROR, "this node has fenced itself and serves nothing", "why",
               c->status.fence_reason, NULL);
    c->was_fenced = !c->status.serving;
}

static void measure(struct wf_consensus *c)
{
    const struct wf_node_status *s = &c->status;
    wf_metric_set(c->term, (double)s->term);
    wf_metric_set(c->commit, (double)s->commit);
    wf_metric_set(c->applied, (double)s->applied);
    wf_metric_set(c->leading, s->state == WF_STATE_LEADER);
    wf_metric_set(c->proposals, s->proposals_waiting);
    wf_metric_set(c->entries, s->entries_in_flight);
    wf_metric_set(c->reads, s->reads_waiting);
    wf_metric_set(c->inbox_depth, (double)wf_mailbox_depth(c->inbox));
    for (unsigned i = 0; i < s->n; i++) {
        unsigned at = 0;
        while (at < WF_MEMBERS_MAX && c->lag_id[at] && c->lag_id[at] != s->members[i].member.id)
            at++;
        if (at == WF_MEMBERS_MAX)
            continue;
        char labels[WF_NODE_NAME_MAX + 16];
        snprintf(labels, sizeof labels, "peer=\"%s\"", s->members[i].member.name);
        if (!c->lag_id[at])
            c->lag[at] = wf_gauge(c->o.metrics, "watchfire_peer_lag_bytes", labels,
                                  "Bytes of log a member is behind, as the leader knows; -1: "
                                  "not known");
        c->lag_id[at] = s->members[i].member.id;
        wf_metric_set(c->lag[at], (double)s->members[i].lag_bytes);
    }
}

static void make_metrics(struct wf_consensus *c)
{
    struct wf_metrics *m = c->o.metrics;
    c->commit_seconds =
        wf_histogram(m, "watchfire_commit_seconds", "",
                     "From the proposal of a command to its result, on this node", 1e-4, 10);
    c->term = wf_gauge(m, "watchfire_raft_term", "", "Raft term");
    c->commit = wf_gauge(m, "watchfire_raft_commit_index", "", "Highest index known committed");
    c->applied = wf_gauge(m, "watchfire_raft_applied_index", "", "Highest index applied");
    c->leading = wf_gauge(m, "watchfire_raft_leader", "", "1 when this node leads");
    c->proposals = wf_gauge(m, "watchfire_queue_depth", "queue=\"proposals\"", "Waiting items");
    c->entries = wf_gauge(m, "watchfire_queue_depth", "queue=\"entries\"", "Waiting items");
    c->reads = wf_gauge(m, "watchfire_queue_depth", "queue=\"reads\"", "Waiting items");
    c->inbox_depth = wf_gauge(m, "watchfire_queue_depth", "queue=\"inbox\"", "Waiting items");
    c->links_dropped = wf_counter(m, "watchfire_raft_links_dropped", "",
                                  "Links of peers closed because too many were waiting");
}

// --- the cluster's own commands ------------------------------------------------------------------

static void on_own_command(void *ctx, const struct wf_err *err, uint64_t index,
                           struct wf_bytes result)
{
    (void)index;
    (void)result;
    if (err)
        wf_log(WF_LOG_WARN, "not recorded", "what", ctx, "why", err->msg, NULL);
}

// Refused for now (a full queue, leadership lost): the next beat looks again.
static void on_begun(void *ctx, const struct wf_err *err, uint64_t index, struct wf_bytes result)
{
    struct wf_consensus *c = ctx;
    if (err)
        c->genesis_proposed = false;
    on_own_command((void *)"the cluster's beginning", err, index, result);
}

// The first leader begins the cluster. Should it fall before the command is committed, the next one
// does; a second one is refused by the state machine.
static void propose_genesis(struct wf_consensus *c)
{
    bool leading = c->status.state == WF_STATE_LEADER;
    if (!leading)
        c->genesis_proposed = false;
    if (!leading || c->genesis_proposed || !c->o.config->bootstrap ||
        wf_state_last_seq(c->o.state) > 0 || c->status.applied < c->status.commit)
        return;
    struct wf_buf b;
    wf_buf_init(&b, WF_COMMAND_MAX);
    if (wf_command_genesis(c->o.config, wf_state_knows(c->o.state), &b) == WF_OK) {
        wf_log(WF_LOG_INFO, "beginning the cluster", "cluster", c->o.config->cluster.name, NULL);
        c->genesis_proposed =
            wf_node_propose_own(c->node, (struct wf_bytes){b.data, b.len}, on_begun, c) == WF_OK;
    }
    wf_buf_free(&b);
}

static void record_member(struct wf_consensus *c, const struct wf_ask *ask)
{
    static const char what[] = "a change of members";
    const char *action = "removed", *detail = "";
    char text[WF_ADDRESS_MAX + WF_NODE_NAME_MAX + 16];
    if (ask->kind == WF_ASK_ADD) {
        action = "added";
        snprintf(text, sizeof text, "region %s, %s", ask->member->region, ask->member->address);
        detail = text;
    } else if (ask->kind == WF_ASK_ASSIGN) {
        action = ask->member->role == WF_VOTER ? "promoted" : "assigned";
        detail = ask->member->role == WF_VOTER ? "voter" : "standby";
    }
    struct wf_buf b;
    wf_buf_init(&b, WF_COMMAND_MAX);
    if (wf_command_member(c->o.config->node.name, action, ask->member->name, detail, &b) != WF_OK ||
        wf_node_propose_own(c->node, (struct wf_bytes){b.data, b.len}, on_own_command,
                            (void *)what) != WF_OK)
        wf_log(WF_LOG_WARN, "not recorded", "what", what, "why", "out of memory", NULL);
    wf_buf_free(&b);
}

// --- asks ----------------------------------------------------------------------------------------

// The ask's own time of arrival lies in its index until that is set.
static void on_proposed(void *ctx, const struct wf_err *err, uint64_t index, struct wf_bytes result)
{
    struct wf_ask *ask = ctx;
    struct wf_consensus *c = ((struct wf_post *)ask->origin)->consensus;
    if (err) {
        wf_ask_set_err(ask, err);
    } else {
        wf_metric_observe(c->commit_seconds, (double)(uv_hrtime() - ask->index) / 1e9);
        ask->index = index;
        wf_ask_set_result(ask, result);
    }
    wf_post_answer(ask);
}

static void on_read(void *ctx, const struct wf_err *err, uint64_t index)
{
    struct wf_ask *ask = ctx;
    ask->index = index;
    if (err)
        wf_ask_set_err(ask, err);
    wf_post_answer(ask);
}

static void on_changed(void *ctx, const struct wf_err *err)
{
    struct wf_ask *ask = ctx;
    struct wf_consensus *c = ((struct wf_post *)ask->origin)->consensus;
    if (err)
        wf_ask_set_err(ask, err);
    if (!c->stopping) { // a node on its way out is asked nothing any more
        if (!err && ask->kind != WF_ASK_TRANSFER && ask->kind != WF_ASK_IMAGE)
            record_member(c, ask);
        publish(c);
    }
    if (ask->kind == WF_ASK_IMAGE)
        ask->index = c->status.image_index;
    wf_post_answer(ask);
}

static void refuse(struct wf_ask *ask, enum wf_code code, const char *reason, const char *why)
{
    struct wf_err err;
    wf_fail_reason(&err, code, reason, "%s", why);
    wf_ask_set_err(ask, &err);
    wf_post_answer(ask);
}

static void answer_status(struct wf_consensus *c, struct wf_ask *ask)
{
    ask->status = malloc(sizeof *ask->status);
    if (!ask->status) {
        refuse(ask, WF_RESOURCE_EXHAUSTED, "NO_MEMORY", "the node is out of memory");
        return;
    }
    wf_node_status(c->node, &ask->status->node);
    ask->status->last_seq = wf_state_last_seq(c->o.state);
    wf_post_answer(ask);
}

static void answer_pin(struct wf_consensus *c, struct wf_ask *ask)
{
    struct wf_err err;
    if (wf_state_image_begin(c->o.state, &ask->pin, &err) != WF_OK)
        wf_ask_set_err(ask, &err);
    else
        ask->index = wf_state_image_index(ask->pin);
    wf_post_answer(ask);
}

static void refuse_stopped(struct wf_ask *ask)
{
    if (ask->kind == WF_ASK_UNPIN) {
        wf_state_image_end(ask->pin);
        wf_post_answer(ask);
    } else {
        refuse(ask, WF_UNAVAILABLE, "STOPPING", "the node is stopping: ask another");
    }
}

// What the node answers later: WF_OK, or it has no memory for the question.
static int ask_node(struct wf_consensus *c, struct wf_ask *ask)
{
    const struct wf_member *m = ask->member;
    switch (ask->kind) {
    case WF_ASK_PROPOSE:
        ask->index = uv_hrtime();
        return wf_node_propose(c->node, ask->command, on_proposed, ask);
    case WF_ASK_READ:
        return wf_node_read(c->node, on_read, ask);
    case WF_ASK_ADD:
        return wf_node_add(c->node, m->name, m->region, m->address, on_changed, ask);
    case WF_ASK_ASSIGN:
        return wf_node_assign(c->node, m->name, m->role, on_changed, ask);
    case WF_ASK_REMOVE:
        return wf_node_remove(c->node, m->name, on_changed, ask);
    case WF_ASK_TRANSFER:
        return wf_node_transfer(c->node, m->name, on_changed, ask);
    case WF_ASK_IMAGE:
        return wf_node_image(c->node, on_changed, ask);
    default:
        WF_UNREACHABLE();
    }
}

static void take_ask(struct wf_consensus *c, struct wf_ask *ask)
{
    if (c->stopping) {
        refuse_stopped(ask);
        return;
    }
    switch (ask->kind) {
    case WF_ASK_STATUS:
        answer_status(c, ask);
        break;
    case WF_ASK_PIN:
        answer_pin(c, ask);
        break;
    case WF_ASK_UNPIN:
        wf_state_image_end(ask->pin);
        wf_post_answer(ask);
        break;
    default:
        if (ask_node(c, ask) != WF_OK)
            refuse(ask, WF_RESOURCE_EXHAUSTED, "NO_MEMORY",
                   "the node is out of memory: nothing was done; try again, or ask another");
        break;
    }
}

static void take_asks(struct wf_consensus *c)
{
    void *chains[TAKE];
    size_t n = wf_mailbox_receive(c->inbox, chains, TAKE);
    for (size_t i = 0; i < n; i++)
        for (struct wf_ask *a = chains[i], *next; a; a = next) {
            next = a->next;
            take_ask(c, a);
        }
}

static void send_answers(struct wf_consensus *c)
{
    for (unsigned i = 0; i < c->n_posts; i++)
        wf_post_send_answers(c->posts[i]);
}

static void on_before(uv_prepare_t *h)
{
    send_answers(h->data);
}

static void on_after(uv_check_t *h)
{
    send_answers(h->data);
}

// --- the node's events ---------------------------------------------------------------------------

static void on_applied(void *ctx, uint64_t index)
{
    struct wf_consensus *c = ctx;
    atomic_store_explicit(&c->board.applied, index, memory_order_release);
    for (unsigned i = 0; i < c->n_posts; i++)
        wf_post_applied(c->posts[i]);
}

static void on_change(void *ctx)
{
    struct wf_consensus *c = ctx;
    if (!c->node || c->stopping)
        return;
    publish(c);
    propose_genesis(c);
}

static void on_fatal(void *ctx, const struct wf_err *why)
{
    struct wf_consensus *c = ctx;
    c->o.fatal(c->o.ctx, why);
}

static void on_handed_over(void *ctx, const struct wf_err *err)
{
    struct wf_consensus *c = ctx;
    if (err)
        wf_log(WF_LOG_WARN, "leadership not handed over", "why", err->msg, NULL);
    else
        wf_disk_watch_handed(&c->disk, wf_clock_mono_ns());
}

static void look_at_disk(struct wf_consensus *c)
{
    wf_mono_ns busy = wf_log_store_sqlite_busy_ns(c->store);
    bool leading = c->status.state == WF_STATE_LEADER && c->status.n > 1;
    if (wf_disk_watch_look(&c->disk, wf_clock_mono_ns(), busy, leading))
        (void)wf_node_transfer(c->node, "", on_handed_over, c); // else it is looked at again
    wf_node_set_disk_low(c->node, wf_room_watch_look(&c->room));
}

// Readers find it on the fronts' threads, a rewriter of images on the pool's.
static void look_at_state(struct wf_consensus *c)
{
    struct wf_err err;
    if (!wf_state_damaged(c->o.state))
        return;
    wf_fail_reason(&err, WF_DATA_LOSS, "STATE_DAMAGED",
                   "the state in %s is not as it was written: the disk has damaged it; it is made "
                   "anew from the log at the next start",
                   c->o.state_dir);
    c->o.fatal(c->o.ctx, &err);
}

static void on_beat(uv_timer_t *t)
{
    struct wf_consensus *c = t->data;
    uint64_t n = atomic_fetch_add(&c->beats, 1);
    atomic_store(&c->board.turned_at, wf_clock_mono_ns());
    if (c->stopping)
        return;
    look_at_disk(c);
    look_at_state(c);
    publish(c);
    propose_genesis(c);
    if (n % (1000 / BEAT_MS) == 0)
        measure(c);
    if (n % (200 / BEAT_MS) == 0)
        wf_checkpoint_look(&c->checkpoint, c->fsm.bytes);
}

// --- stopping ------------------------------------------------------------------------------------

static void stepped_down(struct wf_consensus *c)
{
    if (uv_is_active((uv_handle_t *)&c->patience)) {
        uv_timer_stop(&c->patience);
        c->o.stepped_down(c->o.ctx);
    }
}

static void on_transferred(void *ctx, const struct wf_err *err)
{
    struct wf_consensus *c = ctx;
    if (err)
        wf_log(WF_LOG_WARN, "leadership not handed over", "why", err->msg, NULL);
    stepped_down(c);
}

static void on_patience(uv_timer_t *t)
{
    struct wf_consensus *c = t->data;
    wf_log(WF_LOG_WARN, "leadership not handed over in time", NULL);
    c->o.stepped_down(c->o.ctx);
}

static void step_down(struct wf_consensus *c)
{
    c->stepping_down = true;
    publish(c);
    uv_timer_start(&c->patience, on_patience, STEP_DOWN_MS, 0);
    if (c->status.state != WF_STATE_LEADER || c->status.n <= 1 ||
        wf_node_transfer(c->node, "", on_transferred, c) != WF_OK)
        stepped_down(c);
}

static void on_stopped(void *ctx)
{
    struct wf_consensus *c = ctx;
    c->node = NULL;
    c->stopped = true;
    send_answers(c);
    c->o.stopped(c->o.ctx);
}

static void stop(struct wf_consensus *c)
{
    c->stopping = true;
    uv_timer_stop(&c->patience);
    wf_node_stop(c->node, on_stopped, c);
}

static void on_handle_closed(uv_handle_t *h)
{
    struct wf_consensus *c = h->data;
    c->handles--;
}

static void on_env_closed(void *ctx)
{
    (void)ctx;
}

static void on_links_gone(void *ctx)
{
    struct wf_consensus *c = ctx;
    wf_env_uv_close(&c->env, on_env_closed, c);
}

// What is open is closed; run returns when the loop has nothing left.
static void close_all(struct wf_consensus *c)
{
    WF_ASSERT(c->stopped || !c->net);
    c->closing = true;
    uv_handle_t *handles[] = {(uv_handle_t *)&c->mail, (uv_handle_t *)&c->before,
                              (uv_handle_t *)&c->after, (uv_handle_t *)&c->beat,
                              (uv_handle_t *)&c->patience};
    for (size_t i = 0; i < sizeof handles / sizeof *handles; i++)
        uv_close(handles[i], on_handle_closed);
    wf_raft_dialer_close(&c->dialer, on_links_gone, c);
}

// --- words from other threads --------------------------------------------------------------------

static void take_link(struct wf_consensus *c, struct wf_conn_parcel *parcel)
{
    char peer[WF_USER_NAME_MAX + 1];
    if (c->stopping) {
        wf_conn_parcel_free(parcel);
        return;
    }
    struct wf_link *link = wf_raft_link_adopt(&c->dialer, parcel, peer);
    if (link)
        wf_node_accept(c->node, link, peer);
}

static void take_links(struct wf_consensus *c)
{
    void *parcels[TAKE];
    size_t n = wf_mailbox_receive(c->links, parcels, TAKE);
    for (size_t i = 0; i < n; i++)
        take_link(c, parcels[i]);
}

static void take_wants(struct wf_consensus *c, unsigned wants)
{
    struct wf_tls *tls = atomic_exchange(&c->new_tls, NULL);
    if (tls && !c->closing)
        wf_raft_dialer_set_tls(&c->dialer, tls);
    if (tls)
        wf_tls_unref(tls);
    if (wants & WANT_STEP_DOWN)
        step_down(c);
    if (wants & WANT_STOP)
        stop(c);
    if (wants & WANT_CLOSE)
        close_all(c);
}

static void on_mail(uv_async_t *h)
{
    struct wf_consensus *c = h->data;
    unsigned wants = atomic_exchange(&c->wants, 0); // what was asked before them comes before them
    take_asks(c);
    take_links(c);
    take_wants(c, wants);
}

static void wake(void *ctx)
{
    struct wf_consensus *c = ctx;
    uv_async_send(&c->mail);
}

void wf_consensus_deliver(struct wf_consensus *c, struct wf_conn_parcel *parcel)
{
    if (wf_mailbox_send(c->links, parcel) == WF_OK)
        return;
    wf_metric_add(c->links_dropped, 1);
    wf_conn_parcel_free(parcel);
}

void wf_consensus_set_tls(struct wf_consensus *c, struct wf_tls *tls)
{
    struct wf_tls *old = atomic_exchange(&c->new_tls, wf_tls_ref(tls));
    if (old) // not taken up yet: the newer ones are all that counts
        wf_tls_unref(old);
    wake(c);
}

static void want(struct wf_consensus *c, unsigned what)
{
    atomic_fetch_or(&c->wants, what);
    wake(c);
}

void wf_consensus_step_down(struct wf_consensus *c)
{
    want(c, WANT_STEP_DOWN);
}

void wf_consensus_stop(struct wf_consensus *c)
{
    want(c, WANT_STOP);
}

void wf_consensus_close(struct wf_consensus *c)
{
    want(c, WANT_CLOSE);
}

// --- life ----------------------------------------------------------------------------------------

static void init_handles(struct wf_consensus *c)
{
    uv_async_init(&c->loop, &c->mail, on_mail);
    uv_prepare_init(&c->loop, &c->before);
    uv_check_init(&c->loop, &c->after);
    uv_timer_init(&c->loop, &c->beat);
    uv_timer_init(&c->loop, &c->patience);
    c->mail.data = c->before.data = c->after.data = c->beat.data = c->patience.data = c;
    c->handles = 5;
    uv_prepare_start(&c->before, on_before);
    uv_check_start(&c->after, on_after);
    uv_timer_start(&c->beat, on_beat, BEAT_MS, BEAT_MS);
}

int wf_consensus_open(struct wf_consensus **out, const struct wf_consensus_options *opts,
                      struct wf_err *err)
{
    struct wf_consensus *c = calloc(1, sizeof *c);
    if (!c)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    c->o = *opts;
    // Each front has that many asks under way at most, and what gives back what they hold.
    unsigned fronts =
        opts->config->front && opts->config->front->threads > 0 ? opts->config->front->threads : 1;
    c->inbox = wf_mailbox_new((size_t)(fronts + 1) * WF_PROPOSALS_MAX, wake, c);
    c->links = wf_mailbox_new(LINKS_MAX, wake, c);
    int rc = c->inbox && c->links ? wf_loop_open(&c->loop, err)
                                  : wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    if (rc != WF_OK) {
        wf_mailbox_free(c->inbox);
        wf_mailbox_free(c->links);
        free(c);
        return rc;
    }
    init_handles(c);
    wf_board_init(&c->board);
    wf_raft_dialer_init(&c->dialer, &c->loop, opts->tls);
    wf_state_fsm_init(&c->fsm, opts->state, opts->metrics);
    wf_checkpoint_init(&c->checkpoint, &c->loop, opts->state_dir, opts->metrics);
    wf_room_watch_init(&c->room, &c->loop, opts->log_dir, opts->metrics);
    make_metrics(c);
    rc = wf_env_uv_init(&c->env, &c->loop, err);
    WF_ASSERT(rc == WF_OK);
    rc = wf_log_store_sqlite_open(&c->store, opts->log_dir, &c->loop, opts->metrics, err);
    if (rc != WF_OK) {
        wf_consensus_free(c);
        return rc;
    }
    c->store->identity(c->store->ctx, &c->identity);
    atomic_store(&c->board.applied, wf_state_applied(opts->state));
    *out = c;
    return WF_OK;
}

const struct wf_node_identity *wf_consensus_identity(const struct wf_consensus *c)
{
    return &c->identity;
}

struct wf_board *wf_consensus_board(struct wf_consensus *c)
{
    return &c->board;
}

struct wf_mailbox *wf_consensus_inbox(struct wf_consensus *c)
{
    return c->inbox;
}

void wf_consensus_add_post(struct wf_consensus *c, struct wf_post *post)
{
    WF_ASSERT(c->n_posts < POSTS_MAX);
    post->consensus = c;
    c->posts[c->n_posts++] = post;
}

static void fill_options(const struct wf_consensus *c, struct wf_node_options *o)
{
    const struct wf_config *config = c->o.config;
    *o = (struct wf_node_options){
        .id = c->identity.node_id, .image_dir = c->o.image_dir, .metrics = c->o.metrics};
    memcpy(o->name, c->identity.name, sizeof o->name);
    memcpy(o->cluster_id, c->identity.cluster_id, sizeof o->cluster_id);
    if (config->raft) {
        o->election_timeout_ms = config->raft->election_timeout_ms;
        o->heartbeat_timeout_ms = config->raft->heartbeat_ms;
    }
}

int wf_consensus_start(struct wf_consensus *c, struct wf_err *err)
{
    struct wf_peer_net_options net = {.env = &c->env.env,
                                      .dialer = &c->dialer.dialer,
                                      .store = c->store,
                                      .metrics = c->o.metrics,
                                      .address = c->o.config->advertise};
    struct wf_node_events events = {c, on_applied, on_change, on_fatal};
    struct wf_node_options options;
    int rc = wf_peer_net_link_new(&c->net, &net, err);
    if (rc != WF_OK)
        return rc;
    fill_options(c, &options);
    rc =
        wf_node_start(&c->node, &options, &c->env.env, c->store, c->net, &c->fsm.fsm, &events, err);
    if (rc == WF_OK)
        publish(c);
    return rc;
}

void wf_consensus_run(struct wf_consensus *c)
{
    uv_run(&c->loop, UV_RUN_DEFAULT);
}

// What came too late to be taken.
static void let_go(struct wf_consensus *c)
{
    void *parcels[TAKE];
    struct wf_tls *tls = atomic_exchange(&c->new_tls, NULL);
    size_t n;
    if (tls)
        wf_tls_unref(tls);
    wf_mailbox_close(c->links);
    while ((n = wf_mailbox_receive(c->links, parcels, TAKE)) > 0)
        for (size_t i = 0; i < n; i++)
            wf_conn_parcel_free(parcels[i]);
}

void wf_consensus_free(struct wf_consensus *c)
{
    if (!c)
        return;
    if (!c->closing) {
        close_all(c);
        uv_run(&c->loop, UV_RUN_DEFAULT);
    }
    let_go(c);
    if (c->net)
        wf_peer_net_link_free(c->net);
    wf_log_store_sqlite_free(c->store);
    int rc = uv_loop_close(&c->loop);
    WF_ASSERT(rc == 0);
    wf_mailbox_free(c->inbox);
    wf_mailbox_free(c->links);
    wf_board_destroy(&c->board);
    free(c);
}

uint64_t wf_consensus_beat(struct wf_consensus *c)
{
    return atomic_load(&c->beats);
}
