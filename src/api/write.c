// SPDX-License-Identifier: Apache-2.0
#include "api/write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/log.h"
#include "watchfire/internal/v1/command.pb-c.h"

typedef Watchfire__Internal__V1__Command command;
typedef Watchfire__Internal__V1__Result result;

struct write {
    struct wf_api *api;
    struct wf_call *call;
    struct wf_write_extra x;
    bool settle;           // answer when this node has applied it too
    struct wf_ask *result; // kept until then
};

static const char *request_id_of(const ProtobufCMessage *request)
{
    const ProtobufCFieldDescriptor *f =
        protobuf_c_message_descriptor_get_field_by_name(request->descriptor, "request_id");
    WF_ASSERT(f != NULL && f->type == PROTOBUF_C_TYPE_STRING);
    return *(char *const *)((const char *)request + f->offset);
}

// An id of our own for a caller that named none: nobody else can come to the same.
static void assign_id(struct wf_api *api, char out[64])
{
    snprintf(out, 64, "%s%llx", api->id_prefix, (unsigned long long)++api->id_next);
}

// SHA-256 over the method and the request as the caller sent it: what the front adds to it, such as
// a secret's hash, is another each time.
static int fingerprint(struct wf_api *api, const char *path, const ProtobufCMessage *request,
                       uint8_t out[WF_HASH_SIZE])
{
    size_t n = protobuf_c_message_get_packed_size(request);
    wf_buf_reset(&api->scratch);
    uint8_t *room = wf_buf_reserve(&api->scratch, n + 1);
    if (!room)
        return WF_RESOURCE_EXHAUSTED;
    protobuf_c_message_pack(request, room);
    wf_hash_pair(path, strlen(path), room, n, out);
    return WF_OK;
}

static struct wf_ask *pack(const command *c, void (*done)(struct wf_ask *), void *user,
                           bool *too_long)
{
    size_t n = protobuf_c_message_get_packed_size(&c->base);
    *too_long = n > WF_COMMAND_MAX;
    if (*too_long)
        return NULL;
    struct wf_ask *ask = wf_ask_new(WF_ASK_PROPOSE, n, done, user);
    if (ask)
        protobuf_c_message_pack(&c->base, wf_ask_room(ask));
    return ask;
}

struct wf_ask *wf_command_by_node(struct wf_api *api, int request_case, const void *request,
                                  void (*done)(struct wf_ask *), void *user)
{
    command c = WATCHFIRE__INTERNAL__V1__COMMAND__INIT;
    Watchfire__V1__Actor actor = WATCHFIRE__V1__ACTOR__INIT;
    char id[64];
    assign_id(api, id);
    actor.name = (char *)api->o.node;
    actor.kind = WATCHFIRE__V1__ACTOR_KIND__ACTOR_KIND_NODE;
    c.request_id = id;
    c.request_id_assigned = 1;
    c.actor = &actor;
    c.request_case = (Watchfire__Internal__V1__Command__RequestCase)request_case;
    c.tick = (void *)request; // the members of the oneof are pointers all
    bool too_long;
    return pack(&c, done, user, &too_long);
}

// --- the answer ----------------------------------------------------------------------------------

// A refusal of the state machine, as it said it.
static void fail_with(struct wf_api *api, struct wf_call *call, const result *r)
{
    struct wf_err err = {.code = r->code < WF_CODE_MAX_ ? (enum wf_code)r->code : WF_UNKNOWN};
    snprintf(err.msg, sizeof err.msg, "%s", r->message);
    if (!r->detail) {
        wf_api_fail(api, call, &err);
        return;
    }
    snprintf(err.reason, sizeof err.reason, "%s", r->detail->reason);
    wf_call_fail(call, &err, &r->detail->base);
}

// Decimal, with its NUL; out holds 24 bytes.
static const char *decimal(uint64_t v, char out[24])
{
    char *p = out + 23;
    *p = 0;
    do
        *--p = (char)('0' + v % 10);
    while (v /= 10);
    return p;
}

static bool varint(struct wf_reader *r, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64 && !r->failed; shift += 7) {
        uint8_t byte = wf_get_u8(r);
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return !r->failed;
    }
    return false;
}

// The response inside a packed Result of something that was done: its field 4. Nearly every answer
// is one, and needs no message unpacked for it. False: it was refused, or has another form.
static bool done_well(struct wf_bytes packed, struct wf_bytes *response)
{
    enum { RESPONSE = 4 << 3 | 2, SEQ = 5 << 3 };
    struct wf_reader r = wf_reader_of(packed.data, packed.len);
    uint64_t tag, value;
    *response = (struct wf_bytes){packed.data, 0};
    while (r.left > 0) {
        if (!varint(&r, &tag) || !varint(&r, &value) || (tag != RESPONSE && tag != SEQ))
            return false;
        if (tag != RESPONSE)
            continue;
        response->data = wf_get_bytes(&r, value);
        response->len = value;
    }
    return !r.failed;
}

