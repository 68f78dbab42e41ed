// SPDX-License-Identifier: Apache-2.0
#include "api/api.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/authorize.h"
#include "api/context.h"
#include "api/read.h"
#include "api/refusals.h"
#include "api/rules.h"
#include "api/watch.h"
#include "api/write.h"
#include "base/assert.h"
#include "base/hash.h"
#include "watchfire/v1/log.pb-c.h"

// The largest answer: a page of events as large as they come.
enum { SCRATCH_MAX = 64 * 1024 * 1024, SCRATCH_KEEP = 1024 * 1024 };

// --- errors and asks -----------------------------------------------------------------------------

wf_mono_ns wf_api_now(const struct wf_api *api)
{
    return uv_now(api->o.loop) * 1000000;
}

void wf_api_fail(struct wf_api *api, struct wf_call *call, const struct wf_err *err)
{
    Watchfire__V1__ErrorDetail detail = WATCHFIRE__V1__ERROR_DETAIL__INIT;
    struct wf_view view;
    if (!*err->reason) {
        wf_call_fail(call, err, NULL);
        return;
    }
    detail.reason = (char *)err->reason;
    if (strcmp(err->reason, "NOT_LEADER") == 0 || strcmp(err->reason, "NO_LEADER") == 0) {
        api->o.backend->view(api->o.backend->ctx, &view);
        detail.leader_address = view.leader_address;
    }
    wf_call_fail(call, err, &detail.base);
}

int wf_api_ask(struct wf_api *api, struct wf_call *call, struct wf_ask *ask)
{
    if (ask && api->o.backend->ask(api->o.backend->ctx, ask) == WF_OK)
        return WF_OK;
    struct wf_err err;
    wf_metric_add(api->m.queue_full, 1);
    wf_fail_reason(&err, WF_RESOURCE_EXHAUSTED, "QUEUE_FULL",
                   "too many requests are under way on this node: nothing happened, try again "
                   "later");
    wf_api_fail(api, call, &err);
    wf_ask_free(ask);
    return WF_RESOURCE_EXHAUSTED;
}

bool wf_api_fenced(const struct wf_api *api, struct wf_err *err)
{
    struct wf_view view;
    api->o.backend->view(api->o.backend->ctx, &view);
    if (view.fenced)
        wf_fail_reason(err, WF_UNAVAILABLE, "FENCED",
                       "this node has fenced itself off and serves nothing: ask another one");
    return view.fenced;
}

int wf_api_newest_seq(struct wf_api *api, uint64_t *out, struct wf_err *err)
{
    Watchfire__V1__ListEventsRequest q = WATCHFIRE__V1__LIST_EVENTS_REQUEST__INIT;
    ProtobufCMessage *response = NULL;
    q.newest_first = 1;
    q.page_size = 1;
    int rc = wf_state_query(api->reader, &q.base, &response, err);
    if (rc != WF_OK)
        return rc;
    const Watchfire__V1__ListEventsResponse *r = (const void *)response;
    *out = r->n_events ? r->events[0]->seq : 0;
    protobuf_c_message_free_unpacked(response, NULL);
    return WF_OK;
}

// --- calls ---------------------------------------------------------------------------------------

// What a refused call was about, for the audit.
static const char *target_of(const ProtobufCMessage *request)
{
    static const char *const names[] = {"incident_id", "id", "name", "owner"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const ProtobufCFieldDescriptor *f =
            protobuf_c_message_descriptor_get_field_by_name(request->descriptor, names[i]);
        if (f && f->type == PROTOBUF_C_TYPE_STRING && f->label != PROTOBUF_C_LABEL_REPEATED)
            return *(char *const *)((const char *)request + f->offset);
    }
    return "";
}

static void dispatch(struct wf_api *api, struct wf_call *call, const struct wf_rule *rule,
                     const struct wf_principal *who)
{
    switch (rule->kind) {
    case WF_RULE_WRITE:
        wf_write(api, call, rule, who);
        return;
    case WF_RULE_READ:
    case WF_RULE_LOCAL:
        wf_read(api, call, rule);
        return;
    case WF_RULE_HANDLER:
        rule->handle(api, call, who);
        return;
    }
    WF_UNREACHABLE();
}

