// SPDX-License-Identifier: Apache-2.0
#include "replication/wire.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

// Bytes on the wire of an entry without its data: term, type, length.
enum { ENTRY_HEAD = 8 + 1 + 4 };
// In a status' leader.
static const uint64_t DISK_LOW = UINT64_C(1) << 63;

// --- writing -------------------------------------------------------------------------------------

static void put_bytes(struct wf_buf *b, struct wf_bytes v)
{
    WF_ASSERT(v.len <= UINT32_MAX);
    wf_buf_put_u32(b, (uint32_t)v.len);
    if (v.len > 0)
        wf_buf_append(b, v.data, v.len);
}

static void put_string(struct wf_buf *b, const char *s, size_t size)
{
    size_t n = strnlen(s, size);
    WF_ASSERT(n < size);
    put_bytes(b, (struct wf_bytes){(const uint8_t *)s, n});
}

static void put_hello(struct wf_buf *b, const struct wf_msg_hello *m)
{
    wf_buf_put_u32(b, m->version);
    wf_buf_append(b, m->cluster_id, sizeof m->cluster_id);
    wf_buf_put_u64(b, m->incarnation);
    wf_buf_put_u64(b, m->node_id);
    wf_buf_put_u64(b, m->to_id);
    wf_buf_append(b, m->disk_id, sizeof m->disk_id);
    put_string(b, m->name, sizeof m->name);
    put_string(b, m->address, sizeof m->address);
}

static void put_vote(struct wf_buf *b, const struct wf_msg_vote *m)
{
    wf_buf_put_u64(b, m->term);
    wf_buf_put_u64(b, m->candidate);
    wf_buf_put_u64(b, m->last_index);
    wf_buf_put_u64(b, m->last_term);
    wf_buf_put_u8(b, m->disrupt_leader);
    wf_buf_put_u8(b, m->pre_vote);
}

static void put_vote_result(struct wf_buf *b, const struct wf_msg_vote_result *m)
{
    wf_buf_put_u64(b, m->term);
    wf_buf_put_u8(b, m->granted);
    wf_buf_put_u8(b, m->pre_vote);
}

static void put_append(struct wf_buf *b, const struct wf_msg_append *m)
{
    wf_buf_put_u64(b, m->term);
    wf_buf_put_u64(b, m->prev_index);
    wf_buf_put_u64(b, m->prev_term);
    wf_buf_put_u64(b, m->commit);
    wf_buf_put_u32(b, m->n);
    for (uint32_t i = 0; i < m->n; i++) {
        wf_buf_put_u64(b, m->entries[i].term);
        wf_buf_put_u8(b, (uint8_t)m->entries[i].type);
        put_bytes(b, m->entries[i].data);
    }
}

static void put_install(struct wf_buf *b, const struct wf_msg_install *m)
{
    wf_buf_put_u64(b, m->term);
    wf_buf_put_u64(b, m->manifest.index);
    wf_buf_put_u64(b, m->manifest.term);
    wf_buf_put_u64(b, m->manifest.configuration_index);
    put_bytes(b, m->manifest.configuration);
    put_bytes(b, m->manifest.data);
}

static void put_three(struct wf_buf *b, uint64_t x, uint64_t y, uint64_t z)
{
    wf_buf_put_u64(b, x);
    wf_buf_put_u64(b, y);
    wf_buf_put_u64(b, z);
}

static void put_result(struct wf_buf *b, const struct wf_msg_result *m)
{
    wf_buf_put_u64(b, m->seq);
    wf_buf_put_u64(b, m->index);
    wf_buf_put_u8(b, m->code);
    put_string(b, m->reason, sizeof m->reason);
    put_bytes(b, m->detail);
}

static void put_status(struct wf_buf *b, const struct wf_msg_status *m)
{
    WF_ASSERT((m->leader & DISK_LOW) == 0);
    put_three(b, m->term, m->commit, m->leader | (m->disk_low ? DISK_LOW : 0));
    wf_buf_put_u64(b, m->applied);
    wf_buf_append(b, m->digest, sizeof m->digest);
    wf_buf_put_u64(b, m->mark);
    wf_buf_append(b, m->mark_digest, sizeof m->mark_digest);
    wf_buf_put_u8(b, m->fenced);
    wf_buf_put_u32(b, m->knows);
}

static void put_image(struct wf_buf *b, const struct wf_msg_image *m)
{
    WF_ASSERT(m->data.len <= WF_IMAGE_CHUNK);
    wf_buf_put_u64(b, m->info.index);
    wf_buf_put_u64(b, m->info.size);
    wf_buf_append(b, m->info.hash, sizeof m->info.hash);
    wf_buf_append(b, m->info.digest, sizeof m->info.digest);
    wf_buf_put_u64(b, m->offset);
    put_bytes(b, m->data);
    wf_buf_append(b, m->sum, sizeof m->sum);
    wf_buf_put_u8(b, m->complete);
}

