// SPDX-License-Identifier: Apache-2.0
#include "replication/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "replication/node_internal.h"
#include "replication/peer_net.h"

// A WAN across continents: 10 to 20 times its one-way delay, as the Raft dissertation (9) has it.
enum { ELECTION_TIMEOUT_MS = 1000, HEARTBEAT_MS = 100 };

// --- small things ------------------------------------------------------------------------------

uint64_t node_now_ms(const struct wf_node *n)
{
    return n->env->mono_ns(n->env->ctx) / 1000000u;
}

void node_wake(struct wf_node *n)
{
    n->env->soon(n->env->ctx, &n->soon);
}

struct raft *node_raft(const struct wf_node *n)
{
    return wf_guard_raft(n->guard);
}

bool node_leads(const struct wf_node *n)
{
    return wf_raft_state(node_raft(n)) == RAFT_LEADER;
}

uint64_t node_leader(const struct wf_node *n)
{
    return wf_raft_leader_id(node_raft(n));
}

int node_send(struct wf_node *n, uint64_t to, const struct wf_msg *msg)
{
    return n->net->send(n->net->ctx, to, msg);
}

void node_fatal(struct wf_node *n, const struct wf_err *why)
{
    if (n->dead)
        return;
    n->dead = true;
    n->env->timer_stop(n->env->ctx, &n->tick);
    n->env->timer_stop(n->env->ctx, &n->hasten);
    if (n->guard != NULL)
        wf_guard_fatal(n->guard, why);
    if (n->started)
        n->events.on_fatal(n->events.ctx, why);
    else
        n->start_err = *why;
}

struct answer *node_answer_new(wf_change_cb cb, void *ctx)
{
    struct answer *a = calloc(1, sizeof *a);

    if (a == NULL)
        return NULL;
    a->cb = cb;
    a->ctx = ctx;
    return a;
}

void node_answer(struct wf_node *n, struct answer *a, const struct wf_err *err)
{
    WF_ASSERT(a->next == NULL);
    if (err != NULL)
        a->err = *err;
    *n->answers_tail = a;
    n->answers_tail = &a->next;
    node_wake(n);
}

static void deliver_answers(struct wf_node *n)
{
    struct answer *a = n->answers;

    n->answers = NULL;
    n->answers_tail = &n->answers;
    while (a != NULL) {
        struct answer *next = a->next;

        if (a->cb != NULL)
            a->cb(a->ctx, a->err.code != WF_OK ? &a->err : NULL);
        free(a);
        a = next;
    }
}

// --- the turn ----------------------------------------------------------------------------------

static void notice_leadership(struct wf_node *n)
{
    struct raft *r = node_raft(n);
    uint64_t leader = node_leader(n), term = wf_raft_term(r);

    if (leader == n->leader_seen && term == n->term_seen && wf_raft_state(r) == n->state_seen)
        return;
    if (n->leader_seen != leader || n->term_seen != term) {
        if (n->leader_seen != 0 && n->leader_seen != n->opts.id)
            forward_lost(n, n->leader_seen);
        read_leader_changed(n);
    }
    // Deposed without a newer term: we hear no majority any more. Who still hears us need not wait
    // for a timer to find that out.
    if (n->state_seen == RAFT_LEADER && n->term_seen == term && leader == 0)
        peers_tell_status(n);
    n->leader_seen = leader;
    n->term_seen = term;
    n->state_seen = wf_raft_state(r);
    n->changed = true;
}

// What is true between turns.
static void check(const struct wf_node *n)
{
    WF_ASSERT(n->n_peers <= PEERS_MAX);
    WF_ASSERT(n->n_entries <= WF_ENTRIES_IN_FLIGHT);
    WF_ASSERT((n->n_entries == 0) == (n->entries == NULL));
    WF_ASSERT((n->waiting.n == 0) == (n->waiting.head == NULL));
    WF_ASSERT(!n->in.verifying || n->in.active);
    WF_ASSERT(n->in.offset <= n->in.info.size);
    WF_ASSERT(n->jobs_pending >= (unsigned)n->in.verifying + n->take.running + n->collecting);
    WF_ASSERT(!n->take.replaying || (n->fenced && !n->take.running && n->take.seed));
    WF_ASSERT(!n->take.wanting || (n->fenced && !n->take.running && !n->take.replaying));
    WF_ASSERT(!n->take.install_waits || (n->take.running && n->take.seed));
    for (unsigned i = 0; i < n->n_peers; i++) {
        const struct image_out *o = n->peers[i].out;

        WF_ASSERT(n->peers[i].id != 0 && n->peers[i].id != n->opts.id);
        WF_ASSERT(o == NULL || (o->acked <= o->sent && o->sent <= o->info.size));
    }
}

