// SPDX-License-Identifier: Apache-2.0
#include "state/requests.h"

#include <string.h>

#include "base/limits.h"
#include "state/refuse.h"

static const wf_unix_ms hour = 3600 * 1000;

static bool memorable(const struct wf_op *op)
{
    return !op->cmd->request_id_assigned && op->cmd->request_id[0] != '\0';
}

// A token was made, and its secret was in the first answer alone: a second one cannot have it.
static bool secret_is_gone(struct wf_op *op, struct wf_state_bytes known)
{
    ProtobufCAllocator *a = &op->arena->allocator;

    if (op->cmd->request_case != REQUEST(CREATE_TOKEN))
        return false;
    const INTERNAL(Result) *r = (const INTERNAL(Result) *)protobuf_c_message_unpack(
        &watchfire__internal__v1__result__descriptor, a, known.len, known.data);
    if (r == NULL || r->code != WF_OK)
        return false;
    const V1(CreateTokenResponse) *made =
        (const V1(CreateTokenResponse) *)protobuf_c_message_unpack(
            &watchfire__v1__create_token_response__descriptor, a, r->response.len,
            r->response.data);
    const char *id = made != NULL && made->token != NULL ? made->token->id : "a token";
    wf_refuse(op, WF_ALREADY_EXISTS, "SECRET_GONE",
              "%s was made with request id \"%s\", and its secret, which was in that answer alone, "
              "cannot be shown again: revoke it (watchfire token revoke %s) and make another "
              "with a new request id",
              id, wf_arena_cut(op->arena, op->cmd->request_id, WF_REQUEST_ID_MAX), id);
    op->detail.field = wf_arena_text(op->arena, "request_id");
    return true;
}

static void compare(struct wf_op *op, sqlite3_stmt *q, struct wf_state_bytes *known)
{
    const ProtobufCBinaryData *print = &op->cmd->fingerprint;
    size_t n = (size_t)sqlite3_column_bytes(q, 0);

    if (n == print->len && (n == 0 || memcmp(sqlite3_column_blob(q, 0), print->data, n) == 0)) {
        known->len = (size_t)sqlite3_column_bytes(q, 1);
        known->data = wf_arena_copy(op->arena, sqlite3_column_blob(q, 1), known->len);
        if (secret_is_gone(op, *known))
            *known = (struct wf_state_bytes){NULL, 0};
        return;
    }
    wf_refuse(op, WF_ALREADY_EXISTS, "REQUEST_ID_REUSED",
              "request id \"%s\" was used for another request: choose a new one",
              wf_arena_cut(op->arena, op->cmd->request_id, WF_REQUEST_ID_MAX));
    op->detail.field = wf_arena_text(op->arena, "request_id");
}

// The newest that may be forgotten for its age; 0 or less: none may.
static int64_t last_to_expire(const struct wf_state *s)
{
    return (int64_t)s->meta.requests - WF_DEDUP_KEPT;
}

bool wf_requests_recall(struct wf_op *op, struct wf_state_bytes *known)
{
    const INTERNAL(Command) *c = op->cmd;

    if (!wf_need_text(op, "request_id", c->request_id, 0, WF_REQUEST_ID_MAX))
        return true;
    if (!memorable(op))
        return false;
    sqlite3_stmt *q = wf_db_query(&op->s->db,
                                  "SELECT fingerprint, result FROM requests"
                                  " WHERE kind = ? AND actor = ? AND request_id = ?"
                                  " AND (at > ? OR n > ?)",
                                  "issii", (int64_t)op->actor->kind, op->actor->name, c->request_id,
                                  op->time - WF_DEDUP_MS, last_to_expire(op->s));
    bool found = wf_db_next(&op->s->db, q);
    if (found)
        compare(op, q, known);
    wf_db_done(q);
    return found;
}

static wf_unix_ms oldest(struct wf_state *s)
{
    return wf_db_int(&s->db, 0, "SELECT at FROM requests WHERE n <= ? ORDER BY n LIMIT 1", "i",
                     last_to_expire(s));
}

void wf_requests_remember(struct wf_op *op, const uint8_t *result, size_t len)
{
    struct wf_state *s = op->s;
    const INTERNAL(Command) *c = op->cmd;

    if (!memorable(op) || op->result.code == WF_PERMISSION_DENIED ||
        op->result.code == WF_UNAUTHENTICATED)
        return;
    // REPLACE: an expired one of the same id that no tick has dropped yet.
    wf_db_run(&s->db, "INSERT OR REPLACE INTO requests VALUES(?, ?, ?, ?, ?, ?, ?)", "iissbib",
              (int64_t)++s->meta.requests, (int64_t)op->actor->kind, op->actor->name, c->request_id,
              c->fingerprint.data != NULL ? c->fingerprint.data : (uint8_t *)"", c->fingerprint.len,
              op->time, result, len);
    if (s->oldest_request == 0 && last_to_expire(s) > 0)
        s->oldest_request = oldest(s);
    if (s->meta.requests > WF_DEDUP_MAX) {
        wf_db_run(&s->db, "DELETE FROM requests WHERE n <= ?", "i",
                  (int64_t)s->meta.requests - WF_DEDUP_MAX);
        s->oldest_request = oldest(s);
    }
}

void wf_requests_expire(struct wf_state *s, wf_unix_ms now)
{
    wf_db_run(&s->db,
              "DELETE FROM requests WHERE n IN (SELECT n FROM requests WHERE at <= ? AND n <= ?"
              " ORDER BY n LIMIT ?)",
              "iii", now - WF_DEDUP_MS, last_to_expire(s), (int64_t)WF_EXPIRE_STEP);
    s->oldest_request = oldest(s);
}

wf_unix_ms wf_requests_due(const struct wf_state *s)
{
    if (s->oldest_request == 0)
        return INT64_MAX;
    return (s->oldest_request + WF_DEDUP_MS + hour - 1) / hour * hour;
}

void wf_requests_load(struct wf_state *s)
{
    s->oldest_request = oldest(s);
}
