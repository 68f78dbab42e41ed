// SPDX-License-Identifier: Apache-2.0
#include "guard_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "replication/configuration.h"

static uint64_t mono(void *ctx)
{
    return ((struct rig *)ctx)->now_ms * 1000000u;
}

static uint64_t random_number(void *ctx, uint64_t min, uint64_t max)
{
    (void)ctx;
    (void)max;
    return min;
}

static void timer_start(void *ctx, struct wf_timer *t, uint64_t first_ms, uint64_t repeat_ms)
{
    (void)first_ms;
    (void)repeat_ms;
    ((struct rig *)ctx)->tick = t;
}

static void timer_stop(void *ctx, struct wf_timer *t)
{
    (void)ctx;
    (void)t;
}

// --- the store -----------------------------------------------------------------------------------

static int load(void *ctx, struct wf_log_state *out,
                int (*each)(void *arg, uint64_t index, const struct wf_record *record), void *arg,
                struct wf_err *err)
{
    struct rig *r = ctx;

    (void)err;
    *out = (struct wf_log_state){r->term, r->vote, r->manifest, r->first};
    for (unsigned i = 0; i < r->n_log; i++) {
        int rc = each(arg, r->first + i, &r->log[i]);

        if (rc != WF_OK)
            return rc;
    }
    return WF_OK;
}

static int set_vote(void *ctx, uint64_t term, uint64_t vote, struct wf_err *err)
{
    struct rig *r = ctx;

    (void)err;
    r->stored_term = term;
    r->stored_vote = vote;
    return WF_OK;
}

static void ask(struct rig *r, wf_store_cb cb, void *arg)
{
    assert_true(r->ops_asked < RIG_SENT_MAX);
    r->ops[r->ops_asked].cb = cb;
    r->ops[r->ops_asked++].arg = arg;
}

static void append(void *ctx, uint64_t first, const struct wf_record *records, unsigned n,
                   wf_store_cb cb, void *arg)
{
    (void)first;
    (void)records;
    (void)n;
    ask(ctx, cb, arg);
}

static void truncate_from(void *ctx, uint64_t index, wf_store_cb cb, void *arg)
{
    (void)index;
    ask(ctx, cb, arg);
}

static void snapshot_put(void *ctx, const struct wf_manifest *m, uint64_t first_kept,
                         wf_store_cb cb, void *arg)
{
    struct rig *r = ctx;

    (void)first_kept;
    r->put = *m;
    ask(r, cb, arg);
}

static void close_store(void *ctx, void (*done)(void *arg), void *arg)
{
    struct rig *r = ctx;

    r->close_cb = done;
    r->close_arg = arg;
}

// --- the net, libraft's state machine, and what the node is told ---------------------------------

static int net_send(void *ctx, uint64_t to, const struct wf_msg *msg)
{
    struct rig *r = ctx;

    assert_true(r->n_sent < RIG_SENT_MAX);
    r->sent[r->n_sent].to = to;
    r->sent[r->n_sent++].msg = *msg;
    return r->send_rc;
}

static int fsm_apply(struct raft_fsm *f, const struct raft_buffer *buf, void **result)
{
    (void)f;
    (void)buf;
    *result = NULL;
    return 0;
}

static int fsm_snapshot(struct raft_fsm *f, struct raft_buffer *bufs[], unsigned *n_bufs)
{
    (void)f;
    (void)bufs;
    (void)n_bufs;
    return RAFT_BUSY;
}

static int fsm_restore(struct raft_fsm *f, struct raft_buffer *buf)
{
    (void)f;
    raft_free(buf->base);
    return 0;
}

static void on_settled(void *ctx)
{
    (void)ctx;
}

static void on_fatal(void *ctx, const struct wf_err *why)
{
    (void)why;
    ((struct rig *)ctx)->fatal = true;
}

static void on_ship(void *ctx, uint64_t to, const struct wf_manifest *m)
{
    struct rig *r = ctx;

    wf_guard_send_install(r->guard, to, m);
}

static bool have_image(void *ctx, const struct wf_manifest *m)
{
    (void)m;
    return ((struct rig *)ctx)->image_here;
}

static void on_install(void *ctx, const struct wf_manifest *m)
{
    struct rig *r = ctx;

    assert_int_equal(m->index, r->put.index);
    r->installs++;
    if (!r->hold_install)
        wf_guard_installed(r->guard);
}

// --- the rig -------------------------------------------------------------------------------------

struct wf_bytes rig_configuration(const char *roles)
{
    struct wf_member members[8] = {0};
    unsigned n = (unsigned)strlen(roles);
    struct wf_bytes out;

    for (unsigned i = 0; i < n; i++) {
        members[i].id = i + 1;
        members[i].role = roles[i] == 'V' ? WF_VOTER : roles[i] == 'S' ? WF_STANDBY : WF_SPARE;
        snprintf(members[i].name, sizeof members[i].name, "n%u", i + 1);
        snprintf(members[i].region, sizeof members[i].region, "r");
        snprintf(members[i].address, sizeof members[i].address, "h%u:1", i + 1);
    }
    assert_int_equal(wf_configuration_encode(members, n, &out, NULL), WF_OK);
    return out;
}

