// SPDX-License-Identifier: Apache-2.0
// The replicated membership: libraft's configuration, its bytes, and our members inside its address
// strings ("name|region|host:port"). Pure.
#ifndef WF_REPLICATION_CONFIGURATION_H
#define WF_REPLICATION_CONFIGURATION_H

#include <raft.h>

#include "replication/fsm.h"
#include "replication/node.h"

enum { WF_MEMBER_ADDRESS_MAX = 2 * WF_NODE_NAME_MAX + WF_ADDRESS_MAX + 3 };

// The member's address string. Requires valid fields (wf_member_check).
void wf_member_address(const struct wf_member *m, char out[WF_MEMBER_ADDRESS_MAX]);

// WF_INVALID_ARGUMENT when a field is empty, too long, or holds a character that the string form
// cannot carry.
int wf_member_check(const struct wf_member *m, struct wf_err *err);

// Parse one server of a configuration. Returns WF_OK or WF_INVALID_ARGUMENT.
int wf_member_parse(const struct raft_server *server, struct wf_member *out);

// Decode libraft's encoding (u8 1, u64 count, each u64 id, string, u8 role), with every bound
// checked. On success out is closed by the caller with raft_configuration_close().
// WF_INVALID_ARGUMENT or WF_RESOURCE_EXHAUSTED.
int wf_configuration_decode(struct wf_bytes in, struct raft_configuration *out);

// Encode members, in order. The bytes are released with raft_free(). WF_RESOURCE_EXHAUSTED when out
// of memory; WF_INVALID_ARGUMENT for a bad or repeated member.
int wf_configuration_encode(const struct wf_member *members, unsigned n, struct wf_bytes *out,
                            struct wf_err *err);

const struct raft_server *wf_configuration_get(const struct raft_configuration *c, uint64_t id);
unsigned wf_configuration_voters(const struct raft_configuration *c);

#endif
