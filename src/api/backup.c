// SPDX-License-Identifier: Apache-2.0
// ClusterService.Backup: the state pinned on the consensus thread, copied to a file on the pool,
// and streamed from there at the client's pace. The file has no name once it is open: whatever
// happens, nothing stays behind.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/context.h"
#include "api/rules.h"
#include "base/assert.h"
#include "base/hash.h"
#include "watchfire/v1/cluster.pb-c.h"

enum { CHUNK = 64 * 1024 };

struct backup {
    struct wf_api *api;
    struct wf_call *call;
    unsigned holds; // one for the step under way, one until the call is over
    struct wf_state_image *pin;
    struct wf_ask *ask; // it came with, and goes back with
    uint64_t index;
    bool stale; // no quorum could be asked: the state as this node has it
    int64_t age_ms;
    char path[512];
    int fd;

    uv_work_t work;
    int rc;
    struct wf_err err;
    uint64_t size;
    uint8_t hash[WF_HASH_SIZE];

    uv_fs_t read;
    bool reading;
    uint64_t sent;
    uint8_t chunk[CHUNK];
    size_t chunk_len; // read and not yet sent
};

static void let_go(struct backup *b)
{
    if (--b->holds > 0)
        return;
    if (b->fd >= 0)
        close(b->fd);
    b->api->jobs--;
    b->api->backing_up = false;
    wf_call_unref(b->call);
    free(b);
}

static void fail(struct backup *b, const struct wf_err *err)
{
    wf_api_fail(b->api, b->call, err);
}

// --- streaming -----------------------------------------------------------------------------------

static void read_chunk(struct backup *b);

// False when the client must read first.
static bool send_chunk(struct backup *b)
{
    Watchfire__V1__BackupResponse r = WATCHFIRE__V1__BACKUP_RESPONSE__INIT;
    Watchfire__V1__ReadInfo info = WATCHFIRE__V1__READ_INFO__INIT;
    bool last = b->sent + b->chunk_len == b->size;
    r.chunk = (ProtobufCBinaryData){b->chunk_len, b->chunk};
    r.total = b->size;
    if (last) {
        r.sha256 = (ProtobufCBinaryData){sizeof b->hash, b->hash};
        r.index = b->index;
    }
    info.applied_index = b->index;
    info.stale = b->stale;
    info.age_ms = b->age_ms;
    info.node = (char *)b->api->o.node;
    r.read = &info;
    if (!wf_call_send(b->call, &r.base))
        return false;
    b->sent += b->chunk_len;
    b->chunk_len = 0;
    if (last)
        wf_call_finish(b->call);
    return true;
}

static void pump(struct backup *b)
{
    if (wf_call_over(b->call) || b->reading)
        return;
    if (b->chunk_len && !send_chunk(b))
        return;
    if (b->sent < b->size)
        read_chunk(b);
}

static void on_chunk(uv_fs_t *req)
{
    struct backup *b = req->data;
    ssize_t n = req->result;
    uv_fs_req_cleanup(req);
    b->reading = false;
    if (n <= 0) {
        struct wf_err err;
        wf_fail(&err, WF_DATA_LOSS, "cannot read the backup back: %s",
                n < 0 ? uv_strerror((int)n) : "the file is too short");
        fail(b, &err);
    } else {
        b->chunk_len = (size_t)n;
        pump(b);
    }
    let_go(b);
}

static void read_chunk(struct backup *b)
{
    uv_buf_t buf = uv_buf_init((char *)b->chunk, CHUNK);
    b->read.data = b;
    b->reading = true;
    b->holds++;
    int rc = uv_fs_read(b->api->o.loop, &b->read, b->fd, &buf, 1, (int64_t)b->sent, on_chunk);
    WF_ASSERT(rc == 0);
}

static void on_writable(struct wf_call *call, void *user)
{
    (void)call;
    pump(user);
}

static void on_over(struct wf_call *call, void *user)
{
    (void)call;
    let_go(user);
}