// Nothing is known here of the caller, but this node may lag behind the leader: a token made a
// moment ago through it must work. So who is unknown is looked up once more, behind the fence.
struct second_look {
    struct wf_api *api;
    struct wf_call *call;
};

static void judge(struct wf_api *api, struct wf_call *call, bool final);

static void on_fence(struct wf_ask *ask)
{
    struct second_look *l = ask->user;
    wf_ask_free(ask); // without a leader, what is known has to do
    judge(l->api, l->call, true);
    wf_call_unref(l->call);
    free(l);
}

// False: err is the answer, which may have become another one.
static bool look_again(struct wf_api *api, struct wf_call *call, struct wf_err *err)
{
    struct wf_view view;
    if (strcmp(err->reason, "UNKNOWN_TOKEN") != 0 && strcmp(err->reason, "NO_ROLE") != 0)
        return false;
    api->o.backend->view(api->o.backend->ctx, &view);
    if (!view.begun) {
        wf_fail_reason(err, WF_UNAVAILABLE, "NOT_BEGUN",
                       "this node knows nobody yet: its cluster has just begun, or it has just "
                       "joined; try again in a moment");
        return false;
    }
    if (view.leading || !*view.leader)
        return false;
    if (api->looks >= WF_SECOND_LOOKS) {
        wf_fail_reason(err, WF_UNAVAILABLE, "UNKNOWN_CALLERS",
                       "this node does not know who is calling and looks up too many unknown "
                       "callers already: try again in a second, or at %s",
                       view.leader);
        return false;
    }
    api->looks++;
    struct second_look *l = malloc(sizeof *l);
    struct wf_ask *ask = l ? wf_ask_new(WF_ASK_READ, 0, on_fence, l) : NULL;
    if (!ask || api->o.backend->ask(api->o.backend->ctx, ask) != WF_OK) {
        wf_ask_free(ask);
        free(l);
        return false;
    }
    *l = (struct second_look){api, wf_call_ref(call)};
    return true;
}

static void judge(struct wf_api *api, struct wf_call *call, bool final)
{
    const char *path = wf_call_method(call)->path;
    const ProtobufCMessage *request = wf_call_request(call);
    const struct wf_rule *rule = wf_rule_find(path);
    const struct wf_principal *who = NULL;
    struct wf_err err;
    WF_ASSERT(rule != NULL);
    int rc =
        wf_identify(api, wf_call_peer(call), wf_call_metadata(call, "authorization"), &who, &err);
    if (rc == WF_OK)
        rc = wf_permit(rule, who, request, &err);
    if (rc == WF_OK) {
        dispatch(api, call, rule, who);
        return;
    }
    if (!final && look_again(api, call, &err))
        return;
    if (err.code == WF_UNAUTHENTICATED || err.code == WF_PERMISSION_DENIED)
        wf_refused(api, who, path, target_of(request), &err);
    wf_api_fail(api, call, &err);
}

static void on_call(void *ctx, struct wf_call *call)
{
    judge(ctx, call, false);
}

void wf_api_serve(struct wf_api *api, struct wf_rpc_server *rpc)
{
    wf_rpc_server_handle(rpc, "watchfire.v1.IncidentService", on_call, api);
    wf_rpc_server_handle(rpc, "watchfire.v1.LogService", on_call, api);
    wf_rpc_server_handle(rpc, "watchfire.v1.ClusterService", on_call, api);
    wf_rpc_server_handle(rpc, "watchfire.v1.AccessService", on_call, api);
}

// --- the loop ------------------------------------------------------------------------------------

static void on_second(uv_timer_t *t)
{
    struct wf_api *api = t->data;
    api->looks = 0;
    wf_refusals_flush(api);
    wf_watches_tick(api);
    if (api->scratch.cap > SCRATCH_KEEP)
        wf_buf_free(&api->scratch);
}

static void on_before(uv_prepare_t *h)
{
    wf_reads_flush(h->data);
}

static void on_after(uv_check_t *h)
{
    wf_reads_flush(h->data);
}

