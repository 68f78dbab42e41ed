// SPDX-License-Identifier: Apache-2.0
// Watching events over broken connections: LogService/WatchEvents, resumed after the last event.
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "client/internal.h"

// A sign of life comes at least every 15 s (log.proto); two may be late.
enum { SILENCE_MS = 40000, OPEN_MS = 30000 };

struct wf_client_watch {
    struct wf_client *client;
    struct wf_op *op;
    char *incident_id;
    uint64_t seq;  // events up to this one are known
    bool from_now; // and seq says nothing yet
    bool cancelled, talking;
    struct wf_client_watch_events events;
    void *ctx;
};

static bool start(struct wf_client_watch *w);

static void release(struct wf_client_watch *w)
{
    free(w->incident_id);
    free(w);
}

static void on_message(void *ctx, ProtobufCMessage *message)
{
    struct wf_client_watch *w = ctx;
    const Watchfire__V1__WatchEventsResponse *m = (const void *)message;
    const Watchfire__V1__Event *e = m->event;
    if (w->from_now) {
        w->seq = e ? e->seq - 1 : m->last_seq;
        w->from_now = false;
    }
    // An event that was given out already is not given out again, whatever a server sends.
    if (e && e->seq > w->seq) {
        w->seq = e->seq;
        w->talking = true;
        w->events.event(w->ctx, e);
        w->talking = false;
    }
    protobuf_c_message_free_unpacked(message, NULL);
    if (w->cancelled)
        release(w);
}

// What another connection may mend, once there has been one.
static bool is_passing(int code)
{
    return code == WF_OK || code == WF_UNAVAILABLE || code == WF_ABORTED ||
           code == WF_DEADLINE_EXCEEDED;
}

static void on_done(void *ctx, const struct wf_client_error *err)
{
    struct wf_client_watch *w = ctx;
    bool had_begun = w->op->answered;
    w->op = NULL;
    if (!w->client->closing && had_begun && is_passing(err->code)) {
        w->talking = true;
        if (w->events.interrupted)
            w->events.interrupted(w->ctx, err);
        w->talking = false;
        if (w->cancelled) {
            release(w);
            return;
        }
        if (start(w))
            return;
    }
    struct wf_client_watch copy = *w;
    release(w);
    copy.events.closed(copy.ctx, err);
}

static bool start(struct wf_client_watch *w)
{
    static const struct wf_op_events events = {on_message, on_done};
    Watchfire__V1__WatchEventsRequest request = WATCHFIRE__V1__WATCH_EVENTS_REQUEST__INIT;
    request.incident_id = w->incident_id;
    request.after_seq = w->seq;
    request.from_now = w->from_now;
    unsigned usual = w->client->options.timeout_ms;
    struct wf_client_call_options o = {.timeout_ms = usual > OPEN_MS ? usual : OPEN_MS};
    w->op = wf_op_start(w->client, "/watchfire.v1.LogService/WatchEvents", &request.base, &o, true,
                        &events, w);
    if (w->op)
        w->op->idle_ms = SILENCE_MS;
    return w->op != NULL;
}

struct wf_client_watch *wf_client_watch_open(struct wf_client *client,
                                             const struct wf_client_watch_options *options,
                                             const struct wf_client_watch_events *events, void *ctx)
{
    struct wf_client_watch *w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    *w = (struct wf_client_watch){.client = client,
                                  .incident_id =
                                      strdup(options->incident_id ? options->incident_id : ""),
                                  .seq = options->from_now ? 0 : options->after_seq,
                                  .from_now = options->from_now,
                                  .events = *events,
                                  .ctx = ctx};
    if (!w->incident_id || !start(w)) {
        release(w);
        return NULL;
    }
    return w;
}

uint64_t wf_client_watch_seq(const struct wf_client_watch *w)
{
    return w->seq;
}

void wf_client_watch_cancel(struct wf_client_watch *w)
{
    WF_ASSERT(!w->cancelled);
    if (w->op)
        wf_op_cancel(w->op);
    w->op = NULL;
    w->cancelled = true;
    if (!w->talking) // else whoever is talking to the owner releases it afterwards
        release(w);
}
