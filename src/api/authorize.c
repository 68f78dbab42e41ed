// SPDX-License-Identifier: Apache-2.0
#include "api/authorize.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/context.h"
#include "api/refusals.h"
#include "base/assert.h"
#include "proto/names.h"

enum { SLOTS = 256, KEY_MAX = 2 + WF_HASH_SIZE + WF_USER_NAME_MAX };
static const wf_mono_ns FRESH_NS = 1000000000;

// One remembered caller. The key is a kind and a name, or 't' and the token's hash: never the
// secret.
struct slot {
    uint8_t key[KEY_MAX];
    size_t key_len; // 0: empty
    uint64_t applied;
    wf_mono_ns until;
    struct wf_principal who;
};

struct wf_identities {
    struct slot slots[SLOTS];
    struct wf_principal node; // for a node's certificate, which needs no lookup
};

struct wf_identities *wf_identities_new(void)
{
    return calloc(1, sizeof(struct wf_identities));
}

void wf_identities_free(struct wf_identities *ids)
{
    free(ids);
}

void wf_token_hash(const char *secret, uint8_t out[WF_HASH_SIZE])
{
    wf_hash_pair(secret, strlen(secret), "", 0, out);
}

static struct slot *slot_of(struct wf_identities *ids, const uint8_t *key, size_t len)
{
    uint32_t h = 2166136261u; // FNV-1a; a collision costs a lookup, no more
    for (size_t i = 0; i < len; i++)
        h = (h ^ key[i]) * 16777619u;
    return &ids->slots[h % SLOTS];
}

static bool fresh(const struct wf_api *api, const struct slot *s, const uint8_t *key, size_t len)
{
    return s->key_len == len && memcmp(s->key, key, len) == 0 &&
           s->applied == api->o.backend->applied(api->o.backend->ctx) && wf_api_now(api) < s->until;
}

// Remember what a lookup that began at index applied has found.
static void remember(struct wf_api *api, struct slot *s, const uint8_t *key, size_t len,
                     uint64_t applied, const struct wf_principal *who)
{
    WF_ASSERT(len <= KEY_MAX);
    memcpy(s->key, key, len);
    s->key_len = len;
    s->applied = applied;
    s->until = wf_api_now(api) + FRESH_NS;
    s->who = *who;
}

static int identify_token(struct wf_api *api, const char *secret, const struct wf_principal **out,
                          struct wf_err *err)
{
    uint8_t key[1 + WF_HASH_SIZE] = {'t'};
    wf_token_hash(secret, key + 1);
    struct slot *s = slot_of(api->identities, key, sizeof key);
    if (!fresh(api, s, key, sizeof key)) {
        uint64_t applied = api->o.backend->applied(api->o.backend->ctx);
        struct wf_principal who;
        int rc = wf_state_token(api->reader, key + 1, wf_clock_unix_ms(), &who, err);
        if (rc == WF_NOT_FOUND)
            return wf_fail_reason(err, WF_UNAUTHENTICATED, "UNKNOWN_TOKEN",
                                  "this cluster does not know the token");
        if (rc != WF_OK)
            return rc;
        remember(api, s, key, sizeof key, applied, &who);
    }
    wf_note_token_use(api, &s->who);
    *out = &s->who;
    return WF_OK;
}

static int actor_kind(enum wf_identity_kind kind)
{
    switch (kind) {
    case WF_ID_USER:
        return WATCHFIRE__V1__ACTOR_KIND__ACTOR_KIND_USER;
    case WF_ID_SERVICE:
        return WATCHFIRE__V1__ACTOR_KIND__ACTOR_KIND_SERVICE;
    case WF_ID_NODE:
        return WATCHFIRE__V1__ACTOR_KIND__ACTOR_KIND_NODE;
    case WF_ID_NONE:
        break;
    }
    return WATCHFIRE__V1__ACTOR_KIND__ACTOR_KIND_UNSPECIFIED;
}

static void stranger(const struct wf_identity *peer, struct wf_principal *out)
{
    memset(out, 0, sizeof *out);
    memcpy(out->name, peer->name, sizeof peer->name);
    memcpy(out->display_name, peer->name, sizeof peer->name);
    out->kind = actor_kind(peer->kind);
}

