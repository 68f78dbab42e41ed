// SPDX-License-Identifier: Apache-2.0
// A node that answers as a test tells it to: the real TLS listener, HTTP and RPC on a thread and
// port of its own. Everything that fails here aborts the test.
#ifndef WF_TESTS_FAKE_NODE_H
#define WF_TESTS_FAKE_NODE_H

#include "rpc/call.h"
#include "testcert.h"

struct fake_node;

// Calls of all four services go to fn, on the node's thread. certs holds a CA "ca" and a leaf
// "node".
struct fake_node *fake_node_start(const struct testcert_dir *certs,
                                  void (*fn)(void *ctx, struct wf_call *call), void *ctx);

// "127.0.0.1:PORT".
const char *fake_node_address(const struct fake_node *n);

// Close the port and break every connection, as a kill does; joins the thread. Calls that fn still
// holds must have been let go.
void fake_node_stop(struct fake_node *n);

// Have run(ctx) called on the node's thread, soon, and wait for it.
void fake_node_do(struct fake_node *n, void (*run)(void *ctx), void *ctx);

// A CA "ca", a leaf "node" of cluster acme and a leaf "user" (ricardo).
struct testcert_dir fake_node_certs(void);

#endif
