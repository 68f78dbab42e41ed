// SPDX-License-Identifier: Apache-2.0
#include "replication/peer_net_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "replication/frame.h"
#include "replication/hello.h"
#include "replication/lanes.h"

enum {
    PEERS_MAX = 2 * WF_MEMBERS_MAX,     // members, and as many that have reached us and are none
    STRANGERS_MAX = 2 * WF_MEMBERS_MAX, // links that have not said HELLO yet
    WINDOW = 256 * 1024, // bytes handed to a link at a time: what an urgent message waits behind
    BACKOFF_FIRST_MS = 50,
    BACKOFF_MAX_MS = 2000,
    HELLO_MS = 5000,
    STALL_MS = 15000, // a link that takes nothing for so long is given up
    SAME_REFUSAL_MS = 60000,
    REFUSALS = 8,
};

struct net;

// Our link to a peer, and what waits for it.
enum out_state { OUT_IDLE, OUT_DIALLING, OUT_HELLO, OUT_UP };

struct counters {
    struct wf_metric *sent, *sent_bytes, *received, *received_bytes, *dropped, *dials, *up;
};

struct in;

struct peer {
    struct net *net;
    struct wf_peer is;
    bool member; // else it has reached us and is not in the membership here
    bool gone;   // no longer wanted; freed once nobody stands in it
    unsigned inside;
    enum out_state state;
    struct wf_link *link;
    struct wf_frames frames; // what the peer answers on our link: its HELLO
    struct wf_lanes lanes;
    struct wf_timer retry; // next dial, or the end of patience with a HELLO
    struct wf_timer flush;
    unsigned backoff_ms;
    wf_mono_ns moved; // last time the link took something
    struct in *in;    // the peer's link to us
    struct counters count;
};

// A link that arrived.
struct in {
    struct net *net;
    struct wf_link *link; // NULL: closed
    unsigned inside;
    char certificate[WF_NODE_NAME_MAX + 1];
    bool stranger;     // has not said HELLO yet
    struct peer *peer; // NULL until its HELLO is believed
    struct wf_frames frames;
    struct wf_timer patience;
    struct in *next;
};

struct net {
    struct wf_peer_net iface; // first
    struct wf_peer_net_options opts;
    char address[WF_ADDRESS_MAX + 1];
    struct wf_node_identity self;
    const struct wf_peer_net_events *events;
    struct peer *peers[PEERS_MAX];
    unsigned n_peers;
    struct in *ins;
    unsigned strangers;
    bool started, stopping;
    struct wf_timer stopped;
    void (*done)(void *arg);
    void *done_arg;
    struct wf_buf scratch; // frames on their way to a link
    struct {
        char why[200];
        wf_mono_ns at;
    } refused[REFUSALS]; // the last ones logged
    unsigned next_refusal;
};

static struct net *net_of(void *ctx)
{
    return ctx;
}

static wf_mono_ns now(struct net *n)
{
    return n->opts.env->mono_ns(n->opts.env->ctx);
}

static void timer_start(struct net *n, struct wf_timer *t, uint64_t ms)
{
    n->opts.env->timer_start(n->opts.env->ctx, t, ms, 0);
}

static void timer_stop(struct net *n, struct wf_timer *t)
{
    n->opts.env->timer_stop(n->opts.env->ctx, t);
}

// Once a minute is enough for a peer that tries again and again.
static void log_refusal(struct net *n, const char *why)
{
    for (int i = 0; i < REFUSALS; i++)
        if (strncmp(n->refused[i].why, why, sizeof n->refused[i].why - 1) == 0 &&
            now(n) - n->refused[i].at < SAME_REFUSAL_MS * 1000000ull)
            return;
    unsigned slot = n->next_refusal++ % REFUSALS;
    snprintf(n->refused[slot].why, sizeof n->refused[slot].why, "%s", why);
    n->refused[slot].at = now(n);
    wf_log(WF_LOG_WARN, "peer refused", "why", why, NULL);
}

static struct peer *find(struct net *n, uint64_t id)
{
    for (unsigned i = 0; i < n->n_peers; i++)
        if (n->peers[i]->is.id == id)
            return n->peers[i];
    return NULL;
}

