// SPDX-License-Identifier: Apache-2.0
// The bytes of a connection: from the socket through the session to the protocol, and back at the
// end of the turn.
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "tls/conn_internal.h"

enum {
    ENCRYPT_STEP = 16 * 16384, // sixteen full records, then see what the kernel takes
    FLUSH_ROUNDS = 8,          // of encrypt and send in one turn: others want theirs
    FIRST_CAP = 16 * 1024,     // of what is collected: one record
    KEEP_CAP = 4 * 1024, // an empty buffer larger than this is given back: most connections idle
};

// --- in ---

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
    struct wf_conn *c = h->data;
    (void)suggested;
    *buf = uv_buf_init((char *)c->turn->cipher_in, sizeof c->turn->cipher_in);
}

// The peer's goodbye. Without a callback for it we answer in kind.
static void at_eof(struct wf_conn *c)
{
    if (c->eof)
        return;
    c->eof = true;
    if (c->proto.eof)
        c->proto.eof(c, c->user);
    else {
        struct wf_err err = {0};
        wf_fail(&err, WF_UNAVAILABLE, "%s closed the connection", c->address);
        conn_fail(c, &err);
    }
}

static void handshake_failed(struct wf_conn *c, const struct wf_err *err)
{
    if (c->owner)
        c->owner->failed(c->owner, c, err);
    conn_fail(c, err);
}

static void open_protocol(struct wf_conn *c)
{
    struct wf_err err = {0};
    WF_ASSERT(c->state == CONN_HANDSHAKE);
    if (c->owner)
        c->proto = *c->owner->shaken(c->owner, c);
    c->state = CONN_OPEN;
    uv_timer_stop(&c->timer);
    wf_conn_set_idle_timeout(c, c->idle_ms);
    c->tell_closed = true;
    int rc = c->proto.open ? c->proto.open(c->proto.ctx, c) : WF_OK;
    if (rc == WF_OK)
        return;
    c->tell_closed = false;
    wf_fail(&err, rc, "the connection was turned away");
    conn_fail(c, &err);
}

static void shake(struct wf_conn *c)
{
    struct wf_err err = {0};
    bool done;
    if (wf_session_handshake(c->session, &done, &err) != WF_OK) {
        handshake_failed(c, &err);
        return;
    }
    if (!done)
        return;
    if (!c->owner && wf_session_alpn(c->session) < 0 && strcmp(c->proto.alpn, "http/1.1") != 0) {
        wf_fail(&err, WF_FAILED_PRECONDITION, "%s does not speak %s", c->address, c->proto.alpn);
        handshake_failed(c, &err);
        return;
    }
    open_protocol(c);
}

// Fill the shared buffer with plaintext. Returns how much; the connection may have failed.
static size_t decrypt(struct wf_conn *c, bool *eof)
{
    struct wf_err err = {0};
    uint8_t *buf = c->turn->plain_in;
    size_t have = 0, n;
    do {
        int rc = wf_session_read(c->session, buf + have, WF_TURN_PLAIN_SIZE - have, &n, eof, &err);
        if (rc != WF_OK) {
            conn_fail(c, &err);
            return 0;
        }
        have += n;
        WF_ASSERT(have <= WF_TURN_PLAIN_SIZE);
    } while (n > 0 && !*eof && have < WF_TURN_PLAIN_SIZE);
    return have;
}

static void take_in(struct wf_conn *c)
{
    if (c->state == CONN_HANDSHAKE && !c->waits_to_shake)
        shake(c);
    while (c->state == CONN_OPEN && !c->paused && !c->eof) {
        bool eof = false;
        size_t n = decrypt(c, &eof);
        if (n > 0)
            c->proto.read(c, c->user, c->turn->plain_in, n);
        if (eof && c->state == CONN_OPEN)
            at_eof(c);
        if (n == 0)
            break;
    }
}

