// SPDX-License-Identifier: Apache-2.0
// SQLite's file layer on the simulated files: the state's connections, its WAL, the shared memory
// beside it and its images all live there. One thread, so that a lock is a counter.
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "sim.h"

struct handle {
    sqlite3_file base;
    struct sim_file *f;
    struct server *server; // NULL once its life is over
    struct life *life;
    int level;
    unsigned shm_shared, shm_exclusive; // as bits
    bool shm;
};

static sqlite3_vfs vfs;
static struct sim *world;

static struct handle *of(sqlite3_file *file)
{
    return (struct handle *)file;
}

// The next write fails when the machine's disk is full or about to break.
static int trouble(struct handle *h)
{
    struct server *v = h->server;

    if (h->life->dead)
        return SQLITE_OK;
    if (v->disk_full)
        return SQLITE_FULL;
    if (!v->state_fails)
        return SQLITE_OK;
    v->state_fails = false;
    return SQLITE_IOERR;
}

// --- bytes -------------------------------------------------------------------------------------

static int x_read(sqlite3_file *file, void *out, int n, sqlite3_int64 at)
{
    const struct sim_file *f = of(file)->f;
    size_t have = (uint64_t)at < f->len ? f->len - (size_t)at : 0;

    if (have >= (size_t)n) {
        memcpy(out, f->data + at, (size_t)n);
        return SQLITE_OK;
    }
    memset(out, 0, (size_t)n);
    if (have > 0)
        memcpy(out, f->data + at, have);
    return SQLITE_IOERR_SHORT_READ;
}

static int x_write(sqlite3_file *file, const void *data, int n, sqlite3_int64 at)
{
    int rc = trouble(of(file));

    if (rc == SQLITE_OK)
        sim_file_write(of(file)->f, (uint64_t)at, data, (size_t)n);
    return rc;
}

static int x_truncate(sqlite3_file *file, sqlite3_int64 len)
{
    sim_file_truncate(of(file)->f, (uint64_t)len);
    return SQLITE_OK;
}

static int x_sync(sqlite3_file *file, int flags)
{
    int rc = trouble(of(file));

    (void)flags;
    if (rc == SQLITE_OK)
        sim_file_sync(of(file)->f);
    return rc;
}

static int x_size(sqlite3_file *file, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)of(file)->f->len;
    return SQLITE_OK;
}

// --- locks -------------------------------------------------------------------------------------

static int x_lock(sqlite3_file *file, int level)
{
    struct handle *h = of(file);
    struct sim_file *f = h->f;

    if (level <= h->level)
        return SQLITE_OK;
    if (f->exclusive != NULL && f->exclusive != h)
        return SQLITE_BUSY;
    if (h->level == SQLITE_LOCK_NONE)
        f->shared++;
    if (h->level == SQLITE_LOCK_NONE)
        h->level = SQLITE_LOCK_SHARED;
    if (level >= SQLITE_LOCK_RESERVED) {
        if (f->reserved != NULL && f->reserved != h)
            return SQLITE_BUSY;
        f->reserved = h;
    }
    if (level == SQLITE_LOCK_EXCLUSIVE) {
        if (f->shared > 1)
            return SQLITE_BUSY;
        f->exclusive = h;
    }
    h->level = level;
    return SQLITE_OK;
}

static int x_unlock(sqlite3_file *file, int level)
{
    struct handle *h = of(file);
    struct sim_file *f = h->f;

    if (level >= h->level)
        return SQLITE_OK;
    if (f->exclusive == h)
        f->exclusive = NULL;
    if (f->reserved == h)
        f->reserved = NULL;
    if (level == SQLITE_LOCK_NONE)
        f->shared--;
    h->level = level;
    return SQLITE_OK;
}

static int x_reserved(sqlite3_file *file, int *out)
{
    *out = of(file)->f->reserved != NULL;
    return SQLITE_OK;
}

// --- shared memory -----------------------------------------------------------------------------

static int x_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **out)
{
    struct handle *h = of(file);

    *out = NULL;
    if (region >= SIM_SHM_REGIONS)
        return SQLITE_FULL;
    if (!h->shm)
        h->f->shm_users++;
    h->shm = true;
    if (h->f->shm[region] == NULL && extend) {
        h->f->shm[region] = calloc(1, (size_t)size);
        if (h->f->shm[region] == NULL)
            return SQLITE_NOMEM;
    }
    *out = h->f->shm[region];
    return SQLITE_OK;
}

static void shm_let_go(struct handle *h, unsigned i)
{
    unsigned bit = 1u << i;

    if (h->shm_shared & bit)
        h->f->shm_shared[i]--;
    if (h->shm_exclusive & bit)
        h->f->shm_exclusive[i] = NULL;
    h->shm_shared &= ~bit;
    h->shm_exclusive &= ~bit;
}

static bool shm_free(const struct handle *h, unsigned i, bool shared)
{
    unsigned mine = h->shm_shared >> i & 1;

    if (h->f->shm_exclusive[i] != NULL && h->f->shm_exclusive[i] != h)
        return false;
    return shared || h->f->shm_shared[i] == mine;
}

