// SPDX-License-Identifier: Apache-2.0
#include "replication/log_store_sqlite.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/assert.h"
#include "base/clock.h"
#include "replication/log_db.h"

enum {
    CHECKPOINT_FRAMES = 256,   // 1 MiB of write-ahead log: moved in one to five milliseconds
    SWEEP_BYTES = 512 * 1024,  // dropped records removed at a time
    TRANSACTION_OPS = 256,     // a group commit takes at most these many
    PEERS_BUF_MAX = 64 * 1024, // disk ids of every peer ever seen
    PEER_BYTES = 8 + WF_UUID_SIZE,
};

enum op_kind { OP_APPEND, OP_TRUNCATE, OP_SNAPSHOT, OP_VOTE, OP_PEERS, OP_IDENTITY };

// One thing asked of the log thread. Whoever asks synchronously waits until done is set.
struct op {
    struct op *next;
    enum op_kind kind;
    wf_store_cb cb; // NULL: synchronous
    void *arg;
    bool done;
    int rc;
    uint8_t *copy;  // bytes of the manifest, or peers; freed with the operation
    uint64_t first; // append: first index; truncate: index; snapshot: first kept; vote: term
    uint64_t vote;
    struct wf_manifest manifest;
    unsigned n;
    struct wf_record records[];
};

struct op_list {
    struct op *head, **tail;
};

struct store {
    struct wf_log_store iface; // first
    struct wf_log_db db;       // the log thread's while it runs, else the loop's
    struct wf_node_identity identity;
    size_t unswept;      // bytes appended since garbage was last removed; the log thread's
    struct wf_buf peers; // id and disk id of each; the loop's
    uv_loop_t *loop;
    uv_async_t async;
    bool opened;
    bool async_open;
    bool running; // the log thread exists
    pthread_t thread;

    pthread_mutex_t lock; // guards the rest
    pthread_cond_t wake;  // for the log thread
    pthread_cond_t reply; // for a synchronous caller
    struct op_list asked, finished;
    bool stopping;
    bool broken; // a write failed: nothing is carried out any more
    struct wf_err broken_why;

    bool exited;                   // the log thread has ended
    _Atomic wf_mono_ns busy_since; // the log thread is in a transaction or checkpoint; 0: it waits

    bool told; // of the breakdown, through a completion
    void (*closed)(void *arg);
    void *closed_arg;
    struct op *oom; // reports that memory ran out, when there is none to report it with
    struct wf_metric *commit_seconds, *checkpoint_seconds, *appended, *wal_frames, *transactions;
};

// --- lists and locks -----------------------------------------------------------------------------

static void list_init(struct op_list *l)
{
    l->head = NULL;
    l->tail = &l->head;
}

static void list_add(struct op_list *l, struct op *op)
{
    op->next = NULL;
    *l->tail = op;
    l->tail = &op->next;
}

static struct op *list_take(struct op_list *l)
{
    struct op *op = l->head;
    if (op) {
        l->head = op->next;
        if (!l->head)
            l->tail = &l->head;
    }
    return op;
}

static void lock(struct store *s)
{
    int rc = pthread_mutex_lock(&s->lock);
    WF_ASSERT(rc == 0);
}

static void unlock(struct store *s)
{
    int rc = pthread_mutex_unlock(&s->lock);
    WF_ASSERT(rc == 0);
}

// --- the log thread ------------------------------------------------------------------------------

static int do_append(struct store *s, const struct op *op, struct wf_err *err)
{
    struct wf_log_db *db = &s->db;
    WF_ASSERT(op->first == db->last_index + 1);
    for (unsigned i = 0; i < op->n; i++) {
        s->unswept += op->records[i].data.len;
        int rc = wf_log_db_append(db, &op->records[i], err);
        if (rc != WF_OK)
            return rc;
    }
    return WF_OK;
}

static int carry_out(struct store *s, struct op *op, struct wf_err *err)
{
    struct wf_log_db *db = &s->db;
    switch (op->kind) {
    case OP_APPEND:
        return do_append(s, op, err);
    case OP_TRUNCATE:
        return wf_log_db_truncate(db, op->first, err);
    case OP_SNAPSHOT:
        return wf_log_db_snapshot(db, &op->manifest, op->first, err);
    case OP_VOTE:
        return wf_log_db_set_vote(db, op->first, op->vote, err);
    case OP_PEERS:
        return wf_log_db_set(db, "peers", op->manifest.data, err);
    case OP_IDENTITY:
        return wf_log_db_set_identity(db, &s->identity, err); // the loop waits for it
    }
    WF_UNREACHABLE();
}

