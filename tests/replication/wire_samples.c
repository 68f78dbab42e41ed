// SPDX-License-Identifier: Apache-2.0
#include "wire_samples.h"

#include <string.h>

static const enum wf_msg_kind kinds[WIRE_SAMPLES] = {
    WF_MSG_HELLO,          WF_MSG_VOTE,        WF_MSG_VOTE_RESULT,       WF_MSG_APPEND,
    WF_MSG_APPEND_RESULT,  WF_MSG_INSTALL,     WF_MSG_TIMEOUT_NOW,       WF_MSG_CONFIRM,
    WF_MSG_CONFIRM_OK,     WF_MSG_READ_INDEX,  WF_MSG_READ_INDEX_RESULT, WF_MSG_FORWARD,
    WF_MSG_FORWARD_RESULT, WF_MSG_STATUS,      WF_MSG_REMOVED,           WF_MSG_IMAGE_OFFER,
    WF_MSG_IMAGE_ACK,      WF_MSG_IMAGE_CHUNK, WF_MSG_IMAGE_REQUEST,
};

static struct wf_bytes text(const char *s)
{
    return (struct wf_bytes){(const uint8_t *)s, strlen(s)};
}

static void fill_hello(struct wf_msg_hello *m)
{
    *m = (struct wf_msg_hello){.version = WF_WIRE_VERSION,
                               .incarnation = 3,
                               .node_id = 11,
                               .to_id = 12,
                               .name = "fra-1",
                               .address = "fra-1.example.org:7411"};
    memset(m->cluster_id, 0xc1, sizeof m->cluster_id);
    memset(m->disk_id, 0xd1, sizeof m->disk_id);
}

static void fill_append(struct wf_msg_append *m)
{
    static struct wf_record entries[3];
    entries[0] = (struct wf_record){5, WF_RECORD_COMMAND, text("declare")};
    entries[1] = (struct wf_record){6, WF_RECORD_BARRIER, text("")};
    entries[2] = (struct wf_record){6, WF_RECORD_CHANGE, text("configuration")};
    *m = (struct wf_msg_append){6, 100, 5, 99, entries, 3};
}

static void fill_image(enum wf_msg_kind kind, struct wf_msg_image *m)
{
    if (kind == WF_MSG_IMAGE_REQUEST)
        return;
    m->info = (struct wf_image_info){.index = 900, .size = 70000};
    memset(m->info.hash, 1, sizeof m->info.hash);
    memset(m->info.digest, 2, sizeof m->info.digest);
    m->offset = kind == WF_MSG_IMAGE_OFFER ? 0 : 65536;
    m->complete = kind == WF_MSG_IMAGE_ACK;
    if (kind == WF_MSG_IMAGE_CHUNK) {
        m->data = text("the bytes of the image");
        memset(m->sum, 3, sizeof m->sum);
    }
}

static void fill_status(struct wf_msg_status *m)
{
    *m = (struct wf_msg_status){.term = 6,
                                .commit = 101,
                                .leader = 11,
                                .applied = 100,
                                .mark = 64,
                                .fenced = true,
                                .knows = 2,
                                .disk_low = true};
    memset(m->digest, 7, sizeof m->digest);
    memset(m->mark_digest, 8, sizeof m->mark_digest);
}

static void fill_rest(struct wf_msg *m)
{
    switch (m->kind) {
    case WF_MSG_CONFIRM:
    case WF_MSG_CONFIRM_OK:
        m->confirm = (struct wf_msg_confirm){6, 77};
        break;
    case WF_MSG_READ_INDEX:
        m->read_index.seq = 78;
        break;
    case WF_MSG_READ_INDEX_RESULT:
    case WF_MSG_FORWARD_RESULT:
        m->result = (struct wf_msg_result){79, 101, WF_UNAVAILABLE, "NO_LEADER", text("try again")};
        break;
    case WF_MSG_FORWARD:
        m->forward = (struct wf_msg_forward){2012, 80, text("command")};
        break;
    case WF_MSG_STATUS:
        fill_status(&m->status);
        break;
    case WF_MSG_REMOVED:
        m->removed.configuration_index = 81;
        break;
    default:
        fill_image(m->kind, &m->image);
    }
}

void wire_sample(unsigned i, struct wf_msg *out)
{
    memset(out, 0, sizeof *out);
    out->kind = kinds[i];
    switch (out->kind) {
    case WF_MSG_HELLO:
        fill_hello(&out->hello);
        break;
    case WF_MSG_VOTE:
        out->vote = (struct wf_msg_vote){6, 11, 100, 5, true, false};
        break;
    case WF_MSG_VOTE_RESULT:
        out->vote_result = (struct wf_msg_vote_result){6, true, 2};
        break;
    case WF_MSG_APPEND:
        fill_append(&out->append);
        break;
    case WF_MSG_APPEND_RESULT:
        out->append_result = (struct wf_msg_append_result){6, 0, 103};
        break;
    case WF_MSG_INSTALL:
        out->install =
            (struct wf_msg_install){6, {900, 5, 42, text("configuration at 42"), text("manifest")}};
        break;
    case WF_MSG_TIMEOUT_NOW:
        out->timeout_now = (struct wf_msg_timeout_now){6, 103, 6};
        break;
    default:
        fill_rest(out);
    }
}
