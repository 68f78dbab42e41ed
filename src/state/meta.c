// SPDX-License-Identifier: Apache-2.0
#include "state/machine.h"

#include <string.h>

static void blob(sqlite3_stmt *q, int column, void *out, size_t n)
{
    if ((size_t)sqlite3_column_bytes(q, column) == n)
        memcpy(out, sqlite3_column_blob(q, column), n);
}

void wf_meta_load(struct wf_db *db, struct wf_meta *m)
{
    memset(m, 0, sizeof *m);
    sqlite3_stmt *q = wf_db_query(
        db,
        "SELECT applied, term, time, digest, last_seq, head, incidents, tokens, requests, audits,"
        " refusals, cluster_id, cluster_name FROM meta WHERE id = 1",
        "");
    if (!wf_db_next(db, q)) {
        if (!db->broken) {
            db->broken = true;
            wf_fail(&db->fault, WF_DATA_LOSS, "the state file has no row in table meta");
        }
        return;
    }
    m->applied = (uint64_t)sqlite3_column_int64(q, 0);
    m->term = (uint64_t)sqlite3_column_int64(q, 1);
    m->time = sqlite3_column_int64(q, 2);
    blob(q, 3, m->digest, sizeof m->digest);
    m->last_seq = (uint64_t)sqlite3_column_int64(q, 4);
    blob(q, 5, m->head, sizeof m->head);
    m->incidents = (uint64_t)sqlite3_column_int64(q, 6);
    m->tokens = (uint64_t)sqlite3_column_int64(q, 7);
    m->requests = (uint64_t)sqlite3_column_int64(q, 8);
    m->audits = (uint64_t)sqlite3_column_int64(q, 9);
    m->refusals = (uint64_t)sqlite3_column_int64(q, 10);
    m->genesis = sqlite3_column_bytes(q, 11) == sizeof m->cluster_id;
    blob(q, 11, m->cluster_id, sizeof m->cluster_id);
    strncpy(m->cluster_name, wf_db_text(q, 12), sizeof m->cluster_name - 1);
    wf_db_done(q);
}

void wf_meta_save(struct wf_db *db, const struct wf_meta *m)
{
    wf_db_run(db,
              "UPDATE meta SET applied = ?, term = ?, time = ?, digest = ?, last_seq = ?, head = ?,"
              " incidents = ?, tokens = ?, requests = ?, audits = ?, refusals = ?, cluster_id = ?,"
              " cluster_name = ? WHERE id = 1",
              "iiibibiiiiibs", (int64_t)m->applied, (int64_t)m->term, m->time, m->digest,
              sizeof m->digest, (int64_t)m->last_seq, m->head, sizeof m->head,
              (int64_t)m->incidents, (int64_t)m->tokens, (int64_t)m->requests, (int64_t)m->audits,
              (int64_t)m->refusals, m->cluster_id, m->genesis ? sizeof m->cluster_id : (size_t)0,
              m->cluster_name);
}