// Carry out the operations in one transaction.
static int commit_group(struct store *s, struct op *group, struct wf_err *err)
{
    wf_mono_ns begin = wf_clock_mono_ns();
    int rc = wf_log_db_begin(&s->db, err);
    for (struct op *op = group; op && rc == WF_OK; op = op->next)
        rc = carry_out(s, op, err);
    // Dropped records go along at no fsync of their own, faster than new ones come.
    if (rc == WF_OK && !s->db.swept && s->db.loaded)
        rc = wf_log_db_sweep(&s->db, SWEEP_BYTES + s->unswept, err);
    s->unswept = 0;
    if (rc == WF_OK)
        rc = wf_log_db_commit(&s->db, err);
    if (rc != WF_OK) {
        wf_log_db_rollback(&s->db);
        return rc;
    }
    wf_metric_observe(s->commit_seconds, (double)(wf_clock_mono_ns() - begin) / 1e9);
    wf_metric_add(s->transactions, 1);
    return WF_OK;
}

// Under the lock: nothing is carried out from here on.
static void break_down(struct store *s, const struct wf_err *why)
{
    if (s->broken)
        return;
    s->broken = true;
    s->broken_why = *why;
}

// Under the lock: answer the group.
static void finish_group(struct store *s, struct op *group)
{
    for (struct op *next, *op = group; op; op = next) {
        next = op->next;
        op->rc = s->broken ? (int)s->broken_why.code : WF_OK;
        op->done = true;
        if (op->cb)
            list_add(&s->finished, op);
    }
    int rc = pthread_cond_broadcast(&s->reply);
    WF_ASSERT(rc == 0);
    uv_async_send(&s->async);
}

// Under the lock: the next group, or NULL.
static struct op *take_group(struct store *s)
{
    struct op *group = NULL, **tail = &group;
    for (int i = 0; i < TRANSACTION_OPS && s->asked.head; i++) {
        *tail = list_take(&s->asked);
        tail = &(*tail)->next;
        *tail = NULL;
    }
    return group;
}

// Between transactions: keep the files small, a little at a time. busy: more transactions wait.
static int tidy(struct store *s, bool busy, bool *more, struct wf_err *err)
{
    struct wf_log_db *db = &s->db;
    int rc = WF_OK;
    if (!db->swept && db->loaded && !busy)
        rc = wf_log_db_sweep(db, SWEEP_BYTES, err);
    if (rc == WF_OK && db->wal_frames >= CHECKPOINT_FRAMES) {
        wf_mono_ns begin = wf_clock_mono_ns();
        rc = wf_log_db_checkpoint(db, err);
        wf_metric_observe(s->checkpoint_seconds, (double)(wf_clock_mono_ns() - begin) / 1e9);
    }
    wf_metric_set(s->wal_frames, db->wal_frames);
    *more = !db->swept && db->loaded;
    return rc;
}

static void *log_thread(void *arg)
{
    struct store *s = arg;
    bool more = true; // there may be something to tidy
    lock(s);
    for (;;) {
        while (!s->asked.head && !s->stopping && (s->broken || !more))
            pthread_cond_wait(&s->wake, &s->lock);
        if (s->stopping && (s->broken || !s->asked.head))
            break;
        struct op *group = take_group(s);
        bool broken = s->broken;
        unlock(s);
        struct wf_err err = {.code = WF_OK};
        atomic_store(&s->busy_since, wf_clock_mono_ns());
        int rc = group && !broken ? commit_group(s, group, &err) : WF_OK;
        atomic_store(&s->busy_since, 0);
        lock(s);
        if (rc != WF_OK)
            break_down(s, &err);
        if (group)
            finish_group(s, group);
        if (s->broken)
            continue;
        bool busy = s->asked.head != NULL;
        unlock(s);
        atomic_store(&s->busy_since, wf_clock_mono_ns());
        rc = tidy(s, busy, &more, &err);
        atomic_store(&s->busy_since, 0);
        lock(s);
        if (rc != WF_OK)
            break_down(s, &err);
    }
    s->exited = true;
    uv_async_send(&s->async);
    unlock(s);
    return NULL;
}