static void reply(struct wf_api *api, const struct write *w, struct wf_bytes response)
{
    if (w->x.finish)
        w->x.finish(api, w->call, response, w->x.extra);
    else
        wf_call_reply_packed(w->call, response.data, response.len);
}

static void answer(struct wf_api *api, const struct write *w, const struct wf_ask *ask)
{
    char index[24];
    struct wf_bytes response;
    if (ask->err) {
        wf_api_fail(api, w->call, ask->err);
        return;
    }
    wf_call_set_metadata(w->call, "watchfire-index", decimal(ask->index, index));
    if (done_well(ask->result, &response)) {
        reply(api, w, response);
        return;
    }
    result *r = (result *)protobuf_c_message_unpack(&watchfire__internal__v1__result__descriptor,
                                                    NULL, ask->result.len, ask->result.data);
    if (!r) {
        struct wf_err err;
        wf_fail_reason(&err, WF_INTERNAL, "UNKNOWN_OUTCOME",
                       "the answer of the state machine cannot be read");
        wf_api_fail(api, w->call, &err);
        return;
    }
    if (r->code != WF_OK)
        fail_with(api, w->call, r);
    else
        reply(api, w, (struct wf_bytes){r->response.data, r->response.len});
    protobuf_c_message_free_unpacked(&r->base, NULL);
}

static void finish(struct write *w, struct wf_ask *ask)
{
    answer(w->api, w, ask);
    wf_call_unref(w->call);
    free(w->x.extra);
    free(w);
    wf_ask_free(ask);
}

static void on_settled(struct wf_ask *fence)
{
    struct write *w = fence->user;
    wf_ask_free(fence); // it was done, whether this node knows it by now or not
    finish(w, w->result);
}

// Who may do what is decided from what this node has applied: a token that was revoked through it
// must not be good here any more once that is acknowledged. The fence waits for the local state.
static bool settle(struct write *w, struct wf_ask *ask)
{
    const struct wf_backend *b = w->api->o.backend;
    if (!w->settle || ask->err || b->applied(b->ctx) >= ask->index)
        return false;
    struct wf_ask *fence = wf_ask_new(WF_ASK_READ, 0, on_settled, w);
    w->result = ask;
    if (fence && b->ask(b->ctx, fence) == WF_OK)
        return true;
    wf_ask_free(fence);
    return false;
}

static void on_done(struct wf_ask *ask)
{
    struct write *w = ask->user;
    if (!settle(w, ask))
        finish(w, ask);
}

// --- the question --------------------------------------------------------------------------------

static struct wf_ask *build(struct wf_api *api, struct wf_call *call, const struct wf_rule *rule,
                            const struct wf_principal *who, const ProtobufCMessage *body,
                            struct write *w, bool *too_long)
{
    command c = WATCHFIRE__INTERNAL__V1__COMMAND__INIT;
    Watchfire__V1__Actor actor = WATCHFIRE__V1__ACTOR__INIT;
    char id[64];
    uint8_t hash[WF_HASH_SIZE];
    actor.name = (char *)who->name;
    actor.kind = (Watchfire__V1__ActorKind)who->kind;
    actor.role = (Watchfire__V1__Role)who->role;
    c.actor = &actor;
    c.display_name = (char *)who->display_name;
    c.request_id = (char *)request_id_of(wf_call_request(call));
    if (!*c.request_id) {
        assign_id(api, id);
        c.request_id = id;
        c.request_id_assigned = 1;
    } else {
        if (fingerprint(api, rule->path, wf_call_request(call), hash) != WF_OK)
            return NULL;
        c.fingerprint = (ProtobufCBinaryData){sizeof hash, hash};
    }
    c.request_case = (Watchfire__Internal__V1__Command__RequestCase)rule->command_case;
    c.tick = (void *)body;
    return pack(&c, on_done, w, too_long);
}

void wf_write_with(struct wf_api *api, struct wf_call *call, const struct wf_rule *rule,
                   const struct wf_principal *who, const struct wf_write_extra *x)
{
    WF_ASSERT(rule->command_case != 0);
    bool too_long = false;
    struct write *w = malloc(sizeof *w);
    struct wf_ask *ask = w ? build(api, call, rule, who, x->body, w, &too_long) : NULL;
    if (too_long) {
        struct wf_err err;
        wf_fail_reason(&err, WF_INVALID_ARGUMENT, "TOO_LONG",
                       "the request is longer than a command may be: %d bytes", WF_COMMAND_MAX);
        wf_api_fail(api, call, &err);
        free(x->extra);
        free(w);
        return;
    }
    if (wf_api_ask(api, call, ask) != WF_OK) {
        free(x->extra);
        free(w);
        return;
    }
    *w = (struct write){.api = api, .call = wf_call_ref(call), .x = *x, .settle = rule->settle};
}

void wf_write(struct wf_api *api, struct wf_call *call, const struct wf_rule *rule,
              const struct wf_principal *who)
{
    wf_write_with(api, call, rule, who, &(struct wf_write_extra){.body = wf_call_request(call)});
}
