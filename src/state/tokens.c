// SPDX-License-Identifier: Apache-2.0
#include "state/tokens.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "proto/names.h"
#include "proto/time.h"
#include "state/access.h"
#include "state/refuse.h"

static const wf_unix_ms hour = 3600 * 1000;

uint64_t wf_token_number(const char *id)
{
    return wf_id_number("tok-", id);
}

// Scopes are kept as one text, separated by spaces.
static void split_scopes(struct wf_arena *a, V1(Token) * t, const char *scopes)
{
    char *rest = wf_arena_text(a, scopes), *word;

    t->scopes = wf_arena_alloc(a, WF_TOKEN_SCOPES_MAX * sizeof *t->scopes);
    while (t->n_scopes < WF_TOKEN_SCOPES_MAX && (word = strsep(&rest, " ")) != NULL)
        if (word[0] != '\0')
            t->scopes[t->n_scopes++] = word;
}

V1(Token) * wf_token_row(struct wf_arena *a, sqlite3_stmt *q)
{
    V1(Token) *t = WF_NEW(a, V1(Token), watchfire__v1__token__init);

    t->id = wf_arena_printf(a, "tok-%lld", (long long)sqlite3_column_int64(q, 0));
    t->name = wf_arena_text(a, wf_db_text(q, 1));
    t->owner = wf_arena_text(a, wf_db_text(q, 2));
    t->kind = (V1(ActorKind))sqlite3_column_int(q, 3);
    t->role = (V1(Role))sqlite3_column_int(q, 4);
    split_scopes(a, t, wf_db_text(q, 5));
    t->created_at = wf_arena_time(a, sqlite3_column_int64(q, 6));
    t->created_by = wf_arena_text(a, wf_db_text(q, 7));
    t->expires_at = wf_arena_time(a, sqlite3_column_int64(q, 8));
    if (sqlite3_column_int64(q, 9) != 0)
        t->last_used_at = wf_arena_time(a, sqlite3_column_int64(q, 9));
    t->revoked = sqlite3_column_int(q, 10) != 0;
    if (sqlite3_column_int64(q, 11) != 0)
        t->made_with = wf_arena_printf(a, "tok-%lld", (long long)sqlite3_column_int64(q, 11));
    return t;
}

static V1(Token) * token_read(struct wf_op *op, uint64_t number)
{
    V1(Token) *t = NULL;
    sqlite3_stmt *q =
        wf_db_query(&op->s->db, "SELECT " WF_TOKEN_COLUMNS " WHERE t.id = ?", "i", (int64_t)number);

    if (wf_db_next(&op->s->db, q))
        t = wf_token_row(op->arena, q);
    wf_db_done(q);
    return t;
}

// --- create -------------------------------------------------------------------------------------

// The scopes joined, or NULL after refusing.
static const char *need_scopes(struct wf_op *op, const V1(CreateTokenRequest) * r)
{
    const char *joined = "";
    char field[32];

    if (r->n_scopes > WF_TOKEN_SCOPES_MAX) {
        wf_refuse_field(op, "TOO_MANY", "scopes", WF_TOKEN_SCOPES_MAX,
                        "scopes has %zu services, at most %d", r->n_scopes, WF_TOKEN_SCOPES_MAX);
        return NULL;
    }
    for (size_t i = 0; i < r->n_scopes; i++) {
        const char *s = r->scopes[i];
        size_t n = strlen(s);
        snprintf(field, sizeof field, "scopes[%zu]", i);
        if (!wf_need_text(op, field, s, 1, WF_SCOPE_MAX))
            return NULL;
        if (strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") != n || n < 8 ||
            strcmp(s + n - 7, "Service") != 0) {
            wf_refuse_field(op, "BAD_NAME", field, 0,
                            "a scope is the name of a service, such as IncidentService");
            return NULL;
        }
        joined = wf_arena_printf(op->arena, "%s%s%s", joined, i > 0 ? " " : "", s);
    }
    return joined;
}

// INGEST is worth less than VIEWER, whatever its number.
static int rank(int role)
{
    return role == ROLE_INGEST ? 0 : role;
}

// The role the token gets, or ROLE_NONE after refusing.
static int need_token_role(struct wf_op *op, const V1(CreateTokenRequest) * r,
                           const struct wf_user_row *owner, bool own)
{
    int most = owner->role, asked = r->role != 0 ? (int)r->role : owner->role;

    if (own && rank((int)op->actor->role) < rank(most))
        most = (int)op->actor->role;
    if (r->role == 0 && rank(asked) > rank(most))
        asked = most;
    bool enough = asked == ROLE_INGEST ? most == ROLE_INGEST || rank(most) >= ROLE_RESPONDER
                                       : rank(asked) <= rank(most);
    if (enough)
        return asked;
    wf_refuse(op, WF_PERMISSION_DENIED, "ROLE_TOO_LOW",
              "a token for %s can have at most role %s, not %s", owner->name,
              wf_enum_name(&watchfire__v1__role__descriptor, most),
              wf_enum_name(&watchfire__v1__role__descriptor, asked));
    return ROLE_NONE;
}

