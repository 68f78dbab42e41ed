// SPDX-License-Identifier: Apache-2.0
#include "replication/log_db_private.h"

#include <string.h>

#include "base/assert.h"

int wf_log_db_get(struct wf_log_db *db, const char *key, struct wf_buf *out, bool *found,
                  struct wf_err *err)
{
    sqlite3_stmt *s = wf_log_db_use(db, WF_SQL_META_GET);
    sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
    wf_buf_reset(out);
    int step = sqlite3_step(s), rc = WF_OK;
    *found = step == SQLITE_ROW;
    if (step == SQLITE_ROW) {
        const void *value = sqlite3_column_blob(s, 0), *hash = sqlite3_column_blob(s, 1);
        size_t n = (size_t)sqlite3_column_bytes(s, 0);
        uint8_t want[WF_HASH_SIZE];
        wf_hash_pair(key, strlen(key) + 1, value ? value : "", n, want);
        if (sqlite3_column_bytes(s, 1) != WF_HASH_SIZE || memcmp(hash, want, sizeof want) != 0)
            rc = wf_fail(err, WF_DATA_LOSS, "%s/log.db: the %s does not check", db->dir, key);
        else if (n > 0 && wf_buf_append(out, value, n) != WF_OK)
            rc = wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory for the %s", key);
    } else if (step != SQLITE_DONE) {
        rc = wf_log_db_fail(db, err, "cannot read");
    }
    sqlite3_reset(s);
    return rc;
}

int wf_log_db_set(struct wf_log_db *db, const char *key, struct wf_bytes value, struct wf_err *err)
{
    uint8_t hash[WF_HASH_SIZE];
    wf_hash_pair(key, strlen(key) + 1, value.data, value.len, hash);
    sqlite3_stmt *s = wf_log_db_use(db, WF_SQL_META_SET);
    sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
    sqlite3_bind_blob64(s, 2, value.len ? value.data : (const void *)"", value.len, SQLITE_STATIC);
    sqlite3_bind_blob(s, 3, hash, sizeof hash, SQLITE_STATIC);
    return wf_log_db_run(db, s, "cannot write", err);
}

static int set_buf(struct wf_log_db *db, const char *key, struct wf_buf *b, struct wf_err *err)
{
    int rc = b->failed ? wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory")
                       : wf_log_db_set(db, key, (struct wf_bytes){b->data, b->len}, err);
    wf_buf_free(b);
    return rc;
}

int wf_log_db_set_identity(struct wf_log_db *db, const struct wf_node_identity *id,
                           struct wf_err *err)
{
    struct wf_buf b;
    wf_buf_init(&b, 256);
    wf_buf_append(&b, id->cluster_id, sizeof id->cluster_id);
    wf_buf_put_u64(&b, id->incarnation);
    wf_buf_put_u64(&b, id->node_id);
    wf_buf_append(&b, id->disk_id, sizeof id->disk_id);
    wf_buf_append(&b, id->name, strnlen(id->name, sizeof id->name - 1));
    int rc = set_buf(db, "identity", &b, err);
    if (rc == WF_OK)
        db->identity = *id;
    return rc;
}

int wf_log_db_set_vote(struct wf_log_db *db, uint64_t term, uint64_t vote, struct wf_err *err)
{
    struct wf_buf b;
    wf_buf_init(&b, 64);
    wf_buf_put_u64(&b, term);
    wf_buf_put_u64(&b, vote);
    int rc = set_buf(db, "vote", &b, err);
    if (rc == WF_OK) {
        db->term = term;
        db->vote = vote;
    }
    return rc;
}

int wf_log_db_set_base(struct wf_log_db *db, const struct wf_log_base *base, struct wf_err *err)
{
    struct wf_buf b;
    wf_buf_init(&b, 64);
    wf_buf_put_u64(&b, base->generation);
    wf_buf_put_u64(&b, base->index);
    wf_buf_put_u64(&b, base->term);
    wf_buf_append(&b, base->hash, sizeof base->hash);
    int rc = set_buf(db, "base", &b, err);
    if (rc == WF_OK)
        db->base = *base;
    return rc;
}

int wf_log_db_set_manifest(struct wf_log_db *db, const struct wf_manifest *m, struct wf_err *err)
{
    struct wf_buf b;
    wf_buf_init(&b, WF_MANIFEST_MAX);
    wf_buf_put_u64(&b, m->index);
    wf_buf_put_u64(&b, m->term);
    wf_buf_put_u64(&b, m->configuration_index);
    wf_buf_put_u32(&b, (uint32_t)m->configuration.len);
    if (m->configuration.len > 0)
        wf_buf_append(&b, m->configuration.data, m->configuration.len);
    if (m->data.len > 0)
        wf_buf_append(&b, m->data.data, m->data.len);
    return set_buf(db, "manifest", &b, err);
}