void rig_add(struct rig *r, uint64_t term, enum wf_record_type type, struct wf_bytes data)
{
    static const uint8_t eight[8];

    if (data.data == NULL)
        data = (struct wf_bytes){eight, sizeof eight};
    r->log[r->n_log++] = (struct wf_record){term, type, data};
}

void rig_init(struct rig *r, uint64_t id, unsigned n)
{
    memset(r, 0, sizeof *r);
    r->env = (struct wf_env){.ctx = r,
                             .mono_ns = mono,
                             .random = random_number,
                             .timer_start = timer_start,
                             .timer_stop = timer_stop};
    r->store = (struct wf_log_store){.ctx = r,
                                     .load = load,
                                     .set_vote = set_vote,
                                     .append = append,
                                     .truncate = truncate_from,
                                     .snapshot_put = snapshot_put,
                                     .close = close_store};
    r->net = (struct wf_peer_net){.ctx = r, .send = net_send};
    r->fsm = (struct raft_fsm){
        .version = 3, .apply = fsm_apply, .snapshot = fsm_snapshot, .restore = fsm_restore};
    r->now_ms = 100000;
    r->id = id;
    r->term = r->first = 1;
    rig_add(r, 1, WF_RECORD_CHANGE, rig_configuration(n == 1 ? "V" : n == 2 ? "VV" : "VVV"));
}

void rig_start(struct rig *r, uint32_t guards)
{
    struct wf_guard_options opts = {r->id, "n", RIG_ELECTION_MS, RIG_HEARTBEAT_MS, guards};
    struct wf_guard_events events = {r, on_settled, on_fatal, on_ship, have_image, on_install};
    struct wf_err err = {0};

    assert_int_equal(
        wf_guard_start(&r->guard, &opts, &r->env, &r->store, &r->net, &r->fsm, &events, &err),
        WF_OK);
}

static void on_stopped(void *ctx)
{
    ((struct rig *)ctx)->stopped = true;
}

void rig_stop(struct rig *r)
{
    wf_guard_stop(r->guard, on_stopped, r);
    rig_complete_all(r);
    r->close_cb(r->close_arg);
    assert_true(r->stopped);
    for (unsigned i = 0; i < r->n_log; i++) {
        if (r->log[i].type == WF_RECORD_CHANGE)
            raft_free((void *)r->log[i].data.data);
    }
}

void rig_receive(struct rig *r, uint64_t from, struct wf_msg msg)
{
    wf_guard_receive(r->guard, from, &msg);
}

void rig_append(struct rig *r, uint64_t from, uint64_t term, uint64_t prev, uint64_t prev_term,
                uint64_t commit, unsigned n, const uint64_t *terms)
{
    static const uint8_t eight[8];
    struct wf_record entries[RIG_LOG_MAX];
    struct wf_msg m = {.kind = WF_MSG_APPEND};

    for (unsigned i = 0; i < n; i++)
        entries[i] = (struct wf_record){terms[i], WF_RECORD_BARRIER, {eight, sizeof eight}};
    m.append = (struct wf_msg_append){term, prev, prev_term, commit, entries, n};
    wf_guard_receive(r->guard, from, &m);
}

void rig_complete(struct rig *r, unsigned n)
{
    for (; n > 0; n--) {
        unsigned i = r->ops_done++;

        assert_true(i < r->ops_asked);
        r->ops[i].cb(r->ops[i].arg, NULL);
    }
}

void rig_complete_all(struct rig *r)
{
    while (r->ops_done < r->ops_asked)
        rig_complete(r, 1);
}

void rig_pass(struct rig *r, unsigned ms)
{
    r->now_ms += ms;
}

void rig_tick(struct rig *r)
{
    r->tick->fire(r->tick->arg);
}

void rig_elect(struct rig *r)
{
    struct raft *raft = wf_guard_raft(r->guard);

    rig_pass(r, 3 * RIG_ELECTION_MS);
    rig_tick(r);
    for (unsigned phase = 0; phase < 2; phase++) {
        for (uint64_t id = 1; id <= 3; id++) {
            struct wf_msg m = {.kind = WF_MSG_VOTE_RESULT};

            if (id == r->id)
                continue;
            m.vote_result.term = wf_raft_term(raft) + (phase == 0);
            m.vote_result.granted = true;
            m.vote_result.pre_vote = phase == 0 ? raft_tribool_true : raft_tribool_false;
            rig_receive(r, id, m);
            if (phase == 0)
                break; // one is enough of three, and the next would be of the other phase
        }
    }
    assert_int_equal(wf_raft_state(raft), RAFT_LEADER);
}

const struct wf_msg *rig_last(const struct rig *r, enum wf_msg_kind kind)
{
    for (unsigned i = r->n_sent; i > 0; i--) {
        if (r->sent[i - 1].msg.kind == kind)
            return &r->sent[i - 1].msg;
    }
    return NULL;
}

unsigned rig_count(const struct rig *r, enum wf_msg_kind kind)
{
    unsigned n = 0;

    for (unsigned i = 0; i < r->n_sent; i++)
        n += r->sent[i].msg.kind == kind;
    return n;
}

void rig_forget(struct rig *r)
{
    r->n_sent = 0;
}