static bool need_owner(struct wf_op *op, const char *name, bool own, struct wf_user_row *owner)
{
    if (!own && op->actor->role != ROLE_ADMIN)
        return wf_refuse(op, WF_PERMISSION_DENIED, "ROLE_TOO_LOW",
                         "a token for %s is made by them or by an admin",
                         wf_arena_cut(op->arena, name, WF_USER_NAME_MAX));
    if (wf_user_find(&op->s->db, name, owner))
        return true;
    return wf_refuse(op, WF_NOT_FOUND, "UNKNOWN_USER", "there is no user \"%s\"",
                     wf_arena_cut(op->arena, name, WF_USER_NAME_MAX));
}

static bool need_room(struct wf_op *op, const ProtobufCBinaryData *hash)
{
    struct wf_db *db = &op->s->db;

    if (hash->len != WF_HASH_SIZE)
        return wf_refuse_field(op, "OUT_OF_RANGE", "secret_hash", WF_HASH_SIZE,
                               "secret_hash has %zu bytes, must have %d", hash->len, WF_HASH_SIZE);
    if (wf_db_int(db, 0, "SELECT count(*) FROM tokens WHERE secret_hash = ? AND expires_at > ?",
                  "bi", hash->data, hash->len, op->time) > 0)
        return wf_refuse(op, WF_ALREADY_EXISTS, "SECRET_REUSED",
                         "that secret is a token's already");
    if (wf_db_int(db, 0, "SELECT count(*) FROM tokens WHERE expires_at > ?", "i", op->time) >=
        WF_TOKENS_MAX)
        return wf_refuse(op, WF_RESOURCE_EXHAUSTED, "TOO_MANY",
                         "there are %d tokens, as many as can be: use one of them or let some end",
                         WF_TOKENS_MAX);
    return true;
}

// How long the token that makes another may let it live; UINT64_MAX: it is made with a certificate.
// 0 after refusing: that one has ended.
static uint64_t need_maker(struct wf_op *op, const char *made_with)
{
    if (made_with[0] == '\0')
        return UINT64_MAX;
    const V1(Token) *t = token_read(op, wf_token_number(made_with));
    wf_unix_ms ends = t != NULL ? wf_timestamp_ms(t->expires_at) : 0;
    if (t != NULL && !t->revoked && ends - op->time >= 1000)
        return (uint64_t)(ends - op->time) / 1000;
    bool revoked = t != NULL && t->revoked;
    wf_refuse(op, WF_UNAUTHENTICATED, revoked ? "TOKEN_REVOKED" : "TOKEN_EXPIRED",
              "token %s %s: ask for a new one", wf_arena_cut(op->arena, made_with, 24),
              revoked ? "was revoked" : "has ended");
    return 0;
}

// How long the token shall live, or 0 after refusing.
static uint64_t need_seconds(struct wf_op *op, const INTERNAL(CreateTokenCommand) * c)
{
    uint64_t asked = c->request->expires_in_s, most = need_maker(op, c->made_with);

    if (most == 0)
        return 0;
    if (asked == 0)
        return most < WF_TOKEN_SECONDS_DEFAULT ? most : WF_TOKEN_SECONDS_DEFAULT;
    if (!wf_need_range(op, "expires_in_s", asked, 1, WF_TOKEN_SECONDS_MAX))
        return 0;
    if (asked <= most)
        return asked;
    wf_refuse_field(op, "OUT_OF_RANGE", "expires_in_s", (int64_t)most,
                    "%s ends in %" PRIu64 " s, and what is made with it cannot last %" PRIu64
                    " s: ask for less, or make it with a certificate",
                    c->made_with, most, asked);
    return 0;
}

static void drop_ended(struct wf_op *op)
{
    wf_db_run(&op->s->db,
              "DELETE FROM token_makers WHERE id IN (SELECT id FROM tokens WHERE expires_at <= ?)",
              "i", op->time);
    wf_db_run(&op->s->db, "DELETE FROM tokens WHERE expires_at <= ?", "i", op->time);
}

static void insert(struct wf_op *op, const INTERNAL(CreateTokenCommand) * c, const char *owner,
                   int role, const char *scopes, uint64_t seconds)
{
    drop_ended(op);
    wf_db_run(&op->s->db, "INSERT INTO tokens VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)", "ibssisisi",
              (int64_t)++op->s->meta.tokens, c->secret_hash.data, c->secret_hash.len,
              c->request->name, owner, (int64_t)role, scopes, op->time, op->actor->name,
              op->time + (int64_t)seconds * 1000);
    if (c->made_with[0] != '\0')
        wf_db_run(&op->s->db, "INSERT INTO token_makers VALUES(?, ?)", "ii",
                  (int64_t)op->s->meta.tokens, (int64_t)wf_token_number(c->made_with));
}

