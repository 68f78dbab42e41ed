// SPDX-License-Identifier: Apache-2.0
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "rpc/schema.h"
#include "watchfire/internal/v1/command.pb-c.h"

// --- the node ------------------------------------------------------------------------------------

static int ask(void *ctx, struct wf_ask *a)
{
    struct world *w = ctx;
    if (w->full)
        return WF_RESOURCE_EXHAUSTED;
    a->next = NULL;
    *w->end = a;
    w->end = &a->next;
    return WF_OK;
}

static uint64_t applied(void *ctx)
{
    return ((struct world *)ctx)->applied;
}

static int64_t age_ms(void *ctx)
{
    (void)ctx;
    return 7;
}

static void view(void *ctx, struct wf_view *out)
{
    struct world *w = ctx;
    *out = (struct wf_view){
        .ready = !w->failing, .begun = !w->beginning, .leading = w->leading, .fenced = w->fenced};
    strcpy(out->reason, "told to");
    strcpy(out->leader, w->leaderless ? "" : "iad-1");
    strcpy(out->leader_address, "iad-1.example.org:7411");
}

static void apply(struct world *w, struct wf_bytes command, struct wf_ask *a)
{
    struct wf_state_bytes c = {command.data, command.len}, result;
    uint64_t index = wf_state_applied(w->state) + 1;
    struct wf_err err;
    int rc = wf_state_apply(w->state, index, 1, wf_clock_unix_ms(), &c, 1, &result, &err);
    WF_ASSERT(rc == WF_OK);
    w->applied = index;
    if (!a)
        return;
    a->index = index;
    wf_ask_set_result(a, (struct wf_bytes){result.data, result.len});
}

static void answer(struct world *w, struct wf_ask *a)
{
    struct wf_err err;
    if (w->failing) {
        wf_fail_reason(&err, (enum wf_code)w->failing_code, w->failing, "told to fail");
        wf_ask_set_err(a, &err);
    } else if (a->kind == WF_ASK_PROPOSE) {
        w->proposed++;
        apply(w, a->command, a);
    } else if (a->kind == WF_ASK_UNPIN) {
        wf_state_image_end(a->pin);
    } else if (a->kind == WF_ASK_PIN && wf_state_image_begin(w->state, &a->pin, &err) != WF_OK) {
        wf_ask_set_err(a, &err);
    } else if (a->kind == WF_ASK_STATUS && w->status) {
        a->status = calloc(1, sizeof *a->status);
        WF_ASSERT(a->status != NULL);
        a->status->node = *w->status;
    } else {
        w->reads += a->kind == WF_ASK_READ;
        w->leaderless = w->leaderless && a->kind != WF_ASK_READ;
        a->index = wf_state_applied(w->state);
    }
    a->done(a);
}

void world_turn(struct world *w)
{
    for (int i = 0; i < 3; i++) {
        uv_run(w->loop, UV_RUN_NOWAIT);
        struct wf_ask *a = w->asks;
        w->asks = NULL;
        w->end = &w->asks;
        for (struct wf_ask *next; a; a = next) {
            next = a->next;
            answer(w, a);
        }
    }
}

// --- life ----------------------------------------------------------------------------------------

static wf_unix_ms expires(void)
{
    return INT64_MAX / 2;
}

static void begin_cluster(struct world *w)
{
    Watchfire__Internal__V1__Command c = WATCHFIRE__INTERNAL__V1__COMMAND__INIT;
    Watchfire__Internal__V1__GenesisCommand g = WATCHFIRE__INTERNAL__V1__GENESIS_COMMAND__INIT;
    Watchfire__V1__User user = WATCHFIRE__V1__USER__INIT, *users[] = {&user};
    Watchfire__V1__Actor actor = WATCHFIRE__V1__ACTOR__INIT;
    uint8_t packed[512];
    actor.name = (char *)"fra-1";
    actor.kind = WATCHFIRE__V1__ACTOR_KIND__ACTOR_KIND_NODE;
    user.name = (char *)"ricardo";
    user.kind = WATCHFIRE__V1__ACTOR_KIND__ACTOR_KIND_USER;
    user.role = WATCHFIRE__V1__ROLE__ROLE_ADMIN;
    uint8_t id[16] = {1};
    g.cluster_id = (ProtobufCBinaryData){sizeof id, id};
    g.cluster_name = (char *)"test";
    g.n_users = 1;
    g.users = users;
    c.request_id = (char *)"genesis";
    c.request_id_assigned = 1;
    c.actor = &actor;
    c.request_case = WATCHFIRE__INTERNAL__V1__COMMAND__REQUEST_GENESIS;
    c.genesis = &g;
    WF_ASSERT(protobuf_c_message_get_packed_size(&c.base) <= sizeof packed);
    apply(w, (struct wf_bytes){packed, protobuf_c_message_pack(&c.base, packed)}, NULL);
    WF_ASSERT(wf_state_last_seq(w->state) > 0);
}

