// SPDX-License-Identifier: Apache-2.0
// The state machine of a life: the real one, behind the daemon's own glue, with eyes on it.
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "model.h"
#include "sim.h"
#include "state/machine.h"
#include "state/sums_vfs.h"

static uint64_t digest_of(const struct life *l)
{
    uint8_t hash[WF_HASH_SIZE];
    uint64_t d;

    wf_state_digest(l->state, hash);
    memcpy(&d, hash, sizeof d);
    return d;
}

// The state of a life is compared with what is known of its index. One that was damaged on purpose
// tells nothing, and is known by its digest after a restart and behind an image, too.
static void look_at(struct life *l)
{
    struct sim *s = l->sim;
    uint64_t applied = wf_state_applied(l->state), digest = digest_of(l) | 1;

    if (applied >= SIM_INDEX_MAX) {
        sim_fail(s, "more than %d entries", SIM_INDEX_MAX);
        return;
    }
    if (l->tainted) {
        s->tainted_at[applied] = digest;
    } else if (applied > 0) {
        sim_check_applied(l, applied, digest);
        model_take(s->model, l);
    }
}

static void recognise(struct life *l)
{
    const struct sim *s = l->sim;
    uint64_t applied = wf_state_applied(l->state), digest = digest_of(l) | 1;

    l->tainted = applied < SIM_INDEX_MAX && s->tainted_at[applied] == digest;
    look_at(l);
}

// --- opening -----------------------------------------------------------------------------------

static void drop_files(struct life *l)
{
    static const char *const names[] = {"state.db", "state.db-wal", "state.db-journal"};
    char path[64];

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", l->home, names[i]);
        struct sim_file *f = sim_file_at(l->sim, path, false);
        if (f != NULL)
            sim_file_unlink(l->server, f);
    }
}

// The file of a new node: mostly with the tables made once for all runs, sometimes without.
static void from_template(struct life *l)
{
    const struct sim_template *t = &l->sim->templates[sim_chance(l->sim, 850)];
    struct sim_file *f;
    char path[64];

    snprintf(path, sizeof path, "%s/state.db", l->home);
    if (sim_file_at(l->sim, path, false) != NULL)
        return;
    f = sim_file_at(l->sim, path, true);
    sim_file_write(f, 0, t->data, t->len);
    sim_file_sync(f);
}

// As the daemon does it: a state that is not intact is made anew. That none but a disk that was
// tampered with brings that about, is for us to see.
int sim_state_open(struct life *l, struct wf_err *err)
{
    int rc;

    if (l->server->drop_state) // as the daemon does on its way out
        drop_files(l);
    l->server->drop_state = false;
    from_template(l);
    rc = wf_state_open(&l->state, l->home, err);
    if (rc == WF_DATA_LOSS) {
        if (!l->server->rotten)
            sim_fail(l->sim, "%s finds its state broken: %s", l->server->name, err->msg);
        sim_trace(l->sim, "%s DROPS its state: %s", l->server->name, err->msg);
        drop_files(l);
        from_template(l);
        rc = wf_state_open(&l->state, l->home, err);
    }
    if (rc != WF_OK)
        return rc;
    l->state->knows = l->server->knows;
    wf_state_fsm_init(&l->glue, l->state, l->sim->metrics);
    recognise(l);
    return WF_OK;
}

struct wf_state_reader *sim_state_reader(struct life *l)
{
    struct wf_err err;

    if (l->reader == NULL && wf_state_reader_open(&l->reader, l->state, &err) != WF_OK)
        sim_fail(l->sim, "%s cannot be read: %s", l->server->name, err.msg);
    return l->reader;
}

void sim_state_close(struct life *l)
{
    wf_state_reader_close(l->reader);
    wf_state_close(l->state);
    l->reader = NULL;
    l->state = NULL;
}

uint64_t sim_state_applied(const struct life *l)
{
    return wf_state_applied(l->state);
}

uint64_t sim_state_digest(const struct life *l)
{
    return digest_of(l);
}

int sim_state_schema(const struct life *l)
{
    return l->state->schema;
}

// A bit flips, where nothing but the comparison of digests will notice.
void sim_state_flip(struct life *l)
{
    l->state->meta.digest[0] ^= 2;
    wf_db_exec(&l->state->db, "BEGIN");
    wf_db_exec(&l->state->db, "DELETE FROM requests WHERE n % 3 = 0");
    wf_meta_save(&l->state->db, &l->state->meta);
    wf_db_exec(&l->state->db, "COMMIT");
    l->tainted = true;
    look_at(l);
}

// --- checkpoints -------------------------------------------------------------------------------

// The WAL is written back now and then, as the daemon has it done on its pool.
static void checkpoint(struct sim *s, struct event *e)
{
    struct life *l = e->to;
    struct wf_err err;

    if (l->dead || l->fatal)
        return;
    if (wf_state_checkpoint(l->home, &err) != WF_OK && !l->server->hurt && !l->server->rotten)
        sim_fail(s, "%s: %s", l->server->name, err.msg);
    sim_at(s, s->now + sim_random(s, MS(300), SEC(9)), checkpoint, NULL)->to = l;
}

