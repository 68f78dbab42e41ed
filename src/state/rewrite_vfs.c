// SPDX-License-Identifier: Apache-2.0
#include "state/rewrite_vfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <string.h>

#include "base/assert.h"

enum { PAGE_MAX = 65536 }; // SQLite's largest page

// The default VFS's file follows in memory.
struct file {
    sqlite3_file base;
    sqlite3_file *real;
};

static sqlite3_vfs vfs;

static sqlite3_file *real_of(sqlite3_file *f)
{
    return ((struct file *)f)->real;
}

static int file_close(sqlite3_file *f)
{
    return real_of(f)->pMethods->xClose(real_of(f));
}

static int file_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    return real_of(f)->pMethods->xRead(real_of(f), to, n, at);
}

static int file_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    static _Thread_local unsigned char held[PAGE_MAX];
    sqlite3_file *real = real_of(f);

    // A read past the end is a short one, which is no match; so is one that fails.
    if (n <= PAGE_MAX && real->pMethods->xRead(real, held, n, at) == SQLITE_OK &&
        memcmp(held, from, (size_t)n) == 0)
        return SQLITE_OK;
    return real->pMethods->xWrite(real, from, n, at);
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static int file_sync(sqlite3_file *f, int flags)
{
    return real_of(f)->pMethods->xSync(real_of(f), flags);
}

static int file_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), size);
}

static int file_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int file_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int file_check_lock(sqlite3_file *f, int *out)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int file_control(sqlite3_file *f, int op, void *arg)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int file_sector_size(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int file_characteristics(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

// Version 1: no shared memory and no mapping, so no WAL; an image has none.
static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
};

static int vfs_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
    sqlite3_vfs *under = v->pAppData;
    struct file *file = (struct file *)f;

    file->base.pMethods = NULL;
    file->real = (sqlite3_file *)(file + 1);
    memset(file->real, 0, (size_t)under->szOsFile);
    int rc = under->xOpen(under, name, file->real, flags, out_flags);
    // SQLite closes whatever has methods, also after a failed open.
    if (file->real->pMethods != NULL)
        file->base.pMethods = &methods;
    return rc;
}

static void set_up(void)
{
    sqlite3_vfs *under = sqlite3_vfs_find(NULL);

    WF_ASSERT(under != NULL);
    vfs = *under; // its other methods do not look at the VFS they are called with
    vfs.zName = "watchfire-rewrite";
    vfs.pNext = NULL;
    vfs.szOsFile = (int)sizeof(struct file) + under->szOsFile;
    vfs.pAppData = under;
    vfs.xOpen = vfs_open;
    if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK)
        vfs.zName = NULL;
}

const char *wf_rewrite_vfs(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, set_up);
    return vfs.zName;
}