// --- the loop's side -----------------------------------------------------------------------------

static void free_op(struct op *op)
{
    if (op)
        free(op->copy);
    free(op);
}

static struct store *store_of(void *ctx)
{
    return ctx;
}

static struct op *new_op(enum op_kind kind, unsigned n, wf_store_cb cb, void *arg)
{
    struct op *op = calloc(1, sizeof *op + n * sizeof op->records[0]);
    if (!op)
        return NULL;
    op->kind = kind;
    op->n = n;
    op->cb = cb;
    op->arg = arg;
    return op;
}

static void ask(struct store *s, struct op *op)
{
    lock(s);
    WF_ASSERT(s->running && !s->stopping);
    list_add(&s->asked, op);
    int rc = pthread_cond_signal(&s->wake);
    WF_ASSERT(rc == 0);
    unlock(s);
}

// Memory ran out for an operation: the store breaks down, and says so later, as it does for a disk.
static void ask_nothing(struct store *s, wf_store_cb cb, void *arg)
{
    struct op *op = s->oom;
    s->oom = NULL;
    struct wf_err err;
    wf_fail(&err, WF_RESOURCE_EXHAUSTED, "out of memory for the log");
    lock(s);
    break_down(s, &err);
    unlock(s);
    if (!op)
        return; // told already
    op->cb = cb;
    op->arg = arg;
    ask(s, op);
}

// Carry out op, on the log thread when it runs, and wait. Frees op, which may be NULL for one that
// memory ran out for.
static int ask_and_wait(struct store *s, struct op *op, struct wf_err *err)
{
    if (!op)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory for the log");
    struct wf_err why;
    if (s->running) {
        ask(s, op);
        lock(s);
        while (!op->done)
            pthread_cond_wait(&s->reply, &s->lock);
        unlock(s);
    } else if (!s->broken) {
        op->rc = commit_group(s, op, &why);
        if (op->rc != WF_OK)
            break_down(s, &why);
    }
    free_op(op);
    lock(s);
    int rc = s->broken ? (int)s->broken_why.code : WF_OK;
    if (rc != WF_OK && err)
        *err = s->broken_why;
    unlock(s);
    return rc;
}

static void on_closed(uv_handle_t *handle)
{
    struct store *s = handle->data;
    s->async_open = false;
    s->closed(s->closed_arg);
}

// The log thread has ended and all completions are delivered.
static void finish_close(struct store *s)
{
    int rc = pthread_join(s->thread, NULL);
    WF_ASSERT(rc == 0);
    s->running = false;
    s->db.broken |= s->broken; // the log thread's no more
    wf_log_db_close(&s->db);
    uv_close((uv_handle_t *)&s->async, on_closed);
}

// Completions, in order; the one that tells of a breakdown is the last.
static void on_async(uv_async_t *async)
{
    struct store *s = async->data;
    for (;;) {
        lock(s);
        struct op *op = list_take(&s->finished);
        bool exited = s->exited;
        unlock(s);
        if (!op && exited)
            finish_close(s);
        if (!op)
            return;
        wf_store_cb cb = op->cb;
        void *arg = op->arg;
        bool failed = op->rc != WF_OK;
        if (op->kind == OP_APPEND && !failed)
            wf_metric_add(s->appended, op->n);
        free_op(op);
        if (s->told)
            continue;
        s->told = failed;
        cb(arg, failed ? &s->broken_why : NULL);
    }
}

static int start_thread(struct store *s, struct wf_err *err)
{
    WF_ASSERT(!s->running);
    int rc = uv_async_init(s->loop, &s->async, on_async);
    if (rc != 0)
        return wf_fail(err, WF_INTERNAL, "cannot wake the loop: %s", uv_strerror(rc));
    s->async.data = s;
    s->async_open = true;
    rc = pthread_create(&s->thread, NULL, log_thread, s);
    if (rc != 0)
        return wf_fail(err, wf_code_from_errno(rc), "cannot start the log thread: %s",
                       strerror(rc));
    s->running = true;
    return WF_OK;
}

// --- the interface -------------------------------------------------------------------------------

static void store_identity(void *ctx, struct wf_node_identity *out)
{
    *out = store_of(ctx)->identity;
}

