// SPDX-License-Identifier: Apache-2.0
#include "daemon/commands.h"

#include "base/assert.h"
#include "watchfire/internal/v1/command.pb-c.h"

typedef Watchfire__Internal__V1__Command command;

static int pack(command *c, const char *node, const char *request_id, struct wf_buf *out)
{
    Watchfire__V1__Actor actor = WATCHFIRE__V1__ACTOR__INIT;
    actor.name = (char *)node;
    actor.kind = WATCHFIRE__V1__ACTOR_KIND__ACTOR_KIND_NODE;
    c->actor = &actor;
    c->request_id = (char *)request_id;
    c->request_id_assigned = 1;
    size_t n = protobuf_c_message_get_packed_size(&c->base);
    uint8_t *room = wf_buf_reserve(out, n);
    if (!room)
        return WF_RESOURCE_EXHAUSTED;
    protobuf_c_message_pack(&c->base, room);
    wf_buf_commit(out, n);
    return WF_OK;
}

int wf_command_genesis(const struct wf_config *config, uint32_t schema, struct wf_buf *out)
{
    Watchfire__Internal__V1__GenesisCommand g = WATCHFIRE__INTERNAL__V1__GENESIS_COMMAND__INIT;
    Watchfire__V1__User users[WF_LIST_MAX], *pointers[WF_LIST_MAX];
    const struct wf_config_bootstrap *b = config->bootstrap;
    command c = WATCHFIRE__INTERNAL__V1__COMMAND__INIT;
    WF_ASSERT(b != NULL && b->admins_count <= WF_LIST_MAX);
    for (unsigned i = 0; i < b->admins_count; i++) {
        watchfire__v1__user__init(&users[i]);
        users[i].name = b->admins[i];
        users[i].kind = WATCHFIRE__V1__ACTOR_KIND__ACTOR_KIND_USER;
        users[i].role = WATCHFIRE__V1__ROLE__ROLE_ADMIN;
        pointers[i] = &users[i];
    }
    g.cluster_id = (ProtobufCBinaryData){sizeof config->cluster_id, (uint8_t *)config->cluster_id};
    g.cluster_name = config->cluster.name;
    g.schema = schema;
    g.n_users = b->admins_count;
    g.users = pointers;
    c.request_case = WATCHFIRE__INTERNAL__V1__COMMAND__REQUEST_GENESIS;
    c.genesis = &g;
    return pack(&c, config->node.name, "genesis", out);
}

int wf_command_member(const char *by_node, const char *action, const char *member,
                      const char *detail, struct wf_buf *out)
{
    Watchfire__Internal__V1__MemberCommand m = WATCHFIRE__INTERNAL__V1__MEMBER_COMMAND__INIT;
    command c = WATCHFIRE__INTERNAL__V1__COMMAND__INIT;
    m.action = (char *)action;
    m.node = (char *)member;
    m.detail = (char *)detail;
    c.request_case = WATCHFIRE__INTERNAL__V1__COMMAND__REQUEST_MEMBER;
    c.member = &m;
    return pack(&c, by_node, "member", out);
}
