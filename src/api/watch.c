// SPDX-License-Identifier: Apache-2.0
#include "api/watch.h"

#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "api/rules.h"
#include "base/assert.h"
#include "watchfire/v1/log.pb-c.h"

enum {
    CHUNK_EVENTS = 256, // read from the table at once
    CHUNK_BYTES = 256 * 1024,
    FIELD_HASH = 60,
    INCIDENT_ID_MAX = 32,
};
static const wf_mono_ns SIGN_OF_LIFE_NS = 15000000000;
static const wf_mono_ns STALL_NS = 20000000000;

struct subscriber {
    struct subscriber *next, **link;
    struct wf_api *api;
    struct wf_call *call;
    char incident_id[INCIDENT_ID_MAX];
    uint64_t seen; // the last seq sent, or passed over
    bool blocked;  // the client's window is full
    wf_mono_ns blocked_at;
    wf_mono_ns sent_at;
};

// One event as it goes out, in the chunk's bytes.
struct item {
    uint64_t seq;
    size_t at, len;
    char incident_id[INCIDENT_ID_MAX];
};

struct wf_watches {
    struct subscriber *first;
    unsigned n;
    uint64_t last_seq; // newest known
    // The newest events, for those who have seen what lies before them: (base, last item].
    uint64_t base;
    unsigned n_items;
    struct item items[CHUNK_EVENTS];
    struct wf_buf bytes;
};

struct wf_watches *wf_watches_new(void)
{
    struct wf_watches *w = calloc(1, sizeof *w);
    if (w)
        wf_buf_init(&w->bytes, CHUNK_BYTES + WF_COMMAND_MAX * 2);
    return w;
}

void wf_watches_free(struct wf_watches *w)
{
    if (!w)
        return;
    WF_ASSERT(w->first == NULL);
    wf_buf_free(&w->bytes);
    free(w);
}

bool wf_watches_any(const struct wf_watches *w)
{
    return w->n > 0;
}

// --- messages ------------------------------------------------------------------------------------

static size_t put_varint(uint8_t *p, uint64_t v)
{
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        p[n++] = (uint8_t)(v | 0x80);
    p[n++] = (uint8_t)v;
    return n;
}

static int append_varint(struct wf_buf *b, uint64_t v)
{
    uint8_t p[10];
    return wf_buf_append(b, p, put_varint(p, v));
}

// A packed WatchEventsResponse: the event's canonical bytes with the hash behind them, as they are.
static int append_response(struct wf_buf *b, const uint8_t *canonical, size_t len,
                           const uint8_t hash[WF_HASH_SIZE], uint64_t last_seq)
{
    wf_buf_put_u8(b, 1 << 3 | 2);
    append_varint(b, len + 2 + 1 + WF_HASH_SIZE);
    wf_buf_append(b, canonical, len);
    append_varint(b, FIELD_HASH << 3 | 2);
    wf_buf_put_u8(b, WF_HASH_SIZE);
    wf_buf_append(b, hash, WF_HASH_SIZE);
    wf_buf_put_u8(b, 2 << 3);
    return append_varint(b, last_seq);
}

// Field 2 of a packed Event, which follows field 1, its number; "" when there is none.
static void incident_of(const uint8_t *p, size_t len, char out[INCIDENT_ID_MAX])
{
    size_t i = 0;
    out[0] = 0;
    if (len && p[0] == 1 << 3)
        for (i = 1; i < len && p[i++] & 0x80;)
            ;
    if (i + 2 > len || p[i] != (2 << 3 | 2) || p[i + 1] >= INCIDENT_ID_MAX ||
        i + 2 + p[i + 1] > len)
        return;
    memcpy(out, p + i + 2, p[i + 1]);
    out[p[i + 1]] = 0;
}

// --- reading -------------------------------------------------------------------------------------

static bool keep(void *ctx, uint64_t seq, const uint8_t *canonical, size_t len,
                 const uint8_t hash[WF_HASH_SIZE])
{
    struct wf_watches *w = ctx;
    struct item *item = &w->items[w->n_items];
    *item = (struct item){.seq = seq, .at = w->bytes.len};
    incident_of(canonical, len, item->incident_id);
    if (append_response(&w->bytes, canonical, len, hash, seq) != WF_OK)
        return false;
    item->len = w->bytes.len - item->at;
    w->n_items++;
    w->last_seq = seq;
    return w->bytes.len < CHUNK_BYTES;
}