static int save_peers(struct store *s, struct wf_err *err)
{
    // The log thread reads these bytes while this thread waits for it.
    struct op *op = new_op(OP_PEERS, 0, NULL, NULL);
    if (op)
        op->manifest.data = (struct wf_bytes){s->peers.data, s->peers.len};
    return ask_and_wait(s, op, err);
}

// Go on with an empty log in place of one that cannot be read, but remember what is not in the log.
static int set_aside(struct store *s, const struct wf_err *unreadable, struct wf_err *err)
{
    struct wf_err why;
    int rc = wf_log_db_set_aside(&s->db, &why);
    if (rc == WF_OK && s->peers.len > 0)
        rc = save_peers(s, &why);
    return rc == WF_OK ? WF_OK
                       : wf_fail(err, WF_INTERNAL, "%s; and it cannot be put aside: %s",
                                 unreadable->msg, why.msg);
}

static int store_load(void *ctx, struct wf_log_state *out,
                      int (*each)(void *arg, uint64_t index, const struct wf_record *record),
                      void *arg, struct wf_err *err)
{
    struct store *s = store_of(ctx);
    struct wf_log_db *db = &s->db;
    WF_ASSERT(!s->running);
    *out = (struct wf_log_state){.term = db->term, .vote = db->vote, .first_index = 1};
    if (!db->lost) {
        out->manifest = db->manifest;
        out->first_index = db->base.index + 1;
    }
    struct wf_err why = {.msg = "out of memory for the log's records"};
    int rc = wf_log_db_load(db, each, arg, &why), more = WF_OK;
    if (rc == WF_DATA_LOSS) {
        out->manifest = (struct wf_manifest){.index = 0};
        out->first_index = 1;
        more = set_aside(s, &why, err);
    } else if (rc != WF_OK) {
        return wf_fail(err, (enum wf_code)rc, "%s", why.msg);
    } else {
        // If the process before this one ended over a failed fsync, what was read may be in the
        // kernel's memory alone. Once it has been written again, and synced, it is durable.
        more = wf_log_db_checkpoint(db, err);
        db->broken = more != WF_OK;
    }
    if (more == WF_OK)
        more = start_thread(s, err);
    if (more != WF_OK)
        return more;
    return rc == WF_OK ? WF_OK : wf_fail_reason(err, WF_DATA_LOSS, "UNREADABLE_LOG", "%s", why.msg);
}

static int store_set_vote(void *ctx, uint64_t term, uint64_t vote, struct wf_err *err)
{
    struct op *op = new_op(OP_VOTE, 0, NULL, NULL);
    if (op) {
        op->first = term;
        op->vote = vote;
    }
    return ask_and_wait(store_of(ctx), op, err);
}

static void store_append(void *ctx, uint64_t first, const struct wf_record *records, unsigned n,
                         wf_store_cb cb, void *arg)
{
    struct store *s = store_of(ctx);
    WF_ASSERT(n > 0 && cb != NULL);
    struct op *op = new_op(OP_APPEND, n, cb, arg);
    if (!op) {
        ask_nothing(s, cb, arg);
        return;
    }
    op->first = first;
    memcpy(op->records, records, n * sizeof records[0]);
    ask(s, op);
}

static void store_truncate(void *ctx, uint64_t index, wf_store_cb cb, void *arg)
{
    struct op *op = new_op(OP_TRUNCATE, 0, cb, arg);
    if (!op) {
        ask_nothing(store_of(ctx), cb, arg);
        return;
    }
    op->first = index;
    ask(store_of(ctx), op);
}

static void store_snapshot_put(void *ctx, const struct wf_manifest *manifest, uint64_t first_kept,
                               wf_store_cb cb, void *arg)
{
    struct op *op = new_op(OP_SNAPSHOT, 0, cb, arg);
    size_t nc = manifest->configuration.len, nd = manifest->data.len;
    if (op)
        op->copy = malloc(nc + nd + 1);
    if (!op || !op->copy) {
        free_op(op);
        ask_nothing(store_of(ctx), cb, arg);
        return;
    }
    if (nc > 0)
        memcpy(op->copy, manifest->configuration.data, nc);
    if (nd > 0)
        memcpy(op->copy + nc, manifest->data.data, nd);
    op->manifest = *manifest;
    op->manifest.configuration.data = op->copy;
    op->manifest.data.data = op->copy + nc;
    op->first = first_kept;
    ask(store_of(ctx), op);
}