static void start_handles(struct wf_api *api)
{
    uv_loop_t *loop = api->o.loop;
    uv_timer_init(loop, &api->second);
    uv_prepare_init(loop, &api->before);
    uv_check_init(loop, &api->after);
    api->second.data = api->before.data = api->after.data = api;
    api->handles = 3;
    uv_timer_start(&api->second, on_second, 1000, 1000);
    uv_prepare_start(&api->before, on_before);
    uv_check_start(&api->after, on_after);
}

static void make_metrics(struct wf_api *api)
{
    struct wf_metrics *m = api->o.metrics;
    api->m.refused =
        wf_counter(m, "watchfire_calls_refused", "", "Calls refused because of who asked");
    api->m.reads_shared =
        wf_counter(m, "watchfire_reads_shared", "", "Reads that shared the proof of another one");
    api->m.slow = wf_counter(m, "watchfire_watches_slow", "",
                             "Watch streams ended because their reader was too slow");
    api->m.subscribers = wf_gauge(m, "watchfire_watches", "", "Watch streams now");
    api->m.queue_full =
        wf_counter(m, "watchfire_limit_hits", "limit=\"asks\"", "Times a limit was hit");
}

static void discard(struct wf_api *api)
{
    wf_state_reader_close(api->reader);
    wf_identities_free(api->identities);
    wf_refusals_free(api->refusals);
    wf_reads_free(api->reads);
    wf_watches_free(api->watches);
    wf_buf_free(&api->scratch);
    free(api);
}

int wf_api_open(struct wf_api **out, const struct wf_api_options *opts, struct wf_err *err)
{
    struct wf_api *api = calloc(1, sizeof *api);
    uint8_t random[8];
    char hex[2 * sizeof random + 1];
    if (!api)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    api->o = *opts;
    wf_buf_init(&api->scratch, SCRATCH_MAX);
    api->identities = wf_identities_new();
    api->refusals = wf_refusals_new();
    api->reads = wf_reads_new();
    api->watches = wf_watches_new();
    int rc = WF_OK;
    if (!api->identities || !api->refusals || !api->reads || !api->watches)
        rc = wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    if (rc == WF_OK && RAND_bytes(random, sizeof random) != 1)
        rc = wf_fail(err, WF_INTERNAL, "no random numbers from OpenSSL");
    if (rc == WF_OK)
        rc = wf_state_reader_open(&api->reader, opts->state, err);
    if (rc != WF_OK) {
        discard(api);
        return rc;
    }
    snprintf(api->id_prefix, sizeof api->id_prefix, "auto-%s-", wf_hex(random, sizeof random, hex));
    make_metrics(api);
    start_handles(api);
    *out = api;
    return WF_OK;
}

void wf_api_applied(struct wf_api *api)
{
    wf_watches_wake(api);
}

bool wf_api_watched(const struct wf_api *api)
{
    return wf_watches_any(api->watches);
}

void wf_api_refused_peer(struct wf_api *api, const char *address, const char *why)
{
    struct wf_err err;
    wf_fail_reason(&err, WF_UNAUTHENTICATED, "BAD_CERTIFICATE", "%s: %s", address, why);
    wf_refused(api, NULL, "tls", "", &err);
}

void wf_api_drain(struct wf_api *api)
{
    api->draining = true;
    wf_watches_end(api);
}

bool wf_api_idle(const struct wf_api *api)
{
    return api->jobs == 0;
}

static void on_closed(uv_handle_t *h)
{
    struct wf_api *api = h->data;
    if (--api->handles > 0)
        return;
    void (*closed)(void *) = api->closed;
    void *ctx = api->closed_ctx;
    discard(api);
    closed(ctx);
}

void wf_api_close(struct wf_api *api, void (*done)(void *ctx), void *ctx)
{
    WF_ASSERT(api->closed == NULL && api->jobs == 0);
    api->closed = done;
    api->closed_ctx = ctx;
    uv_close((uv_handle_t *)&api->second, on_closed);
    uv_close((uv_handle_t *)&api->before, on_closed);
    uv_close((uv_handle_t *)&api->after, on_closed);
}