// --- our link to a peer --------------------------------------------------------------------------

static void dial(void *arg);
static void flush(void *arg);

static void retry_later(struct peer *p)
{
    struct wf_env *env = p->net->opts.env;
    unsigned ms = p->backoff_ms;
    p->backoff_ms = ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : ms * 2;
    p->retry.fire = dial;
    timer_start(p->net, &p->retry, env->random(env->ctx, ms / 2, ms));
}

// The link is gone or is given up. Tells the node unless it asked for it.
static void out_down(struct peer *p, bool tell)
{
    struct net *n = p->net;
    bool was_up = p->state == OUT_UP;
    struct wf_link *link = p->link;
    p->link = NULL;
    p->state = OUT_IDLE;
    timer_stop(n, &p->retry);
    timer_stop(n, &p->flush);
    wf_lanes_clear(&p->lanes);
    wf_frames_free(&p->frames);
    wf_metric_set(p->count.up, 0);
    if (link)
        link->ops->close(link);
    if (was_up && tell)
        n->events->on_peer(n->events->ctx, p->is.id, false);
}

static void out_failed(struct peer *p, const char *why)
{
    bool was_up = p->state == OUT_UP;
    wf_log(was_up ? WF_LOG_WARN : WF_LOG_DEBUG, was_up ? "link to peer lost" : "peer not reached",
           "peer", p->is.name, "address", p->is.address, "why", why, NULL);
    p->inside++;
    out_down(p, true);
    p->inside--;
    if (!p->gone && !p->net->stopping)
        retry_later(p);
}

static void release(struct peer *p)
{
    if (!p->gone || p->inside > 0)
        return;
    wf_frames_free(&p->frames);
    free(p);
}

static void hello_timed_out(void *arg)
{
    struct peer *p = arg;
    out_failed(p, "no answer to HELLO");
    release(p);
}

static int write_hello(struct net *n, struct wf_link *link, uint64_t to)
{
    struct wf_msg hello;
    struct wf_lanes one;
    wf_hello_make(&hello, &n->self, n->address, to);
    wf_lanes_init(&one);
    wf_buf_reset(&n->scratch);
    int rc = wf_lanes_put(&one, &hello);
    if (rc == WF_OK && wf_lanes_take(&one, &n->scratch, WINDOW) != 1)
        rc = WF_RESOURCE_EXHAUSTED;
    wf_lanes_clear(&one);
    return rc == WF_OK ? link->ops->write(link, n->scratch.data, n->scratch.len) : rc;
}

static int check_hello(struct net *n, struct wf_bytes message, const char *certificate,
                       uint64_t dialled, struct wf_msg *out, struct wf_err *err)
{
    struct wf_peer members[PEERS_MAX];
    struct wf_hello_rules rules = {&n->self, certificate, members, 0, dialled, n->opts.store};
    for (unsigned i = 0; i < n->n_peers; i++)
        if (n->peers[i]->member)
            members[rules.n_peers++] = n->peers[i]->is;
    int rc = wf_msg_decode(out, message, err);
    if (rc == WF_OK && out->kind != WF_MSG_HELLO) {
        wf_msg_free(out);
        rc = wf_fail(err, WF_INVALID_ARGUMENT, "node %s does not begin with HELLO", certificate);
    }
    if (rc == WF_OK)
        rc = wf_hello_check(&rules, &out->hello, err);
    if (rc != WF_OK || n->self.incarnation != 0)
        return rc;
    rc = n->opts.store->adopt(n->opts.store->ctx, out->hello.incarnation, err);
    if (rc == WF_OK)
        n->self.incarnation = out->hello.incarnation;
    return rc;
}

