// SPDX-License-Identifier: Apache-2.0
#include "replication/log_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buf.h"

// magic, generation, index, hash, term, vote, and the hash of all that: within one sector.
#define MAGIC "WFMARK1"
enum { BODY = 8 + 8 + 8 + WF_HASH_SIZE + 8 + 8, WHOLE = BODY + WF_HASH_SIZE };

int wf_mark_open(struct wf_mark_file *f, const char *path, struct wf_err *err)
{
    f->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (f->fd >= 0)
        return WF_OK;
    return wf_fail_errno(err, errno, "cannot open %s", path);
}

void wf_mark_close(struct wf_mark_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

int wf_mark_read(const struct wf_mark_file *f, struct wf_mark *out, bool *found, struct wf_err *err)
{
    uint8_t raw[WHOLE], hash[WF_HASH_SIZE];
    *found = false;
    ssize_t n = pread(f->fd, raw, sizeof raw, 0);
    if (n < 0)
        return wf_fail_errno(err, errno, "cannot read the log's mark");
    if (n != WHOLE || memcmp(raw, MAGIC, 8) != 0)
        return WF_OK;
    wf_hash_pair(raw, BODY, NULL, 0, hash);
    if (memcmp(hash, raw + BODY, sizeof hash) != 0)
        return WF_OK;
    struct wf_reader r = wf_reader_of(raw + 8, BODY - 8);
    out->generation = wf_get_u64(&r);
    out->index = wf_get_u64(&r);
    memcpy(out->hash, wf_get_bytes(&r, WF_HASH_SIZE), WF_HASH_SIZE);
    out->term = wf_get_u64(&r);
    out->vote = wf_get_u64(&r);
    WF_ASSERT(!r.failed && r.left == 0);
    *found = true;
    return WF_OK;
}

static uint8_t *put_u64(uint8_t *p, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
    return p + 8;
}

int wf_mark_write(const struct wf_mark_file *f, const struct wf_mark *mark, struct wf_err *err)
{
    uint8_t raw[WHOLE];
    memcpy(raw, MAGIC, 8);
    uint8_t *p = put_u64(put_u64(raw + 8, mark->generation), mark->index);
    memcpy(p, mark->hash, WF_HASH_SIZE);
    p = put_u64(put_u64(p + WF_HASH_SIZE, mark->term), mark->vote);
    WF_ASSERT(p == raw + BODY);
    wf_hash_pair(raw, BODY, NULL, 0, p);
    for (size_t put = 0; put < sizeof raw;) {
        ssize_t n = pwrite(f->fd, raw + put, sizeof raw - put, (off_t)put);
        if (n >= 0)
            put += (size_t)n;
        else if (errno != EINTR)
            return wf_fail_errno(err, errno, "cannot write the log's mark");
    }
    return WF_OK;
}
