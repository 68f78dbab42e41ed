// SPDX-License-Identifier: Apache-2.0
#include "replication/hello.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"

#define REFUSE(err, reason, ...) wf_fail_reason(err, WF_PERMISSION_DENIED, reason, __VA_ARGS__)

void wf_hello_make(struct wf_msg *out, const struct wf_node_identity *self, const char *address,
                   uint64_t to_id)
{
    memset(out, 0, sizeof *out);
    out->kind = WF_MSG_HELLO;
    struct wf_msg_hello *h = &out->hello;
    h->version = WF_WIRE_VERSION;
    h->incarnation = self->incarnation;
    h->node_id = self->node_id;
    h->to_id = to_id;
    memcpy(h->cluster_id, self->cluster_id, sizeof h->cluster_id);
    memcpy(h->disk_id, self->disk_id, sizeof h->disk_id);
    WF_ASSERT(strlen(self->name) < sizeof h->name && strlen(address) < sizeof h->address);
    strcpy(h->name, self->name);
    strcpy(h->address, address);
}

static int check_cluster(const struct wf_node_identity *self, const struct wf_msg_hello *h,
                         const char *certificate, struct wf_err *err)
{
    if (h->version != WF_WIRE_VERSION)
        return REFUSE(err, "WIRE_VERSION",
                      "node %s speaks version %u of the raft protocol, and this node %u: "
                      "upgrade the older one",
                      certificate, h->version, WF_WIRE_VERSION);
    if (memcmp(h->cluster_id, self->cluster_id, sizeof h->cluster_id) != 0)
        return REFUSE(err, "OTHER_CLUSTER",
                      "node %s belongs to another cluster: check its configuration and data "
                      "directory",
                      certificate);
    if (h->incarnation == 0)
        return REFUSE(err, "OLD_INCARNATION",
                      "node %s has not been told by a member that it is one: add it first",
                      certificate);
    if (h->incarnation < self->incarnation)
        return REFUSE(err, "OLD_INCARNATION",
                      "node %s was left behind when quorum was recovered: wipe its data directory "
                      "and add it again as a new member",
                      certificate);
    if (h->incarnation > self->incarnation && self->incarnation != 0)
        return REFUSE(err, "LEFT_BEHIND",
                      "this node was left behind when quorum was recovered without it: wipe its "
                      "data directory and add it again as a new member (node %s told)",
                      certificate);
    return WF_OK;
}

static const struct wf_peer *find(const struct wf_hello_rules *r, uint64_t id, const char *name)
{
    for (unsigned i = 0; i < r->n_peers; i++)
        if (name == NULL ? r->peers[i].id == id : strcmp(r->peers[i].name, name) == 0)
            return &r->peers[i];
    return NULL;
}

// The certificate decides the name, the membership which id goes with it.
static int check_id(const struct wf_hello_rules *r, const struct wf_msg_hello *h,
                    struct wf_err *err)
{
    if (strcmp(h->name, r->certificate) != 0)
        return REFUSE(err, "WRONG_NAME",
                      "node %s calls itself '%s': its certificate is not its own", r->certificate,
                      h->name);
    if (h->node_id == 0 || h->node_id == r->self->node_id ||
        (r->dialled != 0 && h->node_id != r->dialled))
        return REFUSE(err, "WRONG_ID",
                      "node %s says it is number %" PRIu64 ", which it cannot be: check its "
                      "address in the membership",
                      r->certificate, h->node_id);
    const struct wf_peer *member = find(r, h->node_id, NULL);
    if (member && strcmp(member->name, r->certificate) != 0)
        return REFUSE(err, "WRONG_NAME",
                      "node %s says it is number %" PRIu64 ", which is %s in the membership",
                      r->certificate, h->node_id, member->name);
    member = find(r, 0, r->certificate);
    if (member && member->id != h->node_id)
        return REFUSE(err, "WRONG_ID",
                      "node %s says it is number %" PRIu64 ", but the membership has it as "
                      "%" PRIu64 ": its data directory belongs to an earlier member of that name",
                      r->certificate, h->node_id, member->id);
    return WF_OK;
}

int wf_hello_check(const struct wf_hello_rules *rules, const struct wf_msg_hello *hello,
                   struct wf_err *err)
{
    WF_ASSERT(rules->self->node_id != 0);
    int rc = check_cluster(rules->self, hello, rules->certificate, err);
    if (rc == WF_OK)
        rc = check_id(rules, hello, err);
    if (rc == WF_OK && hello->to_id != rules->self->node_id)
        rc = REFUSE(err, "NOT_FOR_US",
                    "node %s looks for number %" PRIu64 " at this node's address, but this is "
                    "%s, number %" PRIu64,
                    rules->certificate, hello->to_id, rules->self->name, rules->self->node_id);
    if (rc == WF_OK)
        rc = rules->store->check_peer(rules->store->ctx, hello->node_id, hello->disk_id, err);
    return rc;
}