static int identify_certificate(struct wf_api *api, const struct wf_identity *peer,
                                const struct wf_principal **out, struct wf_err *err)
{
    if (peer->kind == WF_ID_NODE) {
        // A node looks around before it joins; it changes nothing by this way.
        stranger(peer, &api->identities->node);
        api->identities->node.role = WATCHFIRE__V1__ROLE__ROLE_VIEWER;
        *out = &api->identities->node;
        return WF_OK;
    }
    uint8_t key[1 + sizeof peer->name];
    size_t n = strlen(peer->name);
    key[0] = peer->kind == WF_ID_USER ? 'u' : 's';
    memcpy(key + 1, peer->name, n);
    struct slot *s = slot_of(api->identities, key, n + 1);
    if (!fresh(api, s, key, n + 1)) {
        uint64_t applied = api->o.backend->applied(api->o.backend->ctx);
        struct wf_principal who;
        int rc = wf_state_user(api->reader, peer->name, &who, err);
        if (rc != WF_OK && rc != WF_NOT_FOUND)
            return rc;
        // A service's certificate does not speak for a user of the same name.
        if (rc == WF_NOT_FOUND || who.kind != actor_kind(peer->kind))
            stranger(peer, &who);
        remember(api, s, key, n + 1, applied, &who);
    }
    *out = &s->who;
    return WF_OK;
}

int wf_identify(struct wf_api *api, const struct wf_identity *peer, const char *authorization,
                const struct wf_principal **out, struct wf_err *err)
{
    if (authorization) {
        if (strncasecmp(authorization, "Bearer ", 7) != 0)
            return wf_fail_reason(err, WF_UNAUTHENTICATED, "BAD_AUTHORIZATION",
                                  "the authorization header must be \"Bearer TOKEN\"");
        const char *secret = authorization + 7;
        return identify_token(api, secret + strspn(secret, " "), out, err);
    }
    if (peer->kind != WF_ID_NONE)
        return identify_certificate(api, peer, out, err);
    return wf_fail_reason(err, WF_UNAUTHENTICATED, "NO_CREDENTIALS",
                          "show a client certificate of this cluster or a bearer token");
}

static bool in_scope(const struct wf_rule *rule, const struct wf_principal *who)
{
    // "/watchfire.v1.LogService/Search": the service's name lies between the last '.' and '/'.
    const char *slash = strrchr(rule->path, '/'), *dot = slash;
    while (dot > rule->path && dot[-1] != '.')
        dot--;
    for (int i = 0; i < who->n_scopes; i++)
        if (strlen(who->scopes[i]) == (size_t)(slash - dot) &&
            memcmp(who->scopes[i], dot, (size_t)(slash - dot)) == 0)
            return true;
    return who->n_scopes == 0;
}

int wf_permit(const struct wf_rule *rule, const struct wf_principal *who,
              const ProtobufCMessage *request, struct wf_err *err)
{
    if (!wf_role_suffices(who->role, rule->role)) {
        const char *has = wf_enum_name(&watchfire__v1__role__descriptor, who->role);
        const char *needs = wf_enum_name(&watchfire__v1__role__descriptor, rule->role);
        if (who->role == WATCHFIRE__V1__ROLE__ROLE_UNSPECIFIED)
            return wf_fail_reason(err, WF_PERMISSION_DENIED, "NO_ROLE",
                                  "%s has no role in this cluster; an admin gives one with "
                                  "\"watchfire user set %s\"; this needs %s",
                                  who->name, who->name, needs);
        return wf_fail_reason(err, WF_PERMISSION_DENIED, "ROLE_TOO_LOW",
                              "%s has the role %s; this needs %s: ask an admin for it", who->name,
                              has, needs);
    }
    if (who->kind == WATCHFIRE__V1__ACTOR_KIND__ACTOR_KIND_NODE && rule->kind == WF_RULE_WRITE)
        return wf_fail_reason(err, WF_PERMISSION_DENIED, "NODE",
                              "%s is a node: it changes nothing in its own name", who->name);
    if (!in_scope(rule, who))
        return wf_fail_reason(err, WF_PERMISSION_DENIED, "OUT_OF_SCOPE",
                              "token %s is not for this service", who->token_id);
    return rule->allow ? rule->allow(who, request, err) : WF_OK;
}
