// SPDX-License-Identifier: Apache-2.0
#include "daemon/raft_link.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/log.h"

struct raft_link {
    struct wf_link link; // first, as link.h wants it
    struct wf_raft_dialer *dialer;
    struct wf_conn *conn;
    bool closed; // by the user, or told to it
};

static int link_write(struct wf_link *link, const uint8_t *data, size_t len)
{
    struct raft_link *l = (struct raft_link *)link;
    if (l->closed || !l->conn)
        return WF_UNAVAILABLE;
    return wf_conn_write(l->conn, data, len) == WF_OK ? WF_OK : WF_UNAVAILABLE;
}

static size_t link_queued(struct wf_link *link)
{
    struct raft_link *l = (struct raft_link *)link;
    return l->conn ? wf_conn_queued(l->conn) : 0;
}

static void link_close(struct wf_link *link)
{
    struct raft_link *l = (struct raft_link *)link;
    if (l->closed)
        return;
    l->closed = true;
    wf_conn_close(l->conn, false); // on_closed frees the link
}

static const struct wf_link_ops ops = {link_write, link_queued, link_close};

static int on_open(void *ctx, struct wf_conn *conn)
{
    struct raft_link *l = ctx;
    l->conn = conn;
    if (!l->closed && l->link.events)
        l->link.events->on_open(l->link.ctx, &l->link, wf_conn_peer(conn)->name);
    return WF_OK;
}

static void on_read(struct wf_conn *conn, void *user, const uint8_t *data, size_t len)
{
    struct raft_link *l = user;
    (void)conn;
    if (!l->closed)
        l->link.events->on_data(l->link.ctx, &l->link, data, len);
}

static void on_writable(struct wf_conn *conn, void *user)
{
    struct raft_link *l = user;
    (void)conn;
    if (!l->closed)
        l->link.events->on_writable(l->link.ctx, &l->link);
}

static void on_closed(struct wf_conn *conn, void *user, const struct wf_err *err)
{
    struct raft_link *l = user;
    struct wf_raft_dialer *d = l->dialer;
    (void)conn;
    if (!l->closed && l->link.events) {
        l->closed = true;
        l->link.events->on_close(l->link.ctx, &l->link, err->msg);
    }
    free(l);
    if (--d->links == 0 && d->idle)
        d->idle(d->ctx);
}

static struct wf_conn_proto proto_of(struct raft_link *l)
{
    return (struct wf_conn_proto){.alpn = WF_RAFT_ALPN,
                                  .open = on_open,
                                  .read = on_read,
                                  .writable = on_writable,
                                  .closed = on_closed,
                                  .ctx = l};
}

// NULL when out of memory: the peer is dialled again later.
static struct raft_link *link_new(struct wf_raft_dialer *d)
{
    struct raft_link *l = calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    l->link.ops = &ops;
    l->dialer = d;
    d->links++;
    return l;
}

// One that has no connection.
static void link_drop(struct raft_link *l)
{
    l->dialer->links--;
    free(l);
}

static struct wf_link *dial(void *ctx, const char *address, const char *expect_peer,
                            const struct wf_link_events *events, void *events_ctx)
{
    struct wf_raft_dialer *d = ctx;
    struct raft_link *l = link_new(d);
    if (l == NULL)
        return NULL;
    struct wf_identity expect = *wf_tls_identity(d->tls); // our cluster, a node, that name
    struct wf_conn_proto proto = proto_of(l);
    bool named = expect_peer && *expect_peer;
    WF_ASSERT(!named || strlen(expect_peer) < sizeof expect.name);
    if (named)
        strcpy(expect.name, expect_peer);
    l->link.events = events;
    l->link.ctx = events_ctx;
    l->conn = wf_conn_dial(d->loop, d->tls, address, named ? &expect : NULL, &proto);
    if (l->conn == NULL) {
        link_drop(l);
        return NULL;
    }
    wf_conn_set_user(l->conn, l);
    return &l->link;
}

void wf_raft_dialer_init(struct wf_raft_dialer *d, uv_loop_t *loop, struct wf_tls *tls)
{
    *d = (struct wf_raft_dialer){.dialer = {.dial = dial}, .loop = loop, .tls = wf_tls_ref(tls)};
    d->dialer.ctx = d;
}

void wf_raft_dialer_set_tls(struct wf_raft_dialer *d, struct wf_tls *tls)
{
    struct wf_tls *old = d->tls;
    d->tls = wf_tls_ref(tls);
    wf_tls_unref(old);
}

void wf_raft_dialer_close(struct wf_raft_dialer *d, void (*idle)(void *ctx), void *ctx)
{
    wf_tls_unref(d->tls);
    d->tls = NULL;
    d->idle = idle;
    d->ctx = ctx;
    if (d->links == 0)
        idle(ctx);
}

struct wf_link *wf_raft_link_adopt(struct wf_raft_dialer *d, struct wf_conn_parcel *parcel,
                                   char peer[WF_USER_NAME_MAX + 1])
{
    struct wf_err err;
    struct raft_link *l = link_new(d);
    if (l == NULL) {
        wf_conn_parcel_free(parcel); // the peer dials again
        return NULL;
    }
    struct wf_conn_proto proto = proto_of(l);
    struct wf_conn *conn = wf_conn_adopt(d->loop, parcel, &proto, &err);
    if (!conn) {
        wf_log(WF_LOG_WARN, "link lost while it was taken over", "why", err.msg, NULL);
        link_drop(l);
        return NULL;
    }
    l->conn = conn;
    wf_conn_set_user(conn, l);
    strcpy(peer, wf_conn_peer(conn)->name);
    return &l->link;
}