static void answer_created(struct wf_op *op, const INTERNAL(CreateTokenCommand) * c)
{
    V1(CreateTokenResponse) *answer =
        WF_NEW(op->arena, V1(CreateTokenResponse), watchfire__v1__create_token_response__init);
    const V1(Token) *t = answer->token = token_read(op, op->s->meta.tokens);

    op->response = &answer->base;
    wf_access_event(op, "token", t->id, "created", (int)t->role,
                    wf_arena_printf(op->arena, "%s made token %s (%s) for %s%s%s", op->display,
                                    t->id, t->name, t->owner,
                                    c->made_with[0] != '\0' ? " with " : "", c->made_with));
}

void wf_token_create(struct wf_op *op, const INTERNAL(CreateTokenCommand) * c)
{
    const V1(CreateTokenRequest) *r = c->request;
    struct wf_user_row owner;
    const char *scopes = NULL;

    if (r == NULL) {
        wf_refuse_field(op, "REQUIRED", "request", 0, "request is missing");
        return;
    }
    const char *name = r->owner[0] != '\0' ? r->owner : op->actor->name;
    bool own = strcmp(name, op->actor->name) == 0;
    uint64_t seconds;
    if (!wf_need_line(op, "name", r->name, 1, WF_NAME_MAX) ||
        (seconds = need_seconds(op, c)) == 0 || (scopes = need_scopes(op, r)) == NULL ||
        !need_owner(op, name, own, &owner))
        return;
    int role = need_token_role(op, r, &owner, own);
    if (role == ROLE_NONE || !need_room(op, &c->secret_hash))
        return;
    insert(op, c, name, role, scopes, seconds);
    answer_created(op, c);
}

// --- revoke, use --------------------------------------------------------------------------------

// The tokens that a query begins with, and all that were made with those, and so on.
#define WITH_DESCENDANTS(first)                                                                    \
    "WITH RECURSIVE made(id) AS (" first                                                           \
    " UNION SELECT m.id FROM token_makers m JOIN made ON m.maker = made.id) "

static void revoke_from(struct wf_op *op, uint64_t number, const V1(Token) * t)
{
    struct wf_db *db = &op->s->db;
    int64_t others =
        wf_db_int(db, 0,
                  WITH_DESCENDANTS("SELECT ?") "SELECT count(*) FROM tokens WHERE "
                                               "revoked = 0 AND id IN made AND id <> ?",
                  "ii", (int64_t)number, (int64_t)number);
    const char *more =
        others == 0 ? "" : wf_arena_printf(op->arena, ", and %lld made with it", (long long)others);

    wf_db_run(db, WITH_DESCENDANTS("SELECT ?") "UPDATE tokens SET revoked = 1 WHERE id IN made",
              "i", (int64_t)number);
    wf_access_event(op, "token", t->id, "revoked", (int)t->role,
                    wf_arena_printf(op->arena, "%s revoked token %s (%s) of %s%s", op->display,
                                    t->id, t->name, t->owner, more));
}

void wf_tokens_revoke_of(struct wf_op *op, const char *owner)
{
    wf_db_run(&op->s->db,
              WITH_DESCENDANTS("SELECT id FROM tokens WHERE owner = ?") "UPDATE tokens SET revoked "
                                                                        "= 1 WHERE id IN made",
              "s", owner);
}

void wf_token_revoke(struct wf_op *op, const V1(RevokeTokenRequest) * r)
{
    uint64_t number = wf_token_number(r->id);
    V1(Token) *t = number != 0 ? token_read(op, number) : NULL;

    if (t == NULL) {
        wf_refuse(op, WF_NOT_FOUND, "UNKNOWN_TOKEN",
                  "there is no token \"%s\": list those there are",
                  wf_arena_cut(op->arena, r->id, 40));
        return;
    }
    if (op->actor->role != ROLE_ADMIN && strcmp(t->owner, op->actor->name) != 0) {
        wf_refuse(op, WF_PERMISSION_DENIED, "ROLE_TOO_LOW",
                  "%s is %s's: it is revoked by them or by an admin", t->id, t->owner);
        return;
    }
    if (!t->revoked) {
        t->revoked = true;
        revoke_from(op, number, t);
    }
    V1(RevokeTokenResponse) *answer =
        WF_NEW(op->arena, V1(RevokeTokenResponse), watchfire__v1__revoke_token_response__init);
    answer->token = t;
    op->response = &answer->base;
}

void wf_token_used(struct wf_op *op, const INTERNAL(TokenUseCommand) * c)
{
    for (size_t i = 0; i < c->n_ids; i++)
        wf_db_run(&op->s->db, "UPDATE tokens SET last_used_at = max(created_at, ?) WHERE id = ?",
                  "ii", op->time / hour * hour, (int64_t)wf_token_number(c->ids[i]));
}