// The one frame that a peer sends back on our link.
static int on_answer(void *arg, struct wf_bytes message)
{
    struct peer *p = arg;
    struct net *n = p->net;
    struct wf_msg msg;
    struct wf_err err;
    if (p->state != OUT_HELLO)
        return WF_INVALID_ARGUMENT;
    int rc = check_hello(n, message, p->is.name, p->is.id, &msg, &err);
    if (rc != WF_OK) {
        log_refusal(n, err.msg);
        return rc;
    }
    timer_stop(n, &p->retry);
    p->state = OUT_UP;
    p->backoff_ms = BACKOFF_FIRST_MS;
    p->moved = now(n);
    wf_metric_set(p->count.up, 1);
    wf_log(WF_LOG_INFO, "link to peer up", "peer", p->is.name, "address", p->is.address, NULL);
    n->events->on_peer(n->events->ctx, p->is.id, true);
    return p->state == OUT_UP ? WF_OK : WF_CANCELLED; // not wanted any more
}

static void out_open(void *ctx, struct wf_link *link, const char *peer)
{
    struct peer *p = ctx;
    WF_ASSERT(p->state == OUT_DIALLING && p->link == link);
    p->state = OUT_HELLO;
    if (strcmp(peer, p->is.name) != 0)
        out_failed(p, "another node answers at this address");
    else if (write_hello(p->net, link, p->is.id) != WF_OK)
        out_failed(p, "cannot write");
    if (p->state != OUT_HELLO)
        return;
    p->retry.fire = hello_timed_out;
    timer_start(p->net, &p->retry, HELLO_MS);
}

static void out_data(void *ctx, struct wf_link *link, const uint8_t *data, size_t len)
{
    struct peer *p = ctx;
    struct wf_err err = {.msg = "it says what we did not ask for"};
    (void)link;
    p->inside++;
    int rc = wf_frames_feed(&p->frames, data, len, on_answer, p, &err);
    if (rc != WF_OK && p->link)
        out_failed(p, err.msg);
    p->inside--;
    release(p);
}

static void out_writable(void *ctx, struct wf_link *link)
{
    struct peer *p = ctx;
    (void)link;
    p->moved = now(p->net);
    if (p->state == OUT_UP)
        flush(p);
}

static void out_close(void *ctx, struct wf_link *link, const char *why)
{
    struct peer *p = ctx;
    WF_ASSERT(p->link == link);
    p->link = NULL;
    out_failed(p, why);
    release(p);
}

static const struct wf_link_events out_events = {out_open, out_data, out_writable, out_close};

static void dial(void *arg)
{
    struct peer *p = arg;
    const struct wf_dialer *d = p->net->opts.dialer;
    WF_ASSERT(p->state == OUT_IDLE && !p->link);
    p->state = OUT_DIALLING;
    wf_metric_add(p->count.dials, 1);
    p->link = d->dial(d->ctx, p->is.address, p->is.name, &out_events, p);
    if (!p->link)
        out_failed(p, "out of memory");
}

// Hand to the link what it takes, the urgent first.
static void flush(void *arg)
{
    struct peer *p = arg;
    struct net *n = p->net;
    while (p->state == OUT_UP && p->lanes.bytes > 0) {
        size_t queued = p->link->ops->queued(p->link);
        if (queued >= WINDOW) { // out_writable comes
            if (now(n) - p->moved > STALL_MS * 1000000ull) {
                out_failed(p, "it takes no more bytes");
                release(p);
            }
            return;
        }
        wf_buf_reset(&n->scratch);
        unsigned frames = wf_lanes_take(&p->lanes, &n->scratch, WINDOW - queued);
        if (frames == 0)
            return;
        wf_metric_add(p->count.sent, frames);
        wf_metric_add(p->count.sent_bytes, n->scratch.len);
        if (queued == 0)
            p->moved = now(n);
        if (p->link->ops->write(p->link, n->scratch.data, n->scratch.len) != WF_OK) {
            out_failed(p, "cannot write");
            release(p);
            return;
        }
    }
}

// --- peers ---------------------------------------------------------------------------------------

