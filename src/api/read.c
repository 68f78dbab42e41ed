// SPDX-License-Identifier: Apache-2.0
#include "api/read.h"

#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "base/assert.h"

enum {
    READ_FIELD = 15,
    READ_INFO_MAX = 256,
    ANSWERS = 64,           // remembered of the newest index
    ANSWER_MAX = 32 * 1024, // longer ones are made anew
    QUESTION_MAX = 256,
};

// During an incident everybody asks the same. What was answered as of a state is the answer to the
// same question as long as nothing more is applied.
struct answered {
    uint8_t digest[WF_HASH_SIZE];
    const ProtobufCMessageDescriptor *type;
    size_t len;
    uint8_t question[QUESTION_MAX];
    struct wf_buf answer; // without its ReadInfo
};

// Reads that wait for one answer.
struct batch {
    struct wf_api *api;
    unsigned n, cap;
    struct wf_call **calls;
};

struct wf_reads {
    struct batch *open; // collecting; NULL: none since the last flush
    struct answered answered[ANSWERS];
};

struct wf_reads *wf_reads_new(void)
{
    return calloc(1, sizeof(struct wf_reads));
}

static void batch_free(struct batch *b)
{
    if (!b)
        return;
    free(b->calls);
    free(b);
}

void wf_reads_free(struct wf_reads *r)
{
    if (!r)
        return;
    WF_ASSERT(r->open == NULL || r->open->n == 0);
    batch_free(r->open);
    for (int i = 0; i < ANSWERS; i++)
        wf_buf_free(&r->answered[i].answer);
    free(r);
}

static bool wants_stale(const ProtobufCMessage *request)
{
    const ProtobufCFieldDescriptor *f =
        protobuf_c_message_descriptor_get_field(request->descriptor, READ_FIELD);
    return f && *(const protobuf_c_boolean *)((const char *)request + f->offset);
}

// Append the ReadInfo as the packed response's field 15, the last one it has.
static int append_info(struct wf_api *api, const Watchfire__V1__ReadInfo *info)
{
    uint8_t packed[READ_INFO_MAX];
    size_t n = watchfire__v1__read_info__get_packed_size(info);
    WF_ASSERT(n < 128 && n <= sizeof packed); // a node's name has at most 63 bytes
    watchfire__v1__read_info__pack(info, packed);
    wf_buf_put_u8(&api->scratch, READ_FIELD << 3 | 2);
    wf_buf_put_u8(&api->scratch, (uint8_t)n);
    return wf_buf_append(&api->scratch, packed, n);
}

// Where an answer to the request would be remembered; NULL for one that is too long for it.
// question gets the packed request.
static struct answered *slot_of(struct wf_reads *r, const ProtobufCMessage *request,
                                uint8_t question[QUESTION_MAX], size_t *len)
{
    uint32_t h = 2166136261u;
    *len = protobuf_c_message_get_packed_size(request);
    if (*len > QUESTION_MAX)
        return NULL;
    protobuf_c_message_pack(request, question);
    for (size_t i = 0; i < *len; i++)
        h = (h ^ question[i]) * 16777619u;
    h ^= (uint32_t)((uintptr_t)request->descriptor >> 4);
    return &r->answered[h % ANSWERS];
}

static void remember(struct answered *a, const uint8_t *digest, const ProtobufCMessage *request,
                     const uint8_t *question, size_t len, const struct wf_buf *answer)
{
    if (a->answer.max == 0)
        wf_buf_init(&a->answer, ANSWER_MAX);
    wf_buf_reset(&a->answer);
    a->type = NULL;
    if (answer->len > ANSWER_MAX || wf_buf_append(&a->answer, answer->data, answer->len) != WF_OK)
        return;
    a->type = request->descriptor;
    memcpy(a->digest, digest, WF_HASH_SIZE);
    a->len = len;
    memcpy(a->question, question, len);
}

static int pack_response(struct wf_api *api, const ProtobufCMessage *response)
{
    size_t n = protobuf_c_message_get_packed_size(response);
    wf_buf_reset(&api->scratch);
    uint8_t *room = wf_buf_reserve(&api->scratch, n + 1);
    if (!room)
        return WF_RESOURCE_EXHAUSTED;
    protobuf_c_message_pack(response, room);
    wf_buf_commit(&api->scratch, n);
    return WF_OK;
}

// The packed answer, without its ReadInfo, in the scratch buffer.
static int query(struct wf_api *api, const ProtobufCMessage *request, struct wf_err *err)
{
    ProtobufCMessage *response = NULL;
    int rc = wf_state_query(api->reader, request, &response, err);
    if (rc != WF_OK)
        return rc;
    rc = pack_response(api, response);
    protobuf_c_message_free_unpacked(response, NULL);
    if (rc != WF_OK)
        return wf_fail(err, rc, "the answer is too large: ask for fewer rows");
    return WF_OK;
}

// The same as of a state, which the reader is pinned to.
static int query_at(struct wf_api *api, const ProtobufCMessage *request, const uint8_t *digest,
                    struct wf_err *err)
{
    uint8_t question[QUESTION_MAX];
    size_t len;
    struct answered *a = slot_of(api->reads, request, question, &len);
    if (a && a->type == request->descriptor && a->len == len &&
        memcmp(a->question, question, len) == 0 && memcmp(a->digest, digest, WF_HASH_SIZE) == 0) {
        wf_buf_reset(&api->scratch);
        return wf_buf_append(&api->scratch, a->answer.data, a->answer.len);
    }
    int rc = query(api, request, err);
    if (rc == WF_OK && a)
        remember(a, digest, request, question, len, &api->scratch);
    return rc;
}

