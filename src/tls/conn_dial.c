// SPDX-License-Identifier: Apache-2.0
// Dialling: resolve, try the addresses one after the other, hand over to the handshake.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "base/limits.h"
#include "tls/conn_internal.h"

struct conn_dial {
    uv_getaddrinfo_t resolve_req;
    uv_connect_t connect_req;
    struct addrinfo *found;
    struct addrinfo *at; // the one being tried
    bool reopening;
    char host[WF_ADDRESS_MAX + 1];
    char port[8];
};

void conn_dial_free(struct conn_dial *d)
{
    if (!d)
        return;
    uv_freeaddrinfo(d->found);
    free(d);
}

bool conn_dial_owns_tcp(const struct wf_conn *c)
{
    return c->dial && c->dial->reopening;
}

// "host:port" or "[v6]:port". Without a port there is nothing to dial.
static bool split(const char *host_port, struct conn_dial *d)
{
    const char *colon = strrchr(host_port, ':');
    size_t n = colon ? (size_t)(colon - host_port) : 0;
    if (!colon || n == 0 || n >= sizeof d->host || strlen(colon + 1) >= sizeof d->port || !colon[1])
        return false;
    if (host_port[0] == '[' && host_port[n - 1] == ']') {
        host_port++;
        n -= 2;
    }
    memcpy(d->host, host_port, n);
    d->host[n] = 0;
    snprintf(d->port, sizeof d->port, "%s", colon + 1);
    return true;
}

static void try_address(struct wf_conn *c);

static void on_reopen(uv_handle_t *h)
{
    struct wf_conn *c = h->data;
    if (c->state == CONN_CLOSED) {
        conn_release(c);
        return;
    }
    c->dial->reopening = false;
    int rc = uv_tcp_init(c->turn->loop, &c->tcp);
    WF_ASSERT(rc == 0); // allocates nothing for an unspecified family
    c->tcp.data = c;
    try_address(c);
}

static void address_failed(struct wf_conn *c, int status)
{
    struct wf_err err = {0};
    struct conn_dial *d = c->dial;
    d->at = d->at->ai_next;
    if (d->at) {
        d->reopening = true;
        uv_close((uv_handle_t *)&c->tcp, on_reopen);
        return;
    }
    wf_fail_reason(&err, WF_UNAVAILABLE, "CONNECT_FAILED", "cannot connect to %s: %s", c->address,
                   uv_strerror(status));
    conn_destroy(c, &err);
}

// A peer that is gone without a word is noticed, and dialled again.
static void limit_silence(struct wf_conn *c)
{
    uv_os_fd_t fd;
    unsigned ms = WF_UNCONFIRMED_MS;
    int rc = uv_fileno((const uv_handle_t *)&c->tcp, &fd);
    WF_ASSERT(rc == 0);
    rc = setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
    WF_ASSERT(rc == 0); // a TCP socket of this process, a value in range
}

static void on_connect(uv_connect_t *req, int status)
{
    struct wf_conn *c = req->data;
    if (c->state == CONN_CLOSED)
        return;
    if (status < 0) {
        address_failed(c, status);
        return;
    }
    uint64_t now = uv_now(c->turn->loop);
    unsigned left = c->deadline > now ? (unsigned)(c->deadline - now) : 1;
    (void)uv_tcp_nodelay(&c->tcp, 1);
    limit_silence(c);
    conn_start_handshake(c, left);
}

static void try_address(struct wf_conn *c)
{
    struct conn_dial *d = c->dial;
    d->connect_req.data = c;
    int rc = uv_tcp_connect(&d->connect_req, &c->tcp, d->at->ai_addr, on_connect);
    if (rc != 0)
        address_failed(c, rc);
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *found)
{
    struct wf_conn *c = req->data;
    struct wf_err err = {0};
    c->dial->found = c->dial->at = found;
    if (c->state != CONN_CLOSED && status != 0) {
        wf_fail_reason(&err, WF_UNAVAILABLE, "RESOLVE_FAILED", "cannot find the address of %s: %s",
                       c->address, uv_strerror(status));
        conn_destroy(c, &err);
    } else if (c->state != CONN_CLOSED)
        try_address(c);
    conn_release(c); // the request's hold
}

// Fails later, through closed.
static void start(struct wf_conn *c)
{
    struct conn_dial *d = c->dial;
    struct wf_err err = {0};
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    c->state = CONN_DIALLING;
    c->deadline = uv_now(c->turn->loop) + WF_DIAL_MS;
    uv_timer_start(&c->timer, conn_on_timer, WF_DIAL_MS, 0);
    if (!*d->host) {
        wf_fail(&err, WF_INVALID_ARGUMENT, "'%.260s' is not an address: HOST:PORT is needed",
                c->address);
        conn_destroy(c, &err);
        return;
    }
    d->resolve_req.data = c;
    int rc = uv_getaddrinfo(c->turn->loop, &d->resolve_req, on_resolved, d->host, d->port, &hints);
    if (rc == 0) {
        c->holds++;
        return;
    }
    wf_fail_reason(&err, WF_UNAVAILABLE, "RESOLVE_FAILED", "cannot find the address of %s: %s",
                   c->address, uv_strerror(rc));
    conn_destroy(c, &err);
}

struct wf_conn *wf_conn_dial(uv_loop_t *loop, struct wf_tls *t, const char *host_port,
                             const struct wf_identity *expect, const struct wf_conn_proto *proto)
{
    struct wf_conn *c = conn_new(loop);
    if (!c)
        return NULL;
    c->proto = *proto;
    c->tell_closed = true;
    snprintf(c->address, sizeof c->address, "%s", host_port);
    c->dial = calloc(1, sizeof *c->dial);
    if (c->dial && !split(host_port, c->dial))
        c->dial->host[0] = 0;
    if (c->dial)
        c->session =
            wf_session_client(t, proto->alpn, *c->dial->host ? c->dial->host : "invalid", expect);
    if (!c->session || conn_init_handles(c) != WF_OK) {
        conn_free_unused(c);
        return NULL;
    }
    start(c);
    return c;
}
