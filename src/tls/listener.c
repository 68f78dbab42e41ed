// SPDX-License-Identifier: Apache-2.0
#include "tls/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/log.h"
#include "tls/conn_internal.h"
#include "tls/per_address.h"

enum {
    PROTOS_MAX = 8,
    BACKLOG = 1024,
    ACCEPTS_AT_ONCE = 64, // then the connections there are have their turn
};

struct wf_listener {
    struct conn_owner owner; // first: what connections know of us
    uv_loop_t *loop;
    int fd;          // -1 once closed
    uv_poll_t ready; // Not a uv_tcp_t: that tries an accept that fails again at once, for ever.
    uv_timer_t pause, grace;
    int holds; // handles not closed yet
    struct wf_tls *tls;
    struct wf_conn_proto protos[PROTOS_MAX];
    struct wf_alpn alpns[PROTOS_MAX];
    unsigned n_protos;
    unsigned port;
    void (*on_refused)(void *ctx, const char *address, const char *why);
    void *ctx;
    struct wf_conn *conns; // all, doubly linked
    unsigned n_conns;
    struct wf_per_address *guests;
    unsigned per_address_max;
    uint64_t complained_at; // of an address with too many; the loop's ms
    uint64_t failed_at;     // accept, when it was last said
    unsigned n_shaking;
    struct wf_conn *waiting, **waiting_tail; // for a handshake's slot
    bool draining, grace_over, closing, closed;
    void (*done)(void *ctx);
    void *done_ctx;
    struct {
        struct wf_metric *accepted, *over_limit, *over_address, *handshakes, *failed, *refused,
            *open, *queued;
    } metric;
};

static struct wf_listener *listener_of(struct conn_owner *o)
{
    return (struct wf_listener *)o;
}

// --- handshake slots ---

static bool may_shake(struct conn_owner *o, struct wf_conn *c)
{
    struct wf_listener *l = listener_of(o);
    WF_ASSERT(!c->has_slot);
    if (l->n_shaking < WF_HANDSHAKES_MAX) {
        l->n_shaking++;
        c->has_slot = true;
        return true;
    }
    c->next_waiting = NULL;
    *l->waiting_tail = c;
    l->waiting_tail = &c->next_waiting;
    wf_metric_add(l->metric.queued, 1);
    return false;
}

static void leave_queue(struct wf_listener *l, struct wf_conn *c)
{
    for (struct wf_conn **p = &l->waiting; *p; p = &(*p)->next_waiting) {
        if (*p != c)
            continue;
        *p = c->next_waiting;
        if (!*p)
            l->waiting_tail = p;
        return;
    }
}

static void give_slot_back(struct wf_listener *l, struct wf_conn *c)
{
    if (c->waits_to_shake)
        leave_queue(l, c);
    if (!c->has_slot)
        return;
    c->has_slot = false;
    WF_ASSERT(l->n_shaking > 0);
    l->n_shaking--;
    struct wf_conn *next = l->waiting;
    if (!next)
        return;
    leave_queue(l, next);
    next->has_slot = true;
    l->n_shaking++;
    WF_ASSERT(l->n_shaking <= WF_HANDSHAKES_MAX);
    conn_shake(next);
}

// It waits for its peer, not for us: what it keeps from now on is memory, not time.
static void slow(struct conn_owner *o, struct wf_conn *c)
{
    if (!c->waits_to_shake)
        give_slot_back(listener_of(o), c);
}

// --- what becomes of a connection ---

static const struct wf_conn_proto *shaken(struct conn_owner *o, struct wf_conn *c)
{
    struct wf_listener *l = listener_of(o);
    give_slot_back(l, c);
    wf_metric_add(l->metric.handshakes, 1);
    int i = wf_session_alpn(c->session);
    if (i >= 0)
        return &l->protos[i];
    for (unsigned k = 0; k < l->n_protos; k++)
        if (strcmp(l->protos[k].alpn, "http/1.1") == 0)
            return &l->protos[k];
    return &l->protos[l->n_protos - 1];
}

static void failed(struct conn_owner *o, struct wf_conn *c, const struct wf_err *err)
{
    struct wf_listener *l = listener_of(o);
    give_slot_back(l, c);
    wf_metric_add(l->metric.failed, 1);
    if (err->code != WF_UNAUTHENTICATED) {
        wf_log(WF_LOG_DEBUG, "TLS handshake failed", "peer", c->address, "error", err->msg, NULL);
        return;
    }
    wf_metric_add(l->metric.refused, 1);
    wf_log(WF_LOG_WARN, "connection refused", "peer", c->address, "reason", err->reason, "error",
           err->msg, NULL);
    if (l->on_refused)
        l->on_refused(l->ctx, c->address, err->msg);
}

