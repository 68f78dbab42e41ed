// SPDX-License-Identifier: Apache-2.0
// The leader's half of shipping a state image: offer it, learn what the peer has of it already,
// send chunks within a window and a rate, and when it is whole there, let the snapshot message
// follow.
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "replication/node_internal.h"

// Chunks under way to one peer: 16 of them fill 80 ms at 12 MiB/s.
enum { WINDOW = 16 * WF_IMAGE_CHUNK };
// For all peers together: half of what a slow disk writes, and far from a full gigabit link.
enum { RATE_BYTES_PER_MS = 48 * 1024 };
// No progress for so long: send again from where the peer is; and give up after ten times that.
#define RESEND_MS(n) (2ull * (n)->opts.heartbeat_timeout_ms + 500)
// A peer that has all of it and is still heard of may be copying it for so long: WF_IMAGE_MAX at
// 30 MiB/s.
enum { INSTALL_MS = 10 * 60 * 1000 };

void ship_stop(struct peer *p)
{
    uint8_t unused[WF_HASH_SIZE];

    if (p->out == NULL)
        return;
    if (p->out->hash.ctx != NULL)
        wf_hash_final(&p->out->hash, unused);
    wf_manifest_free(&p->out->manifest);
    free(p->out);
    p->out = NULL;
}

// Has the peer taken in the image that it was sent? Then *match is where it is by now.
static bool taken_in(const struct wf_node *n, const struct peer *p, uint64_t *match)
{
    struct wf_raft_progress progress;

    if (!p->out->complete || !wf_raft_progress_of(node_raft(n), p->id, &progress) ||
        progress.match < p->out->info.index)
        return false;
    *match = progress.match;
    return true;
}

uint64_t ship_lowest(const struct wf_node *n)
{
    uint64_t lowest = 0;

    for (unsigned i = 0; i < n->n_peers; i++) {
        const struct peer *p = &n->peers[i];
        uint64_t at;

        if (p->out == NULL)
            continue;
        at = p->out->info.index;
        (void)taken_in(n, p, &at);
        if (lowest == 0 || at < lowest)
            lowest = at;
    }
    return lowest;
}

static struct image_out *out_new(struct wf_node *n, const struct wf_manifest *m)
{
    struct image_out *o = calloc(1, sizeof *o);
    wf_unix_ms time;

    if (o == NULL)
        return NULL;
    if (wf_manifest_decode(m->data, &time, &o->info) == WF_OK &&
        wf_image_path(o->path, n->image_dir, &o->info, ".image") == WF_OK &&
        wf_manifest_copy(m, &o->manifest) == WF_OK) {
        wf_hash_init(&o->hash);
        return o;
    }
    free(o);
    return NULL;
}

static void offer(struct wf_node *n, struct peer *p)
{
    struct wf_msg m = {.kind = WF_MSG_IMAGE_OFFER};

    m.image.info = p->out->info;
    p->out->offered_ms = node_now_ms(n);
    (void)node_send(n, p->id, &m);
}

static bool given_up(const struct wf_node *n, const struct peer *p)
{
    uint64_t now = node_now_ms(n), limit = 10 * RESEND_MS(n);

    if (p->out->complete && p->up && now - p->heard_ms <= limit)
        limit = INSTALL_MS;
    return now - p->out->moved_ms > limit;
}

void ship_start(struct wf_node *n, uint64_t to, const struct wf_manifest *m, bool install)
{
    struct peer *p = peer_note(n, to);
    struct image_out *o;
    uint64_t match;

    if (p == NULL)
        return;
    WF_ASSERT(to != n->opts.id && m->index > 0);
    if (p->out != NULL && m->index > p->out->info.index && taken_in(n, p, &match))
        ship_stop(p); // and still it needs a newer one
    if (p->out != NULL) {
        // One that makes progress is finished first, even if there is a newer one by now: else a
        // slow link would never get a whole one.
        p->out->install |= install;
        if (!given_up(n, p)) {
            if (node_now_ms(n) - p->out->offered_ms >= RESEND_MS(n))
                offer(n, p);
            return;
        }
        ship_stop(p);
    }
    o = out_new(n, m);
    if (o == NULL)
        return; // out of memory: libraft asks again
    o->install = install;
    o->moved_ms = node_now_ms(n);
    p->out = o;
    offer(n, p);
}

static void make_another(struct wf_node *n)
{
    if (!n->job.running) // one that is due already may wait for something to be written
        image_make_now(n);
}

// The file is read for the first time since it was written: what the disk has made of it would be
// refused by the peer, whole, again and again. False when it is damaged: a new image is on its way.
static bool as_written(struct wf_node *n, struct peer *p, const uint8_t *buf, size_t len)
{
    struct image_out *o = p->out;
    uint8_t hash[WF_HASH_SIZE];

    if (o->hash.ctx == NULL || o->sent != o->hashed)
        return true; // read before: the peer lost it, or had a part of it already
    wf_hash_update(&o->hash, buf, len);
    o->hashed += len;
    if (o->hashed < o->info.size)
        return true;
    wf_hash_final(&o->hash, hash);
    o->hash.ctx = NULL;
    if (memcmp(hash, o->info.hash, sizeof hash) == 0)
        return true;
    wf_log(WF_LOG_ERROR,
           "the state image is damaged: the disk gave back other than was written; "
           "a new one is made",
           "path", o->path, NULL);
    ship_stop(p);
    make_another(n);
    return false;
}

