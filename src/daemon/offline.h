// SPDX-License-Identifier: Apache-2.0
// What is done to the data of a node that does not run. Main thread. Results are printed on stdout.
#ifndef WF_DAEMON_OFFLINE_H
#define WF_DAEMON_OFFLINE_H

#include <stdbool.h>

#include "daemon/config.h"

// After a lost quorum: say what this node still has or, with force, make it the only voter.
int wf_offline_recover(const struct wf_config *config, bool force, struct wf_err *err);

// Prepare an empty data directory so that the founders of config->bootstrap begin from the backup.
int wf_offline_restore(const struct wf_config *config, const char *backup, struct wf_err *err);

// Check every record of the log and the chain of the events.
int wf_offline_verify(const struct wf_config *config, struct wf_err *err);

#endif