// --- before load ---------------------------------------------------------------------------------

// One record, and whatever else is given, in one transaction of its own.
static int write_first(struct store *s, uint64_t term, const struct wf_node_identity *id,
                       struct wf_bytes configuration, struct wf_err *err)
{
    struct wf_log_db *db = &s->db;
    struct wf_record record = {term, WF_RECORD_CHANGE, configuration};
    int rc = wf_log_db_begin(db, err);
    if (rc == WF_OK && term != db->term)
        rc = wf_log_db_set_vote(db, term, 0, err);
    if (rc == WF_OK)
        rc = wf_log_db_set_identity(db, id, err);
    if (rc == WF_OK)
        rc = wf_log_db_append(db, &record, err);
    if (rc == WF_OK)
        rc = wf_log_db_commit(db, err);
    if (rc != WF_OK)
        wf_log_db_rollback(db);
    return rc;
}

static int store_bootstrap(void *ctx, struct wf_bytes configuration, struct wf_err *err)
{
    struct store *s = store_of(ctx);
    WF_ASSERT(!s->running);
    int rc = wf_log_db_load(&s->db, NULL, NULL, err);
    if (rc != WF_OK)
        return rc;
    if (s->db.last_index > 0 || s->db.term > 0)
        return wf_fail(err, WF_FAILED_PRECONDITION,
                       "the log is not empty: this node already belongs to a cluster");
    struct wf_node_identity id = s->identity;
    id.incarnation = 1;
    rc = write_first(s, 1, &id, configuration, err);
    if (rc == WF_OK)
        s->identity = id;
    return rc;
}

static int store_adopt(void *ctx, uint64_t incarnation, struct wf_err *err)
{
    struct store *s = store_of(ctx);
    WF_ASSERT(s->identity.incarnation == 0 && incarnation != 0);
    s->identity.incarnation = incarnation;
    return ask_and_wait(s, new_op(OP_IDENTITY, 0, NULL, NULL), err);
}

static int store_recover(void *ctx, struct wf_bytes configuration, struct wf_err *err)
{
    struct store *s = store_of(ctx);
    WF_ASSERT(!s->running);
    int rc = wf_log_db_load(&s->db, NULL, NULL, err);
    if (rc != WF_OK)
        return rc;
    if (s->db.last_index == 0)
        return wf_fail(err, WF_FAILED_PRECONDITION,
                       "the log is empty: there is nothing to recover");
    struct wf_node_identity id = s->identity;
    id.incarnation++;
    rc = write_first(s, s->db.term, &id, configuration, err);
    if (rc == WF_OK)
        s->identity = id;
    return rc;
}

// --- peers ---------------------------------------------------------------------------------------

static const uint8_t *find_peer(const struct wf_buf *peers, uint64_t id)
{
    for (size_t at = 0; at + PEER_BYTES <= peers->len; at += PEER_BYTES) {
        struct wf_reader r = wf_reader_of(peers->data + at, 8);
        if (wf_get_u64(&r) == id)
            return peers->data + at + 8;
    }
    return NULL;
}

static int store_check_peer(void *ctx, uint64_t peer, const uint8_t disk_id[WF_UUID_SIZE],
                            struct wf_err *err)
{
    struct store *s = store_of(ctx);
    const uint8_t *known = find_peer(&s->peers, peer);
    if (known && memcmp(known, disk_id, WF_UUID_SIZE) == 0)
        return WF_OK;
    if (known)
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "DISK_CHANGED",
                              "node %llu came back with another disk and has forgotten its votes: "
                              "remove it, and add it again under a new id",
                              (unsigned long long)peer);
    size_t before = s->peers.len;
    wf_buf_put_u64(&s->peers, peer);
    wf_buf_append(&s->peers, disk_id, WF_UUID_SIZE);
    int rc = s->peers.failed ? wf_fail(err, WF_RESOURCE_EXHAUSTED,
                                       "no room to remember one more peer than the %zu ever seen",
                                       before / PEER_BYTES)
                             : save_peers(s, err);
    if (rc != WF_OK) { // it is not known, the next time either
        s->peers.len = before;
        s->peers.failed = false;
    }
    return rc;
}

// --- life ----------------------------------------------------------------------------------------

