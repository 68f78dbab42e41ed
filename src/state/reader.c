// SPDX-License-Identifier: Apache-2.0
#include "state/reader.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "state/access.h"
#include "state/events.h"
#include "state/incident.h"
#include "state/tokens.h"

static int connect(struct wf_state_reader *r, const struct wf_state *s, struct wf_err *err)
{
    char path[4096];

    if (s->dir == NULL) {
        r->db = (struct wf_db *)&s->db;
        return WF_OK;
    }
    r->dir = strdup(s->dir);
    if (r->dir == NULL)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory opening a reader");
    snprintf(path, sizeof path, "%s/state.db", s->dir);
    r->db = &r->own;
    int rc = wf_db_open_state(r->db, path, SQLITE_OPEN_READONLY, err);
    if (rc != WF_OK)
        return rc;
    wf_db_exec(r->db, "PRAGMA query_only = ON");
    wf_db_exec(r->db, "PRAGMA trusted_schema = OFF");
    return wf_db_fault(r->db, err);
}

int wf_state_reader_open(struct wf_state_reader **out, const struct wf_state *s, struct wf_err *err)
{
    struct wf_state_reader *r = calloc(1, sizeof *r);

    if (r == NULL)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory opening a reader");
    wf_arena_init(&r->arena);
    r->state = (struct wf_state *)s;
    int rc = connect(r, s, err);
    if (rc != WF_OK) {
        wf_state_reader_close(r);
        return wf_wrap(err, rc, "open a reader of the state");
    }
    *out = r;
    return WF_OK;
}

void wf_state_reader_close(struct wf_state_reader *r)
{
    if (r == NULL)
        return;
    wf_search_close(&r->search);
    if (r->db == &r->own)
        wf_db_close(&r->own);
    wf_arena_free(&r->arena);
    free(r->dir);
    free(r);
}

int wf_reader_finish(struct wf_state_reader *r, int rc, struct wf_err *err)
{
    if (r->db->broken) {
        rc = wf_db_fault(r->db, err);
        if (rc == WF_DATA_LOSS)
            atomic_store(&r->state->damaged, true);
        if (r->db == &r->own)
            wf_db_clear(r->db);
    }
    return rc;
}

int wf_state_reader_applied(struct wf_state_reader *r, uint64_t *index, struct wf_err *err)
{
    *index = (uint64_t)wf_db_int(r->db, 0, "SELECT applied FROM meta", "");
    return wf_reader_finish(r, WF_OK, err);
}

int wf_state_reader_pin(struct wf_state_reader *r, uint64_t *index, uint8_t digest[WF_HASH_SIZE],
                        struct wf_err *err)
{
    WF_ASSERT(sqlite3_get_autocommit(r->db->conn) != 0);
    *index = 0;
    memset(digest, 0, WF_HASH_SIZE);
    wf_db_run(r->db, "BEGIN", "");
    sqlite3_stmt *q = wf_db_query(r->db, "SELECT applied, digest FROM meta", "");
    if (wf_db_next(r->db, q)) {
        *index = (uint64_t)sqlite3_column_int64(q, 0);
        if (sqlite3_column_bytes(q, 1) == WF_HASH_SIZE)
            memcpy(digest, sqlite3_column_blob(q, 1), WF_HASH_SIZE);
    }
    wf_db_done(q);
    int rc = wf_reader_finish(r, WF_OK, err);
    if (rc != WF_OK)
        wf_state_reader_unpin(r);
    return rc;
}

void wf_state_reader_unpin(struct wf_state_reader *r)
{
    struct wf_err ignored; // an end of reading that fails shows at the next question

    if (sqlite3_get_autocommit(r->db->conn) == 0)
        wf_db_run(r->db, "COMMIT", "");
    (void)wf_reader_finish(r, WF_OK, &ignored);
}

int wf_state_events(struct wf_state_reader *r, const char *incident_id, uint64_t after_seq,
                    unsigned max,
                    bool (*each)(void *ctx, uint64_t seq, const uint8_t *canonical, size_t len,
                                 const uint8_t hash[WF_HASH_SIZE]),
                    void *ctx, struct wf_err *err)
{
    sqlite3_stmt *q;

    if (after_seq > INT64_MAX)
        return WF_OK;
    if (incident_id[0] == '\0')
        q = wf_db_query(r->db,
                        "SELECT seq, canonical, hash FROM events WHERE seq > ?"
                        " ORDER BY seq LIMIT ?",
                        "ii", (int64_t)after_seq, (int64_t)max);
    else
        q = wf_db_query(r->db,
                        "SELECT seq, canonical, hash FROM events WHERE incident = ? AND seq > ?"
                        " ORDER BY seq LIMIT ?",
                        "iii", (int64_t)wf_incident_number(incident_id), (int64_t)after_seq,
                        (int64_t)max);
    while (wf_db_next(r->db, q)) {
        if (sqlite3_column_bytes(q, 2) != WF_HASH_SIZE) {
            wf_db_done(q);
            return wf_fail(err, WF_DATA_LOSS, "event %lld has no hash",
                           (long long)sqlite3_column_int64(q, 0));
        }
        if (!each(ctx, (uint64_t)sqlite3_column_int64(q, 0), sqlite3_column_blob(q, 1),
                  (size_t)sqlite3_column_bytes(q, 1), sqlite3_column_blob(q, 2))) {
            wf_db_done(q);
            break;
        }
    }
    return wf_reader_finish(r, WF_OK, err);
}

