// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "client/internal.h"

// The public codes are those of base/result.h.
_Static_assert(WF_CLIENT_UNAVAILABLE == (int)WF_UNAVAILABLE, "codes");
_Static_assert(WF_CLIENT_UNAUTHENTICATED == (int)WF_UNAUTHENTICATED, "codes");

void wf_client_error_clear(struct wf_client_error *err)
{
    if (!err)
        return;
    if (err->detail)
        watchfire__v1__error_detail__free_unpacked(err->detail, NULL);
    *err = (struct wf_client_error)WF_CLIENT_ERROR_INIT;
}

void wf_client_error_set(struct wf_client_error *out, const struct wf_err *err)
{
    if (!out)
        return;
    out->code = (int)err->code;
    memcpy(out->reason, err->reason, sizeof(out->reason));
    memcpy(out->message, err->msg, sizeof(out->message));
}

const char *wf_client_code_name(int code)
{
    return code == 0 ? "OK" : wf_code_name(code);
}

const char *wf_client_version(void)
{
    return WF_VERSION;
}

void wf_client_options_init(struct wf_client_options *o)
{
    *o = (struct wf_client_options){.size = sizeof(*o),
                                    .timeout_ms = WF_DEADLINE_DEFAULT_MS,
                                    .try_timeout_ms = 5000,
                                    .connect_timeout_ms = 3000,
                                    .backoff_ms = 50,
                                    .backoff_max_ms = 2000};
}

// --- making --------------------------------------------------------------------------------------

static int check_options(const struct wf_client_options *o, struct wf_err *err)
{
    if (o->size != sizeof(*o))
        return wf_fail(err, WF_INVALID_ARGUMENT,
                       "the options were not made by wf_client_options_init() of this version");
    if (o->n_endpoints == 0 || o->n_endpoints > WF_POLICY_NODES_MAX)
        return wf_fail(err, WF_INVALID_ARGUMENT, "%zu endpoints given: 1 to %d are possible",
                       o->n_endpoints, WF_POLICY_NODES_MAX);
    if (!o->ca_file)
        return wf_fail(err, WF_INVALID_ARGUMENT, "no CA certificate given: whom to believe?");
    if (!o->timeout_ms || !o->try_timeout_ms || !o->connect_timeout_ms || !o->backoff_ms ||
        o->backoff_max_ms < o->backoff_ms)
        return wf_fail(err, WF_INVALID_ARGUMENT, "a timeout or backoff is 0 or out of order");
    struct wf_client_headers headers;
    if (wf_client_headers(&headers, UINT64_MAX, o->token) != WF_OK)
        return wf_fail(err, WF_INVALID_ARGUMENT, "the token is too long or holds odd characters");
    return WF_OK;
}

static int load_schema(struct wf_client *c, struct wf_err *err)
{
    struct wf_schema_source source = wf_schema_embedded();
    int rc = wf_schema_new(&source, &c->schema, err);
    if (rc == WF_OK && !(c->methods = wf_method_table_new(c->schema)))
        rc = wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    return rc;
}

static int add_endpoints(struct wf_client *c, const struct wf_client_options *o, struct wf_err *err)
{
    for (size_t i = 0; i < o->n_endpoints; i++)
        if (wf_channel_index(c, o->endpoints[i]) < 0)
            return wf_fail(err, WF_INVALID_ARGUMENT, "\"%s\" is no endpoint HOST:PORT",
                           o->endpoints[i]);
    return WF_OK;
}

static int set_up(struct wf_client *c, const struct wf_client_options *o, struct wf_err *err)
{
    int rc = check_options(o, err);
    if (rc != WF_OK)
        return rc;
    c->options = *o;
    if (o->token && !(c->token = strdup(o->token)))
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    struct wf_tls_options t = {
        .ca_file = o->ca_file, .cert_file = o->cert_file, .key_file = o->key_file};
    rc = wf_tls_load(&c->tls, &t, err);
    if (rc == WF_OK)
        rc = load_schema(c, err);
    return rc == WF_OK ? add_endpoints(c, o, err) : rc;
}

static void release(struct wf_client *c)
{
    for (unsigned i = 0; i < c->n_channels; i++)
        wf_channel_free(c->channels[i]);
    wf_method_table_free(c->methods);
    wf_schema_free(c->schema);
    wf_tls_unref(c->tls);
    free(c->token);
}

int wf_client_new(struct wf_client **out, struct uv_loop_s *loop,
                  const struct wf_client_options *options, struct wf_client_error *err)
{
    wf_client_error_clear(err);
    struct wf_err why;
    struct wf_client *c = calloc(1, sizeof(*c));
    int rc = c ? set_up(c, options, &why) : wf_fail(&why, WF_RESOURCE_EXHAUSTED, "out of memory");
    if (rc == WF_OK && !loop && uv_loop_init(&c->own_loop) != 0)
        rc = wf_fail(&why, WF_RESOURCE_EXHAUSTED, "the system gives no event loop");
    if (rc != WF_OK) {
        if (c)
            release(c);
        free(c);
        wf_client_error_set(err, &why);
        return rc;
    }
    c->owns_loop = !loop;
    c->loop = loop ? loop : &c->own_loop;
    *out = c;
    return WF_CLIENT_OK;
}

// --- the end -------------------------------------------------------------------------------------

// Connections end later, in the loop; they must not look for the client then.
static void orphan_links(struct wf_client *c)
{
    for (struct wf_link *l = c->links; l; l = l->next) {
        l->client = NULL;
        l->channel = NULL;
        wf_http_client_close(l->http);
    }
    c->links = NULL;
}

void wf_client_free(struct wf_client *c)
{
    if (!c)
        return;
    while (c->ops)
        wf_op_abort(c->ops, WF_CANCELLED, "the client was closed");
    c->closing = true;
    for (unsigned i = 0; i < c->n_channels; i++)
        wf_channel_free(c->channels[i]);
    c->n_channels = 0;
    orphan_links(c);
    release(c);
    if (c->owns_loop) {
        uv_run(c->loop, UV_RUN_DEFAULT);
        int rc = uv_loop_close(c->loop);
        WF_ASSERT(rc == 0);
    }
    free(c);
}

void wf_client_run(struct wf_client *c)
{
    WF_ASSERT(c->owns_loop);
    uv_run(c->loop, UV_RUN_DEFAULT);
}

void wf_client_stop(struct wf_client *c)
{
    WF_ASSERT(c->owns_loop);
    uv_stop(c->loop);
}