static void add_counters(struct peer *p)
{
    struct wf_metrics *m = p->net->opts.metrics;
    char label[WF_NODE_NAME_MAX + 16];
    if (!m)
        return;
    snprintf(label, sizeof label, "peer=\"%s\"", p->is.name);
    struct counters *c = &p->count;
    c->sent = wf_counter(m, "watchfire_peer_messages_sent", label, "Messages sent to the peer.");
    c->sent_bytes = wf_counter(m, "watchfire_peer_sent_bytes", label, "Bytes sent to the peer.");
    c->received =
        wf_counter(m, "watchfire_peer_messages_received", label, "Messages from the peer.");
    c->received_bytes =
        wf_counter(m, "watchfire_peer_received_bytes", label, "Bytes from the peer.");
    c->dropped = wf_counter(m, "watchfire_peer_messages_dropped", label,
                            "Messages dropped because no link was up or its queue was full.");
    c->dials = wf_counter(m, "watchfire_peer_dials", label, "Attempts to reach the peer.");
    c->up = wf_gauge(m, "watchfire_peer_up", label, "Whether the link to the peer is up.");
}

static struct peer *add_peer(struct net *n, const struct wf_peer *is, bool member)
{
    struct peer *p = n->n_peers < PEERS_MAX ? calloc(1, sizeof *p) : NULL;
    if (!p) {
        wf_log(WF_LOG_ERROR, "no room for a peer", "peer", is->name, NULL);
        return NULL;
    }
    p->net = n;
    p->is = *is;
    p->member = member;
    p->backoff_ms = BACKOFF_FIRST_MS;
    p->retry.arg = p->flush.arg = p;
    p->flush.fire = flush;
    wf_frames_init(&p->frames);
    wf_lanes_init(&p->lanes);
    add_counters(p);
    n->peers[n->n_peers++] = p;
    p->retry.fire = dial;
    timer_start(n, &p->retry, 0);
    return p;
}

static void in_close(struct in *in);

static void drop_peer(struct peer *p, bool tell)
{
    struct net *n = p->net;
    unsigned i = 0;
    while (n->peers[i] != p)
        i++;
    n->peers[i] = n->peers[--n->n_peers];
    p->gone = true;
    p->inside++;
    out_down(p, tell);
    p->inside--;
    struct in *in = p->in;
    p->in = NULL;
    if (in) {
        in->peer = NULL;
        in_close(in);
    }
    release(p);
}

// --- links that arrive ---------------------------------------------------------------------------

static void in_release(struct in *in)
{
    if (in->link || in->inside > 0)
        return;
    wf_frames_free(&in->frames);
    free(in);
}

// Forget the link, and with it a peer that was only known through it.
static void in_forget(struct in *in)
{
    struct net *n = in->net;
    struct peer *p = in->peer;
    struct in **at = &n->ins;
    while (*at != in)
        at = &(*at)->next;
    *at = in->next;
    in->link = NULL;
    in->peer = NULL;
    n->strangers -= in->stranger;
    in->stranger = false;
    timer_stop(n, &in->patience);
    if (p && p->in == in) {
        p->in = NULL;
        if (!p->member)
            drop_peer(p, true);
    }
}

static void in_close(struct in *in)
{
    struct wf_link *link = in->link;
    if (!link)
        return;
    in_forget(in);
    link->ops->close(link);
    in_release(in);
}

// A HELLO from somebody who is not a member here: we answer to the address it gives.
static struct peer *newcomer(struct net *n, const struct wf_msg_hello *h)
{
    struct wf_peer is = {.id = h->node_id};
    strcpy(is.name, h->name);
    strcpy(is.address, h->address);
    return add_peer(n, &is, false);
}

static int on_hello(struct in *in, struct wf_bytes message)
{
    struct net *n = in->net;
    struct wf_msg msg;
    struct wf_err err;
    int rc = check_hello(n, message, in->certificate, 0, &msg, &err);
    if (rc != WF_OK) {
        log_refusal(n, err.msg);
        return rc;
    }
    struct peer *p = find(n, msg.hello.node_id);
    if (!p)
        p = newcomer(n, &msg.hello);
    if (!p)
        return WF_RESOURCE_EXHAUSTED;
    struct in *before = p->in;
    p->in = in;
    in->peer = p;
    in->stranger = false;
    n->strangers--;
    timer_stop(n, &in->patience);
    if (before) { // it has given that one up before we noticed
        before->peer = NULL;
        in_close(before);
    }
    // It is up and can be reached: no reason to wait longer.
    if (p->state == OUT_IDLE && p->backoff_ms > BACKOFF_FIRST_MS) {
        p->backoff_ms = BACKOFF_FIRST_MS;
        retry_later(p);
    }
    return write_hello(n, in->link, p->is.id);
}