static void listener_settle(struct wf_listener *l);

static void gone(struct conn_owner *o, struct wf_conn *c)
{
    struct wf_listener *l = listener_of(o);
    give_slot_back(l, c);
    WF_ASSERT(!c->has_slot);
    WF_ASSERT(c->prev ? c->prev->next == c : l->conns == c);
    if (c->prev)
        c->prev->next = c->next;
    else
        l->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    if (c->counted)
        wf_per_address_leave(l->guests, c->counted_as);
    c->counted = false;
    WF_ASSERT(l->n_conns > 0);
    l->n_conns--;
    wf_metric_set(l->metric.open, l->n_conns);
    listener_settle(l);
}

// --- accepting ---

static struct wf_conn *new_server_conn(struct wf_listener *l)
{
    struct wf_conn *c = conn_new(l->loop);
    if (!c)
        return NULL;
    c->session = wf_session_server(l->tls, l->alpns, l->n_protos);
    if (!c->session || conn_init_handles(c) != WF_OK) {
        conn_free_unused(c);
        return NULL;
    }
    c->owner = &l->owner;
    c->next = l->conns;
    if (c->next)
        c->next->prev = c;
    l->conns = c;
    l->n_conns++;
    WF_ASSERT(l->n_conns <= WF_CONNECTIONS_MAX && !c->counted);
    wf_metric_set(l->metric.open, l->n_conns);
    return c;
}

// What may come thousands of times is said once a second at most.
static bool say_now(struct wf_listener *l, uint64_t *said_at)
{
    uint64_t now = uv_now(l->loop);
    if (*said_at != 0 && now - *said_at < 1000)
        return false;
    *said_at = now;
    return true;
}

static void complain(struct wf_listener *l, const struct wf_conn *c)
{
    wf_metric_add(l->metric.over_address, 1);
    if (say_now(l, &l->complained_at))
        wf_log(WF_LOG_WARN, "connections closed: their address has too many", "peer", c->address,
               "limit", wf_log_u(l->per_address_max), "setting", "front.connections_per_address",
               NULL);
}

// May its address have one more? One that is gone already does not matter.
static bool admit(struct wf_listener *l, struct wf_conn *c)
{
    struct sockaddr_storage from = {0};
    int len = sizeof from;
    if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&from, &len) != 0)
        return true;
    c->counted_as = wf_per_address_key((struct sockaddr *)&from);
    c->counted = wf_per_address_enter(l->guests, c->counted_as);
    if (!c->counted)
        complain(l, c);
    return c->counted;
}

static void greet(struct wf_listener *l, int fd)
{
    struct wf_conn *c = NULL;
    if (l->n_conns < WF_CONNECTIONS_MAX)
        c = new_server_conn(l);
    if (!c) {
        wf_metric_add(l->metric.over_limit, 1);
        close(fd);
        return;
    }
    wf_metric_add(l->metric.accepted, 1);
    int rc = uv_tcp_open(&c->tcp, fd);
    struct wf_err err = {0};
    if (rc == 0) {
        conn_set_address(c);
        if (admit(l, c)) {
            conn_start_handshake(c, WF_HANDSHAKE_MS);
            return;
        }
        wf_fail(&err, WF_RESOURCE_EXHAUSTED, "its address has too many connections");
    } else {
        close(fd);
        wf_fail(&err, WF_UNAVAILABLE, "accept: %s", uv_strerror(rc));
    }
    conn_destroy(c, &err);
}

static void on_ready(uv_poll_t *ready, int status, int events);

static void on_pause_over(uv_timer_t *pause)
{
    struct wf_listener *l = pause->data;
    int rc = uv_poll_start(&l->ready, UV_READABLE, on_ready);
    WF_ASSERT(rc == 0 && l->fd >= 0); // it only notes what is wanted
}

// No descriptors, no memory: the same would happen at once again, and nobody else would have a
// turn. Who wants to connect waits in the backlog.
static void pause_accepting(struct wf_listener *l, int errnum)
{
    bool descriptors = errnum == EMFILE || errnum == ENFILE;
    (void)uv_poll_stop(&l->ready);
    uv_timer_start(&l->pause, on_pause_over, WF_ACCEPT_PAUSE_MS, 0);
    if (say_now(l, &l->failed_at))
        wf_log(WF_LOG_WARN, "cannot accept connections; they wait", "error", strerror(errnum),
               "hint",
               descriptors ? "raise LimitNOFILE= of the service, or close idle clients"
                           : "see what else the machine does",
               NULL);
}

static void on_ready(uv_poll_t *ready, int status, int events)
{
    struct wf_listener *l = ready->data;
    WF_ASSERT(!l->draining && !l->closing && l->fd >= 0);
    (void)status; // accept says it better
    (void)events;
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            greet(l, fd);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            pause_accepting(l, errno);
            return;
        }
    }
}

