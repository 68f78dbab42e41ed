// SPDX-License-Identifier: Apache-2.0
// The life of an HTTP/2 server session: bytes in and out, time, drain.
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/log.h"
#include "http/h2_internal.h"

enum {
    FEED_SLICE = 4096,  // between two looks at what the input has caused
    OUTBOUND_MAX = 512, // frames queued in nghttp2 before we write or stop reading
    STASH_MAX = 256 * 1024,
    NOTICE_MS = 1000, // between the two GOAWAYs, if the ping's answer does not come sooner
};

// The payload of the ping that tells when a GOAWAY has arrived.
static const uint8_t drain_ping[8] = {'w', 'f', 'd', 'r', 'a', 'i', 'n', 0};

static struct h2 *h2_of(struct wf_http_session *s)
{
    return (struct h2 *)s;
}

void wf_h2_wake(struct h2 *h2)
{
    h2->base.transport.ops->wake(h2->base.transport.ctx);
}

static bool may_write(const struct h2 *h2)
{
    return h2->base.transport.ops->may_write(h2->base.transport.ctx);
}

void wf_h2_abort(struct h2 *h2, uint32_t error, const char *debug)
{
    if (h2->ended)
        return;
    h2->ended = true;
    h2->ended_at = wf_http_now(&h2->base);
    wf_metric_add(h2->base.shared->metric.abusive, error != NGHTTP2_NO_ERROR);
    wf_log(WF_LOG_DEBUG, "ending an HTTP/2 connection", "peer", h2->base.transport.address, "error",
           nghttp2_http2_strerror(error), "why", debug, NULL);
    (void)nghttp2_submit_goaway(h2->ng, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(h2->ng), error,
                                (const uint8_t *)debug, strlen(debug));
    wf_h2_wake(h2);
}

// --- bytes out ---

static void feed_hungry(struct h2 *h2)
{
    while (h2->hungry) {
        struct h2_stream *st = h2->hungry;
        h2->hungry = st->next_hungry;
        st->hungry = false;
        wf_exchange_writable(&st->ex);
    }
}

// Pull frames while the connection takes them. Returns false when the session is over.
static bool pull(struct h2 *h2)
{
    const struct wf_transport *t = &h2->base.transport;
    while (!h2->base.closing && t->ops->may_write(t->ctx)) {
        const uint8_t *data;
        ssize_t n = nghttp2_session_mem_send(h2->ng, &data);
        if (n < 0) { // out of memory
            wf_http_session_close(&h2->base, false);
            return false;
        }
        if (n == 0)
            break;
        if (t->ops->write(t->ctx, data, (size_t)n) != WF_OK)
            return false;
    }
    return !h2->base.closing;
}

// Over, when GOAWAY is out: ours for an abuse, or both sides have nothing more to say.
static void close_when_done(struct h2 *h2)
{
    bool out = !nghttp2_session_want_write(h2->ng);
    if (out && (h2->ended || !nghttp2_session_want_read(h2->ng)))
        wf_http_session_close(&h2->base, true);
}

static void pump(struct h2 *h2)
{
    do {
        if (!pull(h2))
            return;
        feed_hungry(h2);
    } while (may_write(h2) && nghttp2_session_want_write(h2->ng));
    close_when_done(h2);
}

// --- bytes in ---

static bool is_stuck(struct h2 *h2)
{
    if (nghttp2_session_get_outbound_queue_size(h2->ng) <= OUTBOUND_MAX &&
        h2->buffered <= WF_CONN_BUFFERED_MAX)
        return false;
    pump(h2);
    return !h2->base.closing && (nghttp2_session_get_outbound_queue_size(h2->ng) > OUTBOUND_MAX ||
                                 (h2->buffered > WF_CONN_BUFFERED_MAX && !may_write(h2)));
}