void sim_state_run(struct life *l)
{
    sim_at(l->sim, l->sim->now + sim_random(l->sim, MS(300), SEC(9)), checkpoint, NULL)->to = l;
}

// Somebody has read what was not as it had been written: no answer came of it, and the process ends
// to come back with a state made anew. The daemon looks for it at every beat.
bool sim_state_damaged(struct life *l)
{
    if (!l->server->rotten || !wf_state_damaged(l->state))
        return false;
    sim_trace(l->sim, "%s FINDS its state damaged", l->server->name);
    l->server->drop_state = true;
    l->fatal = true;
    return true;
}

// --- all of it ---------------------------------------------------------------------------------

static void hash_row(struct wf_hash *h, sqlite3_stmt *q)
{
    for (int i = 0; i < sqlite3_column_count(q); i++) {
        wf_hash_u64(h, (uint64_t)sqlite3_column_int64(q, i));
        wf_hash_u64(h, (uint64_t)sqlite3_column_bytes(q, i));
        if (sqlite3_column_bytes(q, i) > 0)
            wf_hash_update(h, sqlite3_column_blob(q, i), (size_t)sqlite3_column_bytes(q, i));
    }
}

static bool hash_table(struct wf_db *db, const char *table, struct wf_hash *h)
{
    char sql[128];
    sqlite3_stmt *q;
    int rc;

    snprintf(sql, sizeof sql, "SELECT * FROM %s", table);
    if (sqlite3_prepare_v2(db->conn, sql, -1, &q, NULL) != SQLITE_OK)
        return false;
    while ((rc = sqlite3_step(q)) == SQLITE_ROW)
        hash_row(h, q);
    sqlite3_finalize(q);
    return rc == SQLITE_DONE;
}

bool sim_state_contents(struct life *l, uint8_t out[WF_HASH_SIZE])
{
    struct wf_hash h;
    sqlite3_stmt *q;
    bool fine = true;

    wf_hash_init(&h);
    if (sqlite3_prepare_v2(l->state->db.conn,
                           "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", -1,
                           &q, NULL) != SQLITE_OK)
        fine = false;
    while (fine && sqlite3_step(q) == SQLITE_ROW)
        fine = hash_table(&l->state->db, (const char *)sqlite3_column_text(q, 0), &h);
    sqlite3_finalize(q);
    wf_hash_final(&h, out);
    return fine;
}

// --- a new state's file ------------------------------------------------------------------------

static void keep(struct sim *s, const char *path, struct sim_template *t)
{
    const struct sim_file *f = sim_file_at(s, path, false);

    t->len = f->len;
    t->data = malloc(f->len);
    if (t->data == NULL)
        abort();
    memcpy(t->data, f->data, f->len);
}