struct world *world_new(void)
{
    struct world *w = calloc(1, sizeof *w);
    struct wf_schema_source source = wf_schema_embedded();
    struct wf_err err;
    WF_ASSERT(w != NULL);
    w->loop = uv_default_loop();
    w->end = &w->asks;
    w->leading = true;
    strcpy(w->dir, "/tmp/wf-api-XXXXXX");
    WF_ASSERT(mkdtemp(w->dir) != NULL);
    int rc = wf_state_open(&w->state, w->dir, &err);
    WF_ASSERT(rc == WF_OK);
    rc = wf_schema_new(&source, &w->schema, &err);
    WF_ASSERT(rc == WF_OK);
    begin_cluster(w);
    w->metrics = wf_metrics_new();
    w->methods = wf_method_table_new(w->schema);
    w->rpc = wf_rpc_server_new(w->loop, w->schema, w->methods, w->metrics);
    w->backend = (struct wf_backend){w, ask, applied, age_ms, view};
    struct wf_api_options o = {.loop = w->loop,
                               .backend = &w->backend,
                               .state = w->state,
                               .metrics = w->metrics,
                               .node = "fra-1",
                               .cluster_name = "test",
                               .scratch_dir = w->dir,
                               .expires = expires};
    rc = wf_api_open(&w->api, &o, &err);
    WF_ASSERT(rc == WF_OK);
    wf_api_serve(w->api, w->rpc);
    return w;
}

static void on_closed(void *ctx)
{
    *(bool *)ctx = true;
}

void world_free(struct world *w)
{
    bool closed = false;
    char command[128];
    world_turn(w);
    wf_rpc_server_free(w->rpc);
    wf_api_close(w->api, on_closed, &closed);
    while (!closed)
        uv_run(w->loop, UV_RUN_ONCE);
    uv_run(w->loop, UV_RUN_NOWAIT);
    wf_state_close(w->state);
    wf_method_table_free(w->methods);
    wf_schema_free(w->schema);
    wf_metrics_free(w->metrics);
    snprintf(command, sizeof command, "rm -r %s", w->dir);
    int rc = system(command);
    WF_ASSERT(rc == 0);
    free(w);
}

// --- calls ---------------------------------------------------------------------------------------

struct wf_exchange *world_call(struct world *w, const char *method, const char *token,
                               const char *body)
{
    char path[128], bearer[128];
    snprintf(path, sizeof path, "/watchfire.v1.%s", method);
    struct wf_exchange *ex = fake_new("POST", path, 20);
    fake_header(ex, "content-type", "application/json");
    if (token) {
        snprintf(bearer, sizeof bearer, "Bearer %s", token);
        fake_header(ex, "authorization", bearer);
    }
    bool ours = fake_run(w->rpc, ex, body, strlen(body));
    WF_ASSERT(ours);
    world_turn(w);
    return ex;
}

const char *world_text(struct world *w, const char *method, const char *token, const char *body,
                       int *status)
{
    static char text[64 * 1024];
    struct wf_exchange *ex = world_call(w, method, token, body);
    snprintf(text, sizeof text, "%s", fake_text(ex));
    if (status)
        *status = ex->status;
    fake_close(ex, WF_OK);
    return text;
}

void world_value(const char *text, const char *key, char *out, size_t size)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\":\"", key);
    const char *p = strstr(text, quoted);
    WF_ASSERT(p != NULL);
    p += strlen(quoted);
    snprintf(out, size, "%.*s", (int)strcspn(p, "\""), p);
}
