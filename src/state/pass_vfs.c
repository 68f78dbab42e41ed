// SPDX-License-Identifier: Apache-2.0
#include "state/pass_vfs.h"

#include <string.h>

#include "base/assert.h"

#define REAL(f)          wf_pass_real(f)
#define PASS(f, m)       REAL(f)->pMethods->m(REAL(f))
#define PASS_(f, m, ...) REAL(f)->pMethods->m(REAL(f), __VA_ARGS__)

static int file_close(sqlite3_file *f)
{
    return PASS(f, xClose);
}

static int file_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    return PASS_(f, xRead, to, n, at);
}

static int file_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    return PASS_(f, xWrite, from, n, at);
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return PASS_(f, xTruncate, size);
}

static int file_sync(sqlite3_file *f, int flags)
{
    return PASS_(f, xSync, flags);
}

static int file_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return PASS_(f, xFileSize, size);
}

static int file_lock(sqlite3_file *f, int level)
{
    return PASS_(f, xLock, level);
}

static int file_unlock(sqlite3_file *f, int level)
{
    return PASS_(f, xUnlock, level);
}

static int file_check_lock(sqlite3_file *f, int *out)
{
    return PASS_(f, xCheckReservedLock, out);
}

static int file_control(sqlite3_file *f, int op, void *arg)
{
    return PASS_(f, xFileControl, op, arg);
}

static int file_sector_size(sqlite3_file *f)
{
    return PASS(f, xSectorSize);
}

static int file_characteristics(sqlite3_file *f)
{
    return PASS(f, xDeviceCharacteristics);
}

static int file_shm_map(sqlite3_file *f, int region, int size, int extend, void volatile **out)
{
    return PASS_(f, xShmMap, region, size, extend, out);
}

static int file_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return PASS_(f, xShmLock, offset, n, flags);
}

static void file_shm_barrier(sqlite3_file *f)
{
    PASS(f, xShmBarrier);
}

static int file_shm_unmap(sqlite3_file *f, int remove)
{
    return PASS_(f, xShmUnmap, remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
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
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

static int vfs_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
    struct wf_pass_vfs *p = v->pAppData;
    struct wf_pass_file *file = (struct wf_pass_file *)f;

    *file = (struct wf_pass_file){.real = (sqlite3_file *)(file + 1), .flags = flags};
    memset(file->real, 0, (size_t)p->under->szOsFile);
    int rc = p->under->xOpen(p->under, name, file->real, flags, out_flags);
    // SQLite closes whatever has methods, also after a failed open.
    if (file->real->pMethods != NULL)
        file->base.pMethods = file->real->pMethods->iVersion >= 2 ? &p->methods : &p->methods_alone;
    return rc;
}

bool wf_pass_vfs_register(struct wf_pass_vfs *p, const char *name, sqlite3_vfs *under,
                          const sqlite3_io_methods *own)
{
    if (under == NULL)
        under = sqlite3_vfs_find(NULL);
    WF_ASSERT(under != NULL && under != &p->vfs);
    p->under = under;
    p->methods = methods;
    if (own->xRead != NULL)
        p->methods.xRead = own->xRead;
    if (own->xWrite != NULL)
        p->methods.xWrite = own->xWrite;
    p->methods_alone = p->methods;
    p->methods_alone.iVersion = 1;
    p->vfs = *under; // its other methods do not look at the VFS they are called with
    p->vfs.zName = name;
    p->vfs.pNext = NULL;
    p->vfs.szOsFile = (int)sizeof(struct wf_pass_file) + under->szOsFile;
    p->vfs.pAppData = p;
    p->vfs.xOpen = vfs_open;
    return sqlite3_vfs_register(&p->vfs, 0) == SQLITE_OK;
}
