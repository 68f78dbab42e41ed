// SPDX-License-Identifier: Apache-2.0
#include "tls/conn.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "tls/conn_internal.h"

struct wf_conn *conn_new(uv_loop_t *loop)
{
    struct wf_conn *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->turn = wf_turn_acquire(loop);
    if (!c->turn) {
        free(c);
        return NULL;
    }
    c->entry.run = conn_run;
    wf_buf_init(&c->plain, WF_TLS_QUEUE_MAX);
    wf_buf_init(&c->sending, 2 * WF_TLS_QUEUE_MAX);
    return c;
}

void conn_check(const struct wf_conn *c)
{
    WF_ASSERT(c->plain_at <= c->plain.len);
    WF_ASSERT(!(c->has_slot && c->waits_to_shake));
    WF_ASSERT(c->state == CONN_HANDSHAKE || !c->waits_to_shake || c->state > CONN_OPEN);
    WF_ASSERT(!c->socket_eof || !c->reading);
    WF_ASSERT(c->writing == (c->sending.len > 0) || c->state == CONN_CLOSED);
    WF_ASSERT(!c->counted || c->owner != NULL);
    WF_ASSERT(c->state != CONN_OPEN || c->err.code == WF_OK);
    WF_ASSERT((c->state < CONN_CLOSING) == (c->err.code == WF_OK));
}

void conn_free_unused(struct wf_conn *c)
{
    WF_ASSERT(c->holds == 0 && !c->entry.next);
    wf_turn_release(c->turn);
    wf_session_free(c->session);
    conn_dial_free(c->dial);
    wf_buf_free(&c->plain);
    wf_buf_free(&c->sending);
    free(c);
}

int conn_init_handles(struct wf_conn *c)
{
    WF_ASSERT(c->holds == 0);
    if (uv_tcp_init(c->turn->loop, &c->tcp) != 0)
        return WF_RESOURCE_EXHAUSTED;
    uv_timer_init(c->turn->loop, &c->timer);
    c->tcp.data = c->timer.data = c->write_req.data = c->shutdown_req.data = c;
    c->holds = 2;
    c->last_read = uv_now(c->turn->loop);
    return WF_OK;
}

static void format_address(const struct sockaddr_storage *from, char *out, size_t size)
{
    char ip[INET6_ADDRSTRLEN] = "?";
    if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
        // A client over IPv4 at a dual-stack listener.
        if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
            inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], ip, sizeof ip);
            snprintf(out, size, "%s:%u", ip, ntohs(in6->sin6_port));
            return;
        }
        uv_ip6_name(in6, ip, sizeof ip);
        snprintf(out, size, "[%s]:%u", ip, ntohs(in6->sin6_port));
    } else {
        const struct sockaddr_in *in = (const struct sockaddr_in *)from;
        uv_ip4_name(in, ip, sizeof ip);
        snprintf(out, size, "%s:%u", ip, ntohs(in->sin_port));
    }
}

void conn_set_address(struct wf_conn *c)
{
    struct sockaddr_storage from = {0};
    int len = sizeof from;
    if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&from, &len) == 0)
        format_address(&from, c->address, sizeof c->address);
    else if (!*c->address)
        snprintf(c->address, sizeof c->address, "(gone)");
    (void)uv_tcp_nodelay(&c->tcp, 1); // refused by the kernel only when the peer is gone
}

void conn_start_handshake(struct wf_conn *c, unsigned ms)
{
    WF_ASSERT(c->session != NULL && c->holds == 2 && ms > 0);
    c->state = CONN_HANDSHAKE;
    c->deadline = uv_now(c->turn->loop) + ms;
    unsigned first = c->owner && ms > WF_HANDSHAKE_SLOT_MS ? WF_HANDSHAKE_SLOT_MS : ms;
    uv_timer_start(&c->timer, conn_on_timer, first, 0);
    conn_read_start(c);
    if (!c->owner)
        conn_schedule(c); // the client speaks first
}

