// SPDX-License-Identifier: Apache-2.0
// The commands that a node proposes by itself. Pure.
#ifndef WF_DAEMON_COMMANDS_H
#define WF_DAEMON_COMMANDS_H

#include "base/buf.h"
#include "daemon/config.h"

// The first command of a cluster: its id and name, the admins of config->bootstrap, and the schema
// that its state begins with. Appended to out. Returns WF_OK or WF_RESOURCE_EXHAUSTED.
int wf_command_genesis(const struct wf_config *config, uint32_t schema, struct wf_buf *out);

// Members changed: action is "added", "promoted", "demoted" or "removed". Appended to out.
int wf_command_member(const char *by_node, const char *action, const char *member,
                      const char *detail, struct wf_buf *out);

#endif