// Pages of 1 KiB, since a run has hundreds of small states, and the daemon's 4 KiB would only cost
// time.
static void make_templates(struct sim *s, struct life *l)
{
    struct wf_state *state;
    struct wf_db db;
    char path[64];

    snprintf(path, sizeof path, "%s/state.db", l->home);
    if (wf_db_open_state(&db, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != WF_OK ||
        wf_sums_reserve(db.conn) != SQLITE_OK)
        abort();
    wf_db_exec(&db, "PRAGMA page_size = 1024");
    wf_db_exec(&db, "PRAGMA journal_mode = WAL");
    wf_db_exec(&db, "VACUUM");
    if (wf_db_fault(&db, NULL) != WF_OK)
        abort();
    wf_db_close(&db);
    keep(s, path, &s->templates[0]);
    if (wf_state_open(&state, l->home, NULL) != WF_OK)
        abort();
    wf_state_close(state);
    keep(s, path, &s->templates[1]);
}

void sim_setup(struct sim *s)
{
    struct life l = {.sim = s, .server = &s->servers[0], .home = "template"};

    // Runs are alike: memory is kept for the next one rather than given back.
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    sim_vfs_install(s);
    s->metrics = wf_metrics_new();
    s->n_servers = 1;
    s->servers[0] = (struct server){.sim = s, .life = &l};
    make_templates(s, &l);
    sim_files_free(&s->servers[0]);
    s->n_servers = 0;
}

// --- struct wf_fsm -----------------------------------------------------------------------------

static int fsm_apply(void *ctx, const struct wf_batch *batch, struct wf_bytes *results,
                     struct wf_err *err)
{
    struct life *l = ctx;
    uint64_t applied = wf_state_applied(l->state);
    int rc;

    if (batch->index != applied + 1) {
        sim_fail(l->sim, "%s: applies %llu after %llu", l->server->name,
                 (unsigned long long)batch->index, (unsigned long long)applied);
        return wf_fail(err, WF_INTERNAL, "out of order");
    }
    rc = l->glue.fsm.apply(&l->glue, batch, results, err);
    sim_trace(l->sim, "%s APPLIES %llu of term %llu, %u commands, %lld", l->server->name,
              (unsigned long long)batch->index, (unsigned long long)batch->term, batch->n,
              (long long)batch->time);
    if (rc == WF_OK && !l->dead)
        look_at(l);
    return rc;
}

static uint64_t fsm_applied(void *ctx)
{
    return wf_state_applied(((struct life *)ctx)->state);
}

static void fsm_digest(void *ctx, uint8_t out[WF_HASH_SIZE])
{
    struct life *l = ctx;

    l->glue.fsm.digest(&l->glue, out);
}

static wf_unix_ms fsm_next_due(void *ctx)
{
    struct life *l = ctx;

    return l->glue.fsm.next_due(&l->glue);
}

static void fsm_all_know(void *ctx, uint32_t version)
{
    struct life *l = ctx;

    l->glue.fsm.all_know(&l->glue, version);
}

static struct wf_bytes fsm_tick_command(void *ctx)
{
    struct life *l = ctx;

    return l->glue.fsm.tick_command(&l->glue);
}

// --- images ------------------------------------------------------------------------------------

// The product's own file handling (src/state/image.c) is POSIX; here SQLite's copy goes to the
// simulated disk, and its size and hash are read from there.
struct pinned {
    struct life *life;
    struct wf_db db; // in a read transaction
    struct wf_meta meta;
};

static int image_begin(void *ctx, void **out, struct wf_err *err)
{
    struct life *l = ctx;
    struct pinned *p = calloc(1, sizeof *p);
    char path[64];
    int rc;

    if (p == NULL)
        abort();
    sim_check_image(l);
    p->life = l;
    snprintf(path, sizeof path, "%s/state.db", l->home);
    rc = wf_db_open_state(&p->db, path, SQLITE_OPEN_READONLY, err);
    if (rc == WF_OK) {
        wf_db_run(&p->db, "BEGIN", "");
        wf_meta_load(&p->db, &p->meta);
        rc = wf_db_fault(&p->db, err);
    }
    if (rc == WF_OK && p->meta.applied != wf_state_applied(l->state))
        rc = wf_fail(err, WF_UNAVAILABLE, "the state is being replaced");
    if (rc == WF_OK)
        *out = p;
    if (rc != WF_OK) {
        wf_db_close(&p->db);
        free(p);
    }
    return rc;
}

static int copy_to(struct pinned *p, const char *path, struct wf_err *err)
{
    struct wf_db to;
    int rc = wf_db_open_state(&to, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);

    if (rc != WF_OK)
        return rc;
    wf_db_exec(&to, "PRAGMA page_size = 1024"); // as the states have it
    rc = wf_state_image_copy(&to, &p->db, -1, err);
    wf_db_exec(&to, "PRAGMA journal_mode = DELETE");
    wf_db_close(&to);
    return rc;
}

static int image_write(void *image, const char *path, struct wf_image_info *info,
                       struct wf_err *err)
{
    struct pinned *p = image;
    struct sim_file *f = sim_file_at(p->life->sim, path, false);
    int rc = p->life->dead ? wf_fail(err, WF_UNAVAILABLE, "dead") : copy_to(p, path, err);

    if (rc != WF_OK && f != NULL) { // what was there was no image, or a damaged one
        sim_file_unlink(p->life->server, f);
        rc = copy_to(p, path, err);
    }
    if (rc == WF_DATA_LOSS && strcmp(err->reason, "STATE_DAMAGED") == 0)
        p->life->state->damaged = true;
    if (rc != WF_OK)
        return rc;
    f = sim_file_at(p->life->sim, path, false);
    sim_file_sync(f);
    info->index = p->meta.applied;
    info->size = f->len;
    wf_hash_pair(f->data, f->len, NULL, 0, info->hash);
    memcpy(info->digest, p->meta.digest, WF_HASH_SIZE);
    return WF_OK;
}

static void image_end(void *image)
{
    struct pinned *p = image;

    p->life->sim->images_made++;
    wf_db_close(&p->db);
    free(p);
}

static int image_take(void *ctx, const char *path, const struct wf_image_info *info,
                      struct wf_err *err)
{
    struct life *l = ctx;

    return l->glue.fsm.image_take(&l->glue, path, info, err);
}

static int image_adopt(void *ctx, const char *path, const struct wf_image_info *info,
                       struct wf_err *err)
{
    struct life *l = ctx;
    int rc = l->glue.fsm.image_adopt(&l->glue, path, info, err);

    if (rc != WF_OK || l->dead)
        return rc;
    l->sim->installs++;
    recognise(l);
    return WF_OK;
}

void sim_state_fsm(struct life *l, struct wf_fsm *out)
{
    *out = (struct wf_fsm){.ctx = l,
                           .apply = fsm_apply,
                           .applied = fsm_applied,
                           .digest = fsm_digest,
                           .knows = l->glue.fsm.knows,
                           .all_know = fsm_all_know,
                           .next_due = fsm_next_due,
                           .tick_command = fsm_tick_command,
                           .image_begin = image_begin,
                           .image_write = image_write,
                           .image_end = image_end,
                           .image_take = image_take,
                           .image_adopt = image_adopt};
}