// --- opening ---

// "host:port", "[v6]:port" or ":port" (all addresses).
static int resolve(const char *address, struct addrinfo **out, struct wf_err *err)
{
    char host[WF_ADDRESS_MAX + 1];
    const char *colon = strrchr(address, ':');
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    if (!colon || !colon[1] || strlen(address) >= sizeof host)
        return wf_fail(err, WF_INVALID_ARGUMENT, "'%.260s' is not HOST:PORT", address);
    size_t n = (size_t)(colon - address);
    bool bracketed = n >= 2 && address[0] == '[' && address[n - 1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)(bracketed ? n - 2 : n), address + bracketed);
    // Every address at once: IPv6 with IPv4 mapped into it.
    const char *name = n == 0 || strcmp(host, "*") == 0 ? "::" : host;
    int rc = getaddrinfo(name, colon + 1, &hints, out);
    if (rc != 0)
        return wf_fail(err, WF_INVALID_ARGUMENT, "cannot listen on %s: %s", address,
                       gai_strerror(rc));
    return WF_OK;
}

static int refused_port(const char *address, int errnum, struct wf_err *err)
{
    if (errnum == EADDRINUSE)
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "ADDRESS_IN_USE",
                              "cannot listen on %s: another process has the port", address);
    if (errnum == EACCES)
        return wf_fail_reason(err, WF_PERMISSION_DENIED, "PERMISSIONS",
                              "cannot listen on %s: ports below 1024 need root; start as root with "
                              "\"user\" in the configuration, or choose another port",
                              address);
    return wf_fail(err, wf_code_from_errno(errnum), "cannot listen on %s: %s", address,
                   strerror(errnum));
}

int wf_listener_bind(int *fd, const char *address, bool reuse_port, struct wf_err *err)
{
    struct addrinfo *to;
    int on = 1, off = 0, rc = resolve(address, &to, err);
    if (rc != WF_OK)
        return rc;
    int s = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s < 0 || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        (reuse_port && setsockopt(s, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) ||
        (to->ai_family == AF_INET6 && // whatever net.ipv6.bindv6only says
         setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) ||
        bind(s, to->ai_addr, to->ai_addrlen) != 0)
        rc = refused_port(address, errno, err);
    freeaddrinfo(to);
    if (rc == WF_OK)
        *fd = s;
    else if (s >= 0)
        close(s);
    return rc;
}

// fd is the listener's from here on.
static int listen_on(struct wf_listener *l, int fd, const char *address, struct wf_err *err)
{
    l->fd = fd;
    if (listen(fd, BACKLOG) != 0)
        return refused_port(address, errno, err);
    int rc = uv_poll_init(l->loop, &l->ready, fd);
    if (rc != 0)
        return refused_port(address, -rc, err);
    l->ready.data = l;
    l->holds++;
    rc = uv_poll_start(&l->ready, UV_READABLE, on_ready);
    WF_ASSERT(rc == 0); // it only notes what is wanted
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;
    rc = getsockname(fd, (struct sockaddr *)&bound, &len);
    WF_ASSERT(rc == 0);
    l->port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                : ((struct sockaddr_in *)&bound)->sin_port);
    return WF_OK;
}

static void make_metrics(struct wf_listener *l, struct wf_metrics *m)
{
    if (!m)
        return;
    l->metric.accepted =
        wf_counter(m, "watchfire_connections_accepted", "", "TCP connections accepted.");
    l->metric.over_limit = wf_counter(m, "watchfire_connections_over_limit", "",
                                      "Connections dropped at the connection limit.");
    l->metric.over_address = wf_counter(m, "watchfire_connections_over_address_limit", "",
                                        "Connections dropped because their address had too many.");
    l->metric.handshakes = wf_counter(m, "watchfire_tls_handshakes", "", "TLS handshakes done.");
    l->metric.failed =
        wf_counter(m, "watchfire_tls_handshakes_failed", "", "TLS handshakes failed.");
    l->metric.refused = wf_counter(m, "watchfire_tls_certificates_refused", "",
                                   "Peers turned away for their certificate.");
    l->metric.queued = wf_counter(m, "watchfire_tls_handshakes_queued", "",
                                  "TLS handshakes that had to wait for others.");
    l->metric.open = wf_gauge(m, "watchfire_connections", "", "Connections open.");
}

static void on_handle_closed(uv_handle_t *h)
{
    struct wf_listener *l = h->data;
    l->holds--;
    listener_settle(l);
}