// --- making the file -----------------------------------------------------------------------------

static void on_unpinned(struct wf_ask *ask)
{
    wf_ask_free(ask);
}

// The pin goes back to the consensus thread, which owns it.
static void unpin(struct backup *b)
{
    const struct wf_backend *to = b->api->o.backend;
    struct wf_ask *ask = b->ask;
    WF_ASSERT(ask != NULL && ask->pin == b->pin);
    b->ask = NULL;
    ask->kind = WF_ASK_UNPIN;
    ask->done = on_unpinned;
    int rc = to->ask(to->ctx, ask);
    WF_ASSERT(rc == WF_OK); // an unpin is never refused: it frees
}

static void write_image(uv_work_t *work)
{
    struct backup *b = work->data;
    b->rc = wf_state_image_write(b->pin, b->path, &b->size, b->hash, &b->err);
    if (b->rc == WF_OK && (b->fd = open(b->path, O_RDONLY | O_CLOEXEC)) < 0)
        b->rc = wf_fail(&b->err, wf_code_from_errno(errno), "cannot open %s: %s", b->path,
                        strerror(errno));
    unlink(b->path);
}

static void on_written(uv_work_t *work, int status)
{
    struct backup *b = work->data;
    (void)status; // never cancelled
    unpin(b);
    if (b->rc != WF_OK) {
        wf_wrap(&b->err, b->rc, "cannot write the backup on this node");
        fail(b, &b->err);
    } else {
        pump(b);
    }
    let_go(b);
}

static void on_pinned(struct wf_ask *ask)
{
    struct backup *b = ask->user;
    if (ask->err) {
        fail(b, ask->err);
        wf_ask_free(ask);
        let_go(b);
    } else {
        b->pin = ask->pin;
        b->ask = ask;
        b->index = ask->index;
        b->work.data = b;
        int rc = uv_queue_work(b->api->o.loop, &b->work, write_image, on_written);
        WF_ASSERT(rc == 0);
    }
}

// The fence has been asked for. Without a quorum a backup is needed most: then it is what this node
// has, and says so.
static void on_fence(struct wf_ask *ask)
{
    struct backup *b = ask->user;
    struct wf_err err;
    b->stale = ask->err != NULL;
    b->age_ms = b->stale ? b->api->o.backend->age_ms(b->api->o.backend->ctx) : 0;
    if (wf_api_fenced(b->api, &err)) {
        fail(b, &err);
        let_go(b);
    } else if (wf_api_ask(b->api, b->call, wf_ask_new(WF_ASK_PIN, 0, on_pinned, b)) != WF_OK)
        let_go(b);
    wf_ask_free(ask);
}

void wf_backup(struct wf_api *api, struct wf_call *call, const struct wf_principal *who)
{
    struct wf_err err;
    (void)who;
    if (api->backing_up) {
        wf_fail_reason(&err, WF_RESOURCE_EXHAUSTED, "BACKUP_RUNNING",
                       "this node is making a backup already: try again when it is done, or ask "
                       "another node");
        wf_api_fail(api, call, &err);
        return;
    }
    struct backup *b = calloc(1, sizeof *b);
    if (!b) {
        wf_fail(&err, WF_RESOURCE_EXHAUSTED, "out of memory");
        wf_api_fail(api, call, &err);
        return;
    }
    b->api = api;
    api->jobs++;
    api->backing_up = true;
    b->fd = -1;
    b->call = wf_call_ref(call);
    b->holds = 2;
    snprintf(b->path, sizeof b->path, "%s/backup-%s%llx.tmp", api->o.scratch_dir, api->id_prefix,
             (unsigned long long)++api->id_next);
    wf_call_set_user(call, b, on_over);
    wf_call_on_writable(call, on_writable);
    if (wf_api_ask(api, call, wf_ask_new(WF_ASK_READ, 0, on_fence, b)) != WF_OK)
        let_go(b);
}
