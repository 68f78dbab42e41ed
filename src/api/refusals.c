// SPDX-License-Identifier: Apache-2.0
#include "api/refusals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "api/write.h"
#include "base/assert.h"
#include "base/log.h"
#include "proto/time.h"
#include "watchfire/internal/v1/command.pb-c.h"

enum { KEPT = WF_AUDIT_REFUSALS_PER_SECOND, TOKENS = 64 };
static const wf_unix_ms HOUR_MS = 3600 * 1000;

struct refusal {
    wf_unix_ms at;
    char name[WF_USER_NAME_MAX + 1];
    int kind, role;
    char method[120];
    char target[120];
    uint32_t code;
    char message[300];
    uint32_t count;
};

// A token whose use was told, or is about to be.
struct token_use {
    char id[24];
    wf_unix_ms told;
    bool due;
};

struct wf_refusals {
    struct refusal items[KEPT];
    unsigned n;
    uint32_t more; // neither kept nor alike one that is
    struct token_use tokens[TOKENS];
    unsigned next_token;
    bool under_way; // one proposal at a time: without a leader nothing heaps up
};

struct wf_refusals *wf_refusals_new(void)
{
    return calloc(1, sizeof(struct wf_refusals));
}

void wf_refusals_free(struct wf_refusals *r)
{
    free(r);
}

static bool alike(const struct refusal *a, const char *name, const char *method, uint32_t code)
{
    return strcmp(a->name, name) == 0 && strcmp(a->method, method) == 0 && a->code == code;
}

void wf_refused(struct wf_api *api, const struct wf_principal *who, const char *method,
                const char *target, const struct wf_err *why)
{
    WF_ASSERT(why->code != WF_OK);
    struct wf_refusals *r = api->refusals;
    const char *name = who ? who->name : "";
    wf_metric_add(api->m.refused, 1);
    for (unsigned i = 0; i < r->n; i++)
        if (alike(&r->items[i], name, method, why->code) &&
            (r->n == KEPT || strcmp(r->items[i].target, target) == 0)) {
            r->items[i].count++;
            return;
        }
    if (r->n == KEPT) {
        r->more++;
        return;
    }
    struct refusal *x = &r->items[r->n++];
    *x = (struct refusal){.at = wf_clock_unix_ms(), .code = why->code, .count = 1};
    snprintf(x->name, sizeof x->name, "%s", name);
    x->kind = who ? who->kind : 0;
    x->role = who ? who->role : 0;
    snprintf(x->method, sizeof x->method, "%s", method);
    snprintf(x->target, sizeof x->target, "%s", target);
    snprintf(x->message, sizeof x->message, "%.299s", why->msg);
    wf_log(WF_LOG_WARN, "refused", "actor", name, "method", method, "code",
           wf_code_name((int)why->code), "why", why->msg, NULL);
}

void wf_note_token_use(struct wf_api *api, const struct wf_principal *who)
{
    struct wf_refusals *r = api->refusals;
    wf_unix_ms now = wf_clock_unix_ms();
    if (!*who->token_id || now - who->last_used < HOUR_MS)
        return;
    for (unsigned i = 0; i < TOKENS; i++)
        if (strcmp(r->tokens[i].id, who->token_id) == 0 && now - r->tokens[i].told < HOUR_MS)
            return;
    struct token_use *t = &r->tokens[r->next_token++ % TOKENS];
    snprintf(t->id, sizeof t->id, "%s", who->token_id);
    t->told = now;
    t->due = true;
}

// What a proposal of ours came to. A refusal that could not be recorded is in the log all the same.
static void told(struct wf_ask *ask)
{
    struct wf_api *api = ask->user;
    api->refusals->under_way = false;
    if (ask->err)
        wf_log(WF_LOG_WARN, "refusals and uses of tokens not recorded", "why", ask->err->msg, NULL);
    wf_ask_free(ask);
}

static void propose(struct wf_api *api, int request_case, const void *request)
{
    struct wf_ask *ask = wf_command_by_node(api, request_case, request, told, api);
    if (!ask)
        return;
    if (api->o.backend->ask(api->o.backend->ctx, ask) != WF_OK) {
        wf_ask_free(ask);
        return;
    }
    api->refusals->under_way = true;
}

static void flush_refusals(struct wf_api *api)
{
    struct wf_refusals *r = api->refusals;
    Watchfire__V1__AuditEntry entries[KEPT], *pointers[KEPT];
    Watchfire__V1__Actor actors[KEPT];
    Google__Protobuf__Timestamp times[KEPT];
    for (unsigned i = 0; i < r->n; i++) {
        struct refusal *x = &r->items[i];
        watchfire__v1__audit_entry__init(&entries[i]);
        watchfire__v1__actor__init(&actors[i]);
        wf_timestamp_init(&times[i], x->at);
        actors[i].name = x->name;
        actors[i].kind = (Watchfire__V1__ActorKind)x->kind;
        actors[i].role = (Watchfire__V1__Role)x->role;
        entries[i].at = &times[i];
        entries[i].actor = &actors[i];
        entries[i].method = x->method;
        entries[i].target = x->target;
        entries[i].code = x->code;
        entries[i].message = x->message;
        entries[i].node = (char *)api->o.node;
        // What was neither kept nor alike is counted with the last.
        entries[i].count = x->count + (i == r->n - 1 ? r->more : 0);
        pointers[i] = &entries[i];
    }
    Watchfire__Internal__V1__RefusalsCommand c = WATCHFIRE__INTERNAL__V1__REFUSALS_COMMAND__INIT;
    c.n_entries = r->n;
    c.entries = pointers;
    propose(api, WATCHFIRE__INTERNAL__V1__COMMAND__REQUEST_REFUSALS, &c);
    r->n = 0;
    r->more = 0;
}

static void flush_tokens(struct wf_api *api)
{
    struct wf_refusals *r = api->refusals;
    char *ids[TOKENS];
    Watchfire__Internal__V1__TokenUseCommand c = WATCHFIRE__INTERNAL__V1__TOKEN_USE_COMMAND__INIT;
    c.ids = ids;
    for (unsigned i = 0; i < TOKENS; i++)
        if (r->tokens[i].due) {
            r->tokens[i].due = false;
            ids[c.n_ids++] = r->tokens[i].id;
        }
    if (c.n_ids)
        propose(api, WATCHFIRE__INTERNAL__V1__COMMAND__REQUEST_TOKEN_USE, &c);
}

void wf_refusals_flush(struct wf_api *api)
{
    if (api->refusals->under_way)
        return;
    if (api->refusals->n)
        flush_refusals(api);
    else
        flush_tokens(api);
}