static void put_raft(struct wf_buf *b, const struct wf_msg *m)
{
    switch (m->kind) {
    case WF_MSG_VOTE:
        put_vote(b, &m->vote);
        return;
    case WF_MSG_VOTE_RESULT:
        put_vote_result(b, &m->vote_result);
        return;
    case WF_MSG_APPEND:
        put_append(b, &m->append);
        return;
    case WF_MSG_APPEND_RESULT:
        put_three(b, m->append_result.term, m->append_result.rejected, m->append_result.last_index);
        return;
    case WF_MSG_INSTALL:
        put_install(b, &m->install);
        return;
    case WF_MSG_TIMEOUT_NOW:
        put_three(b, m->timeout_now.term, m->timeout_now.last_index, m->timeout_now.last_term);
        return;
    default:
        WF_UNREACHABLE();
    }
}

int wf_msg_encode(const struct wf_msg *msg, struct wf_buf *out)
{
    wf_buf_put_u8(out, (uint8_t)msg->kind);
    switch (msg->kind) {
    case WF_MSG_HELLO:
        put_hello(out, &msg->hello);
        break;
    case WF_MSG_CONFIRM:
    case WF_MSG_CONFIRM_OK:
        wf_buf_put_u64(out, msg->confirm.term);
        wf_buf_put_u64(out, msg->confirm.seq);
        break;
    case WF_MSG_READ_INDEX:
        wf_buf_put_u64(out, msg->read_index.seq);
        break;
    case WF_MSG_READ_INDEX_RESULT:
    case WF_MSG_FORWARD_RESULT:
        put_result(out, &msg->result);
        break;
    case WF_MSG_FORWARD:
        wf_buf_put_u64(out, msg->forward.origin);
        wf_buf_put_u64(out, msg->forward.seq);
        put_bytes(out, msg->forward.command);
        break;
    case WF_MSG_STATUS:
        put_status(out, &msg->status);
        break;
    case WF_MSG_REMOVED:
        wf_buf_put_u64(out, msg->removed.configuration_index);
        break;
    case WF_MSG_IMAGE_OFFER:
    case WF_MSG_IMAGE_ACK:
    case WF_MSG_IMAGE_CHUNK:
    case WF_MSG_IMAGE_REQUEST:
        put_image(out, &msg->image);
        break;
    default:
        put_raft(out, msg);
    }
    return out->failed ? WF_RESOURCE_EXHAUSTED : WF_OK;
}

// --- reading -------------------------------------------------------------------------------------

// Each get_ marks the reader failed when the input does not hold what it must.

static bool get_bool(struct wf_reader *r)
{
    uint8_t v = wf_get_u8(r);
    if (v > 1)
        r->failed = true;
    return v == 1;
}

static void get_fixed(struct wf_reader *r, uint8_t *out, size_t n)
{
    const uint8_t *p = wf_get_bytes(r, n);
    if (p)
        memcpy(out, p, n);
}

static struct wf_bytes get_bytes(struct wf_reader *r, size_t max)
{
    static const uint8_t none[1];
    uint32_t n = wf_get_u32(r);
    if (n > max)
        r->failed = true;
    const uint8_t *p = r->failed || n == 0 ? NULL : wf_get_bytes(r, n);
    return p ? (struct wf_bytes){p, n} : (struct wf_bytes){none, 0};
}

static void get_string(struct wf_reader *r, char *out, size_t size)
{
    struct wf_bytes v = get_bytes(r, size - 1);
    if (memchr(v.data, 0, v.len)) {
        r->failed = true;
        return;
    }
    memcpy(out, v.data, v.len);
    out[v.len] = 0;
}

// A term or an index. log.db keeps them as signed integers, and no log gets so far: what is larger
// is nobody's.
static uint64_t get_place(struct wf_reader *r)
{
    uint64_t v = wf_get_u64(r);
    if (v > INT64_MAX)
        r->failed = true;
    return v;
}

static void get_hello(struct wf_reader *r, struct wf_msg_hello *m)
{
    m->version = wf_get_u32(r);
    get_fixed(r, m->cluster_id, sizeof m->cluster_id);
    m->incarnation = wf_get_u64(r);
    m->node_id = wf_get_u64(r);
    m->to_id = wf_get_u64(r);
    get_fixed(r, m->disk_id, sizeof m->disk_id);
    get_string(r, m->name, sizeof m->name);
    get_string(r, m->address, sizeof m->address);
}

static void get_vote(struct wf_reader *r, struct wf_msg_vote *m)
{
    m->term = get_place(r);
    m->candidate = wf_get_u64(r);
    m->last_index = get_place(r);
    m->last_term = get_place(r);
    m->disrupt_leader = get_bool(r);
    m->pre_vote = get_bool(r);
}

