// SPDX-License-Identifier: Apache-2.0
// A running node, from its start to its end. Main thread.
#ifndef WF_DAEMON_RUN_H
#define WF_DAEMON_RUN_H

#include <stdbool.h>

#include "daemon/config.h"
#include "daemon/exit.h"

// Become config->user, and run until asked to stop. On failure err says why; the exit code is
// wf_exit_of(err).
int wf_run(const struct wf_config *config, bool bootstrap, struct wf_err *err);

// Credentials of the configuration. A failure has reason TLS.
struct wf_tls;
int wf_run_load_tls(const struct wf_config *config, struct wf_tls **out, struct wf_err *err);

#endif
