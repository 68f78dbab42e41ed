// SPDX-License-Identifier: Apache-2.0
#include "state/events.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/limits.h"
#include "proto/time.h"
#include "proto/validate.h"

V1(Event) * wf_event_new(struct wf_op *op, int what, const char *fmt, ...)
{
    V1(Event) *e = WF_NEW(op->arena, V1(Event), watchfire__v1__event__init);
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    e->what_case = (V1(Event__WhatCase))what;
    e->text = wf_arena_cut(op->arena, text, sizeof text);
    return e;
}

static void chain(struct wf_op *op, uint64_t incident, const V1(Event) * e)
{
    struct wf_state *s = op->s;
    size_t len = watchfire__v1__event__get_packed_size(e);

    wf_buf_reset(&s->canonical);
    WF_ASSERT(len <= s->canonical.max); // a command is shorter than that
    uint8_t *bytes = wf_need(wf_buf_reserve(&s->canonical, len), "an event");
    watchfire__v1__event__pack(e, bytes);
    wf_buf_commit(&s->canonical, len);
    wf_hash_pair(s->meta.head, WF_HASH_SIZE, bytes, len, s->meta.head);
    wf_db_run(&s->db, "INSERT INTO events VALUES(?, ?, ?, ?, ?, ?)", "iiiibb", (int64_t)e->seq,
              (int64_t)incident, op->time, (int64_t)e->what_case, bytes, len, s->meta.head,
              (size_t)WF_HASH_SIZE);
}

uint64_t wf_event_append(struct wf_op *op, uint64_t incident, V1(Event) * e)
{
    Google__Protobuf__Timestamp at;
    char id[32] = "";

    WF_ASSERT(op->result.code == WF_OK && e->what_case != 0 && e->hash.len == 0);
    WF_ASSERT(incident <= op->s->meta.incidents);
    if (incident != 0)
        snprintf(id, sizeof id, "INC-%" PRIu64, incident);
    wf_timestamp_init(&at, op->time);
    e->seq = ++op->s->meta.last_seq;
    e->incident_id = id;
    e->at = &at;
    e->actor = (V1(Actor) *)op->actor;
    e->request_id = op->cmd->request_id;
    chain(op, incident, e);
    op->result.seq = e->seq;
    return e->seq;
}

static V1(Event) *
    unpack(struct wf_arena *a, const void *canonical, int len, const void *hash, int hash_len)
{
    V1(Event) *e = watchfire__v1__event__unpack(&a->allocator, (size_t)len, canonical);

    if (e != NULL) {
        e->hash.data = wf_arena_copy(a, hash, (size_t)hash_len);
        e->hash.len = (size_t)hash_len;
    }
    return e;
}

V1(Event) * wf_event_read(struct wf_db *db, struct wf_arena *a, uint64_t seq)
{
    V1(Event) *e = NULL;
    sqlite3_stmt *q =
        wf_db_query(db, "SELECT canonical, hash FROM events WHERE seq = ?", "i", (int64_t)seq);

    if (wf_db_next(db, q)) {
        e = unpack(a, sqlite3_column_blob(q, 0), sqlite3_column_bytes(q, 0),
                   sqlite3_column_blob(q, 1), sqlite3_column_bytes(q, 1));
        wf_db_done(q);
    }
    return e;
}

void wf_event_newest(struct wf_db *db, uint64_t incident, uint64_t *seq, wf_unix_ms *at)
{
    *seq = 0;
    *at = 0;
    sqlite3_stmt *q =
        wf_db_query(db, "SELECT seq, at FROM events WHERE incident = ? ORDER BY seq DESC LIMIT 1",
                    "i", (int64_t)incident);
    if (wf_db_next(db, q)) {
        *seq = (uint64_t)sqlite3_column_int64(q, 0);
        *at = sqlite3_column_int64(q, 1);
        wf_db_done(q);
    }
}

const char *wf_event_line(const V1(Event) * e)
{
    if (e->announcement[0] != '\0')
        return e->announcement;
    if (e->what_case == WHAT(NOTE) && e->text[0] == '\0')
        return e->note->text;
    return e->text;
}

// The columns beside the canonical bytes say what the bytes say.
static bool columns_fit(sqlite3_stmt *q, struct wf_arena *a)
{
    const void *canonical = sqlite3_column_blob(q, 4);
    size_t len = (size_t)sqlite3_column_bytes(q, 4);
    char id[32] = "";

    if (wf_proto_check(&watchfire__v1__event__descriptor, canonical, len, WF_MESSAGE_MAX, NULL) !=
        WF_OK)
        return false;
    V1(Event) *e = watchfire__v1__event__unpack(&a->allocator, len, canonical);
    if (e == NULL)
        return false;
    if (sqlite3_column_int64(q, 1) != 0)
        snprintf(id, sizeof id, "INC-%lld", (long long)sqlite3_column_int64(q, 1));
    return (int64_t)e->seq == sqlite3_column_int64(q, 0) && strcmp(id, e->incident_id) == 0 &&
           wf_timestamp_ms(e->at) == sqlite3_column_int64(q, 2) &&
           (int64_t)e->what_case == sqlite3_column_int64(q, 3);
}

static bool link_fits(sqlite3_stmt *q, uint64_t seq, uint8_t head[WF_HASH_SIZE], struct wf_arena *a)
{
    uint8_t next[WF_HASH_SIZE];

    if ((uint64_t)sqlite3_column_int64(q, 0) != seq || sqlite3_column_bytes(q, 5) != WF_HASH_SIZE)
        return false;
    wf_hash_pair(head, WF_HASH_SIZE, sqlite3_column_blob(q, 4), (size_t)sqlite3_column_bytes(q, 4),
                 next);
    if (memcmp(next, sqlite3_column_blob(q, 5), WF_HASH_SIZE) != 0 || !columns_fit(q, a))
        return false;
    memcpy(head, next, WF_HASH_SIZE);
    return true;
}

void wf_events_verify(struct wf_db *db, struct wf_arena *a, uint64_t *events, uint64_t *broken_seq,
                      uint8_t head[WF_HASH_SIZE])
{
    struct wf_meta meta;

    *events = 0;
    *broken_seq = 0;
    memset(head, 0, WF_HASH_SIZE);
    wf_meta_load(db, &meta);
    sqlite3_stmt *q = wf_db_query(
        db, "SELECT seq, incident, at, kind, canonical, hash FROM events ORDER BY seq", "");
    while (wf_db_next(db, q)) {
        wf_arena_reset(a);
        if (!link_fits(q, *events + 1, head, a)) {
            *broken_seq = *events + 1;
            wf_db_done(q);
            return;
        }
        ++*events;
    }
    if (!db->broken && (*events != meta.last_seq || memcmp(head, meta.head, WF_HASH_SIZE) != 0))
        *broken_seq = *events + 1; // cut short, or the head is another
}
