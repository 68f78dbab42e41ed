// SPDX-License-Identifier: Apache-2.0
#include "failing_vfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "base/assert.h"

struct file {
    sqlite3_file base;
    sqlite3_file *real; // behind this struct
};

static sqlite3_vfs vfs;
static sqlite3_vfs *real_vfs;
static atomic_int count, fail_at, code, failed;
static atomic_bool always;
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;

static int step(void)
{
    int n = atomic_fetch_add(&count, 1) + 1, at = atomic_load(&fail_at);
    if (at == 0 || n < at || (n > at && !atomic_load(&always)))
        return SQLITE_OK;
    atomic_store(&failed, 1);
    return atomic_load(&code);
}

static sqlite3_file *real_of(sqlite3_file *f)
{
    return ((struct file *)f)->real;
}

static int x_close(sqlite3_file *f)
{
    return real_of(f)->pMethods->xClose(real_of(f));
}

static int x_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return real_of(f)->pMethods->xRead(real_of(f), p, n, at);
}

static int x_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    int rc = step();
    return rc ? rc : real_of(f)->pMethods->xWrite(real_of(f), p, n, at);
}

static int x_truncate(sqlite3_file *f, sqlite3_int64 n)
{
    int rc = step();
    return rc ? rc : real_of(f)->pMethods->xTruncate(real_of(f), n);
}

static int x_sync(sqlite3_file *f, int flags)
{
    int rc = step();
    pthread_mutex_lock(&held);
    pthread_mutex_unlock(&held);
    return rc ? rc : real_of(f)->pMethods->xSync(real_of(f), flags);
}

static int x_size(sqlite3_file *f, sqlite3_int64 *n)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), n);
}

static int x_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int x_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int x_reserved(sqlite3_file *f, int *out)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int x_control(sqlite3_file *f, int op, void *arg)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int x_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int x_traits(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static const sqlite3_io_methods methods = {
    .iVersion = 1, // no shared memory: exclusive locking does without
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
};

static int x_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out)
{
    struct file *file = (struct file *)f;
    (void)v;
    file->real = (sqlite3_file *)(file + 1);
    int rc = real_vfs->xOpen(real_vfs, name, file->real, flags, out);
    file->base.pMethods = file->real->pMethods ? &methods : NULL;
    return rc;
}

static int x_delete(sqlite3_vfs *v, const char *name, int sync_dir)
{
    (void)v;
    int rc = step();
    return rc ? rc : real_vfs->xDelete(real_vfs, name, sync_dir);
}

void failing_vfs_install(void)
{
    real_vfs = sqlite3_vfs_find(NULL);
    WF_ASSERT(real_vfs != NULL && real_vfs != &vfs);
    vfs = *real_vfs;
    vfs.zName = "failing";
    vfs.pNext = NULL;
    vfs.szOsFile = (int)sizeof(struct file) + real_vfs->szOsFile;
    vfs.xOpen = x_open;
    vfs.xDelete = x_delete;
    int rc = sqlite3_vfs_register(&vfs, 1);
    WF_ASSERT(rc == SQLITE_OK);
    failing_vfs_arm(0, 0, false);
}

void failing_vfs_remove(void)
{
    sqlite3_vfs_unregister(&vfs);
    sqlite3_vfs_register(real_vfs, 1);
}

void failing_vfs_arm(int n, int rc, bool from_then_on)
{
    atomic_store(&count, 0);
    atomic_store(&failed, 0);
    atomic_store(&code, rc);
    atomic_store(&always, from_then_on);
    atomic_store(&fail_at, n);
}

void failing_vfs_hold(void)
{
    pthread_mutex_lock(&held);
}

void failing_vfs_let_go(void)
{
    pthread_mutex_unlock(&held);
}

int failing_vfs_count(void)
{
    return atomic_load(&count);
}

bool failing_vfs_failed(void)
{
    return atomic_load(&failed) != 0;
}