// Read the events after last_seq into the chunk. True when there are any.
static bool read_new(struct wf_api *api)
{
    struct wf_watches *w = api->watches;
    struct wf_err err;
    w->base = w->last_seq;
    w->n_items = 0;
    wf_buf_reset(&w->bytes);
    // A failure shows at the next read that somebody waits for; the watchers are woken again.
    if (wf_state_events(api->reader, "", w->base, CHUNK_EVENTS, keep, w, &err) != WF_OK)
        w->n_items = 0;
    return w->n_items > 0;
}

// --- subscribers ---------------------------------------------------------------------------------

static void sent(struct subscriber *s, uint64_t seq)
{
    s->seen = seq;
    s->sent_at = wf_api_now(s->api);
}

static void block(struct subscriber *s)
{
    if (!s->blocked)
        s->blocked_at = wf_api_now(s->api);
    s->blocked = true;
}

// Send an event. A send that fails may have ended the call, and s with it: whoever goes on looks at
// the call first.
static void send_event(struct subscriber *s, const uint8_t *data, size_t len, uint64_t seq)
{
    struct wf_call *call = s->call;
    if (wf_call_send_packed(call, data, len))
        sent(s, seq);
    else if (!wf_call_over(call))
        block(s);
}

// Give a subscriber what the chunk has for it.
static void deliver_chunk(struct wf_watches *w, struct subscriber *s)
{
    struct wf_call *call = s->call;
    for (unsigned i = 0; i < w->n_items && !wf_call_over(call) && !s->blocked; i++) {
        const struct item *item = &w->items[i];
        if (item->seq <= s->seen)
            continue;
        if (*s->incident_id && strcmp(s->incident_id, item->incident_id) != 0)
            s->seen = item->seq;
        else
            send_event(s, w->bytes.data + item->at, item->len, item->seq);
    }
}

static bool send_from_table(void *ctx, uint64_t seq, const uint8_t *canonical, size_t len,
                            const uint8_t hash[WF_HASH_SIZE])
{
    struct subscriber *s = ctx;
    struct wf_call *call = s->call;
    struct wf_buf *b = &s->api->scratch;
    uint64_t last = s->api->watches->last_seq;
    wf_buf_reset(b);
    if (append_response(b, canonical, len, hash, seq > last ? seq : last) != WF_OK)
        return false;
    send_event(s, b->data, b->len, seq);
    return !wf_call_over(call) && !s->blocked;
}

// Bring a subscriber up to date from the table, a chunk per turn so that others get theirs. True
// when there is more to come.
static bool catch_up(struct subscriber *s)
{
    struct wf_watches *w = s->api->watches;
    struct wf_api *api = s->api;
    struct wf_call *call = s->call;
    struct wf_err err;
    if (s->blocked || s->seen >= w->base)
        return false;
    uint64_t before = s->seen;
    int rc = wf_state_events(s->api->reader, s->incident_id, s->seen, CHUNK_EVENTS, send_from_table,
                             s, &err);
    if (rc != WF_OK)
        wf_api_fail(api, call, &err);
    if (wf_call_over(call))
        return false;
    // Nothing of its incident is left below the chunk.
    if (!s->blocked && s->seen == before)
        s->seen = w->base;
    return !s->blocked && s->seen < w->base;
}

// The caller holds the call, which may end here, and s with it.
static void pump(struct subscriber *s)
{
    struct wf_call *call = s->call;
    while (catch_up(s))
        ;
    if (!wf_call_over(call) && s->seen >= s->api->watches->base)
        deliver_chunk(s->api->watches, s);
}

static void on_over(struct wf_call *call, void *user)
{
    struct subscriber *s = user;
    struct wf_watches *w = s->api->watches;
    (void)call;
    *s->link = s->next;
    if (s->next)
        s->next->link = s->link;
    w->n--;
    wf_metric_set(s->api->m.subscribers, w->n);
    free(s);
}

static void on_writable(struct wf_call *call, void *user)
{
    struct subscriber *s = user;
    s->blocked = false;
    wf_call_ref(call); // the call may end below, and s with it
    pump(s);
    wf_call_unref(call);
}

// The first subscriber for a while: begin at the log's end rather than where the last one left.
static int look_up_end(struct wf_api *api, struct wf_err *err)
{
    struct wf_watches *w = api->watches;
    int rc = wf_api_newest_seq(api, &w->last_seq, err);
    w->base = w->last_seq;
    w->n_items = 0;
    return rc;
}

static void subscribe(struct wf_api *api, struct wf_call *call, struct subscriber *s)
{
    struct wf_watches *w = api->watches;
    const Watchfire__V1__WatchEventsRequest *q = (const void *)wf_call_request(call);
    s->api = api;
    s->call = call;
    strncpy(s->incident_id, q->incident_id, sizeof s->incident_id - 1);
    s->seen = q->from_now ? w->last_seq : q->after_seq;
    s->sent_at = wf_api_now(api);
    s->next = w->first;
    s->link = &w->first;
    if (w->first)
        w->first->link = &s->next;
    w->first = s;
    wf_metric_set(api->m.subscribers, ++w->n);
    wf_call_set_user(call, s, on_over);
    wf_call_on_writable(call, on_writable);
}

