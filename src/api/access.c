// SPDX-License-Identifier: Apache-2.0
// AccessService: who a caller is, and tokens, whose secrets are drawn here and never kept.
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/authorize.h"
#include "api/context.h"
#include "api/rules.h"
#include "api/write.h"
#include "base/assert.h"
#include "watchfire/internal/v1/command.pb-c.h"

enum { SECRET_BYTES = 32, SECRET_TEXT = 3 + 43 };

// A node may be called like a user: what is theirs is not its own.
static bool owns(const struct wf_principal *who, const char *owner)
{
    return who->kind != WATCHFIRE__V1__ACTOR_KIND__ACTOR_KIND_NODE && strcmp(owner, who->name) == 0;
}

static bool is_admin(const struct wf_principal *who)
{
    return who->role == WATCHFIRE__V1__ROLE__ROLE_ADMIN;
}

void wf_who_am_i(struct wf_api *api, struct wf_call *call, const struct wf_principal *who)
{
    Watchfire__V1__WhoAmIResponse r = WATCHFIRE__V1__WHO_AM_IRESPONSE__INIT;
    Watchfire__V1__Actor actor = WATCHFIRE__V1__ACTOR__INIT;
    (void)api;
    actor.name = (char *)who->name;
    actor.kind = (Watchfire__V1__ActorKind)who->kind;
    actor.role = (Watchfire__V1__Role)who->role;
    r.actor = &actor;
    r.token_id = (char *)who->token_id;
    r.method = (char *)(*who->token_id ? "token" : "certificate");
    r.display_name = (char *)who->display_name;
    wf_call_reply(call, &r.base);
}

int wf_allow_list_tokens(const struct wf_principal *who, const ProtobufCMessage *request,
                         struct wf_err *err)
{
    const Watchfire__V1__ListTokensRequest *r = (const void *)request;
    if (is_admin(who) || owns(who, r->owner))
        return WF_OK;
    return wf_fail_reason(err, WF_PERMISSION_DENIED, "ROLE_TOO_LOW",
                          "%s may list the own tokens (owner \"%s\"); those of others need ADMIN",
                          who->name, who->name);
}

static bool has_scope(const struct wf_principal *who, const char *scope)
{
    for (int i = 0; i < who->n_scopes; i++)
        if (strcmp(who->scopes[i], scope) == 0)
            return true;
    return who->n_scopes == 0;
}

// A token for certain services makes no token for others.
static bool within_scopes(const struct wf_principal *who,
                          const Watchfire__V1__CreateTokenRequest *r)
{
    for (size_t i = 0; i < r->n_scopes; i++)
        if (!has_scope(who, r->scopes[i]))
            return false;
    return who->n_scopes == 0 || r->n_scopes > 0;
}

int wf_allow_create_token(const struct wf_principal *who, const ProtobufCMessage *request,
                          struct wf_err *err)
{
    const Watchfire__V1__CreateTokenRequest *r = (const void *)request;
    if (!within_scopes(who, r))
        return wf_fail_reason(err, WF_PERMISSION_DENIED, "OUT_OF_SCOPE",
                              "token %s is for certain services only, and makes tokens for no "
                              "others: name scopes that it has",
                              who->token_id);
    if (is_admin(who) || owns(who, *r->owner ? r->owner : who->name))
        return WF_OK;
    return wf_fail_reason(err, WF_PERMISSION_DENIED, "ROLE_TOO_LOW",
                          "a token for %s needs ADMIN; %s may make the own ones", r->owner,
                          who->name);
}

// "wf_" and 256 random bits in URL-safe base64 without padding.
static int draw_secret(char out[SECRET_TEXT + 1])
{
    uint8_t random[SECRET_BYTES];
    unsigned char text[4 * ((SECRET_BYTES + 2) / 3) + 1];
    if (RAND_bytes(random, sizeof random) != 1)
        return WF_INTERNAL;
    EVP_EncodeBlock(text, random, sizeof random);
    for (unsigned char *p = text; *p; p++)
        *p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
    snprintf(out, SECRET_TEXT + 1, "wf_%.43s", (const char *)text);
    OPENSSL_cleanse(random, sizeof random);
    OPENSSL_cleanse(text, sizeof text);
    return WF_OK;
}

// The state machine's answer has no secret: it never saw it. It is added as field 2.
static void finish_create(struct wf_api *api, struct wf_call *call, struct wf_bytes response,
                          void *extra)
{
    wf_buf_reset(&api->scratch);
    wf_buf_append(&api->scratch, response.data, response.len);
    wf_buf_put_u8(&api->scratch, 2 << 3 | 2);
    wf_buf_put_u8(&api->scratch, SECRET_TEXT);
    if (wf_buf_append(&api->scratch, extra, SECRET_TEXT) == WF_OK)
        wf_call_reply_packed(call, api->scratch.data, api->scratch.len);
    OPENSSL_cleanse(extra, SECRET_TEXT);
    OPENSSL_cleanse(api->scratch.data, api->scratch.len);
}

void wf_create_token(struct wf_api *api, struct wf_call *call, const struct wf_principal *who)
{
    Watchfire__Internal__V1__CreateTokenCommand c =
        WATCHFIRE__INTERNAL__V1__CREATE_TOKEN_COMMAND__INIT;
    uint8_t hash[WF_HASH_SIZE];
    char *secret = malloc(SECRET_TEXT + 1);
    struct wf_err err;
    if (!secret || draw_secret(secret) != WF_OK) {
        wf_fail(&err, WF_INTERNAL, "no secret could be drawn");
        wf_api_fail(api, call, &err);
        free(secret);
        return;
    }
    wf_token_hash(secret, hash);
    c.request = (Watchfire__V1__CreateTokenRequest *)(uintptr_t)wf_call_request(call);
    c.secret_hash = (ProtobufCBinaryData){sizeof hash, hash};
    c.made_with = (char *)who->token_id;
    struct wf_rule rule = *wf_rule_find(wf_call_method(call)->path);
    rule.command_case = WATCHFIRE__INTERNAL__V1__COMMAND__REQUEST_CREATE_TOKEN;
    wf_write_with(api, call, &rule, who, &(struct wf_write_extra){&c.base, finish_create, secret});
}
