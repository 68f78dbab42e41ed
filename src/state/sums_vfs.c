// SPDX-License-Identifier: Apache-2.0
#include "state/sums_vfs.h"

#include <endian.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "state/pass_vfs.h"

enum {
    PAGE_MIN = 512,
    PAGE_MAX = 65536,
    SUM = 8,
    HEADER = 100,
    VERSIONS_AT = 18,
    RESERVED_AT = 20
};

static struct wf_pass_vfs pass;
static bool registered;

// Two running sums, the second of the first, as SQLite's write-ahead log has them: all bits count,
// and so do their places. It begins with the page's place in the file. The two bytes that say
// whether there is a write-ahead log are left out: an image gets others.
static void sum_of(const uint8_t *page, int n, sqlite3_int64 at, uint8_t out[SUM])
{
    uint32_t a = (uint32_t)at, b = (uint32_t)(at >> 32) ^ 0x57464d53; // zeros must not fit
    for (int i = 0; i < n - SUM; i += 8) {
        uint32_t x, y;
        memcpy(&x, page + i, 4);
        memcpy(&y, page + i + 4, 4);
        if (at == 0 && i == VERSIONS_AT - 2)
            x &= htole32(0xffff);
        a += le32toh(x) + b;
        b += le32toh(y) + a;
    }
    for (int i = 0; i < 4; i++) {
        out[i] = (uint8_t)(a >> 8 * i);
        out[4 + i] = (uint8_t)(b >> 8 * i);
    }
}

// What is read or written is one page of a database file, and neither its header alone nor a
// journal.
static bool is_page(const struct wf_pass_file *f, int n, sqlite3_int64 at)
{
    return (f->flags & SQLITE_OPEN_MAIN_DB) && n >= PAGE_MIN && n <= PAGE_MAX &&
           (n & (n - 1)) == 0 && at % n == 0;
}

// The header says whether there are sums.
static void note_header(struct wf_pass_file *f, const uint8_t *data, int n, sqlite3_int64 at)
{
    if (at == 0 && n >= HEADER && memcmp(data, "SQLite format 3", 16) == 0)
        f->summed = data[RESERVED_AT] == SUM;
}

// SQLite takes zeros for what a page lacks at the end of the file, which is right where the page is
// not there at all. A page that begins there was cut off.
static int short_page(struct wf_pass_file *file, sqlite3_int64 at)
{
    sqlite3_int64 size;
    int rc = file->real->pMethods->xFileSize(file->real, &size);

    if (rc != SQLITE_OK)
        return rc;
    return at < size ? SQLITE_IOERR_DATA : SQLITE_IOERR_SHORT_READ;
}

static int sums_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    struct wf_pass_file *file = (struct wf_pass_file *)f;
    uint8_t sum[SUM];
    int rc = file->real->pMethods->xRead(file->real, to, n, at);

    if (rc == SQLITE_IOERR_SHORT_READ && file->summed && is_page(file, n, at))
        return short_page(file, at);
    if (rc != SQLITE_OK)
        return rc;
    note_header(file, to, n, at);
    if (!file->summed || !is_page(file, n, at))
        return SQLITE_OK;
    sum_of(to, n, at, sum);
    return memcmp(sum, (uint8_t *)to + n - SUM, SUM) == 0 ? SQLITE_OK : SQLITE_IOERR_DATA;
}

static int sums_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    static _Thread_local uint8_t page[PAGE_MAX];
    struct wf_pass_file *file = (struct wf_pass_file *)f;

    note_header(file, from, n, at);
    if (!file->summed || !is_page(file, n, at))
        return file->real->pMethods->xWrite(file->real, from, n, at);
    memcpy(page, from, (size_t)n - SUM);
    sum_of(page, n, at, page + n - SUM);
    return file->real->pMethods->xWrite(file->real, page, n, at);
}

int wf_sums_content(sqlite3_file *f, int n, sqlite3_int64 at)
{
    const struct wf_pass_file *file = (const struct wf_pass_file *)f;

    return file->summed && is_page(file, n, at) ? n - SUM : n;
}

static void set_up(void)
{
    static const sqlite3_io_methods own = {.xRead = sums_read, .xWrite = sums_write};

    registered = wf_pass_vfs_register(&pass, "watchfire-sums", NULL, &own);
}

const char *wf_sums_vfs(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, set_up);
    return registered ? pass.vfs.zName : NULL;
}

bool wf_sums_has(sqlite3 *conn)
{
    int n = -1; // asks, and changes nothing

    WF_ASSERT(conn != NULL);
    return sqlite3_file_control(conn, "main", SQLITE_FCNTL_RESERVE_BYTES, &n) == SQLITE_OK &&
           n == SUM;
}

int wf_sums_reserve(sqlite3 *conn)
{
    int n = SUM;

    WF_ASSERT(conn != NULL);
    return sqlite3_file_control(conn, "main", SQLITE_FCNTL_RESERVE_BYTES, &n);
}