// After everything that this turn of the loop brought.
static void on_soon(void *arg)
{
    struct wf_node *n = arg;
    uint64_t applied;

    if (n->dead && !n->stopping)
        return;
    if (!n->stopping) {
        notice_leadership(n);
        membership_tick(n);
        transfer_tick(n);
        propose_flush(n);
        read_turn(n);
        image_make_turn(n);
        take_turn(n);
    }
    propose_deliver(n);
    read_deliver(n);
    deliver_answers(n);
    if (n->stopping)
        return;
    check(n);
    if (n->collect)
        receive_collect(n);
    applied = apply_index(n);
    if (applied != n->told_applied) {
        n->told_applied = applied;
        n->events.on_applied(n->events.ctx, applied);
    }
    if (n->changed) {
        n->changed = false;
        n->events.on_change(n->events.ctx);
    }
}

static void on_settled(void *ctx)
{
    struct wf_node *n = ctx;

    if (n->dead || n->stopping)
        return;
    apply_catch_up(n);
    peers_follow_configuration(n);
    peers_note_applied(n);
    node_wake(n);
}

static void on_tick(void *arg)
{
    struct wf_node *n = arg;

    if (n->dead || n->stopping)
        return;
    propose_due(n);
    propose_expire(n);
    forward_expire(n);
    read_tick(n);
    peers_tick(n);
    disk_low_tick(n);
    ship_tick(n);
    receive_tick(n);
    metrics_tick(n);
    node_wake(n);
}

static void on_hasten(void *arg)
{
    struct wf_node *n = arg;

    // In another term somebody stands already: leave it to them.
    if (!n->dead && !n->stopping && node_leader(n) == 0 &&
        wf_raft_term(node_raft(n)) == n->suspected)
        wf_guard_hasten(n->guard);
}

// How many voters stand before us when this leader is gone.
static unsigned turn_without(const struct wf_node *n, uint64_t leader)
{
    const struct raft_configuration *c = wf_raft_configuration(node_raft(n));
    unsigned before = 0;

    for (unsigned i = 0; i < c->n; i++)
        if (c->servers[i].role == RAFT_VOTER && c->servers[i].id != leader &&
            c->servers[i].id < n->opts.id)
            before++;
    return before;
}

void wf_node_suspect(struct wf_node *n, uint64_t id)
{
    if (n->dead || n->stopping || id == 0 || node_leads(n) || id != node_leader(n))
        return;
    // Forget it now, so that we can vote. All are told at about the same time: who stands first
    // must have asked for votes in a new term before the next one stands, or the votes are split
    // and an election time-out is lost. That takes two and a half round trips, and an election
    // time-out is ten.
    n->suspected = wf_raft_term(node_raft(n));
    wf_raft_forget_leader(node_raft(n));
    n->env->timer_start(n->env->ctx, &n->hasten,
                        (uint64_t)turn_without(n, id) * n->opts.election_timeout_ms / 4, 0);
    node_wake(n);
}

// --- messages ----------------------------------------------------------------------------------

static void dispatch_own(struct wf_node *n, uint64_t from, const struct wf_msg *m)
{
    switch (m->kind) {
    case WF_MSG_CONFIRM:
        read_confirm(n, from, &m->confirm);
        break;
    case WF_MSG_CONFIRM_OK:
        read_confirmed(n, from, &m->confirm);
        break;
    case WF_MSG_READ_INDEX:
        read_asked(n, from, &m->read_index);
        break;
    case WF_MSG_READ_INDEX_RESULT:
        read_told(n, from, &m->result);
        break;
    case WF_MSG_FORWARD:
        forward_receive(n, from, &m->forward);
        break;
    case WF_MSG_FORWARD_RESULT:
        forward_result(n, from, &m->result);
        break;
    case WF_MSG_STATUS:
        peers_status(n, from, &m->status);
        break;
    case WF_MSG_REMOVED:
        peers_removed(n, &m->removed);
        break;
    case WF_MSG_IMAGE_OFFER:
        receive_offer(n, from, &m->image);
        break;
    case WF_MSG_IMAGE_ACK:
        ship_ack(n, from, &m->image);
        break;
    case WF_MSG_IMAGE_CHUNK:
        receive_chunk(n, from, &m->image);
        break;
    case WF_MSG_IMAGE_REQUEST:
        ship_request(n, from, &m->image);
        break;
    default:
        break; // HELLO is the net's own
    }
}

