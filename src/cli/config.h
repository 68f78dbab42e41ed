// SPDX-License-Identifier: Apache-2.0
// Where the cluster is and who the caller is: flags before environment before configuration file.
// Owned by whoever loaded it; one thread.
//
// The file is ~/.config/watchfire/config.yaml (under XDG_CONFIG_HOME if set), or what --config or
// WATCHFIRE_CONFIG names; paths in it are relative to it:
//
//   endpoints: ["127.0.0.1:7411", "127.0.0.1:7412"]
//   ca: ca.pem
//   cert: user.pem
//   key: user.key
//   token: wf_...          # or @FILE
//   timeout: 30s
#ifndef WF_CLI_CONFIG_H
#define WF_CLI_CONFIG_H

#include "base/result.h"
#include "cli/args.h"

struct wf_cli_config {
    char **endpoints;
    unsigned n_endpoints;
    char *ca, *cert, *key, *token, *timeout;
    unsigned timeout_ms;
    char *path; // of the file that was read, or NULL
};

// getenv_fn is getenv(3) but for tests. INVALID_ARGUMENT names the file or the variable; a file
// that is not there is an error only when it was named. *out is freed with wf_cli_config_free() in
// any case.
int wf_cli_config_load(struct wf_cli_config *out, const struct wf_cli_args *args,
                       char *(*getenv_fn)(const char *), struct wf_err *err);
void wf_cli_config_free(struct wf_cli_config *c);

// INVALID_ARGUMENT unless it is HOST:PORT.
int wf_cli_endpoint_check(const char *endpoint, struct wf_err *err);

#endif
