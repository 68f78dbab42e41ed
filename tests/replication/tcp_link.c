// SPDX-License-Identifier: Apache-2.0
#include "tcp_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { NAME_MAX_ = 64, READ_MAX = 65536 };

struct tcp_link {
    struct wf_link link; // first
    struct tcp_host *host;
    uv_tcp_t tcp;
    uv_connect_t connect;
    bool dialled, open, closed;
    char expect[NAME_MAX_], peer[NAME_MAX_];
    size_t n; // of peer
    uint8_t in[READ_MAX];
};

struct write {
    uv_write_t req;
    struct tcp_link *link;
    char data[];
};

static void on_gone(uv_handle_t *handle)
{
    free(handle->data);
}

static void shut(struct tcp_link *l)
{
    if (l->closed)
        return;
    l->closed = true;
    uv_close((uv_handle_t *)&l->tcp, on_gone);
}

// Over, and the user is told, if there is one yet.
static void lost(struct tcp_link *l, const char *why)
{
    bool tell = !l->closed && l->link.events;
    shut(l);
    if (tell)
        l->link.events->on_close(l->link.ctx, &l->link, why);
}

static void on_written(uv_write_t *req, int status)
{
    struct write *w = (struct write *)req;
    struct tcp_link *l = w->link;
    free(w);
    if (l->closed)
        return;
    if (status != 0)
        lost(l, uv_strerror(status));
    else if (l->open && l->link.events && l->tcp.write_queue_size == 0)
        l->link.events->on_writable(l->link.ctx, &l->link);
}

static int link_write(struct wf_link *link, const uint8_t *data, size_t len)
{
    struct tcp_link *l = (struct tcp_link *)link;
    struct write *w = malloc(sizeof *w + len);
    WF_ASSERT(!l->closed);
    if (!w)
        return 14; // UNAVAILABLE
    w->link = l;
    memcpy(w->data, data, len);
    uv_buf_t buf = uv_buf_init(w->data, (unsigned)len);
    if (uv_write(&w->req, (uv_stream_t *)&l->tcp, &buf, 1, on_written) == 0)
        return 0;
    free(w);
    return 14; // UNAVAILABLE
}

static size_t link_queued(struct wf_link *link)
{
    return ((struct tcp_link *)link)->tcp.write_queue_size;
}

static void link_close(struct wf_link *link)
{
    shut((struct tcp_link *)link);
}

static const struct wf_link_ops ops = {link_write, link_queued, link_close};

static void say_name(struct tcp_link *l)
{
    char line[NAME_MAX_ + 2];
    int n = snprintf(line, sizeof line, "%s\n", l->host->name);
    if (link_write(&l->link, (uint8_t *)line, (size_t)n) != 0)
        lost(l, "no memory for its name"); // nobody would wait for it in vain with TLS either
}

// The peer's name is known.
static void introduced(struct tcp_link *l)
{
    if (l->dialled && l->expect[0] && strcmp(l->expect, l->peer) != 0) {
        lost(l, "another certificate than expected");
        return;
    }
    l->open = true;
    if (l->dialled) {
        l->link.events->on_open(l->link.ctx, &l->link, l->peer);
        return;
    }
    say_name(l);
    if (!l->closed)
        l->host->accept(l->host->ctx, &l->link, l->peer);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct tcp_link *l = stream->data;
    if (n < 0 || l->host->cut) {
        lost(l, n < 0 ? uv_strerror((int)n) : "cut");
        return;
    }
    const uint8_t *p = (const uint8_t *)buf->base, *end = p + n;
    while (!l->open && !l->closed && p < end) {
        char c = (char)*p++;
        if (c == '\n')
            introduced(l);
        else if (l->n + 1 < sizeof l->peer)
            l->peer[l->n++] = c;
        else
            lost(l, "no name");
    }
    if (!l->closed && p < end)
        l->link.events->on_data(l->link.ctx, &l->link, p, (size_t)(end - p));
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    struct tcp_link *l = handle->data;
    (void)size;
    *buf = uv_buf_init((char *)l->in, sizeof l->in);
}

static struct tcp_link *new_link(struct tcp_host *h)
{
    struct tcp_link *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->link.ops = &ops;
    l->host = h;
    int rc = uv_tcp_init(h->loop, &l->tcp);
    WF_ASSERT(rc == 0);
    l->tcp.data = l;
    return l;
}

static void on_connected(uv_connect_t *req, int status)
{
    struct tcp_link *l = req->data;
    if (l->closed)
        return;
    if (status != 0 || l->host->cut) {
        lost(l, status ? uv_strerror(status) : "cut");
        return;
    }
    uv_tcp_nodelay(&l->tcp, 1);
    say_name(l);
    if (!l->closed)
        uv_read_start((uv_stream_t *)&l->tcp, on_alloc, on_read);
}

static struct wf_link *dial(void *ctx, const char *address, const char *expect_peer,
                            const struct wf_link_events *events, void *events_ctx)
{
    struct tcp_host *h = ctx;
    struct tcp_link *l = new_link(h);
    struct sockaddr_in to;
    const char *colon = strrchr(address, ':');
    if (!l)
        return NULL;
    l->dialled = true;
    l->link.events = events;
    l->link.ctx = events_ctx;
    l->connect.data = l;
    snprintf(l->expect, sizeof l->expect, "%s", expect_peer ? expect_peer : "");
    WF_ASSERT(colon != NULL);
    uv_ip4_addr("127.0.0.1", atoi(colon + 1), &to);
    int rc = uv_tcp_connect(&l->connect, &l->tcp, (const struct sockaddr *)&to, on_connected);
    WF_ASSERT(rc == 0);
    return &l->link;
}

static void on_connection(uv_stream_t *server, int status)
{
    struct tcp_host *h = server->data;
    struct tcp_link *l = new_link(h);
    if (!l) // refused memory once by a test: the connection is to be taken all the same
        l = new_link(h);
    WF_ASSERT(l != NULL);
    if (status != 0 || uv_accept(server, (uv_stream_t *)&l->tcp) != 0 || h->cut) {
        shut(l);
        return;
    }
    uv_tcp_nodelay(&l->tcp, 1);
    uv_read_start((uv_stream_t *)&l->tcp, on_alloc, on_read);
}

void tcp_listen(struct tcp_host *h)
{
    struct sockaddr_in at;
    int len = sizeof at, rc = uv_tcp_init(h->loop, &h->listener);
    uv_ip4_addr("127.0.0.1", h->port, &at);
    h->listener.data = h;
    rc |= uv_tcp_bind(&h->listener, (const struct sockaddr *)&at, 0);
    rc |= uv_listen((uv_stream_t *)&h->listener, 16, on_connection);
    rc |= uv_tcp_getsockname(&h->listener, (struct sockaddr *)&at, &len);
    WF_ASSERT(rc == 0);
    h->port = ntohs(at.sin_port);
    snprintf(h->address, sizeof h->address, "127.0.0.1:%d", h->port);
    h->dialer = (struct wf_dialer){h, dial};
    h->listening = true;
    h->cut = false;
}

static void on_unlistened(uv_handle_t *handle)
{
    ((struct tcp_host *)handle->data)->listening = false;
}

void tcp_unlisten(struct tcp_host *h)
{
    uv_close((uv_handle_t *)&h->listener, on_unlistened);
    while (h->listening)
        uv_run(h->loop, UV_RUN_ONCE);
}