static void on_message(void *ctx, uint64_t from, const struct wf_msg *m)
{
    struct wf_node *n = ctx;
    struct peer *peer;

    if (n->dead || n->stopping || from == n->opts.id)
        return;
    peer = peer_note(n, from);
    if (peer == NULL)
        return;
    peer->heard_ms = node_now_ms(n);
    if (!peer->member)
        peers_stranger(n, from);
    if (m->kind >= WF_MSG_VOTE && m->kind <= WF_MSG_TIMEOUT_NOW) {
        if (m->kind == WF_MSG_APPEND)
            peers_note_append(n, &m->append);
        if (m->kind == WF_MSG_APPEND_RESULT) {
            peer->answer_ms = peer->heard_ms;
            peer->answer_term = m->append_result.term;
        }
        wf_guard_receive(n->guard, from, m);
    } else {
        dispatch_own(n, from, m);
    }
}

static void on_peer(void *ctx, uint64_t id, bool up)
{
    struct wf_node *n = ctx;
    struct peer *p;

    if (n->dead || n->stopping)
        return;
    p = peer_note(n, id);
    if (p == NULL)
        return;
    p->up = up;
    if (!up) {
        forward_lost(n, id);
        // A link that breaks is the first sign of a process that died.
        wf_node_suspect(n, id);
    }
    n->changed = true;
    node_wake(n);
}

void wf_node_accept(struct wf_node *n, struct wf_link *link, const char *peer)
{
    n->net->accept(n->net->ctx, link, peer);
}

// --- guard events ------------------------------------------------------------------------------

static void on_guard_fatal(void *ctx, const struct wf_err *why)
{
    node_fatal(ctx, why);
}

static void on_ship(void *ctx, uint64_t to, const struct wf_manifest *m)
{
    ship_start(ctx, to, m, true);
}

static bool have_image(void *ctx, const struct wf_manifest *m)
{
    struct wf_image_info info;
    wf_unix_ms time;

    return wf_manifest_decode(m->data, &time, &info) == WF_OK && info.index == m->index &&
           receive_have(ctx, &info);
}

static void on_install(void *ctx, const struct wf_manifest *m)
{
    take_install(ctx, m);
}

// --- start and stop ----------------------------------------------------------------------------

static void free_node(struct wf_node *n)
{
    for (unsigned i = 0; i < n->n_peers; i++)
        ship_stop(&n->peers[i]);
    free(n->commands);
    free(n->results);
    free(n);
}

static void fill_options(struct wf_node *n, const struct wf_node_options *opts)
{
    struct wf_node_options *o = &n->opts;

    *o = *opts;
    if (o->election_timeout_ms == 0)
        o->election_timeout_ms = ELECTION_TIMEOUT_MS;
    if (o->heartbeat_timeout_ms == 0)
        o->heartbeat_timeout_ms = HEARTBEAT_MS;
    if (o->image_every_bytes == 0)
        o->image_every_bytes = WF_IMAGE_EVERY_BYTES;
    if (o->log_trailing_bytes == 0)
        o->log_trailing_bytes = WF_LOG_TRAILING_BYTES;
    if (o->stock)
        o->guards = 0;
    else if (o->guards == 0)
        o->guards = WF_GUARD_ALL;
    snprintf(n->image_dir, sizeof n->image_dir, "%s", opts->image_dir);
    o->image_dir = n->image_dir;
}