static void store_close(void *ctx, void (*done)(void *arg), void *arg)
{
    struct store *s = store_of(ctx);
    WF_ASSERT(!s->stopping && done != NULL);
    s->closed = done;
    s->closed_arg = arg;
    if (!s->running) { // load was never called, or failed
        int rv = uv_async_init(s->loop, &s->async, on_async);
        WF_ASSERT(rv == 0);
        s->async.data = s;
        s->async_open = s->stopping = true;
        wf_log_db_close(&s->db);
        uv_close((uv_handle_t *)&s->async, on_closed);
        return;
    }
    lock(s);
    s->stopping = true;
    int rc = pthread_cond_signal(&s->wake);
    WF_ASSERT(rc == 0);
    unlock(s);
}

int wf_log_store_sqlite_create(const char *dir, struct wf_node_identity *identity,
                               struct wf_err *err)
{
    if (getrandom(identity->disk_id, WF_UUID_SIZE, 0) != WF_UUID_SIZE)
        return wf_fail(err, WF_INTERNAL, "cannot get random bytes");
    return wf_log_db_create(dir, identity, err);
}

static void add_metrics(struct store *s, struct wf_metrics *m)
{
    if (!m)
        return;
    s->commit_seconds =
        wf_histogram(m, "watchfire_log_commit_seconds", "",
                     "Time of one log transaction, its fsync included.", 0.00005, 2);
    s->checkpoint_seconds = wf_histogram(m, "watchfire_log_checkpoint_seconds", "",
                                         "Time of one checkpoint of the log file.", 0.0001, 2);
    s->appended = wf_counter(m, "watchfire_log_records", "", "Records made durable.");
    s->transactions = wf_counter(m, "watchfire_log_transactions", "", "Log transactions.");
    s->wal_frames =
        wf_gauge(m, "watchfire_log_wal_frames", "", "Pages in the log file's write-ahead log.");
}

static void set_ops(struct store *s)
{
    s->iface = (struct wf_log_store){
        .ctx = s,
        .identity = store_identity,
        .load = store_load,
        .set_vote = store_set_vote,
        .append = store_append,
        .truncate = store_truncate,
        .snapshot_put = store_snapshot_put,
        .bootstrap = store_bootstrap,
        .recover = store_recover,
        .adopt = store_adopt,
        .check_peer = store_check_peer,
        .close = store_close,
    };
}

int wf_log_store_sqlite_open(struct wf_log_store **out, const char *dir, uv_loop_t *loop,
                             struct wf_metrics *metrics, struct wf_err *err)
{
    struct store *s = calloc(1, sizeof *s);
    if (!s)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    s->oom = calloc(1, sizeof *s->oom);
    s->loop = loop;
    list_init(&s->asked);
    list_init(&s->finished);
    wf_buf_init(&s->peers, PEERS_BUF_MAX);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wake, NULL);
    pthread_cond_init(&s->reply, NULL);
    set_ops(s);
    add_metrics(s, metrics);
    bool found;
    int rc = s->oom ? wf_log_db_open(&s->db, dir, err)
                    : wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    if (rc == WF_OK) {
        s->identity = s->db.identity;
        rc = wf_log_db_get(&s->db, "peers", &s->peers, &found, err);
        if (rc != WF_OK)
            wf_log_db_close(&s->db);
    }
    s->opened = rc == WF_OK;
    if (rc == WF_OK)
        *out = &s->iface;
    else
        wf_log_store_sqlite_free(&s->iface);
    return rc;
}

wf_mono_ns wf_log_store_sqlite_busy_ns(const struct wf_log_store *store)
{
    struct store *s = store_of(store->ctx);
    wf_mono_ns since = atomic_load(&s->busy_since), now = wf_clock_mono_ns();
    return since != 0 && now > since ? now - since : 0;
}

void wf_log_store_sqlite_free(struct wf_log_store *store)
{
    if (!store)
        return;
    struct store *s = store_of(store->ctx);
    WF_ASSERT(!s->running && !s->async_open);
    if (s->opened && s->db.sql)
        wf_log_db_close(&s->db);
    for (struct op *op; (op = list_take(&s->asked));) // left by a breakdown
        free_op(op);
    wf_buf_free(&s->peers);
    pthread_cond_destroy(&s->wake);
    pthread_cond_destroy(&s->reply);
    pthread_mutex_destroy(&s->lock);
    free_op(s->oom);
    free(s);
}
