// SPDX-License-Identifier: Apache-2.0
#include "daemon/offline.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/progress.h"
#include "daemon/begin.h"
#include "daemon/loop.h"
#include "daemon/node_dir.h"
#include "replication/bootstrap.h"
#include "replication/env.h"
#include "replication/log_store_sqlite.h"
#include "replication/manifest.h"
#include "replication/recover.h"
#include "state/state.h"

// --- a stopped node ------------------------------------------------------------------------------

struct offline {
    const struct wf_config *config;
    struct wf_node_dir dir;
    uv_loop_t loop;
    bool looped; // it is open
    struct wf_log_store *store;
    struct wf_node_identity identity;
    struct wf_log_state log;
    bool loaded;
    uint64_t records, last_index, last_term;
    struct wf_state *state;
};

static int open_dir(struct offline *o, const struct wf_config *config, struct wf_err *err)
{
    *o = (struct offline){.config = config};
    int rc = wf_loop_open(&o->loop, err);
    o->looped = rc == WF_OK;
    return rc == WF_OK ? wf_node_dir_open(&o->dir, config->data_dir, err) : rc;
}

static int open_store(struct offline *o, struct wf_err *err)
{
    if (!o->dir.has_log)
        return wf_fail_reason(err, WF_NOT_FOUND, "NO_DATA", "%s holds no node", o->dir.path);
    int rc = wf_log_store_sqlite_open(&o->store, o->dir.path, &o->loop, NULL, err);
    if (rc != WF_OK)
        return rc;
    o->store->identity(o->store->ctx, &o->identity);
    if (strcmp(o->identity.name, o->config->node.name) == 0)
        return WF_OK;
    return wf_fail_reason(err, WF_FAILED_PRECONDITION, "WRONG_IDENTITY",
                          "%s belongs to node %s, not to %s", o->dir.path, o->identity.name,
                          o->config->node.name);
}

static int count(void *arg, uint64_t index, const struct wf_record *record)
{
    struct offline *o = arg;
    o->records++;
    o->last_index = index;
    o->last_term = record->term;
    return WF_OK;
}

static int load(struct offline *o, struct wf_err *err)
{
    o->loaded = true;
    int rc = o->store->load(o->store->ctx, &o->log, count, o, err);
    if (rc == WF_OK && o->records == 0) {
        o->last_index = o->log.manifest.index;
        o->last_term = o->log.manifest.term;
    }
    return rc;
}

static void on_closed(void *arg)
{
    (void)arg;
}

static void close_store(struct offline *o)
{
    if (o->loaded)
        o->store->close(o->store->ctx, on_closed, NULL);
    uv_run(&o->loop, UV_RUN_DEFAULT);
    wf_log_store_sqlite_free(o->store);
    uv_run(&o->loop, UV_RUN_DEFAULT);
    o->store = NULL;
    o->loaded = false;
}

static void close_all(struct offline *o)
{
    if (!o->looped)
        return;
    close_store(o);
    if (o->state)
        wf_state_close(o->state);
    int rc = uv_loop_close(&o->loop);
    WF_ASSERT(rc == 0);
    wf_node_dir_close(&o->dir);
}

static void print_state(const struct offline *o)
{
    uint8_t digest[WF_HASH_SIZE];
    char hex[WF_HASH_HEX_SIZE];
    wf_state_digest(o->state, digest);
    printf("node %s of cluster %s (%s)\n", o->identity.name, o->config->cluster.name,
           wf_hex(o->identity.cluster_id, WF_UUID_SIZE, hex));
    printf("log: %" PRIu64 " records up to index %" PRIu64 ", term %" PRIu64 " (now %" PRIu64
           "), image at index %" PRIu64 "\n",
           o->records, o->last_index, o->last_term, o->log.term, o->log.manifest.index);
    printf("state: index %" PRIu64 ", newest event %" PRIu64 ", digest %s\n",
           wf_state_applied(o->state), wf_state_last_seq(o->state),
           wf_hex(digest, sizeof digest, hex));
}

// --- verify --------------------------------------------------------------------------------------

