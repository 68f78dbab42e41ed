// SPDX-License-Identifier: Apache-2.0
// State images: made from a pinned read transaction on a connection of their own, installed through
// SQLite's backup into the open file as one transaction, so that readers follow and a failure
// leaves all as it was.
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "state/machine.h"
#include "state/rewrite_vfs.h"
#include "state/schema.h"

struct wf_state_image {
    struct wf_db db;        // in a read transaction, or a copy in memory
    struct wf_state *state; // of which only damaged is touched
    uint64_t index;
    uint8_t digest[WF_HASH_SIZE];
};

// What a commit may have to wait for, on the disk and for a core.
enum { PAGES_PER_STEP = 256, HASH_PIECE = 1024 * 1024 };

// As long again as the piece of work that began then took: an image is in no hurry, and commits
// share the cores and the disk with it. A small one has but one piece, and does not wait.
static void rest(wf_mono_ns begin)
{
    wf_mono_ns took = wf_clock_mono_ns() - begin;
    struct timespec t = {(time_t)(took / 1000000000), (long)(took % 1000000000)};

    (void)nanosleep(&t, NULL);
}

// What was written to fd so far goes to disk, and is there or not when this returns. The kernel
// tells an error of the disk once for each open file: told here, the fsync at the end no longer has
// it.
static int push(int fd)
{
    if (sync_file_range(fd, 0, 0,
                        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                            SYNC_FILE_RANGE_WAIT_AFTER) == 0 ||
        errno == ENOSYS) // the fsync at the end writes all of it, then
        return 0;
    return errno;
}

// Copy all of one connection's database into another's. fd (-1: none) is the file copied to: it
// goes to disk step by step, for the raft log's next fsync on a journaling file system would wait
// for all of it at once.
static int copy(struct wf_db *to, struct wf_db *from, int fd, struct wf_err *err)
{
    sqlite3_backup *b = sqlite3_backup_init(to->conn, "main", from->conn, "main");
    int rc = b != NULL ? SQLITE_OK : sqlite3_errcode(to->conn), lost = 0;

    while (rc == SQLITE_OK && lost == 0) {
        wf_mono_ns begin = wf_clock_mono_ns();
        rc = sqlite3_backup_step(b, PAGES_PER_STEP);
        if (fd >= 0)
            lost = push(fd);
        if (fd >= 0 && rc == SQLITE_OK)
            rest(begin);
    }
    if (b != NULL) {
        int finish = sqlite3_backup_finish(b);
        rc = rc == SQLITE_DONE ? finish : rc;
    }
    if (lost != 0)
        return wf_fail_errno(err, lost, "the disk did not take the copy");
    if (rc == SQLITE_OK)
        return WF_OK;
    if (rc == SQLITE_IOERR_DATA || (rc & 0xff) == SQLITE_CORRUPT ||
        (fd < 0 && (rc & 0xff) == SQLITE_READONLY)) // into a state: its header is damaged (db.c)
        return wf_fail_reason(err, WF_DATA_LOSS, "STATE_DAMAGED", "copying the state: %s (%d)",
                              sqlite3_errstr(rc), rc);
    if ((rc & 0xff) == SQLITE_FULL)
        return wf_fail_reason(err, WF_RESOURCE_EXHAUSTED, "DISK_FULL", "copying the state: %s",
                              sqlite3_errstr(rc));
    return wf_fail(err, WF_INTERNAL, "copying the state: %s (%d)", sqlite3_errstr(rc), rc);
}

// --- making -------------------------------------------------------------------------------------

static int pin(struct wf_state *s, struct wf_state_image *image, struct wf_err *err)
{
    char path[4096];
    struct wf_meta m;

    snprintf(path, sizeof path, "%s/state.db", s->dir != NULL ? s->dir : "");
    int rc = wf_db_open_state(
        &image->db, s->dir != NULL ? path : ":memory:",
        s->dir != NULL ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);
    if (rc == WF_OK && s->dir == NULL)
        rc = copy(&image->db, &s->db, -1, err);
    if (rc != WF_OK)
        return rc;
    wf_db_run(&image->db, "BEGIN", "");
    wf_meta_load(&image->db, &m); // the first read pins the snapshot
    image->index = m.applied;
    memcpy(image->digest, m.digest, WF_HASH_SIZE);
    return wf_db_fault(&image->db, err);
}

int wf_state_image_begin(struct wf_state *s, struct wf_state_image **out, struct wf_err *err)
{
    struct wf_state_image *image = calloc(1, sizeof *image);

    if (image == NULL)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory making a state image");
    image->state = s;
    int rc = pin(s, image, err);
    if (rc != WF_OK) {
        wf_state_image_end(image);
        return wf_wrap(err, rc, "begin a state image");
    }
    if (image->index != s->meta.applied || memcmp(image->digest, s->meta.digest, WF_HASH_SIZE)) {
        wf_state_image_end(image);
        return wf_fail(err, WF_UNAVAILABLE,
                       "the state is being replaced by another node's: try again in a moment");
    }
    *out = image;
    return WF_OK;
}

