// SPDX-License-Identifier: Apache-2.0
#include "state/schema.h"

#include <string.h>

#include "base/assert.h"

// Step i brings a file of version i to version i + 1. A step that was released is never edited.
static const char *const steps[WF_SCHEMA_VERSION][32] = {
    {
        "CREATE TABLE meta(id INTEGER PRIMARY KEY CHECK(id = 1), applied INTEGER NOT NULL,"
        " term INTEGER NOT NULL, time INTEGER NOT NULL, digest BLOB NOT NULL,"
        " last_seq INTEGER NOT NULL, head BLOB NOT NULL, incidents INTEGER NOT NULL,"
        " tokens INTEGER NOT NULL, requests INTEGER NOT NULL, audits INTEGER NOT NULL,"
        " refusals INTEGER NOT NULL, cluster_id BLOB NOT NULL, cluster_name TEXT NOT NULL) STRICT",
        "CREATE TABLE events(seq INTEGER PRIMARY KEY, incident INTEGER NOT NULL,"
        " at INTEGER NOT NULL, kind INTEGER NOT NULL, canonical BLOB NOT NULL,"
        " hash BLOB NOT NULL) STRICT",
        "CREATE INDEX events_of ON events(incident, seq)",
        "CREATE TABLE incidents(id INTEGER PRIMARY KEY, title TEXT NOT NULL,"
        " severity INTEGER NOT NULL, state INTEGER NOT NULL, commander TEXT NOT NULL,"
        " epoch INTEGER NOT NULL, declared_at INTEGER NOT NULL, resolved_at INTEGER,"
        " due_at INTEGER, doc BLOB NOT NULL) STRICT",
        "CREATE INDEX incidents_due ON incidents(due_at, id) WHERE due_at IS NOT NULL",
        "CREATE INDEX incidents_open ON incidents(id) WHERE state <> 4",
        "CREATE TABLE lapsed(incident INTEGER NOT NULL, role INTEGER NOT NULL,"
        " ops_group TEXT NOT NULL, recipient TEXT NOT NULL, at INTEGER NOT NULL,"
        " PRIMARY KEY(incident, role, ops_group)) STRICT, WITHOUT ROWID",
        "CREATE TABLE sitreps(incident INTEGER NOT NULL, number INTEGER NOT NULL,"
        " version INTEGER NOT NULL, seq INTEGER NOT NULL,"
        " PRIMARY KEY(incident, number, version)) STRICT, WITHOUT ROWID",
        "CREATE TABLE status_posts(incident INTEGER NOT NULL, number INTEGER NOT NULL,"
        " seq INTEGER NOT NULL, PRIMARY KEY(incident, number)) STRICT, WITHOUT ROWID",
        "CREATE TABLE links(incident INTEGER NOT NULL, url TEXT NOT NULL, title TEXT NOT NULL,"
        " added_by TEXT NOT NULL, seq INTEGER NOT NULL,"
        " PRIMARY KEY(incident, url)) STRICT, WITHOUT ROWID",
        "CREATE TABLE vendor_tickets(incident INTEGER NOT NULL, vendor TEXT NOT NULL,"
        " ticket TEXT NOT NULL, state TEXT NOT NULL, url TEXT NOT NULL, opened_by TEXT NOT NULL,"
        " at INTEGER NOT NULL, PRIMARY KEY(incident, vendor, ticket)) STRICT, WITHOUT ROWID",
        "CREATE TABLE tasks(incident INTEGER NOT NULL, number INTEGER NOT NULL,"
        " title TEXT NOT NULL, owner TEXT NOT NULL, closed INTEGER NOT NULL, at INTEGER NOT NULL,"
        " PRIMARY KEY(incident, number)) STRICT, WITHOUT ROWID",
        "CREATE TABLE users(name TEXT NOT NULL PRIMARY KEY, kind INTEGER NOT NULL,"
        " role INTEGER NOT NULL, display_name TEXT NOT NULL) STRICT, WITHOUT ROWID",
        "CREATE TABLE tokens(id INTEGER PRIMARY KEY, secret_hash BLOB NOT NULL UNIQUE,"
        " name TEXT NOT NULL, owner TEXT NOT NULL, role INTEGER NOT NULL, scopes TEXT NOT NULL,"
        " created_at INTEGER NOT NULL, created_by TEXT NOT NULL, expires_at INTEGER NOT NULL,"
        " last_used_at INTEGER NOT NULL, revoked INTEGER NOT NULL) STRICT",
        "CREATE INDEX tokens_of ON tokens(owner, id)",
        "CREATE TABLE token_makers(id INTEGER PRIMARY KEY, maker INTEGER NOT NULL) STRICT",
        "CREATE TABLE audit(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL,"
        " kind INTEGER NOT NULL, role INTEGER NOT NULL, method TEXT NOT NULL,"
        " target TEXT NOT NULL, code INTEGER NOT NULL, message TEXT NOT NULL, node TEXT NOT NULL,"
        " count INTEGER NOT NULL, seq INTEGER NOT NULL) STRICT",
        "CREATE INDEX audit_refusals ON audit(id) WHERE code <> 0",
        "CREATE INDEX audit_of ON audit(actor, id)",
        "CREATE TABLE requests(n INTEGER PRIMARY KEY, kind INTEGER NOT NULL, actor TEXT NOT NULL,"
        " request_id TEXT NOT NULL, fingerprint BLOB NOT NULL, at INTEGER NOT NULL,"
        " result BLOB NOT NULL, UNIQUE(kind, actor, request_id)) STRICT",
        "INSERT INTO meta VALUES(1, 0, 0, 0, zeroblob(32), 0, zeroblob(32), 0, 0, 0, 0, 0, x'', "
        "'')",
    },
    {
        // What was made with a token is looked for when that is revoked.
        "CREATE INDEX token_makers_of ON token_makers(maker)",
    },
};

