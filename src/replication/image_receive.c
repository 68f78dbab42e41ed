// SPDX-License-Identifier: Apache-2.0
// The follower's half of shipping a state image: a part file that survives a broken link, verified
// as a whole before it gets its name. A fenced node asks for one by itself (image_take.c).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "replication/node_internal.h"

bool receive_have(struct wf_node *n, const struct wf_image_info *info)
{
    const struct wf_files *files = n->env->files;
    char path[WF_IMAGE_PATH_MAX];
    uint64_t size;

    // The name is given only to a file that was verified and synced. One that is being removed is
    // still there for a moment.
    return !n->collecting && wf_image_path(path, n->image_dir, info, ".image") == WF_OK &&
           files->size(files->ctx, path, &size, NULL) == WF_OK && size == info->size;
}

static void acknowledge(struct wf_node *n, uint64_t to, const struct wf_image_info *info,
                        uint64_t offset, bool complete)
{
    struct wf_msg m = {.kind = WF_MSG_IMAGE_ACK};

    m.image.info = *info;
    m.image.offset = offset;
    m.image.complete = complete;
    (void)node_send(n, to, &m);
}

static bool same(const struct image_in *in, const struct wf_image_info *info)
{
    return in->active && memcmp(in->info.hash, info->hash, WF_HASH_SIZE) == 0;
}

// --- verifying ---------------------------------------------------------------------------------

int image_hash(const struct wf_files *files, const char *path, uint64_t size,
               uint8_t hash[WF_HASH_SIZE], struct wf_err *err)
{
    uint8_t *buf = malloc(WF_IMAGE_CHUNK);
    struct wf_hash h;
    int rc = WF_OK;

    if (buf == NULL)
        return WF_RESOURCE_EXHAUSTED; // not in err: it is no fault of the disk
    wf_hash_init(&h);
    for (uint64_t at = 0; at < size && rc == WF_OK; at += WF_IMAGE_CHUNK) {
        size_t len = size - at < WF_IMAGE_CHUNK ? (size_t)(size - at) : WF_IMAGE_CHUNK;

        rc = files->read(files->ctx, path, at, buf, len, err);
        if (rc == WF_OK)
            wf_hash_update(&h, buf, len);
    }
    wf_hash_final(&h, hash);
    free(buf);
    return rc;
}

static void verify_run(void *arg)
{
    struct verify_job *job = arg;
    const struct wf_files *files = job->files;
    uint8_t hash[WF_HASH_SIZE];

    job->rc = image_hash(files, job->part, job->info.size, hash, &job->err);
    if (job->rc == WF_RESOURCE_EXHAUSTED && job->err.code == WF_OK)
        return; // out of memory: it is verified again
    if (job->rc == WF_OK && memcmp(hash, job->info.hash, WF_HASH_SIZE) != 0)
        job->rc = WF_DATA_LOSS;
    if (job->rc == WF_OK)
        job->rc = files->publish(files->ctx, job->part, job->whole, &job->err);
    else
        (void)files->remove(files->ctx, job->part, NULL);
}

static void verify_done(void *arg)
{
    struct verify_job *job = arg;
    struct wf_node *n = job->node;
    struct image_in *in = &n->in;

    WF_ASSERT(in->verifying && n->jobs_pending > 0);
    n->jobs_pending--;
    if (n->stopping) {
        free(job);
        node_finish_stop(n);
        return;
    }
    in->verifying = in->active = false;
    if (job->rc == WF_OK && !n->dead) {
        acknowledge(n, in->from, &job->info, job->info.size, true);
        take_seed(n, &job->info);
    } else if (job->rc != WF_OK && job->err.code != WF_OK) {
        // The disk, and not the bytes: a sync that failed must not be tried again, since the file
        // would then be called whole without being on the disk.
        wf_wrap(&job->err, (int)job->err.code, "taking in a state image");
        node_fatal(n, &job->err);
    }
    free(job);
}

static void verify(struct wf_node *n)
{
    struct image_in *in = &n->in;
    struct verify_job *job = calloc(1, sizeof *job);

    WF_ASSERT(in->active && !in->verifying && in->offset == in->info.size);
    if (job == NULL)
        return;
    job->work = (struct wf_env_work){.run = verify_run, .done = verify_done, .arg = job};
    job->node = n;
    job->info = in->info;
    job->files = n->env->files;
    memcpy(job->part, in->part, sizeof job->part);
    memcpy(job->whole, in->whole, sizeof job->whole);
    in->verifying = true;
    n->jobs_pending++;
    n->env->work(n->env->ctx, &job->work);
}

// --- receiving ---------------------------------------------------------------------------------

static void begin(struct wf_node *n, uint64_t from, const struct wf_image_info *info)
{
    struct image_in *in = &n->in;
    const struct wf_files *files = n->env->files;
    uint64_t size = 0;

    *in = (struct image_in){.from = from, .info = *info};
    if (wf_image_path(in->part, n->image_dir, info, ".part") != WF_OK ||
        wf_image_path(in->whole, n->image_dir, info, ".image") != WF_OK)
        return;
    // Go on where a broken link or a restart left off, at a whole chunk.
    if (files->size(files->ctx, in->part, &size, NULL) == WF_OK && size <= info->size)
        in->offset = size == info->size ? size : size / WF_IMAGE_CHUNK * WF_IMAGE_CHUNK;
    else
        (void)files->remove(files->ctx, in->part, NULL);
    in->active = true;
    in->moved_ms = node_now_ms(n);
}