static int x_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    struct handle *h = of(file);
    bool shared = (flags & SQLITE_SHM_SHARED) != 0;

    for (unsigned i = (unsigned)offset; i < (unsigned)(offset + n); i++) {
        if (flags & SQLITE_SHM_UNLOCK)
            shm_let_go(h, i);
        else if (!shm_free(h, i, shared))
            return SQLITE_BUSY;
    }
    if (flags & SQLITE_SHM_UNLOCK)
        return SQLITE_OK;
    for (unsigned i = (unsigned)offset; i < (unsigned)(offset + n); i++) {
        if (shared && !(h->shm_shared >> i & 1)) {
            h->f->shm_shared[i]++;
            h->shm_shared |= 1u << i;
        } else if (!shared) {
            h->f->shm_exclusive[i] = h;
            h->shm_exclusive |= 1u << i;
        }
    }
    return SQLITE_OK;
}

static void x_shm_barrier(sqlite3_file *file)
{
    (void)file;
}

static int x_shm_unmap(sqlite3_file *file, int delete)
{
    struct handle *h = of(file);

    (void)delete;
    if (!h->shm)
        return SQLITE_OK;
    for (unsigned i = 0; i < SIM_SHM_LOCKS; i++)
        shm_let_go(h, i);
    h->shm = false;
    if (--h->f->shm_users > 0)
        return SQLITE_OK;
    for (unsigned i = 0; i < SIM_SHM_REGIONS; i++) {
        free(h->f->shm[i]);
        h->f->shm[i] = NULL;
    }
    return SQLITE_OK;
}

// --- the rest of a file ------------------------------------------------------------------------

static int x_close(sqlite3_file *file)
{
    x_shm_unmap(file, 0);
    x_unlock(file, SQLITE_LOCK_NONE);
    sim_file_release(of(file)->f);
    return SQLITE_OK;
}

static int x_control(sqlite3_file *file, int op, void *arg)
{
    (void)file;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int x_sector(sqlite3_file *file)
{
    (void)file;
    return 512;
}

static int x_traits(sqlite3_file *file)
{
    (void)file;
    return 0; // nothing is atomic, nothing in order
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = x_close,
    .xRead = x_read,
    .xWrite = x_write,
    .xTruncate = x_truncate,
    .xSync = x_sync,
    .xFileSize = x_size,
    .xLock = x_lock,
    .xUnlock = x_unlock,
    .xCheckReservedLock = x_reserved,
    .xFileControl = x_control,
    .xSectorSize = x_sector,
    .xDeviceCharacteristics = x_traits,
    .xShmMap = x_shm_map,
    .xShmLock = x_shm_lock,
    .xShmBarrier = x_shm_barrier,
    .xShmUnmap = x_shm_unmap,
};

// --- the file system ---------------------------------------------------------------------------

static int x_open(sqlite3_vfs *v, const char *name, sqlite3_file *file, int flags, int *out)
{
    struct handle *h = of(file);
    struct life *l = name != NULL ? sim_path_life(world, name) : NULL;

    (void)v;
    *h = (struct handle){.life = l};
    if (l == NULL)
        return SQLITE_CANTOPEN;
    h->server = l->server;
    h->f = sim_file_at(world, name, (flags & SQLITE_OPEN_CREATE) != 0);
    if (h->f == NULL)
        return SQLITE_CANTOPEN;
    h->f->open++;
    h->base.pMethods = &methods;
    if (out != NULL)
        *out = flags;
    return SQLITE_OK;
}

static int x_delete(sqlite3_vfs *v, const char *name, int sync_dir)
{
    struct life *l = sim_path_life(world, name);
    struct sim_file *f = sim_file_at(world, name, false);

    (void)v;
    (void)sync_dir;
    if (f == NULL)
        return l != NULL ? SQLITE_IOERR_DELETE_NOENT : SQLITE_OK;
    sim_file_unlink(l->server, f);
    return SQLITE_OK;
}

static int x_access(sqlite3_vfs *v, const char *name, int flags, int *out)
{
    const struct sim_file *f = sim_file_at(world, name, false);

    (void)v;
    *out = f != NULL && (flags != SQLITE_ACCESS_EXISTS || f->len > 0);
    return SQLITE_OK;
}

static int x_full_path(sqlite3_vfs *v, const char *name, int n, char *out)
{
    (void)v;
    sqlite3_snprintf(n, out, "%s", name);
    return SQLITE_OK;
}

static int x_randomness(sqlite3_vfs *v, int n, char *out)
{
    (void)v;
    for (int i = 0; i < n; i++)
        out[i] = (char)sim_random(world, 0, 255);
    return n;
}

static int x_sleep(sqlite3_vfs *v, int us)
{
    (void)v;
    return us; // nobody else could let go of a lock meanwhile
}

static int x_time(sqlite3_vfs *v, double *out)
{
    (void)v;
    *out = 2460000.5 + (double)world->now / 86400e9;
    return SQLITE_OK;
}

static int x_last_error(sqlite3_vfs *v, int n, char *out)
{
    (void)v;
    (void)n;
    (void)out;
    return 0;
}

void sim_vfs_install(struct sim *s)
{
    world = s;
    vfs = (sqlite3_vfs){.iVersion = 1,
                        .szOsFile = sizeof(struct handle),
                        .mxPathname = 255,
                        .zName = "sim",
                        .xOpen = x_open,
                        .xDelete = x_delete,
                        .xAccess = x_access,
                        .xFullPathname = x_full_path,
                        .xRandomness = x_randomness,
                        .xSleep = x_sleep,
                        .xCurrentTime = x_time,
                        .xGetLastError = x_last_error};
    if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
        abort();
}
