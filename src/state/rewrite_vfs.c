// SPDX-License-Identifier: Apache-2.0
#include "state/rewrite_vfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <string.h>

#include "state/pass_vfs.h"
#include "state/sums_vfs.h"

enum { PAGE_MAX = 65536 }; // SQLite's largest page

static struct wf_pass_vfs pass;
static bool registered;

static int rewrite(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    static _Thread_local unsigned char held[PAGE_MAX];
    sqlite3_file *real = wf_pass_real(f);

    // A read past the end is a short one, which is no match; so is one that fails.
    if (n <= PAGE_MAX && real->pMethods->xRead(real, held, n, at) == SQLITE_OK &&
        memcmp(held, from, (size_t)wf_sums_content(real, n, at)) == 0)
        return SQLITE_OK;
    return real->pMethods->xWrite(real, from, n, at);
}

static void set_up(void)
{
    const char *sums = wf_sums_vfs();

    static const sqlite3_io_methods own = {.xWrite = rewrite};

    registered = sums != NULL &&
                 wf_pass_vfs_register(&pass, "watchfire-rewrite", sqlite3_vfs_find(sums), &own);
}

const char *wf_rewrite_vfs(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, set_up);
    return registered ? pass.vfs.zName : NULL;
}