static int on_frame(void *arg, struct wf_bytes message)
{
    struct in *in = arg;
    struct net *n = in->net;
    if (in->stranger)
        return on_hello(in, message);
    struct wf_msg msg;
    struct wf_err err;
    int rc = wf_msg_decode(&msg, message, &err);
    if (rc == WF_OK && msg.kind == WF_MSG_HELLO)
        rc = wf_fail(&err, WF_INVALID_ARGUMENT, "a second HELLO");
    if (rc != WF_OK) {
        wf_log(WF_LOG_WARN, "bad message from peer", "peer", in->certificate, "why", err.msg, NULL);
        return rc;
    }
    wf_metric_add(in->peer->count.received, 1);
    wf_metric_add(in->peer->count.received_bytes, message.len);
    n->events->on_message(n->events->ctx, in->peer->is.id, &msg);
    wf_msg_free(&msg);
    return in->link ? WF_OK : WF_CANCELLED; // closed meanwhile
}

static void in_data(void *ctx, struct wf_link *link, const uint8_t *data, size_t len)
{
    struct in *in = ctx;
    struct wf_err err = {.msg = ""};
    (void)link;
    in->inside++;
    int rc = wf_frames_feed(&in->frames, data, len, on_frame, in, &err);
    if (rc != WF_OK && err.msg[0])
        log_refusal(in->net, err.msg);
    if (rc != WF_OK)
        in_close(in);
    in->inside--;
    in_release(in);
}

static void in_open(void *ctx, struct wf_link *link, const char *peer)
{
    (void)ctx; // only for links that we dial
    (void)link;
    (void)peer;
    WF_UNREACHABLE();
}

static void in_writable(void *ctx, struct wf_link *link)
{
    (void)ctx; // nothing but one HELLO goes out here
    (void)link;
}

static void in_closed(void *ctx, struct wf_link *link, const char *why)
{
    struct in *in = ctx;
    WF_ASSERT(in->link == link);
    wf_log(WF_LOG_DEBUG, "link from peer closed", "peer", in->certificate, "why", why, NULL);
    in_forget(in);
    in_release(in);
}

static const struct wf_link_events in_events = {in_open, in_data, in_writable, in_closed};

static void patience_ended(void *arg)
{
    struct in *in = arg;
    log_refusal(in->net, "a peer opened a link and did not say HELLO");
    in_close(in);
}

// --- the interface -------------------------------------------------------------------------------

static int net_start(void *ctx, const struct wf_peer_net_events *events, struct wf_err *err)
{
    struct net *n = net_of(ctx);
    WF_ASSERT(!n->started);
    n->opts.store->identity(n->opts.store->ctx, &n->self);
    if (n->self.node_id == 0)
        return wf_fail(err, WF_FAILED_PRECONDITION, "this node has no number yet");
    n->events = events;
    n->started = true;
    return WF_OK;
}

static void update(struct peer *p, const struct wf_peer *is)
{
    p->member = true;
    if (strcmp(p->is.address, is->address) == 0 && strcmp(p->is.name, is->name) == 0)
        return;
    p->is = *is;
    out_down(p, false);
    p->backoff_ms = BACKOFF_FIRST_MS;
    retry_later(p);
}

static void net_set_peers(void *ctx, const struct wf_peer *peers, unsigned count)
{
    struct net *n = net_of(ctx);
    WF_ASSERT(n->started && !n->stopping && count <= WF_MEMBERS_MAX);
    for (unsigned i = n->n_peers; i-- > 0;) {
        bool kept = !n->peers[i]->member; // has reached us by itself
        for (unsigned j = 0; j < count; j++)
            kept |= peers[j].id == n->peers[i]->is.id;
        if (!kept)
            drop_peer(n->peers[i], false);
    }
    for (unsigned j = 0; j < count; j++) {
        WF_ASSERT(peers[j].id != 0 && peers[j].id != n->self.node_id);
        struct peer *p = find(n, peers[j].id);
        if (p)
            update(p, &peers[j]);
        else
            (void)add_peer(n, &peers[j], true);
    }
}

