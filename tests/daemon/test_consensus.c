// SPDX-License-Identifier: Apache-2.0
#include "daemon/consensus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "replication/log_store_sqlite.h"
#include "testcert.h"
#include "tls/tls.h"

enum { MANY = 5000 };

struct rig {
    char dir[64];
    struct testcert_dir certs;
    struct wf_tls *tls;
    struct wf_metrics *metrics;
    struct wf_state *state;
    struct wf_config config;
    struct wf_consensus *c;
};

static int setup(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    struct wf_node_identity id = {.node_id = 1, .name = "fra-1"};
    struct wf_err err;
    strcpy(r->dir, "/tmp/wf-consensus-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    assert_int_equal(wf_log_store_sqlite_create(r->dir, &id, &err), WF_OK);
    r->certs = testcert_new();
    testcert_ca(&r->certs, "ca");
    testcert_leaf(&r->certs, "ca", "fra-1", "spiffe://test/node/fra-1", -60, 3600);
    r->tls = testcert_load(&r->certs, "ca", "fra-1", "test");
    r->metrics = wf_metrics_new();
    assert_int_equal(wf_state_open(&r->state, NULL, &err), WF_OK);
    struct wf_consensus_options o = {.config = &r->config,
                                     .state = r->state,
                                     .tls = r->tls,
                                     .metrics = r->metrics,
                                     .log_dir = r->dir,
                                     .image_dir = r->dir,
                                     .state_dir = r->dir};
    assert_int_equal(wf_consensus_open(&r->c, &o, &err), WF_OK);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    char command[100];
    wf_state_close(r->state);
    wf_metrics_free(r->metrics);
    wf_tls_unref(r->tls);
    testcert_remove(&r->certs);
    snprintf(command, sizeof command, "rm -rf '%s'", r->dir);
    free(r);
    return system(command);
}

// As when its disk hangs and somebody goes on sending SIGHUP.
static void words_to_a_loop_that_stands_still_are_as_good_as_one(void **state)
{
    struct rig *r = *state;
    for (int i = 0; i < MANY; i++)
        wf_consensus_set_tls(r->c, r->tls);
    wf_consensus_free(r->c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(words_to_a_loop_that_stands_still_are_as_good_as_one, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