static void receive_failed(struct h2 *h2, int rc)
{
    wf_log(WF_LOG_DEBUG, "HTTP/2 connection failed", "peer", h2->base.transport.address, "error",
           nghttp2_strerror(rc), NULL);
    wf_metric_add(h2->base.shared->metric.rejected, 1);
    // nghttp2 queues no GOAWAY for these; a client that floods gets none either.
    wf_http_session_close(&h2->base, rc == NGHTTP2_ERR_BAD_CLIENT_MAGIC);
}

// Returns how much was taken in: all, unless the output is stuck or the session over.
static size_t feed(struct h2 *h2, const uint8_t *data, size_t len)
{
    size_t done = 0;
    while (done < len && !h2->base.closing && !h2->ended && !is_stuck(h2)) {
        size_t n = len - done < FEED_SLICE ? len - done : FEED_SLICE;
        ssize_t rc = nghttp2_session_mem_recv(h2->ng, data + done, n);
        if (rc < 0) {
            receive_failed(h2, (int)rc);
            break;
        }
        done += n;
        if (!nghttp2_session_want_read(h2->ng))
            break;
    }
    bool over = h2->base.closing || h2->ended || !nghttp2_session_want_read(h2->ng);
    return over ? len : done;
}

static void set_stuck(struct h2 *h2, bool stuck)
{
    if (h2->stuck == stuck)
        return;
    h2->stuck = stuck;
    h2->base.transport.ops->pause(h2->base.transport.ctx, stuck);
}

static void h2_read(struct wf_http_session *s, const uint8_t *data, size_t len)
{
    struct h2 *h2 = h2_of(s);
    s->last_read = wf_http_now(s);
    size_t done = h2->stash.len > 0 ? 0 : feed(h2, data, len);
    if (done < len) {
        if (wf_buf_append(&h2->stash, data + done, len - done) != WF_OK)
            wf_http_session_close(s, false);
        set_stuck(h2, true);
    }
    wf_h2_wake(h2);
}

static void h2_writable(struct wf_http_session *s)
{
    struct h2 *h2 = h2_of(s);
    pump(h2);
    if (h2->stuck && !s->closing && !is_stuck(h2)) {
        size_t done = feed(h2, h2->stash.data, h2->stash.len);
        wf_buf_consume(&h2->stash, done);
        if (h2->stash.len == 0) {
            wf_buf_free(&h2->stash);
            set_stuck(h2, false);
        }
        wf_h2_wake(h2);
    }
}

static void h2_eof(struct wf_http_session *s)
{
    // A client that will not read settings and windows has no use for answers.
    wf_http_session_close(s, true);
}

// --- time ---

static void h2_drain(struct wf_http_session *s)
{
    struct h2 *h2 = h2_of(s);
    if (h2->drain != H2_SERVING || s->closing || h2->ended)
        return;
    s->draining = true;
    h2->drain = H2_NOTICED;
    h2->noticed_at = wf_http_now(s);
    // RFC 9113 6.8: announce first, so that requests under way towards us are not lost.
    (void)nghttp2_submit_shutdown_notice(h2->ng);
    (void)nghttp2_submit_ping(h2->ng, NGHTTP2_FLAG_NONE, drain_ping);
    for (struct h2_stream *st = h2->streams, *next; st; st = next) {
        next = st->next;
        wf_exchange_drain(&st->ex);
    }
    wf_h2_wake(h2);
}

// The second half of the drain: no streams beyond those that have come.
static void go_away(struct h2 *h2)
{
    if (h2->drain != H2_NOTICED)
        return;
    h2->drain = H2_GOING;
    (void)nghttp2_submit_goaway(h2->ng, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(h2->ng), NGHTTP2_NO_ERROR,
                                NULL, 0);
    wf_h2_wake(h2);
}

void wf_h2_ping_answered(struct h2 *h2, const uint8_t opaque[8])
{
    h2->ping_at = 0;
    if (memcmp(opaque, drain_ping, sizeof drain_ping) == 0)
        go_away(h2);
}

