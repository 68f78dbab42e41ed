// SPDX-License-Identifier: Apache-2.0
#include "state/search.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/limits.h"
#include "state/messages.h"

enum { SEARCH_VERSION = 1 };

static void make_tables(struct wf_db *db)
{
    if (wf_db_int(db, 0, "PRAGMA user_version", "") == SEARCH_VERSION)
        return;
    wf_db_exec(db, "BEGIN IMMEDIATE");
    wf_db_exec(db, "DROP TABLE IF EXISTS words");
    wf_db_exec(db, "DROP TABLE IF EXISTS covered");
    wf_db_exec(db, "CREATE TABLE covered(id INTEGER PRIMARY KEY CHECK(id = 1),"
                   " seq INTEGER NOT NULL, hash BLOB NOT NULL) STRICT");
    wf_db_exec(db, "INSERT INTO covered VALUES(1, 0, x'')");
    wf_db_exec(db, "CREATE VIRTUAL TABLE words USING fts5(text, incident UNINDEXED,"
                   " tokenize = 'unicode61')");
    wf_db_exec(db, "PRAGMA user_version = 1");
    wf_db_exec(db, "COMMIT");
}

static int open_file(struct wf_search *x, const char *path, struct wf_err *err)
{
    int rc = wf_db_open(&x->db, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);

    if (rc != WF_OK)
        return rc;
    wf_db_exec(&x->db, "PRAGMA journal_mode = WAL");
    wf_db_exec(&x->db, "PRAGMA synchronous = NORMAL");
    make_tables(&x->db);
    rc = wf_db_fault(&x->db, err);
    if (rc != WF_OK)
        wf_db_close(&x->db);
    x->open = rc == WF_OK;
    return rc;
}

static void remove_files(const char *dir)
{
    static const char *const parts[] = {"", "-wal", "-shm"};
    char path[4096];

    for (int i = 0; i < 3; i++) { // derived: made again from the events
        snprintf(path, sizeof path, "%s/search.db%s", dir, parts[i]);
        unlink(path);
    }
}

int wf_search_open(struct wf_search *x, const char *dir, struct wf_err *err)
{
    char path[4096];

    if (x->open)
        return WF_OK;
    snprintf(path, sizeof path, dir != NULL ? "%s/search.db" : ":memory:", dir);
    int rc = open_file(x, path, err);
    if (rc != WF_DATA_LOSS || dir == NULL)
        return rc;
    remove_files(dir);
    return open_file(x, path, err);
}

void wf_search_close(struct wf_search *x)
{
    if (x->open)
        wf_db_close(&x->db);
    x->open = false;
}

void wf_search_recover(struct wf_search *x, const char *dir)
{
    bool damaged = x->open && x->db.broken && x->db.fault.code == WF_DATA_LOSS;

    wf_search_close(x);
    if (damaged && dir != NULL)
        remove_files(dir);
}

// --- what is written in an event ----------------------------------------------------------------

static void put_strings(struct wf_buf *out, const ProtobufCMessage *m);

static void put_value(struct wf_buf *out, const ProtobufCFieldDescriptor *f, const void *value)
{
    const void *p = *(void *const *)value;

    if (p == NULL)
        return;
    if (f->type == PROTOBUF_C_TYPE_STRING && *(const char *)p != '\0') {
        wf_buf_puts(out, p);
        wf_buf_putc(out, '\n');
    } else if (f->type == PROTOBUF_C_TYPE_MESSAGE &&
               f->descriptor != &watchfire__v1__actor__descriptor) {
        put_strings(out, p);
    }
}

// Every text of a message but who wrote it. Events nest a few levels and never themselves.
static void put_strings(struct wf_buf *out, const ProtobufCMessage *m)
{
    for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
        const char *at = (const char *)m + f->offset;
        if (f->type != PROTOBUF_C_TYPE_STRING && f->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        if (f->label != PROTOBUF_C_LABEL_REPEATED) {
            put_value(out, f, at);
            continue;
        }
        size_t n = *(const size_t *)((const char *)m + f->quantifier_offset);
        for (size_t k = 0; k < n; k++)
            put_value(out, f, *(char *const *)at + k * sizeof(void *));
    }
}

static void put_event(struct wf_buf *out, const V1(Event) * e)
{
    wf_buf_reset(out);
    if (e->announcement[0] != '\0') {
        wf_buf_puts(out, e->announcement);
        wf_buf_putc(out, '\n');
    }
    if (e->what_case != 0) // all members are messages
        put_strings(out, (const ProtobufCMessage *)e->note);
}

// --- catching up --------------------------------------------------------------------------------

struct covered {
    int64_t seq;
    uint8_t hash[WF_HASH_SIZE];
};

static struct covered covered(struct wf_db *db)
{
    struct covered c = {0, {0}};
    sqlite3_stmt *q = wf_db_query(db, "SELECT seq, hash FROM covered", "");

    if (wf_db_next(db, q)) {
        c.seq = sqlite3_column_int64(q, 0);
        if (sqlite3_column_bytes(q, 1) == WF_HASH_SIZE)
            memcpy(c.hash, sqlite3_column_blob(q, 1), WF_HASH_SIZE);
    }
    wf_db_done(q);
    return c;
}