void receive_offer(struct wf_node *n, uint64_t from, const struct wf_msg_image *m)
{
    struct image_in *in = &n->in;

    if (from != node_leader(n) || m->info.size == 0 || m->info.size > WF_IMAGE_MAX ||
        n->collecting) // it is offered again
        return;
    if (receive_have(n, &m->info)) {
        acknowledge(n, from, &m->info, m->info.size, true);
        take_seed(n, &m->info);
        return;
    }
    if (in->verifying)
        return;
    if (!same(in, &m->info))
        begin(n, from, &m->info);
    if (!in->active)
        return;
    in->from = from;
    if (in->offset == in->info.size)
        verify(n);
    else
        acknowledge(n, from, &in->info, in->offset, false);
}

void receive_chunk(struct wf_node *n, uint64_t from, const struct wf_msg_image *m)
{
    struct image_in *in = &n->in;
    const struct wf_files *files = n->env->files;
    uint8_t sum[WF_HASH_SIZE];
    struct wf_err err;

    if (!same(in, &m->info) || in->verifying || from != in->from)
        return;
    wf_hash_pair(m->data.data, m->data.len, NULL, 0, sum);
    if (m->offset == in->offset && m->data.len <= in->info.size - in->offset &&
        memcmp(sum, m->sum, WF_HASH_SIZE) == 0) {
        if (files->write(files->ctx, in->part, in->offset, m->data.data, m->data.len, &err) !=
            WF_OK) {
            wf_wrap(&err, (int)err.code, "receiving a state image");
            node_fatal(n, &err);
            return;
        }
        in->offset += m->data.len;
        in->moved_ms = node_now_ms(n);
    }
    if (in->offset == in->info.size)
        verify(n);
    else
        acknowledge(n, from, &in->info, in->offset, false);
}

void receive_tick(struct wf_node *n)
{
    uint64_t now = node_now_ms(n);

    if (n->in.active && !n->in.verifying && now - n->in.moved_ms > 60000)
        n->in.active = false; // the part file stays for the next offer
    if (n->fenced && now - n->reseed_ms > 2ull * n->opts.election_timeout_ms) {
        n->reseed_ms = now;
        take_ask(n);
    }
}

// --- old files ---------------------------------------------------------------------------------

static bool in_use(struct wf_node *n, const char *name)
{
    const struct wf_manifest *m = wf_guard_manifest(n->guard);
    struct wf_image_info info;
    char hex[WF_HASH_HEX_SIZE];
    wf_unix_ms time;

    if (m->index != 0 && wf_manifest_decode(m->data, &time, &info) == WF_OK &&
        strncmp(name, wf_hex(info.hash, WF_HASH_SIZE, hex), WF_HASH_HEX_SIZE - 1) == 0)
        return true;
    if (n->in.active &&
        strncmp(name, wf_hex(n->in.info.hash, WF_HASH_SIZE, hex), WF_HASH_HEX_SIZE - 1) == 0)
        return true;
    for (unsigned i = 0; i < n->n_peers; i++) {
        const struct image_out *o = n->peers[i].out;

        if (o != NULL &&
            strncmp(name, wf_hex(o->info.hash, WF_HASH_SIZE, hex), WF_HASH_HEX_SIZE - 1) == 0)
            return true;
    }
    return false;
}

static bool ends_in(const char *path, const char *suffix)
{
    size_t len = strlen(path), n = strlen(suffix);

    return len >= n && strcmp(path + len - n, suffix) == 0;
}

static void collect_one(void *arg, const char *name)
{
    struct collect_job *c = arg;
    size_t len = strlen(name);
    int path;

    if (c->n == COLLECT_MAX || len >= WF_HASH_HEX_SIZE + 8 || len < WF_HASH_HEX_SIZE ||
        name[WF_HASH_HEX_SIZE - 1] != '.' || in_use(c->node, name))
        return;
    path = snprintf(c->paths[c->n], sizeof c->paths[0], "%s/%s", c->node->image_dir, name);
    if (path > 0 && (size_t)path < sizeof c->paths[0] && strcmp(c->paths[c->n], c->draft) != 0)
        c->n++;
}

static void collect_run(void *arg)
{
    struct collect_job *c = arg;
    const struct wf_files *files = c->node->env->files;

    for (unsigned i = 0; i < c->n; i++)
        if (!ends_in(c->paths[i], ".image") ||
            files->publish(files->ctx, c->paths[i], c->draft, NULL) != WF_OK)
            (void)files->remove(files->ctx, c->paths[i], NULL); // what stays is found again
}

static void collect_done(void *arg)
{
    struct collect_job *c = arg;
    struct wf_node *n = c->node;

    WF_ASSERT(n->collecting && n->jobs_pending > 0);
    free(c);
    n->collecting = false;
    n->jobs_pending--;
    if (n->stopping)
        node_finish_stop(n);
    else if (n->image_due && !n->dead)
        propose_nothing(n); // one that was due meanwhile was put off
}

// Remove images that neither the stored manifest nor a transfer names, but for one, which the next
// is written over: most of it is the same. On the pool, since a file system may take long over a
// large file. Not while one is being made: its manifest is not stored yet.
void receive_collect(struct wf_node *n)
{
    const struct wf_files *files = n->env->files;
    struct collect_job *c;

    if (n->job.running || n->in.verifying || n->take.running || n->collecting ||
        wf_raft_snapshotting(node_raft(n)))
        return;
    c = calloc(1, sizeof *c);
    if (c == NULL)
        return; // again at the next turn
    n->collect = false;
    c->node = n;
    c->work = (struct wf_env_work){.run = collect_run, .done = collect_done, .arg = c};
    if (!image_draft_path(n, c->draft) ||
        files->list(files->ctx, n->image_dir, collect_one, c, NULL) != WF_OK || c->n == 0) {
        free(c);
        return;
    }
    n->collecting = true;
    n->jobs_pending++;
    n->env->work(n->env->ctx, &c->work);
}
