// SPDX-License-Identifier: Apache-2.0
#include "replication/bootstrap.h"

#include "base/assert.h"
#include "replication/configuration.h"

int wf_bootstrap(struct wf_log_store *store, const struct wf_member *members, unsigned n,
                 struct wf_err *err)
{
    struct wf_bytes configuration;
    WF_ASSERT(n > 0);
    int rc = wf_configuration_encode(members, n, &configuration, err);
    if (rc != WF_OK)
        return rc;
    rc = store->bootstrap(store->ctx, configuration, err);
    raft_free((void *)configuration.data);
    return rc;
}