// The index was made from this chain: the event it ends with is there, with the same hash.
static bool same_chain(struct wf_db *events, const struct covered *c)
{
    bool same = c->seq == 0;
    sqlite3_stmt *q = wf_db_query(events, "SELECT hash FROM events WHERE seq = ?", "i", c->seq);

    if (wf_db_next(events, q))
        same = sqlite3_column_bytes(q, 0) == WF_HASH_SIZE &&
               memcmp(sqlite3_column_blob(q, 0), c->hash, WF_HASH_SIZE) == 0;
    wf_db_done(q);
    return same;
}

static void take_in(struct wf_db *db, sqlite3_stmt *q, struct wf_arena *a, struct wf_buf *text)
{
    wf_arena_reset(a);
    const V1(Event) *e = watchfire__v1__event__unpack(
        &a->allocator, (size_t)sqlite3_column_bytes(q, 2), sqlite3_column_blob(q, 2));

    if (e == NULL)
        return; // damaged; verifying the log tells
    put_event(text, e);
    const char *s = wf_buf_cstr(text);
    wf_db_run(db, "INSERT INTO words(rowid, text, incident) VALUES(?, ?, ?)", "isi",
              sqlite3_column_int64(q, 0), s != NULL ? s : "", sqlite3_column_int64(q, 1));
}

// One transaction. Returns how many events it took in.
static int step(struct wf_search *x, struct wf_db *events, struct wf_arena *a, struct wf_buf *text)
{
    int n = 0;

    wf_db_exec(&x->db, "BEGIN IMMEDIATE");
    struct covered c = covered(&x->db); // another reader may have come first
    if (!same_chain(events, &c)) {
        wf_db_run(&x->db, "DELETE FROM words", "");
        c = (struct covered){0, {0}};
    }
    sqlite3_stmt *q = wf_db_query(events,
                                  "SELECT seq, incident, canonical, hash FROM events"
                                  " WHERE seq > ? ORDER BY seq LIMIT ?",
                                  "ii", c.seq, (int64_t)WF_SEARCH_STEP);
    while (wf_db_next(events, q)) {
        take_in(&x->db, q, a, text);
        c.seq = sqlite3_column_int64(q, 0);
        if (sqlite3_column_bytes(q, 3) == WF_HASH_SIZE)
            memcpy(c.hash, sqlite3_column_blob(q, 3), WF_HASH_SIZE);
        n++;
    }
    wf_db_run(&x->db, "UPDATE covered SET seq = ?, hash = ?", "ib", c.seq, c.hash,
              (size_t)WF_HASH_SIZE);
    wf_db_exec(&x->db, "COMMIT");
    if (x->db.broken && !sqlite3_get_autocommit(x->db.conn))
        sqlite3_exec(x->db.conn, "ROLLBACK", NULL, NULL, NULL);
    return n;
}

int wf_search_catch_up(struct wf_search *x, struct wf_db *events, struct wf_arena *a,
                       uint64_t *indexed, struct wf_err *err)
{
    struct wf_buf text;
    struct covered c = covered(&x->db);
    int64_t last = wf_db_int(events, 0, "SELECT max(seq) FROM events", "");

    WF_ASSERT(x->open);
    wf_buf_init(&text, WF_MESSAGE_MAX);
    for (int i = 0; i < WF_SEARCH_STEPS_MAX; i++) {
        if (x->db.broken || events->broken || (c.seq >= last && same_chain(events, &c)))
            break;
        int n = step(x, events, a, &text);
        c = covered(&x->db);
        if (n < WF_SEARCH_STEP)
            break;
    }
    wf_buf_free(&text);
    *indexed = (uint64_t)c.seq;
    return wf_db_fault(&x->db, err);
}

// --- searching ----------------------------------------------------------------------------------

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

// Each term goes between quotes, so that nothing a person types is an operator of FTS5.
static char *put_term(char *out, const char *s, size_t n, bool beginning)
{
    *out++ = '"';
    for (size_t i = 0; i < n; i++)
        if (s[i] != '"')
            *out++ = s[i];
    *out++ = '"';
    if (beginning)
        *out++ = '*';
    *out++ = ' ';
    return out;
}

const char *wf_search_expression(struct wf_arena *a, const char *query)
{
    char *text = wf_arena_alloc(a, 4 * strlen(query) + 8), *out = text;
    const char *p = query;

    while (*p != '\0') {
        bool phrase = *p == '"';
        const char *start = phrase ? p + 1 : p, *end = start;
        while (*end != '\0' && (phrase ? *end != '"' : !is_space(*end) && *end != '"'))
            end++;
        size_t n = (size_t)(end - start);
        bool beginning = !phrase && n > 1 && start[n - 1] == '*';
        if (n > 0)
            out = put_term(out, start, n - beginning, beginning);
        p = phrase && *end == '"' ? end + 1 : end;
        while (is_space(*p))
            p++;
    }
    *out = '\0';
    return out > text ? text : NULL;
}

sqlite3_stmt *wf_search_find(struct wf_search *x, const char *expression, uint64_t incident,
                             unsigned limit)
{
    return wf_db_query(&x->db,
                       "SELECT rowid, snippet(words, 0, '\xc2\xab', '\xc2\xbb', '\xe2\x80\xa6', 16)"
                       " FROM words WHERE words MATCH ?1 AND (?2 = 0 OR incident = ?2)"
                       " ORDER BY rank, rowid DESC LIMIT ?3",
                       "sii", expression, (int64_t)incident, (int64_t)limit);
}
