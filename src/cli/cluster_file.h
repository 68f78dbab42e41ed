// SPDX-License-Identifier: Apache-2.0
// cluster.yaml of `watchfire init`: what later additions must know. A plain value; one thread.
#ifndef WF_CLI_CLUSTER_FILE_H
#define WF_CLI_CLUSTER_FILE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/result.h"

struct wf_cluster_member {
    char name[WF_NODE_NAME_MAX + 1];
    char region[WF_NODE_NAME_MAX + 1];
    char address[WF_ADDRESS_MAX + 1];
};

struct wf_cluster_file {
    char name[WF_NODE_NAME_MAX + 1];
    char id[33]; // 32 hexadecimal digits
    struct wf_cluster_member members[WF_MEMBERS_MAX];
    unsigned n_members;
};

int wf_cluster_file_load(struct wf_cluster_file *out, const char *path, struct wf_err *err);
void wf_cluster_file_write(const struct wf_cluster_file *c, struct wf_buf *out);

// Add a member at the end. A name or address that is taken is ALREADY_EXISTS; with replace a member
// of the same name makes room first. RESOURCE_EXHAUSTED past WF_MEMBERS_MAX.
int wf_cluster_file_add(struct wf_cluster_file *c, const struct wf_cluster_member *m, bool replace,
                        struct wf_err *err);

#endif