int wf_listener_open(struct wf_listener **out, uv_loop_t *loop, struct wf_tls *t,
                     const struct wf_listener_options *o, struct wf_err *err)
{
    WF_ASSERT(o->n_protos > 0 && o->n_protos <= PROTOS_MAX && o->bound >= 0);
    int fd = o->bound, rc = fd > 0 ? WF_OK : wf_listener_bind(&fd, o->address, o->reuse_port, err);
    if (rc != WF_OK)
        return rc;
    unsigned per_address = o->per_address_max ? o->per_address_max : WF_CONNECTIONS_PER_ADDRESS;
    struct wf_per_address *guests = wf_per_address_new(per_address);
    struct wf_listener *l = guests ? calloc(1, sizeof *l) : NULL;
    if (!l) {
        wf_per_address_free(guests);
        close(fd);
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory for a listener");
    }
    l->guests = guests;
    l->per_address_max = per_address;
    l->owner = (struct conn_owner){may_shake, slow, shaken, failed, gone};
    l->tls = wf_tls_ref(t);
    l->loop = loop;
    l->fd = -1;
    l->n_protos = o->n_protos;
    for (unsigned i = 0; i < o->n_protos; i++) {
        l->protos[i] = o->protos[i];
        l->alpns[i] =
            (struct wf_alpn){o->protos[i].alpn, o->protos[i].needs_node, o->protos[i].no_tickets};
    }
    l->on_refused = o->on_refused;
    l->ctx = o->ctx;
    l->waiting_tail = &l->waiting;
    make_metrics(l, o->metrics);
    uv_timer_init(loop, &l->grace);
    uv_timer_init(loop, &l->pause);
    l->grace.data = l->pause.data = l;
    l->holds = 2;
    rc = listen_on(l, fd, o->address, err);
    if (rc != WF_OK) {
        wf_listener_close(l, NULL, NULL);
        return rc;
    }
    *out = l;
    return WF_OK;
}

unsigned wf_listener_port(const struct wf_listener *l)
{
    return l->port;
}

unsigned wf_listener_connections(const struct wf_listener *l)
{
    return l->n_conns;
}

void wf_listener_set_tls(struct wf_listener *l, struct wf_tls *t)
{
    wf_tls_ref(t);
    wf_tls_unref(l->tls);
    l->tls = t;
}

// --- ending ---

static void tell_done(struct wf_listener *l)
{
    void (*done)(void *) = l->done;
    l->done = NULL;
    if (done)
        done(l->done_ctx);
}

// After whatever may have been the last thing waited for.
static void listener_settle(struct wf_listener *l)
{
    if (l->n_conns > 0)
        return;
    if (!l->closing) {
        if (l->draining) {
            uv_timer_stop(&l->grace);
            tell_done(l);
        }
        return;
    }
    if (l->holds > 0 || l->closed)
        return;
    l->closed = true;
    tell_done(l);
    wf_tls_unref(l->tls);
    wf_per_address_free(l->guests);
    free(l);
}

static void close_socket(struct wf_listener *l)
{
    if (l->fd < 0)
        return;
    uv_timer_stop(&l->pause);
    if (l->ready.data)
        uv_close((uv_handle_t *)&l->ready, on_handle_closed);
    close(l->fd);
    l->fd = -1;
}

// The rest may say goodbye; what is still there a moment later may not.
static void on_grace(uv_timer_t *timer)
{
    struct wf_listener *l = timer->data;
    for (struct wf_conn *c = l->conns, *next; c; c = next) {
        next = c->next;
        wf_conn_close(c, !l->grace_over);
    }
    if (!l->grace_over)
        uv_timer_start(timer, on_grace, WF_LINGER_MS, 0);
    l->grace_over = true;
}

void wf_listener_drain(struct wf_listener *l, unsigned grace_ms, void (*done)(void *ctx), void *ctx)
{
    WF_ASSERT(!l->draining && !l->closing);
    l->draining = true;
    l->done = done;
    l->done_ctx = ctx;
    close_socket(l);
    uv_timer_start(&l->grace, on_grace, grace_ms, 0);
    for (struct wf_conn *c = l->conns, *next; c; c = next) {
        next = c->next;
        if (c->state == CONN_OPEN && c->proto.drain)
            c->proto.drain(c, c->user);
        else
            wf_conn_close(c, true);
    }
}

void wf_listener_close(struct wf_listener *l, void (*done)(void *ctx), void *ctx)
{
    WF_ASSERT(!l->closing);
    l->closing = true;
    l->done = done;
    l->done_ctx = ctx;
    close_socket(l);
    uv_close((uv_handle_t *)&l->grace, on_handle_closed);
    uv_close((uv_handle_t *)&l->pause, on_handle_closed);
    for (struct wf_conn *c = l->conns, *next; c; c = next) {
        next = c->next;
        wf_conn_close(c, false);
    }
}