int wf_schema_version(struct wf_db *db)
{
    return (int)wf_db_int(db, 0, "PRAGMA user_version", "");
}

void wf_schema_raise(struct wf_db *db, int version)
{
    char pragma[64];
    int from = wf_schema_version(db);

    WF_ASSERT(version <= WF_SCHEMA_VERSION && (from < version || db->broken));
    for (int v = from; v < version; v++)
        for (int i = 0; i < 32 && steps[v][i] != NULL; i++)
            wf_db_exec(db, steps[v][i]);
    sqlite3_snprintf(sizeof pragma, pragma, "PRAGMA user_version = %d", version);
    wf_db_exec(db, pragma);
}

int wf_schema_prepare(struct wf_db *db, struct wf_err *err)
{
    int version = wf_schema_version(db);

    if (db->broken)
        return wf_db_fault(db, err);
    if (version < 0 || version > WF_SCHEMA_VERSION)
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "SCHEMA_NEWER",
                              "the state has schema version %d, this program knows %d: install a "
                              "newer watchfired",
                              version, WF_SCHEMA_VERSION);
    if (version > 0)
        return WF_OK;
    wf_db_exec(db, "BEGIN IMMEDIATE");
    wf_schema_raise(db, 1);
    wf_db_exec(db, "COMMIT");
    return wf_db_fault(db, err);
}

static bool is_step(const char *sql, int version)
{
    for (int v = 0; v < version; v++)
        for (int i = 0; i < 32 && steps[v][i] != NULL; i++)
            if (strcmp(steps[v][i], sql) == 0)
                return true;
    return false;
}

int wf_schema_check(struct wf_db *db, struct wf_err *err)
{
    int version = wf_schema_version(db), found = 0, wanted = 0;
    bool foreign = false;

    if (!db->broken && (version < 1 || version > WF_SCHEMA_VERSION))
        return wf_fail_reason(
            err, version > WF_SCHEMA_VERSION ? WF_FAILED_PRECONDITION : WF_DATA_LOSS, "SCHEMA",
            "schema version %d, this program knows 1 to %d", version, WF_SCHEMA_VERSION);
    sqlite3_stmt *q = wf_db_query(db, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL", "");
    while (wf_db_next(db, q)) {
        found++;
        foreign = foreign || !is_step(wf_db_text(q, 0), version);
    }
    for (int v = 0; v < version && !db->broken; v++)
        for (int i = 0; i < 32 && steps[v][i] != NULL; i++)
            wanted += strncmp(steps[v][i], "CREATE ", 7) == 0;
    if (!db->broken && (foreign || found != wanted))
        return wf_fail_reason(err, WF_DATA_LOSS, "SCHEMA", "not the tables of a watchfire state");
    return wf_db_fault(db, err);
}
