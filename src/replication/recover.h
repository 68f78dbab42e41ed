// SPDX-License-Identifier: Apache-2.0
// Recovery from a lost quorum, by hand and offline: when so many voters are gone for good that the
// rest can never elect a leader. On the survivor that knows the most, force a membership in which
// it is the only voter. What the lost majority had acknowledged and this one never received is
// gone: that is why a person decides. The cluster gets another incarnation, so that nodes left
// behind cannot talk to it until they join again with empty disks. docs/operations.md has the
// steps.
#ifndef WF_REPLICATION_RECOVER_H
#define WF_REPLICATION_RECOVER_H

#include "replication/log_store.h"
#include "replication/node.h"

// What a data directory holds, for the person who must choose the survivor.
struct wf_recover_report {
    struct wf_node_identity identity;
    uint64_t term, vote;
    uint64_t first_index,
        last_index;       // of the log; last_index counts the image when the log is empty
    uint64_t last_term;   // of the last entry: compare this first, then last_index
    uint64_t image_index; // 0: none
    uint64_t configuration_index;
    unsigned n; // members in the last membership that the log has
    struct wf_member members[WF_MEMBERS_MAX];
};

// Look, and check the whole log. Requires a store that was opened and not loaded; it is loaded
// then. WF_DATA_LOSS: this log is damaged; choose another survivor.
int wf_recover_look(struct wf_log_store *store, struct wf_recover_report *out, struct wf_err *err);

// Append the report as text, one fact a line. Returns WF_OK or WF_RESOURCE_EXHAUSTED.
int wf_recover_print(const struct wf_recover_report *report, struct wf_buf *out);

// Make this node the only voter of the next incarnation, to be dialled at address. Requires a store
// that was opened and not loaded, and whose report is given: WF_FAILED_PRECONDITION with reason
// NOT_A_MEMBER when the last membership does not have this node. Durable on return; the node can be
// started then.
int wf_recover_force(struct wf_log_store *store, const struct wf_recover_report *seen,
                     const char *address, struct wf_err *err);

#endif