static int verify_events(struct offline *o, struct wf_err *err)
{
    struct wf_state_reader *reader = NULL;
    uint64_t events = 0, broken = 0;
    uint8_t head[WF_HASH_SIZE];
    char hex[WF_HASH_HEX_SIZE];
    int rc = wf_state_reader_open(&reader, o->state, err);
    if (rc == WF_OK)
        rc = wf_state_verify(reader, &events, &broken, head, err);
    if (rc == WF_OK && broken)
        rc =
            wf_fail(err, WF_DATA_LOSS, "the chain of events does not hold at seq %" PRIu64, broken);
    if (rc == WF_OK)
        printf("events: %" PRIu64 ", the chain holds, head %s\n", events,
               wf_hex(head, sizeof head, hex));
    wf_state_reader_close(reader);
    return rc;
}

int wf_offline_verify(const struct wf_config *config, struct wf_err *err)
{
    struct offline o;
    int rc = open_dir(&o, config, err);
    if (rc == WF_OK)
        rc = open_store(&o, err);
    if (rc == WF_OK)
        rc = load(&o, err);
    if (rc == WF_OK)
        rc = wf_state_open(&o.state, o.dir.state, err);
    if (rc == WF_OK) {
        print_state(&o);
        rc = verify_events(&o, err);
    }
    close_all(&o);
    return rc;
}

// --- recover -------------------------------------------------------------------------------------

static int print_report(const struct wf_recover_report *report, struct wf_err *err)
{
    struct wf_buf text;
    wf_buf_init(&text, 64 * 1024);
    int rc = wf_recover_print(report, &text);
    if (rc == WF_OK)
        fputs(wf_buf_cstr(&text), stdout);
    wf_buf_free(&text);
    return rc == WF_OK ? WF_OK : wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
}

static int recover(struct offline *o, const struct wf_recover_report *report, struct wf_err *err)
{
    close_store(o); // it was loaded; recovering comes before that
    int rc = open_store(o, err);
    if (rc == WF_OK)
        rc = wf_recover_force(o->store, report, o->config->advertise, err);
    if (rc == WF_OK)
        printf("%s is now the only voter. Start it; add the others anew, with empty data "
               "directories and new names.\n",
               o->config->node.name);
    return rc;
}

int wf_offline_recover(const struct wf_config *config, bool force, struct wf_err *err)
{
    struct offline o;
    struct wf_recover_report report;
    int rc = open_dir(&o, config, err);
    if (rc == WF_OK)
        rc = open_store(&o, err);
    if (rc == WF_OK) {
        o.loaded = true;
        rc = wf_recover_look(o.store, &report, err);
    }
    if (rc == WF_OK)
        rc = print_report(&report, err);
    if (rc == WF_OK && force)
        rc = recover(&o, &report, err);
    else if (rc == WF_OK)
        printf("Of the nodes that are left, recover the one whose last entry has the highest "
               "term, and among those the highest index; only that one.\n");
    close_all(&o);
    return rc;
}

// --- restore -------------------------------------------------------------------------------------

static int io_error(struct wf_err *err, const char *what, const char *path)
{
    int e = errno;
    return wf_fail_reason(err, wf_code_from_errno(e), e == ENOSPC ? "DISK_FULL" : "",
                          "cannot %s %s: %s", what, path, strerror(e));
}

// Copy the backup to path, durably, hashing it on the way.
static int copy(int from, int to, struct wf_image_info *info, struct wf_err *err)
{
    static uint8_t chunk[256 * 1024];
    struct wf_progress bar;
    struct stat whole;
    struct wf_hash h;
    ssize_t n;
    if (fstat(from, &whole) != 0)
        return io_error(err, "look at", "the backup");
    wf_progress_begin(&bar, isatty(STDERR_FILENO) ? stderr : NULL, "Restoring", true,
                      wf_clock_mono_ns());
    wf_hash_init(&h);
    while ((n = read(from, chunk, sizeof chunk)) > 0) {
        wf_hash_update(&h, chunk, (size_t)n);
        info->size += (uint64_t)n;
        wf_progress_step(&bar, info->size, (uint64_t)whole.st_size, wf_clock_mono_ns());
        for (ssize_t done = 0, w; done < n; done += w)
            if ((w = write(to, chunk + done, (size_t)(n - done))) < 0) {
                wf_hash_final(&h, info->hash);
                return io_error(err, "write", "the copy of the backup");
            }
    }
    wf_hash_final(&h, info->hash);
    wf_progress_end(&bar);
    if (n < 0)
        return io_error(err, "read", "the backup");
    return fsync(to) == 0 ? WF_OK : io_error(err, "sync", "the copy of the backup");
}