static void keep_alive(struct h2 *h2, uint64_t now)
{
    const struct wf_http_times *times = &h2->base.shared->times;
    uint64_t silent = now - h2->base.last_read;
    if (h2->ping_at != 0) {
        if (h2->base.last_read > h2->ping_at)
            h2->ping_at = 0;
        else if (now - h2->ping_at >= times->keepalive_wait)
            wf_http_session_close(&h2->base, false); // nobody there
    } else if (h2->n_streams > 0 && silent >= times->keepalive) {
        h2->ping_at = now;
        (void)nghttp2_submit_ping(h2->ng, NGHTTP2_FLAG_NONE, NULL);
        wf_h2_wake(h2);
    }
}

static void h2_tick(struct wf_http_session *s, uint64_t now)
{
    struct h2 *h2 = h2_of(s);
    const struct wf_http_times *times = &s->shared->times;
    if (s->closing)
        return;
    if (h2->ended && now - h2->ended_at >= WF_LINGER_MS) { // it does not even take the goodbye
        wf_http_session_close(s, false);
        return;
    }
    if (!h2->got_settings && now - s->born >= times->request_head) {
        wf_metric_add(s->shared->metric.rejected, 1);
        wf_http_session_close(s, false);
        return;
    }
    if (h2->drain == H2_NOTICED && now - h2->noticed_at >= NOTICE_MS)
        go_away(h2);
    if (s->max_age > 0 && now - s->born >= s->max_age)
        h2_drain(s);
    if (h2->n_streams == 0 && now - h2->idle_since >= times->h2_idle)
        wf_h2_abort(h2, NGHTTP2_NO_ERROR, "idle");
    keep_alive(h2, now);
}

// --- beginning and end ---

static void h2_lost(struct wf_http_session *s)
{
    struct h2 *h2 = h2_of(s);
    s->closing = true;
    while (h2->streams) {
        struct h2_stream *st = h2->streams;
        wf_exchange_closed(&st->ex, WF_CANCELLED);
        wf_h2_stream_free(st);
    }
    nghttp2_session_del(h2->ng);
    wf_buf_free(&h2->stash);
    free(h2);
}

static const struct wf_http_session_ops ops = {
    .read = h2_read,
    .writable = h2_writable,
    .eof = h2_eof,
    .drain = h2_drain,
    .tick = h2_tick,
    .lost = h2_lost,
};

static int new_nghttp2(struct h2 *h2)
{
    nghttp2_session_callbacks *callbacks = wf_h2_callbacks();
    nghttp2_option *option;
    if (!callbacks || nghttp2_option_new(&option) != 0)
        return WF_RESOURCE_EXHAUSTED;
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1); // priorities of the old kind are not served
    nghttp2_option_set_stream_reset_rate_limit(option, WF_RESET_BURST, WF_RESET_RATE);
    int rc = nghttp2_session_server_new2(&h2->ng, callbacks, h2, option);
    nghttp2_option_del(option);
    return rc == 0 ? WF_OK : WF_RESOURCE_EXHAUSTED;
}

static int say_hello(struct h2 *h2)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, WF_STREAMS_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WF_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, WF_HEADERS_MAX},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 0},
    };
    if (nghttp2_submit_settings(h2->ng, NGHTTP2_FLAG_NONE, settings,
                                sizeof settings / sizeof settings[0]) != 0 ||
        nghttp2_session_set_local_window_size(h2->ng, NGHTTP2_FLAG_NONE, 0, WF_CONN_WINDOW) != 0)
        return WF_RESOURCE_EXHAUSTED;
    wf_h2_wake(h2);
    return WF_OK;
}

struct wf_http_session *wf_h2_new(struct wf_http_shared *shared, const struct wf_transport *t)
{
    struct h2 *h2 = calloc(1, sizeof *h2);
    if (!h2)
        return NULL;
    wf_http_session_init(&h2->base, &ops, shared, t);
    wf_buf_init(&h2->stash, STASH_MAX);
    h2->idle_since = h2->control_at = h2->base.born;
    h2->control = WF_CONTROL_BURST;
    if (new_nghttp2(h2) != WF_OK || say_hello(h2) != WF_OK) {
        nghttp2_session_del(h2->ng);
        free(h2);
        return NULL;
    }
    return &h2->base;
}