// What a required value's reader makes of it: true when it holds together.
typedef bool (*parse_fn)(struct wf_log_db *db, struct wf_reader *r);

static bool parse_identity(struct wf_log_db *db, struct wf_reader *r)
{
    struct wf_node_identity *id = &db->identity;
    const uint8_t *cluster = wf_get_bytes(r, WF_UUID_SIZE);
    id->incarnation = wf_get_u64(r);
    id->node_id = wf_get_u64(r);
    const uint8_t *disk = wf_get_bytes(r, WF_UUID_SIZE);
    if (r->failed || r->left >= sizeof id->name)
        return false;
    memcpy(id->cluster_id, cluster, WF_UUID_SIZE);
    memcpy(id->disk_id, disk, WF_UUID_SIZE);
    size_t n = r->left;
    memcpy(id->name, wf_get_bytes(r, n), n);
    id->name[n] = 0;
    return true;
}

static bool parse_vote(struct wf_log_db *db, struct wf_reader *r)
{
    db->term = wf_get_u64(r);
    db->vote = wf_get_u64(r);
    return !r->failed && r->left == 0;
}

static bool parse_base(struct wf_log_db *db, struct wf_reader *r)
{
    db->base.generation = wf_get_u64(r);
    db->base.index = wf_get_u64(r);
    db->base.term = wf_get_u64(r);
    const uint8_t *hash = wf_get_bytes(r, WF_HASH_SIZE);
    if (hash)
        memcpy(db->base.hash, hash, WF_HASH_SIZE);
    return !r->failed && r->left == 0;
}

static bool parse_manifest(struct wf_log_db *db, struct wf_reader *r)
{
    struct wf_manifest *m = &db->manifest;
    m->index = wf_get_u64(r);
    m->term = wf_get_u64(r);
    m->configuration_index = wf_get_u64(r);
    m->configuration.len = wf_get_u32(r);
    m->configuration.data = wf_get_bytes(r, m->configuration.len);
    m->data.len = r->left;
    m->data.data = wf_get_bytes(r, r->left);
    return !r->failed;
}

static int read_value(struct wf_log_db *db, const char *key, struct wf_buf *b, parse_fn parse,
                      struct wf_err *err)
{
    bool found = false;
    int rc = wf_log_db_get(db, key, b, &found, err);
    if (rc != WF_OK)
        return rc;
    struct wf_reader r = wf_reader_of(b->data, b->len);
    if (!found || !parse(db, &r))
        return wf_fail(err, WF_DATA_LOSS, "%s/log.db: the %s is %s", db->dir, key,
                       found ? "malformed" : "missing");
    return WF_OK;
}

// The term and vote in the file must be at least what the mark has seen.
static void check_vote(struct wf_log_db *db)
{
    const struct wf_mark *m = &db->marked;
    bool behind =
        m->term > db->term || (m->term == db->term && m->vote != 0 && m->vote != db->vote);
    if (!behind)
        return;
    wf_log_db_lose(db, "the last term and vote are missing from log.db");
    db->term = m->term;
    db->vote = m->vote;
}

int wf_log_db_read_meta(struct wf_log_db *db, bool have_mark, struct wf_err *err)
{
    struct wf_buf b;
    struct wf_err why;
    wf_buf_init(&b, WF_MANIFEST_MAX);
    int rc = read_value(db, "identity", &b, parse_identity, err);
    if (rc == WF_OK && read_value(db, "vote", &b, parse_vote, &why) != WF_OK) {
        db->term = db->vote = 0;
        rc = have_mark && why.code == WF_DATA_LOSS ? WF_OK : wf_fail(err, why.code, "%s", why.msg);
        wf_log_db_lose(db, why.msg);
    }
    bool lost = false;
    if (rc == WF_OK)
        rc = wf_log_db_get(db, "lost", &b, &lost, err);
    if (rc == WF_OK && lost)
        wf_log_db_lose(db, wf_buf_cstr(&b));
    if (rc == WF_OK && (read_value(db, "base", &b, parse_base, &why) != WF_OK ||
                        read_value(db, "manifest", &db->manifest_bytes, parse_manifest, &why))) {
        rc = why.code == WF_DATA_LOSS ? WF_OK : wf_fail(err, why.code, "%s", why.msg);
        wf_log_db_lose(db, why.msg);
    }
    if (rc == WF_OK && have_mark)
        check_vote(db);
    wf_buf_free(&b);
    return rc;
}