static int copy_backup(const struct offline *o, const char *backup, struct wf_image_info *info,
                       char path[WF_IMAGE_PATH_MAX], struct wf_err *err)
{
    char draft[WF_DIR_PATH_MAX + 16];
    snprintf(draft, sizeof draft, "%s/restore.new", o->dir.images);
    int from = open(backup, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return io_error(err, "open", backup);
    int to = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int rc = to < 0 ? io_error(err, "make", draft) : copy(from, to, info, err);
    close(from);
    if (to >= 0)
        close(to);
    if (rc == WF_OK && wf_image_path(path, o->dir.images, info, ".image") != WF_OK)
        rc = wf_fail(err, WF_INVALID_ARGUMENT, "data_dir is too long");
    return rc == WF_OK ? wf_files_posix.publish(wf_files_posix.ctx, draft, path, err) : rc;
}

struct stored {
    bool done;
    struct wf_err err;
};

static void on_stored(void *arg, const struct wf_err *err)
{
    struct stored *s = arg;
    s->done = true;
    if (err)
        s->err = *err;
}

// The log of a founder begins behind the image.
static int store_manifest(struct offline *o, const struct wf_image_info *info, struct wf_err *err)
{
    uint8_t data[WF_MANIFEST_SIZE];
    struct wf_member members[WF_MEMBERS_MAX];
    unsigned n = wf_begin_members(o->config, members);
    struct wf_manifest m = {.index = info->index, .term = 1, .configuration_index = 1};
    struct stored stored = {0};
    int rc = wf_bootstrap_encode(members, n, &m.configuration, err);
    if (rc != WF_OK)
        return rc;
    wf_manifest_encode(data, 0, info);
    m.data = (struct wf_bytes){data, sizeof data};
    o->store->snapshot_put(o->store->ctx, &m, WF_KEEP_NONE, on_stored, &stored);
    while (!stored.done)
        uv_run(&o->loop, UV_RUN_ONCE);
    wf_bootstrap_free(m.configuration);
    if (stored.err.code == WF_OK)
        return WF_OK;
    *err = stored.err;
    return (int)err->code;
}

static int install(struct offline *o, const char *path, struct wf_image_info *info,
                   struct wf_err *err)
{
    int rc = wf_node_dir_drop_state(&o->dir, err);
    if (rc == WF_OK)
        rc = wf_state_open(&o->state, o->dir.state, err);
    if (rc == WF_OK)
        rc = wf_state_install(o->state, path, err);
    if (rc != WF_OK)
        return wf_wrap(err, rc, "this is no backup that can be restored");
    info->index = wf_state_applied(o->state);
    wf_state_digest(o->state, info->digest);
    return WF_OK;
}

int wf_offline_restore(const struct wf_config *config, const char *backup, struct wf_err *err)
{
    struct offline o;
    struct wf_image_info info = {0};
    char path[WF_IMAGE_PATH_MAX];
    int rc = open_dir(&o, config, err);
    if (rc == WF_OK && o.dir.has_log)
        rc = wf_fail_reason(err, WF_FAILED_PRECONDITION, "NOT_EMPTY",
                            "%s holds a node already: restore into an empty directory", o.dir.path);
    if (rc == WF_OK && !config->bootstrap)
        rc = wf_fail_reason(err, WF_INVALID_ARGUMENT, "CONFIG",
                            "restoring needs the section \"bootstrap\": who begins the cluster");
    if (rc == WF_OK)
        rc = copy_backup(&o, backup, &info, path, err);
    if (rc == WF_OK)
        rc = install(&o, path, &info, err);
    if (rc == WF_OK)
        rc = wf_begin_found(config, &o.dir, err);
    o.dir.has_log = true;
    if (rc == WF_OK)
        rc = open_store(&o, err);
    if (rc == WF_OK)
        rc = load(&o, err);
    if (rc == WF_OK)
        rc = store_manifest(&o, &info, err);
    if (rc == WF_OK)
        printf("restored up to index %" PRIu64 ", event %" PRIu64
               ". Do the same on every founder, then start them all without --bootstrap.\n",
               info.index, wf_state_last_seq(o.state));
    close_all(&o);
    return rc;
}
