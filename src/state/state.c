// SPDX-License-Identifier: Apache-2.0
#include "state/state.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "state/apply.h"
#include "state/cluster.h"
#include "state/machine.h"
#include "state/requests.h"
#include "state/schema.h"
#include "state/sums_vfs.h"

// --- open and close -----------------------------------------------------------------------------

// A command of this node's own; out has 64 bytes.
static size_t pack_own(int request_case, void *request, uint8_t *out)
{
    INTERNAL(Command) c = WATCHFIRE__INTERNAL__V1__COMMAND__INIT;
    V1(Actor) a = WATCHFIRE__V1__ACTOR__INIT;

    a.name = (char *)"watchfire";
    a.kind = KIND_NODE;
    c.actor = &a;
    c.request_id_assigned = true;
    c.request_case = (INTERNAL(Command__RequestCase))request_case;
    c.tick = request; // the members of the oneof are pointers all
    WF_ASSERT(protobuf_c_message_get_packed_size(&c.base) <= 64);
    return protobuf_c_message_pack(&c.base, out);
}

static void make_tick(struct wf_state *s)
{
    INTERNAL(TickCommand) t = WATCHFIRE__INTERNAL__V1__TICK_COMMAND__INIT;

    s->tick_len = pack_own(REQUEST(TICK), &t, s->tick);
}