static int send_chunk(struct wf_node *n, struct peer *p, uint8_t *buf)
{
    struct image_out *o = p->out;
    struct wf_msg m = {.kind = WF_MSG_IMAGE_CHUNK};
    size_t len =
        o->info.size - o->sent < WF_IMAGE_CHUNK ? (size_t)(o->info.size - o->sent) : WF_IMAGE_CHUNK;
    const struct wf_files *files = n->env->files;
    int rc;

    WF_ASSERT(o->answered && !o->complete && len > 0);
    rc = files->read(files->ctx, o->path, o->sent, buf, len, NULL);

    if (rc != WF_OK) {
        wf_log(WF_LOG_ERROR, "the state image cannot be read; a new one is made", "path", o->path,
               NULL);
        ship_stop(p);
        make_another(n);
        return rc;
    }
    if (!as_written(n, p, buf, len))
        return WF_DATA_LOSS;
    m.image.info = o->info;
    m.image.offset = o->sent;
    m.image.data = (struct wf_bytes){buf, len};
    wf_hash_pair(buf, len, NULL, 0, m.image.sum);
    rc = node_send(n, p->id, &m);
    if (rc == WF_OK) {
        o->sent += len;
        n->image_budget -= len < n->image_budget ? len : n->image_budget;
    }
    return rc;
}

static void pump(struct wf_node *n, struct peer *p)
{
    uint8_t *buf;

    if (p->out == NULL || !p->out->answered || p->out->complete || n->image_budget == 0)
        return;
    buf = malloc(WF_IMAGE_CHUNK);
    if (buf == NULL)
        return;
    while (p->out != NULL && p->out->sent < p->out->info.size &&
           p->out->sent - p->out->acked < WINDOW && n->image_budget > 0) {
        if (send_chunk(n, p, buf) != WF_OK)
            break;
    }
    free(buf);
}

void ship_ack(struct wf_node *n, uint64_t from, const struct wf_msg_image *m)
{
    struct peer *p = peer_get(n, from);
    struct image_out *o = p != NULL ? p->out : NULL;

    if (o == NULL || memcmp(m->info.hash, o->info.hash, WF_HASH_SIZE) != 0 ||
        m->offset > o->info.size)
        return;
    if (m->complete) {
        if (!o->complete)
            o->moved_ms = node_now_ms(n);
        o->complete = true;
        if (o->install) {
            wf_guard_send_install(n->guard, from, &o->manifest);
        } else {
            memcpy(p->seed, o->info.hash, WF_HASH_SIZE);
            ship_stop(p);
        }
        return;
    }
    if (!o->answered || m->offset > o->acked)
        o->moved_ms = node_now_ms(n);
    if (!o->answered || m->offset < o->acked) // it starts, or starts again
        o->sent = m->offset;
    o->answered = true;
    o->complete = false; // nor any more, if it said so before
    o->acked = m->offset;
    if (o->sent < o->acked)
        o->sent = o->acked;
    pump(n, p);
}

// It has taken this image in and differs all the same: the image is of a state that was wrong, ours
// before we were mended, perhaps.
static bool was_no_help(const struct peer *p, const struct wf_manifest *m)
{
    struct wf_image_info info;
    wf_unix_ms time;

    return p != NULL && wf_manifest_decode(m->data, &time, &info) == WF_OK &&
           memcmp(p->seed, info.hash, WF_HASH_SIZE) == 0;
}

// A fenced node wants an image no older than m->info.index.
void ship_request(struct wf_node *n, uint64_t from, const struct wf_msg_image *m)
{
    const struct wf_manifest *have = wf_guard_manifest(n->guard);

    if (!node_leads(n) || n->fenced || wf_raft_role(node_raft(n), from) < 0)
        return;
    if (have->index != 0 && have->index >= m->info.index && !was_no_help(peer_get(n, from), have))
        ship_start(n, from, have, false);
    else
        make_another(n);
}

// The peer has the image and is being brought up to date. libraft may wait for a newer snapshot
// that it asked to be sent meanwhile.
static void follow_up(struct wf_node *n, struct peer *p)
{
    struct wf_raft_progress progress;
    uint64_t match;

    if (!wf_raft_progress_of(node_raft(n), p->id, &progress)) {
        ship_stop(p);
    } else if (taken_in(n, p, &match)) {
        if (progress.snapshotting && wf_raft_term_of(node_raft(n), match) != 0)
            wf_raft_probe(node_raft(n), p->id);
        if (match > wf_raft_snapshot_index(node_raft(n)))
            ship_stop(p);
    }
}

void ship_tick(struct wf_node *n)
{
    uint64_t now = node_now_ms(n), passed = now - n->image_budget_ms;

    n->image_budget_ms = now;
    n->image_budget = (passed > 1000 ? 1000 : passed) * RATE_BYTES_PER_MS;
    for (unsigned i = 0; i < n->n_peers; i++) {
        struct peer *p = &n->peers[i];

        if (p->out == NULL)
            continue;
        if (!node_leads(n) || given_up(n, p)) {
            ship_stop(p);
        } else if (p->out->complete) {
            follow_up(n, p);
        } else if (now - p->out->moved_ms > RESEND_MS(n) &&
                   now - p->out->offered_ms > RESEND_MS(n)) {
            p->out->sent = p->out->acked;
            offer(n, p); // asks again what it has; its answer starts the chunks
        } else {
            pump(n, p);
        }
    }
}
