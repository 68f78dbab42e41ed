// SPDX-License-Identifier: Apache-2.0
#include "rpc/health.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "grpc/health/v1/health.pb-c.h"

enum { NAME = 128 };
enum {
    SERVING = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING,
    NOT_SERVING = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING,
    UNKNOWN = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN,
};

struct watcher {
    struct watcher *next, **link;
    struct wf_health *health;
    struct wf_call *call;
    int sent; // the status last sent, -1 at first
    char service[NAME];
};

struct service {
    char name[NAME];
    bool serving;
};

struct wf_health {
    struct service services[WF_HEALTH_SERVICES_MAX];
    size_t n;
    bool draining;
    struct watcher *watchers;
    size_t n_watchers;
};

struct wf_health *wf_health_new(void)
{
    struct wf_health *h = calloc(1, sizeof *h);

    if (h != NULL)
        wf_health_set(h, "", true);
    return h;
}

void wf_health_free(struct wf_health *h)
{
    if (h == NULL)
        return;
    WF_ASSERT(h->watchers == NULL && h->n_watchers == 0);
    free(h);
}

static struct service *find(struct wf_health *h, const char *name)
{
    for (size_t i = 0; i < h->n; i++)
        if (strcmp(h->services[i].name, name) == 0)
            return &h->services[i];
    return NULL;
}

static int status_of(struct wf_health *h, const char *name)
{
    const struct service *s = find(h, name);

    if (s == NULL)
        return UNKNOWN;
    return s->serving && !h->draining ? SERVING : NOT_SERVING;
}

static void init_response(Grpc__Health__V1__HealthCheckResponse *r, int status)
{
    grpc__health__v1__health_check_response__init(r);
    r->status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)status;
}

// Send the status unless the watcher has it. A slow reader gets the newest when it can take it.
static void tell(struct watcher *w)
{
    Grpc__Health__V1__HealthCheckResponse r;
    int status = status_of(w->health, w->service);

    if (status == w->sent)
        return;
    init_response(&r, status);
    if (wf_call_send(w->call, &r.base))
        w->sent = status;
}

static void tell_all(struct wf_health *h)
{
    struct watcher *next;

    for (struct watcher *w = h->watchers; w != NULL; w = next) {
        next = w->next;
        tell(w);
    }
}

void wf_health_set(struct wf_health *h, const char *service, bool serving)
{
    struct service *s = find(h, service);

    if (s == NULL && (h->n == WF_HEALTH_SERVICES_MAX || strlen(service) >= NAME))
        return;
    if (s == NULL) {
        s = &h->services[h->n++];
        snprintf(s->name, sizeof s->name, "%s", service);
    }
    s->serving = serving;
    tell_all(h);
}

void wf_health_drain(struct wf_health *h)
{
    h->draining = true;
    tell_all(h);
}

// --- calls --------------------------------------------------------------------------------------

static void on_writable(struct wf_call *call, void *user)
{
    (void)call;
    tell(user);
}

static void on_drain(struct wf_call *call, void *user)
{
    struct wf_err err;

    (void)user;
    wf_fail(&err, WF_UNAVAILABLE, "this node is stopping: watch another one");
    wf_call_fail(call, &err, NULL);
}

static void on_over(struct wf_call *call, void *user)
{
    struct watcher *w = user;

    WF_ASSERT(w->call == call);
    if (w->next != NULL)
        w->next->link = w->link;
    *w->link = w->next;
    w->health->n_watchers--;
    free(w);
    wf_call_unref(call);
}

static void watch(struct wf_health *h, struct wf_call *call, const char *service)
{
    struct watcher *w = h->n_watchers < WF_SUBSCRIBERS_MAX ? calloc(1, sizeof *w) : NULL;
    struct wf_err err;

    if (w == NULL) {
        wf_fail_reason(&err, WF_RESOURCE_EXHAUSTED, "QUEUE_FULL",
                       "too many watchers, at most %d: ask with Check instead", WF_SUBSCRIBERS_MAX);
        wf_call_fail(call, &err, NULL);
        return;
    }
    w->health = h;
    w->call = wf_call_ref(call);
    w->sent = -1;
    snprintf(w->service, sizeof w->service, "%s", service);
    w->next = h->watchers;
    w->link = &h->watchers;
    if (w->next != NULL)
        w->next->link = &w->next;
    h->watchers = w;
    h->n_watchers++;
    wf_call_set_user(call, w, on_over);
    wf_call_on_writable(call, on_writable);
    tell(w);
    if (!wf_call_over(call))
        wf_call_on_drain(call, on_drain);
}

static void check(struct wf_health *h, struct wf_call *call, const char *service)
{
    Grpc__Health__V1__HealthCheckResponse r;
    int status = status_of(h, service);
    struct wf_err err;

    if (status == UNKNOWN) {
        wf_fail(&err, WF_NOT_FOUND, "no service \"%.100s\" here", service);
        wf_call_fail(call, &err, NULL);
        return;
    }
    init_response(&r, status);
    wf_call_reply(call, &r.base);
}

void wf_health_call(void *ctx, struct wf_call *call)
{
    const Grpc__Health__V1__HealthCheckRequest *request = (const void *)wf_call_request(call);

    if (wf_call_method(call)->server_streaming)
        watch(ctx, call, request->service);
    else
        check(ctx, call, request->service);
}