// WAL with NORMAL never leaves a half-written file; what a power cut takes, the raft log has. The
// checkpoint of 64 MiB is for a process that never calls wf_state_checkpoint().
static void configure(struct wf_db *db)
{
    wf_db_exec(db, "PRAGMA journal_mode = WAL");
    wf_db_exec(db, "PRAGMA synchronous = NORMAL");
    wf_db_exec(db, "PRAGMA wal_autocheckpoint = 16384");
    wf_db_exec(db, "PRAGMA cache_size = -16384");
    wf_db_exec(db, "PRAGMA temp_store = MEMORY");
    wf_db_exec(db, "PRAGMA foreign_keys = OFF");
    wf_db_exec(db, "PRAGMA trusted_schema = OFF");
    sqlite3_db_config(db->conn, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
}

// The newest event is the one meta speaks of: the two are written in one transaction.
static void check_head(struct wf_state *s)
{
    const struct wf_meta *m = &s->meta;
    bool fits = m->last_seq == 0;
    sqlite3_stmt *q =
        wf_db_query(&s->db, "SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1", "");

    if (wf_db_next(&s->db, q)) {
        fits = (uint64_t)sqlite3_column_int64(q, 0) == m->last_seq &&
               sqlite3_column_bytes(q, 1) == WF_HASH_SIZE &&
               memcmp(sqlite3_column_blob(q, 1), m->head, WF_HASH_SIZE) == 0;
        wf_db_done(q);
    }
    if (!fits && !s->db.broken) {
        s->db.broken = true;
        wf_fail_reason(&s->db.fault, WF_DATA_LOSS, "STATE_DAMAGED",
                       "the newest event is not the one the state speaks of");
    }
}

void wf_state_load(struct wf_state *s)
{
    wf_meta_load(&s->db, &s->meta);
    s->schema = wf_schema_version(&s->db);
    check_head(s);
    wf_requests_load(s);
    s->due_changed = true;
    wf_cluster_due(s);
}

int wf_state_open(struct wf_state **out, const char *dir, struct wf_err *err)
{
    struct wf_state *s = calloc(1, sizeof *s);
    char path[4096];

    if (s == NULL)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory opening the state");
    wf_arena_init(&s->arena);
    wf_buf_init(&s->canonical, WF_MESSAGE_MAX);
    wf_buf_init(&s->results, WF_RESULTS_MAX);
    snprintf(path, sizeof path, "%s/state.db", dir != NULL ? dir : "");
    s->dir = dir != NULL ? strdup(dir) : NULL;
    s->knows = WF_SCHEMA_VERSION;
    make_tick(s);
    // Never without memory: an empty result has an address too.
    bool room = wf_buf_reserve(&s->results, WF_ENTRY_MAX) != NULL;
    int rc = !room || (dir != NULL && (s->dir == NULL || strlen(dir) > sizeof path - 16))
                 ? wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory opening the state")
                 : wf_db_open_state(&s->db, dir != NULL ? path : ":memory:",
                                    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);
    if (rc == WF_OK)
        rc = wf_db_check_sums(&s->db, err);
    // Of the byte that tells of sums a bit may have flipped, too. Either way it is made anew.
    if (rc == WF_FAILED_PRECONDITION)
        rc = wf_fail_reason(err, WF_DATA_LOSS, "STATE_DAMAGED",
                            "its pages have no sums: damaged, or of an older program");
    if (rc == WF_OK) {
        (void)wf_sums_reserve(s->db.conn); // of a state in memory there are no sums
        configure(&s->db);
        rc = wf_schema_prepare(&s->db, err);
    }
    if (rc == WF_OK) {
        wf_state_load(s);
        rc = wf_db_fault(&s->db, err);
    }
    if (rc != WF_OK) {
        wf_wrap(err, rc, "state in %s", dir != NULL ? dir : "memory");
        wf_state_close(s);
        return rc;
    }
    *out = s;
    return WF_OK;
}

void wf_state_close(struct wf_state *s)
{
    if (s == NULL)
        return;
    wf_db_close(&s->db);
    wf_arena_free(&s->arena);
    wf_buf_free(&s->canonical);
    wf_buf_free(&s->results);
    free(s->ends);
    free(s->dir);
    free(s);
}

uint64_t wf_state_applied(const struct wf_state *s)
{
    return s->meta.applied;
}

void wf_state_digest(const struct wf_state *s, uint8_t out[WF_HASH_SIZE])
{
    memcpy(out, s->meta.digest, WF_HASH_SIZE);
}

uint64_t wf_state_last_seq(const struct wf_state *s)
{
    return s->meta.last_seq;
}

bool wf_state_damaged(const struct wf_state *s)
{
    return atomic_load(&s->damaged);
}

// --- apply --------------------------------------------------------------------------------------

static int make_room(struct wf_state *s, unsigned n, struct wf_err *err)
{
    if (n <= s->ends_cap)
        return WF_OK;
    size_t *ends = realloc(s->ends, n * sizeof *ends);
    if (ends == NULL)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory applying %u commands", n);
    s->ends = ends;
    s->ends_cap = n;
    return WF_OK;
}

// Where the message of a packed Result stands, tag and length included: behind the code, which a
// refusal begins with. Nowhere, in one that has none.
static struct wf_state_bytes message_of(struct wf_state_bytes result)
{
    enum { CODE = 1 << 3, MESSAGE = 2 << 3 | 2, TEXT_AT = 3 };
    const uint8_t *p = result.data;
    size_t at = TEXT_AT, len = 0;
    unsigned shift = 0;

    if (result.len < TEXT_AT + 1 || p[0] != CODE || p[2] != MESSAGE)
        return (struct wf_state_bytes){p, 0};
    do
        len |= (size_t)(p[at] & 0x7f) << shift;
    while (shift += 7, p[at++] >= 0x80 && at < result.len);
    WF_ASSERT(p[1] < 0x80 && at + len <= result.len);
    return (struct wf_state_bytes){p + 2, at + len - 2};
}

// digest' = SHA-256(digest, index, time, head of the event chain, and length and bytes of each
// command and its result): two nodes that differ in what they answered or recorded differ here.
// But for the message of a refusal, which is for people: a newer program may word it better
// (decision 0018).
static void roll_digest(struct wf_state *s, const struct wf_state_bytes *commands,
                        const struct wf_state_bytes *results, unsigned n)
{
    struct wf_hash h;

    wf_hash_init(&h);
    wf_hash_update(&h, s->meta.digest, WF_HASH_SIZE);
    wf_hash_u64(&h, s->meta.applied);
    wf_hash_u64(&h, (uint64_t)s->meta.time);
    wf_hash_update(&h, s->meta.head, WF_HASH_SIZE);
    for (unsigned i = 0; i < n; i++) {
        wf_hash_u64(&h, commands[i].len);
        wf_hash_update(&h, commands[i].data, commands[i].len);
        struct wf_state_bytes r = results[i], m = message_of(r);
        size_t before = (size_t)(m.data - r.data), after = before + m.len;

        wf_hash_u64(&h, r.len - m.len);
        wf_hash_update(&h, r.data, before);
        wf_hash_update(&h, r.data + after, r.len - after);
    }
    wf_hash_final(&h, s->meta.digest);
}

static int apply_all(struct wf_state *s, const struct wf_state_bytes *commands, unsigned n,
                     struct wf_state_bytes *results, struct wf_err *err)
{
    int rc = WF_OK;

    for (unsigned i = 0; i < n && rc == WF_OK; i++) {
        rc = wf_apply_command(s, s->meta.time, commands[i], err);
        s->ends[i] = s->results.len;
    }
    for (unsigned i = 0; i < n && rc == WF_OK; i++) {
        size_t start = i > 0 ? s->ends[i - 1] : 0;
        results[i] = (struct wf_state_bytes){s->results.data + start, s->ends[i] - start};
    }
    return rc;
}

int wf_state_apply(struct wf_state *s, uint64_t index, uint64_t term, wf_unix_ms time,
                   const struct wf_state_bytes *commands, unsigned n,
                   struct wf_state_bytes *results, struct wf_err *err)
{
    WF_ASSERT(index == s->meta.applied + 1);
    WF_ASSERT(n == 0 || (commands != NULL && results != NULL));
    WF_ASSERT(term > 0); // a restored state begins again at the first
    if (s->db.broken)    // a read since the last entry met a page that the disk has damaged
        return wf_db_fault(&s->db, err);
    const uint64_t seq = s->meta.last_seq;
    wf_buf_reset(&s->results);
    int rc = make_room(s, n, err);
    if (rc != WF_OK)
        return rc;
    wf_db_run(&s->db, "BEGIN IMMEDIATE", "");
    s->meta.applied = index;
    s->meta.term = term;
    s->meta.time = time > s->meta.time ? time : s->meta.time;
    rc = apply_all(s, commands, n, results, err);
    if (rc == WF_OK) {
        roll_digest(s, commands, results, n);
        wf_meta_save(&s->db, &s->meta);
        wf_db_run(&s->db, "COMMIT", "");
        wf_cluster_due(s);
        rc = wf_db_fault(&s->db, err);
        WF_ASSERT(s->meta.applied == index && s->meta.last_seq >= seq);
    }
    if (rc != WF_OK) { // the node stops; until then the state is as of the index before
        wf_db_clear(&s->db);
        if (!sqlite3_get_autocommit(s->db.conn))
            wf_db_run(&s->db, "ROLLBACK", "");
        wf_state_load(s);
        return wf_wrap(err, rc, "apply index %llu", (unsigned long long)index);
    }
    return WF_OK;
}

// --- what is due --------------------------------------------------------------------------------

uint32_t wf_state_knows(const struct wf_state *s)
{
    return (uint32_t)s->knows;
}

void wf_state_all_know(struct wf_state *s, uint32_t schema)
{
    s->all_know = schema;
}

// The schema that the state may have by now.
static int may_have(const struct wf_state *s)
{
    return s->all_know < (uint32_t)s->knows ? (int)s->all_know : s->knows;
}

wf_unix_ms wf_state_next_due(const struct wf_state *s)
{
    wf_unix_ms requests = wf_requests_due(s);

    if (may_have(s) > s->schema && s->meta.genesis)
        return 0;
    return s->incident_due < requests ? s->incident_due : requests;
}

struct wf_state_bytes wf_state_tick(struct wf_state *s)
{
    INTERNAL(MigrateCommand) m = WATCHFIRE__INTERNAL__V1__MIGRATE_COMMAND__INIT;

    m.schema = (uint32_t)may_have(s);
    if (may_have(s) <= s->schema || !s->meta.genesis)
        return (struct wf_state_bytes){s->tick, s->tick_len};
    return (struct wf_state_bytes){s->raise, pack_own(REQUEST(MIGRATE), &m, s->raise)};
}

int wf_state_checkpoint(const char *dir, struct wf_err *err)
{
    struct wf_db db;
    char path[4096];

    WF_ASSERT(dir != NULL && strlen(dir) < sizeof path - 16);
    snprintf(path, sizeof path, "%s/state.db", dir);
    int rc = wf_db_open_state(&db, path, SQLITE_OPEN_READWRITE, err);
    if (rc != WF_OK)
        return wf_wrap(err, rc, "checkpoint of %s", path);
    // A connection that has not read yet knows of no WAL, and would have nothing to do.
    wf_db_exec(&db, "PRAGMA schema_version");
    // PASSIVE waits for nobody: what a reader still needs stays for the next time.
    sqlite3_wal_checkpoint_v2(db.conn, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    int failed = sqlite3_errcode(db.conn) & 0xff;
    if (failed != SQLITE_OK && failed != SQLITE_BUSY && failed != SQLITE_LOCKED)
        rc = wf_fail(err, WF_INTERNAL, "checkpoint of %s: %s", path, sqlite3_errmsg(db.conn));
    wf_db_close(&db);
    return rc;
}