static void on_handshake_timer(struct wf_conn *c, uint64_t now)
{
    struct wf_err err = {0};
    WF_ASSERT(c->deadline > 0);
    if (now < c->deadline) {
        if (c->owner)
            c->owner->slow(c->owner, c);
        uv_timer_start(&c->timer, conn_on_timer, c->deadline - now, 0);
        return;
    }
    wf_fail(&err, WF_DEADLINE_EXCEEDED,
            c->state == CONN_DIALLING ? "no answer from %s" : "no TLS handshake with %s",
            c->address);
    if (c->owner)
        c->owner->failed(c->owner, c, &err);
    conn_destroy(c, &err);
}

void conn_on_timer(uv_timer_t *timer)
{
    struct wf_conn *c = timer->data;
    uint64_t now = uv_now(c->turn->loop);
    struct wf_err err = {0};
    switch (c->state) {
    case CONN_DIALLING:
    case CONN_HANDSHAKE:
        on_handshake_timer(c, now);
        break;
    case CONN_OPEN:
        if (now - c->last_read < c->idle_ms) {
            uv_timer_start(timer, conn_on_timer, c->idle_ms - (now - c->last_read), 0);
            break;
        }
        wf_fail(&err, WF_DEADLINE_EXCEEDED, "nothing came from %s for %u ms", c->address,
                c->idle_ms);
        conn_fail(c, &err);
        break;
    case CONN_CLOSING:
        wf_fail(&err, WF_UNAVAILABLE, "%s did not take what was sent", c->address);
        conn_destroy(c, &err);
        break;
    case CONN_CLOSED:
        WF_UNREACHABLE();
    }
}

static void note(struct wf_conn *c, const struct wf_err *err)
{
    WF_ASSERT(err->code != WF_OK); // nothing ends without a reason
    if (c->err.code == WF_OK)
        c->err = *err;
}

void conn_fail(struct wf_conn *c, const struct wf_err *err)
{
    WF_ASSERT(err->code != WF_OK);
    if (c->state >= CONN_CLOSING)
        return;
    note(c, err);
    if (c->state == CONN_DIALLING) {
        conn_destroy(c, err);
        return;
    }
    c->state = CONN_CLOSING;
    uv_timer_start(&c->timer, conn_on_timer, WF_DRAIN_MS, 0);
    conn_schedule(c);
}

void conn_release(struct wf_conn *c)
{
    WF_ASSERT(c->holds > 0);
    if (--c->holds > 0)
        return;
    WF_ASSERT(c->state == CONN_CLOSED && !c->entry.next);
    if (c->tell_closed && c->proto.closed)
        c->proto.closed(c, c->user, &c->err);
    if (c->owner)
        c->owner->gone(c->owner, c);
    conn_free_unused(c);
}

static void on_handle_closed(uv_handle_t *h)
{
    conn_release(h->data);
}

void conn_destroy(struct wf_conn *c, const struct wf_err *err)
{
    if (c->state == CONN_CLOSED)
        return;
    note(c, err);
    c->state = CONN_CLOSED;
    wf_turn_remove(&c->entry);
    uv_close((uv_handle_t *)&c->timer, on_handle_closed);
    if (!conn_dial_owns_tcp(c))
        uv_close((uv_handle_t *)&c->tcp, on_handle_closed);
}

void wf_conn_close(struct wf_conn *c, bool graceful)
{
    struct wf_err err = {0};
    wf_fail(&err, WF_CANCELLED, "the connection to %s was closed here", c->address);
    if (graceful)
        conn_fail(c, &err);
    else
        conn_destroy(c, &err);
}

void wf_conn_set_idle_timeout(struct wf_conn *c, unsigned ms)
{
    c->idle_ms = ms;
    if (c->state != CONN_OPEN)
        return;
    if (ms == 0)
        uv_timer_stop(&c->timer);
    else
        uv_timer_start(&c->timer, conn_on_timer, ms, 0);
}

void wf_conn_set_user(struct wf_conn *c, void *user)
{
    c->user = user;
}

uv_loop_t *wf_conn_loop(struct wf_conn *c)
{
    return c->turn->loop;
}

const struct wf_identity *wf_conn_peer(const struct wf_conn *c)
{
    WF_ASSERT(c->session != NULL);
    return wf_session_peer(c->session);
}

const char *wf_conn_address(const struct wf_conn *c)
{
    return c->address;
}