static int admit(struct wf_api *api, const Watchfire__V1__WatchEventsRequest *q, struct wf_err *err)
{
    if (wf_api_fenced(api, err))
        return err->code;
    if (api->draining)
        return wf_fail_reason(err, WF_UNAVAILABLE, "DRAINING",
                              "the node is stopping: watch another");
    if (strlen(q->incident_id) >= INCIDENT_ID_MAX)
        return wf_fail_reason(err, WF_NOT_FOUND, "UNKNOWN_INCIDENT",
                              "there is no incident \"%.40s\": list those there are",
                              q->incident_id);
    if (api->watches->n >= WF_SUBSCRIBERS_MAX)
        return wf_fail_reason(err, WF_RESOURCE_EXHAUSTED, "TOO_MANY_WATCHES",
                              "this node has %d watch streams already: watch another node",
                              WF_SUBSCRIBERS_MAX);
    return WF_OK;
}

void wf_watch_events(struct wf_api *api, struct wf_call *call, const struct wf_principal *who)
{
    const Watchfire__V1__WatchEventsRequest *q = (const void *)wf_call_request(call);
    struct wf_err err;
    struct subscriber *s = NULL;
    (void)who;
    int rc = admit(api, q, &err);
    if (rc == WF_OK && !(s = calloc(1, sizeof *s)))
        rc = wf_fail(&err, WF_RESOURCE_EXHAUSTED, "out of memory");
    if (rc == WF_OK && api->watches->n == 0)
        rc = look_up_end(api, &err);
    if (rc != WF_OK) {
        wf_api_fail(api, call, &err);
        free(s);
        return;
    }
    wf_watches_wake(api); // know the newest before "from now" is decided
    subscribe(api, call, s);
    wf_call_ref(call);
    pump(s);
    wf_call_unref(call);
}

// --- waking --------------------------------------------------------------------------------------

void wf_watches_wake(struct wf_api *api)
{
    struct wf_watches *w = api->watches;
    while (w->n > 0 && read_new(api))
        for (struct subscriber *s = w->first, *next; s; s = next) {
            next = s->next;
            wf_call_ref(s->call);
            struct wf_call *call = s->call;
            if (!s->blocked)
                pump(s);
            wf_call_unref(call);
        }
}

// The call's end takes the subscriber with it.
static void end_slow(struct subscriber *s)
{
    struct wf_err err;
    wf_metric_add(s->api->m.slow, 1);
    wf_fail_reason(&err, WF_ABORTED, "SLOW_SUBSCRIBER",
                   "nothing was read for 20 seconds while events waited: resume after seq %llu",
                   (unsigned long long)s->seen);
    wf_api_fail(s->api, s->call, &err);
}

static void sign_of_life(struct subscriber *s)
{
    Watchfire__V1__WatchEventsResponse r = WATCHFIRE__V1__WATCH_EVENTS_RESPONSE__INIT;
    struct wf_call *call = s->call;
    r.last_seq = s->api->watches->last_seq;
    if (wf_call_send(call, &r.base))
        s->sent_at = wf_api_now(s->api);
    else if (!wf_call_over(call))
        block(s);
}

static void end_all(struct wf_api *api, const struct wf_err *err)
{
    for (struct subscriber *s = api->watches->first, *next; s; s = next) {
        next = s->next;
        struct wf_call *call = wf_call_ref(s->call);
        wf_api_fail(api, s->call, err);
        wf_call_unref(call);
    }
}

void wf_watches_tick(struct wf_api *api)
{
    wf_mono_ns now = wf_api_now(api);
    struct wf_err err;
    if (api->watches->n > 0 && wf_api_fenced(api, &err)) {
        end_all(api, &err);
        return;
    }
    for (struct subscriber *s = api->watches->first, *next; s; s = next) {
        next = s->next;
        struct wf_call *call = wf_call_ref(s->call);
        if (s->blocked && now - s->blocked_at > STALL_NS)
            end_slow(s);
        else if (!s->blocked && now - s->sent_at >= SIGN_OF_LIFE_NS)
            sign_of_life(s);
        wf_call_unref(call);
    }
}

void wf_watches_end(struct wf_api *api)
{
    struct wf_err err;
    wf_fail_reason(&err, WF_UNAVAILABLE, "DRAINING",
                   "the node is stopping: resume at another after the last seq seen");
    end_all(api, &err);
}
