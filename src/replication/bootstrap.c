// SPDX-License-Identifier: Apache-2.0
#include "replication/bootstrap.h"

#include "base/assert.h"
#include "replication/configuration.h"

int wf_bootstrap_encode(const struct wf_member *members, unsigned n, struct wf_bytes *out,
                        struct wf_err *err)
{
    WF_ASSERT(n > 0);
    return wf_configuration_encode(members, n, out, err);
}

void wf_bootstrap_free(struct wf_bytes configuration)
{
    raft_free((void *)configuration.data);
}

int wf_bootstrap(struct wf_log_store *store, const struct wf_member *members, unsigned n,
                 struct wf_err *err)
{
    struct wf_bytes configuration;
    int rc = wf_bootstrap_encode(members, n, &configuration, err);
    if (rc != WF_OK)
        return rc;
    rc = store->bootstrap(store->ctx, configuration, err);
    wf_bootstrap_free(configuration);
    return rc;
}

int wf_recover(struct wf_log_store *store, const struct wf_member *self, struct wf_err *err)
{
    struct wf_bytes configuration;
    WF_ASSERT(self->role == WF_VOTER);
    int rc = wf_bootstrap_encode(self, 1, &configuration, err);
    if (rc != WF_OK)
        return rc;
    rc = store->recover(store->ctx, configuration, err);
    wf_bootstrap_free(configuration);
    return rc;
}