static void socket_ended(struct wf_conn *c, int status)
{
    struct wf_err err = {0};
    c->reading = false;
    (void)uv_read_stop((uv_stream_t *)&c->tcp);
    c->socket_eof = true;
    if (c->state == CONN_OPEN && c->eof && status == UV_EOF)
        return; // said goodbye before: it may still be listening
    if (status == UV_EOF)
        wf_fail(&err, WF_UNAVAILABLE, "%s cut the connection", c->address);
    else
        wf_fail(&err, WF_UNAVAILABLE, "connection to %s: %s", c->address, uv_strerror(status));
    if (c->state == CONN_CLOSING && !c->finishing && status == UV_EOF)
        return; // it may still take what is queued
    if (c->state == CONN_HANDSHAKE && c->owner)
        c->owner->failed(c->owner, c, &err);
    conn_destroy(c, &err);
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
    struct wf_conn *c = stream->data;
    if (nread == 0 || c->state == CONN_CLOSED)
        return;
    if (nread < 0) {
        socket_ended(c, (int)nread);
        return;
    }
    c->last_read = uv_now(c->turn->loop);
    if (c->state == CONN_CLOSING)
        return; // lingering
    if (c->state == CONN_HANDSHAKE && c->owner && !c->has_slot && !c->waits_to_shake)
        c->waits_to_shake = !c->owner->may_shake(c->owner, c);
    if (c->waits_to_shake) {
        c->reading = false;
        (void)uv_read_stop(stream);
    }
    wf_session_lend(c->session, (const uint8_t *)buf->base, (size_t)nread);
    take_in(c);
    if (!c->session)
        return; // went away in a parcel, with its bytes
    if (wf_session_keep(c->session) != WF_OK) {
        struct wf_err err = {0};
        wf_fail(&err, WF_RESOURCE_EXHAUSTED, "out of memory for what %s sent", c->address);
        conn_destroy(c, &err);
    }
    conn_check(c);
    conn_schedule(c);
}

void conn_read_start(struct wf_conn *c)
{
    if (c->reading || c->socket_eof || c->state == CONN_CLOSED)
        return;
    int rc = uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
    WF_ASSERT(rc == 0);
    c->reading = true;
}

void conn_shake(struct wf_conn *c)
{
    WF_ASSERT(c->waits_to_shake);
    c->waits_to_shake = false;
    if (c->state != CONN_HANDSHAKE)
        return;
    conn_read_start(c);
    conn_schedule(c);
}

void wf_conn_pause(struct wf_conn *c)
{
    c->paused = true;
    if (c->reading && c->state == CONN_OPEN) {
        (void)uv_read_stop((uv_stream_t *)&c->tcp);
        c->reading = false;
    }
}

void wf_conn_resume(struct wf_conn *c)
{
    if (!c->paused)
        return;
    c->paused = false;
    if (c->state != CONN_OPEN)
        return;
    conn_read_start(c);
    conn_schedule(c); // bytes may be waiting in the session
}

// --- out ---

void conn_schedule(struct wf_conn *c)
{
    if (c->state != CONN_CLOSED && c->state != CONN_DIALLING)
        wf_turn_add(c->turn, &c->entry);
}

static size_t plain_left(const struct wf_conn *c)
{
    return c->plain.len - c->plain_at;
}

size_t wf_conn_queued(const struct wf_conn *c)
{
    if (!c->session)
        return 0;
    return plain_left(c) + wf_session_output(c->session)->len +
           uv_stream_get_write_queue_size((const uv_stream_t *)&c->tcp);
}

bool wf_conn_may_write(const struct wf_conn *c)
{
    return c->state == CONN_OPEN && wf_conn_queued(c) < WF_TLS_QUEUE_HIGH;
}

void wf_conn_wake(struct wf_conn *c)
{
    c->wake = true;
    conn_schedule(c);
}

int wf_conn_write(struct wf_conn *c, const uint8_t *data, size_t len)
{
    if (c->state != CONN_OPEN)
        return WF_UNAVAILABLE;
    if (c->plain_at > 0 && c->plain.cap - c->plain.len < len) {
        wf_buf_consume(&c->plain, c->plain_at);
        c->plain_at = 0;
    }
    if (c->plain.cap == 0 && len < FIRST_CAP)
        (void)wf_buf_reserve(&c->plain, FIRST_CAP); // grows in fewer steps; a failure shows below
    if (wf_conn_queued(c) + len > WF_TLS_QUEUE_MAX ||
        wf_buf_append(&c->plain, data, len) != WF_OK) {
        struct wf_err err = {0};
        wf_fail(&err, WF_RESOURCE_EXHAUSTED, "%s does not take what is sent: %zu bytes are queued",
                c->address, wf_conn_queued(c));
        conn_destroy(c, &err);
        return WF_RESOURCE_EXHAUSTED;
    }
    conn_schedule(c);
    return WF_OK;
}