static void get_vote_result(struct wf_reader *r, struct wf_msg_vote_result *m)
{
    m->term = get_place(r);
    m->granted = get_bool(r);
    m->pre_vote = wf_get_u8(r);
    if (m->pre_vote > 2)
        r->failed = true;
}

static void get_entry(struct wf_reader *r, struct wf_record *e)
{
    e->term = get_place(r);
    uint8_t type = wf_get_u8(r);
    if (type < WF_RECORD_COMMAND || type > WF_RECORD_CHANGE)
        r->failed = true;
    e->type = (enum wf_record_type)type;
    e->data = get_bytes(r, WF_PEER_FRAME_MAX);
}

// On failure of any kind there is nothing to free. Returns WF_RESOURCE_EXHAUSTED when out of
// memory.
static int get_append(struct wf_reader *r, struct wf_msg_append *m)
{
    m->term = get_place(r);
    m->prev_index = get_place(r);
    m->prev_term = get_place(r);
    m->commit = get_place(r);
    m->n = wf_get_u32(r);
    m->entries = NULL;
    if (m->n > r->left / ENTRY_HEAD)
        r->failed = true;
    if (r->failed || m->n == 0)
        return WF_OK;
    m->entries = calloc(m->n, sizeof m->entries[0]);
    if (!m->entries)
        return WF_RESOURCE_EXHAUSTED;
    for (uint32_t i = 0; i < m->n && !r->failed; i++)
        get_entry(r, &m->entries[i]);
    return WF_OK;
}

static void get_install(struct wf_reader *r, struct wf_msg_install *m)
{
    m->term = get_place(r);
    m->manifest.index = get_place(r);
    m->manifest.term = get_place(r);
    m->manifest.configuration_index = get_place(r);
    m->manifest.configuration = get_bytes(r, WF_PEER_FRAME_MAX);
    m->manifest.data = get_bytes(r, WF_PEER_FRAME_MAX);
}

static void get_three(struct wf_reader *r, uint64_t *x, uint64_t *y, uint64_t *z)
{
    *x = get_place(r);
    *y = get_place(r);
    *z = get_place(r);
}

static void get_result(struct wf_reader *r, struct wf_msg_result *m)
{
    m->seq = wf_get_u64(r);
    m->index = get_place(r);
    m->code = wf_get_u8(r);
    if (m->code >= WF_CODE_MAX_)
        r->failed = true;
    get_string(r, m->reason, sizeof m->reason);
    m->detail = get_bytes(r, WF_PEER_FRAME_MAX);
}

static void get_status(struct wf_reader *r, struct wf_msg_status *m)
{
    m->term = get_place(r);
    m->commit = get_place(r);
    m->leader = wf_get_u64(r);
    m->disk_low = (m->leader & DISK_LOW) != 0;
    m->leader &= ~DISK_LOW;
    m->applied = get_place(r);
    get_fixed(r, m->digest, sizeof m->digest);
    m->mark = get_place(r);
    get_fixed(r, m->mark_digest, sizeof m->mark_digest);
    m->fenced = get_bool(r);
    m->knows = wf_get_u32(r);
}

static void get_image(struct wf_reader *r, struct wf_msg_image *m)
{
    m->info.index = get_place(r);
    m->info.size = wf_get_u64(r);
    if (m->info.size > (uint64_t)WF_IMAGE_MAX)
        r->failed = true;
    get_fixed(r, m->info.hash, sizeof m->info.hash);
    get_fixed(r, m->info.digest, sizeof m->info.digest);
    m->offset = wf_get_u64(r);
    m->data = get_bytes(r, WF_IMAGE_CHUNK);
    if (m->offset > m->info.size || m->data.len > m->info.size - m->offset)
        r->failed = true;
    get_fixed(r, m->sum, sizeof m->sum);
    m->complete = get_bool(r);
}

static int get_raft(struct wf_reader *r, struct wf_msg *m)
{
    switch (m->kind) {
    case WF_MSG_VOTE:
        get_vote(r, &m->vote);
        return WF_OK;
    case WF_MSG_VOTE_RESULT:
        get_vote_result(r, &m->vote_result);
        return WF_OK;
    case WF_MSG_APPEND:
        return get_append(r, &m->append);
    case WF_MSG_APPEND_RESULT:
        get_three(r, &m->append_result.term, &m->append_result.rejected,
                  &m->append_result.last_index);
        return WF_OK;
    case WF_MSG_INSTALL:
        get_install(r, &m->install);
        return WF_OK;
    case WF_MSG_TIMEOUT_NOW:
        get_three(r, &m->timeout_now.term, &m->timeout_now.last_index, &m->timeout_now.last_term);
        return WF_OK;
    default:
        r->failed = true;
        return WF_OK;
    }
}

