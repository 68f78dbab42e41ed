// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "client/internal.h"

struct wf_channel *wf_channel_new(struct wf_client *client, const char *address)
{
    struct wf_channel *ch = calloc(1, sizeof(*ch));
    if (!ch)
        return NULL;
    ch->client = client;
    WF_ASSERT(strlen(address) < sizeof(ch->address));
    strcpy(ch->address, address);
    return ch;
}

static void timer_freed(uv_handle_t *h)
{
    free(h);
}

static void stop_timer(struct wf_channel *ch)
{
    if (ch->timer)
        uv_close((uv_handle_t *)ch->timer, timer_freed);
    ch->timer = NULL;
}

// The connection goes on without us, for the calls it carries.
static void let_go(struct wf_channel *ch)
{
    stop_timer(ch);
    if (ch->link)
        ch->link->channel = NULL;
    ch->link = NULL;
    ch->open = false;
}

void wf_channel_free(struct wf_channel *ch)
{
    WF_ASSERT(!ch->waiting);
    let_go(ch);
    free(ch);
}

// --- the connection ------------------------------------------------------------------------------

// Tell those who wait now, not those who come to wait while they are told. Whoever is told may
// cancel the others, or free the client: then they are over, but their memory stays for this turn
// of the loop.
static void tell_all(struct wf_channel *ch, const struct wf_err *err)
{
    struct wf_op *op = ch->waiting, *next;
    ch->waiting = NULL;
    for (; op; op = next) {
        next = op->next_waiting;
        op->next_waiting = NULL;
        if (op->over)
            continue;
        if (err)
            wf_op_failed(op, err);
        else
            wf_op_connected(op);
    }
}

static void on_open(void *ctx)
{
    struct wf_link *link = ctx;
    struct wf_channel *ch = link->channel;
    if (!ch)
        return;
    stop_timer(ch);
    ch->open = true;
    ch->heard = wf_clock_mono_ns();
    tell_all(ch, NULL);
}

static void unlink_from_client(struct wf_link *link)
{
    if (link->prev)
        link->prev->next = link->next;
    else
        link->client->links = link->next;
    if (link->next)
        link->next->prev = link->prev;
}

static void on_closed(void *ctx, const struct wf_err *err)
{
    struct wf_link *link = ctx;
    struct wf_channel *ch = link->channel;
    if (ch)
        let_go(ch);
    if (link->client)
        unlink_from_client(link);
    free(link);
    if (ch) {
        struct wf_err why = *err;
        if (!strstr(why.msg, ch->address))
            wf_wrap(&why, why.code, "%s", ch->address);
        tell_all(ch, &why);
    }
}

static void on_dial_timeout(uv_timer_t *timer)
{
    struct wf_channel *ch = timer->data;
    struct wf_link *link = ch->link;
    struct wf_err err;
    wf_fail(&err, WF_UNAVAILABLE, "%s: no connection within %u ms", ch->address,
            ch->client->options.connect_timeout_ms);
    let_go(ch);
    wf_http_client_close(link->http);
    tell_all(ch, &err);
}

static bool start_timer(struct wf_channel *ch)
{
    ch->timer = calloc(1, sizeof(*ch->timer));
    if (!ch->timer)
        return false;
    int rc = uv_timer_init(ch->client->loop, ch->timer);
    WF_ASSERT(rc == 0);
    ch->timer->data = ch;
    rc = uv_timer_start(ch->timer, on_dial_timeout, ch->client->options.connect_timeout_ms, 0);
    WF_ASSERT(rc == 0);
    return true;
}

static bool dial(struct wf_channel *ch)
{
    static const struct wf_http_client_events events = {on_open, on_closed};
    struct wf_client *c = ch->client;
    struct wf_link *link = calloc(1, sizeof(*link));
    if (!link || !start_timer(ch)) {
        free(link);
        return false;
    }
    *link = (struct wf_link){.client = c, .channel = ch, .next = c->links};
    link->http = wf_http_client_dial(c->loop, c->tls, ch->address, &events, link);
    if (!link->http) {
        stop_timer(ch);
        free(link);
        return false;
    }
    if (c->links)
        c->links->prev = link;
    c->links = link;
    ch->link = link;
    return true;
}

void wf_channel_break(struct wf_channel *ch)
{
    struct wf_link *link = ch->link;
    if (!link)
        return;
    let_go(ch);
    wf_http_client_close(link->http);
}

// --- callers -------------------------------------------------------------------------------------

void wf_channel_want(struct wf_channel *ch, struct wf_op *op)
{
    WF_ASSERT(!op->next_waiting);
    if (ch->open && wf_http_client_draining(ch->link->http))
        let_go(ch);
    if (ch->open) {
        wf_op_connected(op);
        return;
    }
    op->next_waiting = ch->waiting;
    ch->waiting = op;
    if (!ch->link && !dial(ch)) {
        struct wf_err err;
        wf_channel_unwant(ch, op);
        wf_fail(&err, WF_RESOURCE_EXHAUSTED, "out of memory");
        wf_op_failed(op, &err);
    }
}

void wf_channel_unwant(struct wf_channel *ch, struct wf_op *op)
{
    for (struct wf_op **at = &ch->waiting; *at; at = &(*at)->next_waiting)
        if (*at == op) {
            *at = op->next_waiting;
            op->next_waiting = NULL;
            return;
        }
}

int wf_channel_index(struct wf_client *client, const char *address)
{
    for (unsigned i = 0; i < client->n_channels; i++)
        if (strcmp(client->channels[i]->address, address) == 0)
            return (int)i;
    if (client->n_channels == WF_POLICY_NODES_MAX || strlen(address) == 0 ||
        strlen(address) >= sizeof(client->channels[0]->address))
        return -1;
    struct wf_channel *ch = wf_channel_new(client, address);
    if (!ch)
        return -1;
    client->channels[client->n_channels] = ch;
    return (int)client->n_channels++;
}