int wf_state_member_removed(struct wf_state_reader *r, const char *name, bool *removed,
                            struct wf_err *err)
{
    wf_arena_reset(&r->arena);
    *removed = false;
    // Only the events of no incident are looked at, through their index: 100,000 of them, of users
    // and tokens for the most part, are a quarter of a second, and members are added by hand.
    sqlite3_stmt *q = wf_db_query(r->db, "SELECT seq FROM events WHERE incident = 0 AND kind = ?",
                                  "i", (int64_t)WHAT(CLUSTER));
    while (!*removed && wf_db_next(r->db, q)) {
        const V1(Event) *e = wf_event_read(r->db, &r->arena, (uint64_t)sqlite3_column_int64(q, 0));
        *removed = e != NULL && strcmp(e->cluster->action, "removed") == 0 &&
                   strcmp(e->cluster->node, name) == 0;
    }
    wf_db_done(q);
    return wf_reader_finish(r, WF_OK, err);
}

int wf_state_verify(struct wf_state_reader *r, uint64_t *events, uint64_t *broken_seq,
                    uint8_t head[WF_HASH_SIZE], struct wf_err *err)
{
    // One snapshot for the events and for what meta says of them.
    bool begun = sqlite3_get_autocommit(r->db->conn) != 0;

    if (begun)
        wf_db_run(r->db, "BEGIN", "");
    wf_events_verify(r->db, &r->arena, events, broken_seq, head);
    if (begun)
        wf_db_run(r->db, "COMMIT", "");
    return wf_reader_finish(r, WF_OK, err);
}

// --- who a caller is ----------------------------------------------------------------------------

static void copy_text(char *to, size_t size, const char *from)
{
    size_t n = strnlen(from, size - 1);

    memcpy(to, from, n);
    to[n] = '\0';
}

static bool fill_user(struct wf_state_reader *r, const char *name, struct wf_principal *out)
{
    struct wf_user_row u;

    if (!wf_user_find(r->db, name, &u))
        return false;
    copy_text(out->name, sizeof out->name, u.name);
    copy_text(out->display_name, sizeof out->display_name,
              u.display_name[0] != '\0' ? u.display_name : u.name);
    out->kind = u.kind;
    out->role = u.role;
    return true;
}

int wf_state_user(struct wf_state_reader *r, const char *name, struct wf_principal *out,
                  struct wf_err *err)
{
    memset(out, 0, sizeof *out);
    int rc = WF_OK;
    if (!fill_user(r, name, out))
        rc = wf_fail_reason(err, WF_NOT_FOUND, "UNKNOWN_USER", "there is no user \"%.63s\"", name);
    return wf_reader_finish(r, rc, err);
}

static int refuse_token(struct wf_err *err, const char *reason, const char *what)
{
    return wf_fail_reason(err, WF_UNAUTHENTICATED, reason, "%s: ask for a new token", what);
}

// The token speaks for its owner as they are now: at most their role.
static int fill_token(struct wf_state_reader *r, const V1(Token) * t, wf_unix_ms now,
                      wf_unix_ms expires_at, wf_unix_ms last_used, struct wf_principal *out,
                      struct wf_err *err)
{
    if (t->revoked)
        return refuse_token(err, "TOKEN_REVOKED", "the token was revoked");
    if (expires_at <= now)
        return refuse_token(err, "TOKEN_EXPIRED", "the token has expired");
    if (!fill_user(r, t->owner, out))
        return refuse_token(err, "TOKEN_REVOKED", "the token's owner was removed");
    if (out->role != ROLE_INGEST && (t->role == ROLE_INGEST || (int)t->role < out->role))
        out->role = (int)t->role;
    copy_text(out->token_id, sizeof out->token_id, t->id);
    for (size_t i = 0; i < t->n_scopes && i < WF_TOKEN_SCOPES_MAX; i++)
        copy_text(out->scopes[out->n_scopes++], sizeof out->scopes[0], t->scopes[i]);
    out->last_used = last_used;
    return WF_OK;
}

int wf_state_token(struct wf_state_reader *r, const uint8_t secret_hash[WF_HASH_SIZE],
                   wf_unix_ms now, struct wf_principal *out, struct wf_err *err)
{
    int rc;

    memset(out, 0, sizeof *out);
    wf_arena_reset(&r->arena);
    sqlite3_stmt *q = wf_db_query(r->db, "SELECT " WF_TOKEN_COLUMNS " WHERE t.secret_hash = ?", "b",
                                  secret_hash, (size_t)WF_HASH_SIZE);
    if (wf_db_next(r->db, q)) {
        wf_unix_ms expires_at = sqlite3_column_int64(q, 8), used = sqlite3_column_int64(q, 9);
        const V1(Token) *t = wf_token_row(&r->arena, q);
        wf_db_done(q);
        rc = fill_token(r, t, now, expires_at, used, out, err);
    } else {
        rc = wf_fail_reason(err, WF_NOT_FOUND, "UNKNOWN_TOKEN", "the token is not known here");
    }
    return wf_reader_finish(r, rc, err);
}