// Move some plaintext into the session's output. Returns false when the connection ended.
static bool encrypt(struct wf_conn *c)
{
    size_t n = plain_left(c);
    struct wf_err err = {0};
    if (n == 0)
        return true;
    n = n < ENCRYPT_STEP ? n : ENCRYPT_STEP;
    if (wf_session_write(c->session, c->plain.data + c->plain_at, n, &err) != WF_OK) {
        conn_destroy(c, &err);
        return false;
    }
    c->plain_at += n;
    WF_ASSERT(c->plain_at <= c->plain.len);
    if (plain_left(c) > 0)
        return true;
    c->plain_at = 0;
    if (c->plain.cap > KEEP_CAP)
        wf_buf_free(&c->plain);
    else
        wf_buf_reset(&c->plain);
    return true;
}

static void on_written(uv_write_t *req, int status)
{
    struct wf_conn *c = req->data;
    WF_ASSERT(c->writing);
    c->writing = false;
    wf_buf_free(&c->sending);
    if (c->state == CONN_CLOSED)
        return;
    if (status < 0) {
        socket_ended(c, status);
        return;
    }
    c->wake = true;
    conn_schedule(c);
}

// What the kernel did not take at once goes the slow way.
static void send_rest(struct wf_conn *c, struct wf_buf *out)
{
    WF_ASSERT(c->sending.len == 0 && !c->writing && out->len > 0);
    size_t len;
    c->sending.data = wf_buf_take(out, &len);
    c->sending.len = c->sending.cap = len;
    uv_buf_t buf = uv_buf_init((char *)c->sending.data, (unsigned)len);
    int rc = uv_write(&c->write_req, (uv_stream_t *)&c->tcp, &buf, 1, on_written);
    if (rc == 0)
        c->writing = true;
    else
        socket_ended(c, rc);
}

// Returns true when all went into the kernel.
static bool send_output(struct wf_conn *c)
{
    struct wf_buf *out = wf_session_output(c->session);
    if (out->len == 0)
        return true;
    uv_buf_t buf = uv_buf_init((char *)out->data, (unsigned)out->len);
    int n = uv_try_write((uv_stream_t *)&c->tcp, &buf, 1);
    if (n < 0 && n != UV_EAGAIN) {
        socket_ended(c, n);
        return false;
    }
    WF_ASSERT(n <= 0 || (size_t)n <= out->len);
    wf_buf_consume(out, n > 0 ? (size_t)n : 0);
    if (out->len > 0) {
        send_rest(c, out);
        return false;
    }
    if (out->cap > KEEP_CAP)
        wf_buf_free(out);
    return true;
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
    struct wf_conn *c = req->data;
    if (c->state == CONN_CLOSED)
        return;
    if (status < 0 || c->socket_eof) {
        conn_destroy(c, &c->err);
        return;
    }
    uv_timer_start(&c->timer, conn_on_timer, WF_LINGER_MS, 0);
    conn_read_start(c);
}

// All is sent: the goodbye, then the end of our direction, then what the peer still sends is read
// and dropped for a moment. Closing with unread bytes would reset the connection and take our last
// words.
static void finish(struct wf_conn *c)
{
    if (c->finishing)
        return;
    wf_session_shutdown(c->session);
    if (!send_output(c) || c->state == CONN_CLOSED)
        return;
    c->finishing = true;
    if (uv_shutdown(&c->shutdown_req, (uv_stream_t *)&c->tcp, on_shutdown) != 0)
        conn_destroy(c, &c->err);
}

void wf_conn_flush(struct wf_conn *c)
{
    if (c->state == CONN_CLOSED || c->state == CONN_DIALLING || c->writing)
        return;
    do {
        if (!encrypt(c) || !send_output(c))
            return;
    } while (plain_left(c) > 0);
}

// One round of collecting and sending. Returns true when another one is worth it.
static bool flush_round(struct wf_conn *c)
{
    if (c->state == CONN_OPEN && c->wake && wf_conn_queued(c) <= WF_TLS_QUEUE_HIGH / 2) {
        c->wake = false;
        if (c->proto.writable)
            c->proto.writable(c, c->user);
    }
    if (c->state == CONN_CLOSED || !c->session || c->writing)
        return false;
    bool had = plain_left(c) > 0;
    if (!encrypt(c) || !send_output(c))
        return false;
    c->wake |= had && plain_left(c) == 0;
    return had;
}

void conn_run(struct wf_turn_entry *e)
{
    struct wf_conn *c = (struct wf_conn *)((char *)e - offsetof(struct wf_conn, entry));
    bool more = true;
    take_in(c);
    for (int i = 0; i < FLUSH_ROUNDS && more && c->session; i++)
        more = flush_round(c);
    if (c->state == CONN_CLOSED || !c->session)
        return;
    if (more)
        conn_schedule(c);
    else if (c->state == CONN_CLOSING && !c->writing && plain_left(c) == 0)
        finish(c);
}