static int get_body(struct wf_reader *r, struct wf_msg *m)
{
    switch (m->kind) {
    case WF_MSG_HELLO:
        get_hello(r, &m->hello);
        return WF_OK;
    case WF_MSG_CONFIRM:
    case WF_MSG_CONFIRM_OK:
        m->confirm.term = get_place(r);
        m->confirm.seq = wf_get_u64(r);
        return WF_OK;
    case WF_MSG_READ_INDEX:
        m->read_index.seq = wf_get_u64(r);
        return WF_OK;
    case WF_MSG_READ_INDEX_RESULT:
    case WF_MSG_FORWARD_RESULT:
        get_result(r, &m->result);
        return WF_OK;
    case WF_MSG_FORWARD:
        m->forward.origin = wf_get_u64(r);
        m->forward.seq = wf_get_u64(r);
        m->forward.command = get_bytes(r, WF_COMMAND_MAX);
        return WF_OK;
    case WF_MSG_STATUS:
        get_status(r, &m->status);
        return WF_OK;
    case WF_MSG_REMOVED:
        m->removed.configuration_index = get_place(r);
        return WF_OK;
    case WF_MSG_IMAGE_OFFER:
    case WF_MSG_IMAGE_ACK:
    case WF_MSG_IMAGE_CHUNK:
    case WF_MSG_IMAGE_REQUEST:
        get_image(r, &m->image);
        return WF_OK;
    default:
        return get_raft(r, m);
    }
}

int wf_msg_decode(struct wf_msg *out, struct wf_bytes in, struct wf_err *err)
{
    struct wf_reader r = wf_reader_of(in.data, in.len);
    struct wf_msg m;
    memset(&m, 0, sizeof m);
    m.kind = (enum wf_msg_kind)wf_get_u8(&r);
    int rc = get_body(&r, &m);
    if (rc == WF_OK && !r.failed && r.left == 0) {
        *out = m;
        return WF_OK;
    }
    wf_msg_free(&m);
    if (rc != WF_OK)
        return wf_fail(err, (enum wf_code)rc, "out of memory for a message of %zu bytes", in.len);
    return wf_fail(err, WF_INVALID_ARGUMENT, "malformed message: kind %u (%s), %zu bytes",
                   (unsigned)m.kind, wf_msg_name(m.kind), in.len);
}

void wf_msg_free(struct wf_msg *msg)
{
    if (msg->kind != WF_MSG_APPEND)
        return;
    free(msg->append.entries);
    msg->append.entries = NULL;
    msg->append.n = 0;
}

// --- kinds ---------------------------------------------------------------------------------------

static const struct {
    enum wf_msg_kind kind;
    enum wf_lane lane;
    const char *name;
} kinds[] = {
    {WF_MSG_HELLO, WF_LANE_URGENT, "hello"},
    {WF_MSG_VOTE, WF_LANE_URGENT, "vote"},
    {WF_MSG_VOTE_RESULT, WF_LANE_URGENT, "vote_result"},
    {WF_MSG_APPEND, WF_LANE_NORMAL, "append"},
    {WF_MSG_APPEND_RESULT, WF_LANE_NORMAL, "append_result"},
    {WF_MSG_INSTALL, WF_LANE_NORMAL, "install"},
    {WF_MSG_TIMEOUT_NOW, WF_LANE_URGENT, "timeout_now"},
    {WF_MSG_CONFIRM, WF_LANE_URGENT, "confirm"},
    {WF_MSG_CONFIRM_OK, WF_LANE_URGENT, "confirm_ok"},
    {WF_MSG_READ_INDEX, WF_LANE_URGENT, "read_index"},
    {WF_MSG_READ_INDEX_RESULT, WF_LANE_URGENT, "read_index_result"},
    {WF_MSG_FORWARD, WF_LANE_NORMAL, "forward"},
    {WF_MSG_FORWARD_RESULT, WF_LANE_NORMAL, "forward_result"},
    {WF_MSG_STATUS, WF_LANE_URGENT, "status"},
    {WF_MSG_REMOVED, WF_LANE_URGENT, "removed"},
    {WF_MSG_IMAGE_OFFER, WF_LANE_NORMAL, "image_offer"},
    {WF_MSG_IMAGE_ACK, WF_LANE_NORMAL, "image_ack"},
    {WF_MSG_IMAGE_CHUNK, WF_LANE_BULK, "image_chunk"},
    {WF_MSG_IMAGE_REQUEST, WF_LANE_NORMAL, "image_request"},
};

enum wf_lane wf_msg_lane(enum wf_msg_kind kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].kind == kind)
            return kinds[i].lane;
    WF_UNREACHABLE();
}

const char *wf_msg_name(enum wf_msg_kind kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].kind == kind)
            return kinds[i].name;
    return "unknown";
}