// digest: of the state that the reader is pinned to; NULL: it is not.
static void answer(struct wf_api *api, struct wf_call *call, const Watchfire__V1__ReadInfo *info,
                   const uint8_t *digest)
{
    struct wf_err err;
    const ProtobufCMessage *request = wf_call_request(call);
    if (wf_call_over(call))
        return;
    int rc = digest ? query_at(api, request, digest, &err) : query(api, request, &err);
    const ProtobufCMessageDescriptor *d = wf_call_method(call)->response;
    if (rc == WF_OK && protobuf_c_message_descriptor_get_field(d, READ_FIELD) &&
        append_info(api, info) != WF_OK)
        rc = wf_fail(&err, WF_RESOURCE_EXHAUSTED, "the answer is too large: ask for fewer rows");
    if (rc == WF_OK)
        wf_call_reply_packed(call, api->scratch.data, api->scratch.len);
    else
        wf_api_fail(api, call, &err);
}

static void answer_stale(struct wf_api *api, struct wf_call *call, bool local)
{
    const struct wf_backend *b = api->o.backend;
    Watchfire__V1__ReadInfo info = WATCHFIRE__V1__READ_INFO__INIT;
    struct wf_err err;
    uint8_t digest[WF_HASH_SIZE];
    if (wf_api_fenced(api, &err)) {
        wf_api_fail(api, call, &err);
        return;
    }
    // The age before the index: then it is never told too young.
    info.age_ms = b->age_ms(b->ctx);
    info.stale = 1;
    info.node = (char *)api->o.node;
    // A search is answered from an index of words that fills up by itself: it may write.
    if (local) {
        answer(api, call, &info, NULL);
        return;
    }
    if (wf_state_reader_pin(api->reader, &info.applied_index, digest, &err) != WF_OK) {
        wf_api_fail(api, call, &err);
        return;
    }
    answer(api, call, &info, digest);
    wf_state_reader_unpin(api->reader);
}

static void on_index(struct wf_ask *ask)
{
    struct batch *b = ask->user;
    Watchfire__V1__ReadInfo info = WATCHFIRE__V1__READ_INFO__INIT;
    struct wf_err err;
    uint8_t digest[WF_HASH_SIZE];
    bool pinned = false;
    info.node = (char *)b->api->o.node;
    if (!ask->err &&
        wf_state_reader_pin(b->api->reader, &info.applied_index, digest, &err) != WF_OK)
        wf_ask_set_err(ask, &err);
    else
        pinned = !ask->err;
    // A state that differed from the others' is being made anew from an older image and the log.
    if (pinned && info.applied_index < ask->index) {
        wf_fail_reason(&err, WF_UNAVAILABLE, "FENCED",
                       "this node's state is being replaced: ask another one");
        wf_ask_set_err(ask, &err);
    }
    for (unsigned i = 0; i < b->n; i++) {
        if (ask->err)
            wf_api_fail(b->api, b->calls[i], ask->err);
        else
            answer(b->api, b->calls[i], &info, digest);
        wf_call_unref(b->calls[i]);
    }
    if (pinned)
        wf_state_reader_unpin(b->api->reader);
    batch_free(b);
    wf_ask_free(ask);
}

static int join(struct wf_api *api, struct wf_call *call)
{
    struct wf_reads *r = api->reads;
    if (!r->open && !(r->open = calloc(1, sizeof *r->open)))
        return WF_RESOURCE_EXHAUSTED;
    struct batch *b = r->open;
    b->api = api;
    if (b->n == b->cap) {
        unsigned cap = b->cap ? b->cap * 2 : 16;
        struct wf_call **calls =
            cap <= WF_READS_MAX ? realloc(b->calls, cap * sizeof *calls) : NULL;
        if (!calls)
            return WF_RESOURCE_EXHAUSTED;
        b->calls = calls;
        b->cap = cap;
    }
    b->calls[b->n++] = wf_call_ref(call);
    return WF_OK;
}

void wf_read(struct wf_api *api, struct wf_call *call, const struct wf_rule *rule)
{
    struct wf_err err;
    if (rule->kind == WF_RULE_LOCAL || wants_stale(wf_call_request(call))) {
        answer_stale(api, call, rule->kind == WF_RULE_LOCAL);
    } else if (join(api, call) != WF_OK) {
        wf_metric_add(api->m.queue_full, 1);
        wf_fail_reason(&err, WF_RESOURCE_EXHAUSTED, "QUEUE_FULL",
                       "too many reads are waiting on this node: try again later");
        wf_api_fail(api, call, &err);
    }
}

void wf_reads_flush(struct wf_api *api)
{
    struct batch *b = api->reads->open;
    if (!b || b->n == 0)
        return;
    api->reads->open = NULL;
    wf_metric_add(api->m.reads_shared, b->n - 1);
    struct wf_ask *ask = wf_ask_new(WF_ASK_READ, 0, on_index, b);
    if (ask && api->o.backend->ask(api->o.backend->ctx, ask) == WF_OK)
        return;
    struct wf_err err;
    wf_fail_reason(&err, WF_RESOURCE_EXHAUSTED, "QUEUE_FULL",
                   "too many requests are under way on this node: try again later");
    wf_metric_add(api->m.queue_full, 1);
    for (unsigned i = 0; i < b->n; i++) {
        wf_api_fail(api, b->calls[i], &err);
        wf_call_unref(b->calls[i]);
    }
    wf_ask_free(ask);
    batch_free(b);
}