static int net_send(void *ctx, uint64_t to, const struct wf_msg *msg)
{
    struct net *n = net_of(ctx);
    struct peer *p = find(n, to);
    if (!p || p->state != OUT_UP) {
        wf_metric_add(p ? p->count.dropped : NULL, 1);
        return WF_UNAVAILABLE;
    }
    int rc = wf_lanes_put(&p->lanes, msg);
    if (rc != WF_OK)
        wf_metric_add(p->count.dropped, 1);
    n->opts.env->soon(n->opts.env->ctx, &p->flush);
    return rc;
}

static size_t net_queued(void *ctx, uint64_t to, enum wf_lane lane)
{
    struct peer *p = find(net_of(ctx), to);
    if (!p || p->state != OUT_UP)
        return 0;
    // What the link holds is of any lane; it counts for the one whose sender paces itself by this.
    size_t held = lane == WF_LANE_BULK ? p->link->ops->queued(p->link) : 0;
    return p->lanes.lane[lane].bytes + held;
}

static bool net_connected(void *ctx, uint64_t to)
{
    struct peer *p = find(net_of(ctx), to);
    return p && p->state == OUT_UP;
}

static void net_accept(void *ctx, struct wf_link *link, const char *peer)
{
    struct net *n = net_of(ctx);
    struct in *in = NULL;
    if (n->started && !n->stopping && n->strangers < STRANGERS_MAX &&
        strlen(peer) < sizeof in->certificate)
        in = calloc(1, sizeof *in);
    if (!in) {
        link->ops->close(link);
        return;
    }
    in->net = n;
    in->link = link;
    strcpy(in->certificate, peer);
    wf_frames_init(&in->frames);
    in->patience = (struct wf_timer){.fire = patience_ended, .arg = in};
    in->next = n->ins;
    n->ins = in;
    in->stranger = true;
    n->strangers++;
    link->events = &in_events;
    link->ctx = in;
    timer_start(n, &in->patience, HELLO_MS);
}

static void on_stopped(void *arg)
{
    struct net *n = arg;
    timer_stop(n, &n->stopped);
    n->started = n->stopping = false;
    n->done(n->done_arg);
}

static void net_stop(void *ctx, void (*done)(void *arg), void *arg)
{
    struct net *n = net_of(ctx);
    WF_ASSERT(n->started && !n->stopping && done != NULL);
    n->stopping = true;
    n->done = done;
    n->done_arg = arg;
    while (n->n_peers > 0)
        drop_peer(n->peers[n->n_peers - 1], false);
    while (n->ins)
        in_close(n->ins);
    n->opts.env->soon(n->opts.env->ctx, &n->stopped);
}

int wf_peer_net_link_new(struct wf_peer_net **out, const struct wf_peer_net_options *opts,
                         struct wf_err *err)
{
    struct net *n = calloc(1, sizeof *n);
    if (!n)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    WF_ASSERT(strlen(opts->address) < sizeof n->address);
    n->opts = *opts;
    strcpy(n->address, opts->address);
    n->opts.address = n->address;
    n->stopped = (struct wf_timer){.fire = on_stopped, .arg = n};
    wf_buf_init(&n->scratch, WINDOW + WF_FRAME_HEADER + WF_PEER_FRAME_MAX);
    n->iface = (struct wf_peer_net){
        .ctx = n,
        .start = net_start,
        .set_peers = net_set_peers,
        .send = net_send,
        .queued = net_queued,
        .connected = net_connected,
        .accept = net_accept,
        .stop = net_stop,
    };
    *out = &n->iface;
    return WF_OK;
}

void wf_peer_net_link_free(struct wf_peer_net *net)
{
    if (!net)
        return;
    struct net *n = net_of(net->ctx);
    WF_ASSERT(!n->started && n->n_peers == 0 && !n->ins);
    wf_buf_free(&n->scratch);
    free(n);
}
