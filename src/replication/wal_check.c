// SPDX-License-Identifier: Apache-2.0
#include "replication/wal_check.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { WAL_HEADER = 32, FRAME_HEADER = 24, PAGE_MIN = 512, PAGE_MAX = 65536 };

struct wal {
    FILE *f;
    const char *path;
    uint32_t page;
    bool big_endian; // of the checksummed words
    uint32_t salt[2];
    uint32_t sum[2]; // running
    uint8_t frame[FRAME_HEADER + PAGE_MAX];
};

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t word(const struct wal *w, const uint8_t *p)
{
    return w->big_endian ? be32(p)
                         : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static void add(const struct wal *w, uint32_t sum[2], const uint8_t *p, size_t n)
{
    WF_ASSERT(n % 8 == 0);
    for (; n > 0; n -= 8, p += 8) {
        sum[0] += word(w, p) + sum[1];
        sum[1] += word(w, p + 4) + sum[0];
    }
}

// A file of nothing but zeros was being created when the power went.
static bool all_zero(FILE *f)
{
    int c;
    rewind(f);
    while ((c = getc(f)) == 0)
        continue;
    return c == EOF;
}

// *empty: there is nothing to check. Fails when the header, which SQLite syncs by itself before the
// first frame, does not check.
static int read_header(struct wal *w, bool *empty, struct wf_err *err)
{
    uint8_t h[WAL_HEADER];
    *empty = fread(h, 1, sizeof h, w->f) < sizeof h;
    if (*empty)
        return WF_OK;
    w->big_endian = h[3] & 1;
    add(w, w->sum, h, 24);
    w->page = be32(h + 8);
    bool good = (be32(h) & ~1u) == 0x377f0682 && w->sum[0] == be32(h + 24) &&
                w->sum[1] == be32(h + 28) && w->page >= PAGE_MIN && w->page <= PAGE_MAX &&
                (w->page & (w->page - 1)) == 0;
    if (!good) {
        *empty = all_zero(w->f);
        return *empty ? WF_OK : wf_fail(err, WF_DATA_LOSS, "%s: the header is damaged", w->path);
    }
    w->salt[0] = be32(h + 16);
    w->salt[1] = be32(h + 20);
    return WF_OK;
}

// Whether the frame just read checks, given the sum of what stands before it, which it then
// replaces by the one the frame claims. A damaged frame's claim is as good a start as any for the
// next.
static bool frame_good(struct wal *w)
{
    const uint8_t *h = w->frame;
    uint32_t sum[2] = {w->sum[0], w->sum[1]};
    add(w, sum, h, 8);
    add(w, sum, h + FRAME_HEADER, w->page);
    w->sum[0] = be32(h + 16);
    w->sum[1] = be32(h + 20);
    return be32(h) != 0 && be32(h + 8) == w->salt[0] && be32(h + 12) == w->salt[1] &&
           sum[0] == w->sum[0] && sum[1] == w->sum[1];
}

static int check_frames(struct wal *w, struct wf_err *err)
{
    uint64_t n = 0, bad = 0;
    bool closed = false; // a transaction's last frame came after the bad one
    size_t size = FRAME_HEADER + w->page;
    while (fread(w->frame, 1, size, w->f) == size) {
        n++;
        bool good = frame_good(w);
        if (!good && bad == 0)
            bad = n;
        // One good frame after the bad one may belong to the transaction that a crash cut short:
        // its pages reach the disk in any order. One of a transaction after that one may not.
        if (good && bad > 0 && closed)
            return wf_fail(err, WF_DATA_LOSS,
                           "%s: frame %llu is damaged, and later transactions follow it", w->path,
                           (unsigned long long)bad);
        bool live = be32(w->frame + 8) == w->salt[0] && be32(w->frame + 12) == w->salt[1];
        if (bad > 0 && live && be32(w->frame + 4) != 0)
            closed = true;
    }
    return WF_OK;
}

int wf_wal_check(const char *path, struct wf_err *err)
{
    struct wal *w = calloc(1, sizeof *w);
    if (!w)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    w->path = path;
    w->f = fopen(path, "rbe");
    if (!w->f) {
        int errnum = errno;
        free(w);
        return errnum == ENOENT ? WF_OK
                                : wf_fail(err, wf_code_from_errno(errnum), "cannot read %s: %s",
                                          path, strerror(errnum));
    }
    bool empty = false;
    int rc = read_header(w, &empty, err);
    if (rc == WF_OK && !empty)
        rc = check_frames(w, err);
    if (rc == WF_OK && ferror(w->f))
        rc = wf_fail(err, WF_DATA_LOSS, "cannot read %s", path);
    fclose(w->f);
    free(w);
    return rc;
}
