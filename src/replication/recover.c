// SPDX-License-Identifier: Apache-2.0
#include "replication/recover.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "replication/bootstrap.h"
#include "replication/configuration.h"

static int take_members(struct wf_recover_report *r, uint64_t index, struct wf_bytes configuration)
{
    struct raft_configuration c;
    int rc = wf_configuration_decode(configuration, &c);
    if (rc != WF_OK)
        return rc;
    r->configuration_index = index;
    r->n = 0;
    for (unsigned i = 0; i < c.n && rc == WF_OK; i++)
        rc = r->n < WF_MEMBERS_MAX ? wf_member_parse(&c.servers[i], &r->members[r->n++])
                                   : WF_RESOURCE_EXHAUSTED;
    raft_configuration_close(&c);
    return rc;
}

static int on_record(void *arg, uint64_t index, const struct wf_record *record)
{
    struct wf_recover_report *r = arg;
    r->last_index = index;
    r->last_term = record->term;
    return record->type == WF_RECORD_CHANGE ? take_members(r, index, record->data) : WF_OK;
}

int wf_recover_look(struct wf_log_store *store, struct wf_recover_report *out, struct wf_err *err)
{
    struct wf_log_state state;
    struct wf_recover_report image = {.n = 0};
    memset(out, 0, sizeof *out);
    store->identity(store->ctx, &out->identity);
    int rc = store->load(store->ctx, &state, on_record, out, err);
    if (rc == WF_DATA_LOSS)
        return wf_wrap(err, rc, "the log is damaged, recover on another survivor");
    if (rc != WF_OK)
        return rc;
    out->term = state.term;
    out->vote = state.vote;
    out->first_index = state.first_index;
    out->image_index = state.manifest.index;
    if (out->last_index < state.manifest.index) {
        out->last_index = state.manifest.index;
        out->last_term = state.manifest.term;
    }
    if (out->n > 0 || state.manifest.index == 0)
        return WF_OK;
    // The log has no change of membership: the image's is in force.
    rc = take_members(&image, state.manifest.configuration_index, state.manifest.configuration);
    if (rc != WF_OK)
        return wf_fail(err, (enum wf_code)rc, "the membership of the image cannot be read");
    out->configuration_index = image.configuration_index;
    out->n = image.n;
    memcpy(out->members, image.members, sizeof out->members);
    return WF_OK;
}

int wf_recover_force(struct wf_log_store *store, const struct wf_recover_report *seen,
                     const char *address, struct wf_err *err)
{
    const struct wf_member *member = NULL;
    for (unsigned i = 0; i < seen->n; i++)
        if (seen->members[i].id == seen->identity.node_id)
            member = &seen->members[i];
    if (!member)
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "NOT_A_MEMBER",
                              "the last membership in this log does not have this node (%s): it "
                              "was removed; recover on a member",
                              seen->identity.name);
    struct wf_member self = *member;
    WF_ASSERT(strlen(address) < sizeof self.address);
    strcpy(self.address, address);
    self.role = WF_VOTER;
    return wf_recover(store, &self, err);
}

static const char *role_name(enum wf_role role)
{
    return role == WF_VOTER ? "voter" : role == WF_STANDBY ? "standby" : "spare";
}

int wf_recover_print(const struct wf_recover_report *r, struct wf_buf *out)
{
    char cluster[2 * WF_UUID_SIZE + 1];
    wf_hex(r->identity.cluster_id, WF_UUID_SIZE, cluster);
    wf_buf_printf(out, "node         %s (number %" PRIu64 ")\n", r->identity.name,
                  r->identity.node_id);
    wf_buf_printf(out, "cluster      %s, incarnation %" PRIu64 "\n", cluster,
                  r->identity.incarnation);
    wf_buf_printf(out, "term         %" PRIu64 "\n", r->term);
    wf_buf_printf(out, "last entry   index %" PRIu64 ", term %" PRIu64 "\n", r->last_index,
                  r->last_term);
    wf_buf_printf(out, "log from     index %" PRIu64 "\n", r->first_index);
    if (r->image_index > 0)
        wf_buf_printf(out, "image        index %" PRIu64 "\n", r->image_index);
    wf_buf_printf(out, "members      as of index %" PRIu64 "\n", r->configuration_index);
    for (unsigned i = 0; i < r->n; i++)
        wf_buf_printf(out, "  %" PRIu64 "  %s  %s  %s  %s%s\n", r->members[i].id,
                      r->members[i].name, r->members[i].region, r->members[i].address,
                      role_name(r->members[i].role),
                      r->members[i].id == r->identity.node_id ? "  (this node)" : "");
    return out->failed ? WF_RESOURCE_EXHAUSTED : WF_OK;
}