static struct wf_node *make_node(const struct wf_node_options *opts, struct wf_env *env,
                                 struct wf_log_store *store, struct wf_peer_net *net,
                                 const struct wf_fsm *fsm, const struct wf_node_events *events)
{
    struct wf_node *n = calloc(1, sizeof *n);

    if (n == NULL)
        return NULL;
    fill_options(n, opts);
    n->env = env;
    n->store = store;
    n->net = net;
    n->fsm = *fsm;
    n->events = *events;
    n->net_events = (struct wf_peer_net_events){n, on_message, on_peer};
    n->soon = (struct wf_timer){.fire = on_soon, .arg = n};
    n->tick = (struct wf_timer){.fire = on_tick, .arg = n};
    n->hasten = (struct wf_timer){.fire = on_hasten, .arg = n};
    n->answers_tail = &n->answers;
    // Numbers that a former life of this node has not used: late answers to it must not match.
    n->read_round = n->forward_seq = (uint64_t)env->unix_ms(env->ctx) << 20;
    n->forward_origin = n->forward_seq | (env->mono_ns(env->ctx) & 0xFFFFF);
    n->commands = calloc(WF_ENTRY_COMMANDS_MAX, sizeof *n->commands);
    n->results = calloc(WF_ENTRY_COMMANDS_MAX, sizeof *n->results);
    apply_init(n);
    metrics_init(n);
    if (n->commands == NULL || n->results == NULL) {
        free_node(n);
        return NULL;
    }
    return n;
}

static int start_guard(struct wf_node *n, struct wf_err *err)
{
    struct wf_guard_options opts = {n->opts.id, n->opts.name, n->opts.election_timeout_ms,
                                    n->opts.heartbeat_timeout_ms, n->opts.guards};
    struct wf_guard_events events = {n,       on_settled, on_guard_fatal,
                                     on_ship, have_image, on_install};

    return wf_guard_start(&n->guard, &opts, n->env, n->store, n->net, &n->raft_fsm, &events, err);
}

int wf_node_start(struct wf_node **out, const struct wf_node_options *opts, struct wf_env *env,
                  struct wf_log_store *store, struct wf_peer_net *net, const struct wf_fsm *fsm,
                  const struct wf_node_events *events, struct wf_err *err)
{
    struct wf_node *n = make_node(opts, env, store, net, fsm, events);
    struct wf_err local = {0};
    int rc;

    if (n == NULL)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    rc = net->start(net->ctx, &n->net_events, err);
    if (rc == WF_OK) {
        rc = start_guard(n, &local);
        if (n->dead) { // found out inside libraft, which says less
            local = n->start_err;
            rc = (int)local.code;
        }
        if (rc != WF_OK && err != NULL)
            *err = local;
    }
    if (rc != WF_OK) {
        env->timer_stop(env->ctx, &n->soon);
        free_node(n);
        return rc;
    }
    env->timer_start(env->ctx, &n->tick, n->opts.heartbeat_timeout_ms,
                     n->opts.heartbeat_timeout_ms);
    n->collect = true;
    n->started = true;
    *out = n;
    return WF_OK;
}

void node_finish_stop(struct wf_node *n)
{
    void (*cb)(void *ctx) = n->stop_cb;
    void *ctx = n->stop_ctx;

    if (!n->stopping || !n->guard_gone || !n->net_gone || n->jobs_pending > 0)
        return;
    n->env->timer_stop(n->env->ctx, &n->soon);
    propose_deliver(n);
    read_deliver(n);
    deliver_answers(n);
    free_node(n);
    cb(ctx);
}

static void on_guard_stopped(void *ctx)
{
    struct wf_node *n = ctx;

    n->guard = NULL;
    n->guard_gone = true;
    node_finish_stop(n);
}

static void on_net_stopped(void *ctx)
{
    struct wf_node *n = ctx;

    n->net_gone = true;
    node_finish_stop(n);
}

void wf_node_stop(struct wf_node *n, void (*done)(void *ctx), void *ctx)
{
    WF_ASSERT(!n->stopping);
    n->stopping = true;
    n->stop_cb = done;
    n->stop_ctx = ctx;
    n->env->timer_stop(n->env->ctx, &n->tick);
    n->env->timer_stop(n->env->ctx, &n->hasten);
    membership_abort(n);
    transfer_abort(n);
    image_make_abort(n);
    propose_fail_all(n);
    read_fail_all(n, "STOPPING");
    n->net->stop(n->net->ctx, on_net_stopped, n);
    wf_guard_stop(n->guard, on_guard_stopped, n);
}
