// SPDX-License-Identifier: Apache-2.0
// A service with every kind of call, for the unit tests, the fuzz targets and the interop server.
#ifndef WF_TESTS_TEST_SERVICE_H
#define WF_TESTS_TEST_SERVICE_H

#include "rpc/schema.h"
#include "rpc/server.h"
#include "watchfire/test/v1/test.pb-c.h"

// The test protocol, with health, reflection and our ErrorDetail.
struct wf_schema *test_schema_new(void);

// Register watchfire.test.v1.TestService.
void test_service_handle(struct wf_rpc_server *s);

// Calls of Sleep that ended without their answer.
unsigned test_service_given_up(void);
// A sleeper that has not been answered yet (with a reference of its own), or NULL.
struct wf_call *test_service_sleeper(void);

#endif