static int hash_fd(int fd, uint64_t *size, uint8_t hash[WF_HASH_SIZE])
{
    static _Thread_local uint8_t chunk[65536];
    struct wf_hash h;
    ssize_t n;

    *size = 0;
    wf_hash_init(&h);
    wf_mono_ns begin = wf_clock_mono_ns();
    while ((n = read(fd, chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR)) {
        if (n < 0)
            continue;
        wf_hash_update(&h, chunk, (size_t)n);
        *size += (uint64_t)n;
        if (*size % HASH_PIECE == 0) {
            rest(begin);
            begin = wf_clock_mono_ns();
        }
    }
    wf_hash_final(&h, hash);
    return n == 0 ? 0 : -1;
}

static int reserved(struct wf_db *db)
{
    int n = -1; // asks, and changes nothing

    (void)sqlite3_file_control(db->conn, "main", SQLITE_FCNTL_RESERVE_BYTES, &n);
    return n;
}

// SQLite writes the first page last, and others before it when its cache is full: the file has to
// say from the start whether its pages have sums.
static int begin_like(struct wf_db *to, struct wf_db *from, struct wf_err *err)
{
    int n = reserved(from);

    if (wf_db_int(to, 0, "PRAGMA page_count", "") == 0) {
        (void)sqlite3_file_control(to->conn, "main", SQLITE_FCNTL_RESERVE_BYTES, &n);
        wf_db_exec(to, "PRAGMA user_version = 1");
    } else if (!to->broken && reserved(to) != n) {
        return wf_fail(err, WF_FAILED_PRECONDITION, "the older image has other pages");
    }
    return wf_db_fault(to, err);
}

int wf_state_image_copy(struct wf_db *to, struct wf_db *from, int fd, struct wf_err *err)
{
    wf_db_exec(to, "PRAGMA journal_mode = OFF");
    wf_db_exec(to, "PRAGMA synchronous = OFF"); // fsynced as a whole afterwards
    int rc = begin_like(to, from, err);
    return rc == WF_OK ? copy(to, from, fd, err) : rc;
}

static int fill(struct wf_state_image *image, const char *path, int fd, struct wf_err *err)
{
    struct wf_db to;
    int rc = wf_db_open_vfs(&to, path, SQLITE_OPEN_READWRITE, wf_rewrite_vfs(), err);

    if (rc != WF_OK)
        return rc;
    rc = wf_state_image_copy(&to, &image->db, fd, err);
    wf_db_close(&to);
    // The file format's read and write version: no WAL, so that any sqlite3 opens it by itself.
    if (rc == WF_OK && pwrite(fd, "\1\1", 2, 18) != 2)
        rc = wf_fail(err, wf_code_from_errno(errno), "%s: %s", path, strerror(errno));
    return rc;
}

int wf_state_image_write(struct wf_state_image *image, const char *path, uint64_t *size,
                         uint8_t hash[WF_HASH_SIZE], struct wf_err *err)
{
    // Opened before SQLite opens it and closed after: a close would drop SQLite's locks.
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    struct stat before;
    struct wf_err own;

    err = err != NULL ? err : &own;
    if (fd < 0 || fstat(fd, &before) != 0) {
        int rc = wf_fail(err, wf_code_from_errno(errno), "%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return rc;
    }
    int rc = fill(image, path, fd, err);
    if (rc != WF_OK && before.st_size > 0 && ftruncate(fd, 0) == 0)
        rc = fill(image, path, fd, err); // what was there was no image, or a damaged one
    if (rc == WF_OK && (fsync(fd) != 0 || hash_fd(fd, size, hash) != 0))
        rc = wf_fail_errno(err, errno, "%s", path);
    close(fd);
    // And not that the disk did not take the image, which says nothing of the state.
    if (rc == WF_DATA_LOSS && strcmp(err->reason, "STATE_DAMAGED") == 0)
        atomic_store(&image->state->damaged, true);
    return rc == WF_OK ? WF_OK : wf_wrap(err, rc, "write a state image to %s", path);
}

uint64_t wf_state_image_index(const struct wf_state_image *image)
{
    return image->index;
}

void wf_state_image_digest(const struct wf_state_image *image, uint8_t out[WF_HASH_SIZE])
{
    memcpy(out, image->digest, WF_HASH_SIZE);
}

void wf_state_image_end(struct wf_state_image *image)
{
    if (image == NULL)
        return;
    wf_db_close(&image->db);
    free(image);
}

// --- installing ---------------------------------------------------------------------------------

static int check_pages(struct wf_db *db, struct wf_err *err)
{
    sqlite3_stmt *q = wf_db_query(db, "PRAGMA quick_check(1)", "");
    int rc = WF_OK;

    if (wf_db_next(db, q) && strcmp(wf_db_text(q, 0), "ok") != 0)
        rc = wf_fail(err, WF_DATA_LOSS, "%s", wf_db_text(q, 0));
    wf_db_done(q);
    return rc == WF_OK ? wf_db_fault(db, err) : rc;
}

// Whether the image is a state at all, and undamaged. It may be older than what it replaces: a
// state that differs from the others' is replaced by an image and the log behind it.
static int check(struct wf_db *db, struct wf_err *err)
{
    struct wf_meta m;
    uint8_t head[WF_HASH_SIZE] = {0};
    uint64_t last = 0;

    wf_db_exec(db, "PRAGMA cell_size_check = ON");
    wf_db_exec(db, "PRAGMA trusted_schema = OFF");
    sqlite3_db_config(db->conn, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    int rc = wf_schema_check(db, err);
    if (rc == WF_OK)
        rc = wf_db_check_sums(db, err);
    if (rc == WF_OK)
        rc = check_pages(db, err);
    if (rc != WF_OK)
        return rc;
    wf_meta_load(db, &m);
    sqlite3_stmt *q = wf_db_query(db, "SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1", "");
    if (wf_db_next(db, q)) {
        last = (uint64_t)sqlite3_column_int64(q, 0);
        if (sqlite3_column_bytes(q, 1) == WF_HASH_SIZE)
            memcpy(head, sqlite3_column_blob(q, 1), WF_HASH_SIZE);
        wf_db_done(q);
    }
    if (db->broken)
        return wf_db_fault(db, err);
    if (last != m.last_seq || memcmp(head, m.head, WF_HASH_SIZE) != 0)
        return wf_fail(err, WF_DATA_LOSS, "its newest event is not the one it speaks of");
    return WF_OK;
}

// The state's file as the image is copied into it: by a connection of its own, since the writer's
// is another thread's. A state in memory has but the one.
static int open_target(struct wf_state *s, struct wf_db *own, struct wf_err *err)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/state.db", s->dir);
    int rc = wf_db_open_state(own, path, SQLITE_OPEN_READWRITE, err);
    if (rc != WF_OK)
        return rc;
    wf_db_exec(own, "PRAGMA synchronous = NORMAL");
    wf_db_exec(own, "PRAGMA schema_version"); // it knows of the WAL once it has read
    rc = wf_db_fault(own, err);
    if (rc != WF_OK)
        wf_db_close(own);
    return rc;
}

static int copy_in(struct wf_state *s, struct wf_db *from, struct wf_err *err)
{
    struct wf_db own;

    if (s->dir == NULL)
        return copy(&s->db, from, -1, err);
    int rc = open_target(s, &own, err);
    if (rc != WF_OK)
        return rc;
    rc = copy(&own, from, -1, err);
    // The whole state is in the WAL: written back here, or the writer would have to at its next
    // commit. A reader that holds on to the old one hinders it, which costs time and nothing else.
    if (rc == WF_OK)
        sqlite3_wal_checkpoint_v2(own.conn, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    wf_db_close(&own);
    return rc;
}

int wf_state_take(struct wf_state *s, const char *path, struct wf_err *err)
{
    struct wf_db from;
    // Immutable: a file on its own, to which no journal belongs and nobody writes.
    char *uri = sqlite3_mprintf("file:%s?immutable=1", path);

    if (uri == NULL || strpbrk(path, "?#%") != NULL) {
        sqlite3_free(uri);
        return wf_fail(err, WF_INVALID_ARGUMENT, "image path %s has one of ?, # or %%", path);
    }
    int rc = wf_db_open_state(&from, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, err);
    sqlite3_free(uri);
    if (rc == WF_OK) {
        rc = check(&from, err);
        // The image's damage and not the state's, which would be made anew from this very image.
        if (rc == WF_DATA_LOSS && err != NULL)
            snprintf(err->reason, sizeof err->reason, "IMAGE_DAMAGED");
        if (rc == WF_OK)
            rc = copy_in(s, &from, err);
        wf_db_close(&from);
    }
    return rc == WF_OK ? WF_OK : wf_wrap(err, rc, "install state image %s", path);
}

int wf_state_adopt(struct wf_state *s, struct wf_err *err)
{
    wf_state_load(s);
    return wf_db_fault(&s->db, err);
}

int wf_state_install(struct wf_state *s, const char *path, struct wf_err *err)
{
    int rc = wf_state_take(s, path, err);

    return rc == WF_OK ? wf_state_adopt(s, err) : rc;
}
