// SPDX-License-Identifier: Apache-2.0
// The few plain pages: for people who open the port in a browser, load balancers and Prometheus.
#include <stdio.h>
#include <string.h>

#include "api/authorize.h"
#include "api/context.h"
#include "api/refusals.h"

static const char welcome[] =
    "This is watchfired " WF_VERSION ", the incident log and pager that stays up when a cloud "
    "region is down.\n"
    "\n"
    "  /healthz   the process runs\n"
    "  /readyz    it serves, and why not\n"
    "  /metrics   OpenMetrics; needs a client certificate or bearer token with the role viewer\n"
    "\n"
    "The API is gRPC, Connect and JSON on this port: POST "
    "/watchfire.v1.IncidentService/GetIncident\n"
    "and so on. Ask by reflection, or use watchfire(1).\n";

static void text(struct wf_exchange *ex, int status, const char *body)
{
    wf_exchange_reply(ex, status, "text/plain; charset=utf-8", body, strlen(body));
}

static void ready(struct wf_api *api, struct wf_exchange *ex)
{
    struct wf_view view;
    api->o.backend->view(api->o.backend->ctx, &view);
    char body[300];
    if (api->draining)
        text(ex, 503, "not ready: the node is stopping\n");
    else if (view.ready)
        text(ex, 200, "ready\n");
    else {
        snprintf(body, sizeof body, "not ready: %s\n", view.reason);
        text(ex, 503, body);
    }
}

static const struct wf_rule metrics_rule = {
    .path = "/metrics", .role = WATCHFIRE__V1__ROLE__ROLE_VIEWER, .kind = WF_RULE_LOCAL};

static void metrics(struct wf_api *api, struct wf_exchange *ex)
{
    const struct wf_principal *who = NULL;
    struct wf_err err;
    int rc =
        wf_identify(api, wf_exchange_peer(ex), wf_exchange_header(ex, "authorization"), &who, &err);
    // A token's scopes name services of the API; the metrics are none of them.
    if (rc == WF_OK && who->n_scopes > 0)
        rc = wf_fail(&err, WF_PERMISSION_DENIED, "token %s is for certain services only",
                     who->token_id);
    if (rc == WF_OK)
        rc = wf_permit(&metrics_rule, who, NULL, &err);
    if (rc != WF_OK) {
        char body[1100];
        snprintf(body, sizeof body, "%s\n", err.msg);
        wf_refused(api, who, "/metrics", "", &err);
        text(ex, rc == WF_UNAUTHENTICATED ? 401 : rc == WF_PERMISSION_DENIED ? 403 : 503, body);
        return;
    }
    wf_buf_reset(&api->scratch);
    if (wf_metrics_write(api->o.metrics, &api->scratch) != WF_OK)
        text(ex, 500, "the metrics do not fit into memory\n");
    else
        wf_exchange_reply(ex, 200, "application/openmetrics-text; version=1.0.0; charset=utf-8",
                          api->scratch.data, api->scratch.len);
}

void wf_api_page(struct wf_api *api, struct wf_exchange *ex)
{
    const char *path = wf_exchange_path(ex), *method = wf_exchange_method(ex);
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        text(ex, 404, "no such method or page\n");
    else if (strcmp(path, "/healthz") == 0)
        text(ex, 200, "ok\n");
    else if (strcmp(path, "/readyz") == 0)
        ready(api, ex);
    else if (strcmp(path, "/metrics") == 0)
        metrics(api, ex);
    else if (strcmp(path, "/") == 0)
        text(ex, 200, welcome);
    else
        text(ex, 404, "no such page\n");
}
