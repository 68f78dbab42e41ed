// SPDX-License-Identifier: Apache-2.0
// links: wf_state
// The bytes as Commands into a state in memory, and into its twin: nothing crashes, both agree, and
// the chain holds. A command is a little-endian length of two bytes and that many bytes; the last
// may be shorter.
#include <string.h>

#include "base/assert.h"
#include "state/messages.h"
#include "state/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char genesis_id[16] = "fuzz";

static void apply(struct wf_state *s, const uint8_t *data, size_t len, wf_unix_ms now)
{
    struct wf_state_bytes c = {data, len}, r;
    struct wf_err err;
    int rc = wf_state_apply(s, wf_state_applied(s) + 1, 1, now, &c, 1, &r, &err);

    WF_ASSERT(rc == WF_OK || strcmp(err.reason, "COMMAND_NEWER") == 0 ||
              strcmp(err.reason, "SCHEMA_NEWER") == 0);
    if (rc != WF_OK)
        return;
    INTERNAL(Result) *result = watchfire__internal__v1__result__unpack(NULL, r.len, r.data);
    WF_ASSERT(result != NULL && result->code < WF_CODE_MAX_);
    WF_ASSERT(result->code == 0 || result->detail != NULL);
    watchfire__internal__v1__result__free_unpacked(result, NULL);
}

static void begin(struct wf_state *s)
{
    INTERNAL(Command) c = WATCHFIRE__INTERNAL__V1__COMMAND__INIT;
    INTERNAL(GenesisCommand) g = WATCHFIRE__INTERNAL__V1__GENESIS_COMMAND__INIT;
    V1(DeclareIncidentRequest) d = WATCHFIRE__V1__DECLARE_INCIDENT_REQUEST__INIT;
    V1(Actor) a = WATCHFIRE__V1__ACTOR__INIT;
    V1(User) u = WATCHFIRE__V1__USER__INIT, *users = &u;
    uint8_t bytes[256];

    u.name = (char *)"ada";
    u.kind = KIND_USER;
    u.role = ROLE_ADMIN;
    g.cluster_id.data = (uint8_t *)genesis_id;
    g.cluster_id.len = sizeof genesis_id;
    g.cluster_name = (char *)"fuzz";
    g.users = &users;
    g.n_users = 1;
    a.name = (char *)"ada";
    a.kind = KIND_NODE;
    c.actor = &a;
    c.request_case = REQUEST(GENESIS);
    c.genesis = &g;
    apply(s, bytes, protobuf_c_message_pack(&c.base, bytes), 1);
    a.kind = KIND_USER;
    a.role = ROLE_ADMIN;
    c.request_case = REQUEST(DECLARE_INCIDENT);
    c.declare_incident = &d;
    d.title = (char *)"x";
    apply(s, bytes, protobuf_c_message_pack(&c.base, bytes), 2);
}

static void run(struct wf_state *s, const uint8_t *data, size_t size)
{
    wf_unix_ms now = 3;

    begin(s);
    while (size > 2) {
        size_t len = (size_t)data[0] | (size_t)data[1] << 8;
        data += 2;
        size -= 2;
        len = len < size ? len : size;
        apply(s, data, len, now);
        struct wf_state_bytes tick = wf_state_tick(s);
        now += 200 * 1000;
        if (wf_state_next_due(s) <= now)
            apply(s, tick.data, tick.len, now);
        data += len;
        size -= len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wf_state *s[2];
    struct wf_state_reader *r;
    struct wf_err err;
    uint8_t digest[2][WF_HASH_SIZE], head[WF_HASH_SIZE];
    uint64_t events, broken;

    for (int i = 0; i < 2; i++) {
        WF_ASSERT(wf_state_open(&s[i], NULL, &err) == WF_OK);
        run(s[i], data, size);
        wf_state_digest(s[i], digest[i]);
    }
    WF_ASSERT(memcmp(digest[0], digest[1], WF_HASH_SIZE) == 0);
    WF_ASSERT(wf_state_reader_open(&r, s[0], &err) == WF_OK);
    WF_ASSERT(wf_state_verify(r, &events, &broken, head, &err) == WF_OK);
    WF_ASSERT(broken == 0 && events == wf_state_last_seq(s[0]));
    wf_state_reader_close(r);
    wf_state_close(s[0]);
    wf_state_close(s[1]);
    return 0;
}
